"""Adam and AdamW."""

from .. import kernels
from .optimizer import Optimizer


class Adam(Optimizer):
    """Adam; for each parameter p with gradient g, in its t-th step::

        g = (-g if maximize else g) + weight_decay * p
        m = beta1 * m + (1 - beta1) * g                     "exp_avg"
        v = beta2 * v + (1 - beta2) * g**2                  "exp_avg_sq"
        s = max(s, v) if amsgrad else v                     "max_exp_avg_sq"
        p -= lr * m / (1 - beta1**t) / (sqrt(s / (1 - beta2**t)) + eps)

    D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015, arXiv:1412.6980;
    amsgrad: S. Reddi, S. Kale, S. Kumar, "On the convergence of Adam and beyond", 2018.
    Raises ValueError for negative lr, eps or weight_decay, and betas outside [0, 1).
    """

    _decoupled = False

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        *,
        maximize=False,
    ):
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
            },
        )

    def _check(self, group):
        if not group["lr"] >= 0:
            raise ValueError(f"Invalid learning rate: {group['lr']}")
        if not group["eps"] >= 0:
            raise ValueError(f"Invalid epsilon value: {group['eps']}")
        if len(group["betas"]) != 2:
            raise ValueError(f"Invalid betas, two numbers expected: {group['betas']}")
        for i, beta in enumerate(group["betas"]):
            if not 0 <= beta < 1:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        if not group["weight_decay"] >= 0:
            raise ValueError(f"Invalid weight_decay value: {group['weight_decay']}")

    def _update(self, group, params, grad_scale):
        steps = self._steps(params)
        maxima = self._buffers(params, "max_exp_avg_sq") if group["amsgrad"] else None
        kernels.adam_step(
            [p.data for p in params],
            [p.grad for p in params],
            self._buffers(params, "exp_avg"),
            self._buffers(params, "exp_avg_sq"),
            steps=steps,
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled=self._decoupled,
            maximize=group["maximize"],
            max_exp_avg_sqs=maxima,
            grad_scale=grad_scale,
        )
        self._count(params, steps)


class AdamW(Adam):
    """Adam with decoupled weight decay: p is multiplied by (1 - lr * weight_decay) before the
    step, and the gradient stays as it is.

    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", 2019, arXiv:1711.05101.
    """

    _decoupled = True

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=1e-2,
        amsgrad=False,
        *,
        maximize=False,
    ):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
