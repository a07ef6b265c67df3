"""RMSprop."""

from .. import kernels
from .optimizer import Optimizer


class RMSprop(Optimizer):
    """RMSprop; for each parameter p with gradient g::

        g = (-g if maximize else g) + weight_decay * p
        v = alpha * v + (1 - alpha) * g**2                  "square_avg"
        m = alpha * m + (1 - alpha) * g                     "grad_avg", if centered
        d = g / (sqrt(v - m**2 if centered else v) + eps)
        b = momentum * b + d                                "momentum_buffer"
        p -= lr * b                                         (without momentum: lr * d)

    T. Tieleman, G. Hinton, "Lecture 6.5 - RMSprop", Coursera: Neural networks for machine
    learning, 2012; centered: A. Graves, "Generating sequences with recurrent neural networks",
    2013, arXiv:1308.0850. A v - m**2 that rounding makes negative counts as 0, where PyTorch's
    gives NaN. Raises ValueError for negative lr, eps, weight_decay or momentum, and alpha outside
    [0, 1].
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0,
        momentum=0,
        centered=False,
        *,
        maximize=False,
    ):
        super().__init__(
            params,
            {
                "lr": lr,
                "alpha": alpha,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "centered": centered,
                "maximize": maximize,
            },
        )

    def _check(self, group):
        if not group["lr"] >= 0:
            raise ValueError(f"Invalid learning rate: {group['lr']}")
        if not 0 <= group["alpha"] <= 1:
            raise ValueError(f"Invalid alpha value: {group['alpha']}")
        if not group["eps"] >= 0:
            raise ValueError(f"Invalid epsilon value: {group['eps']}")
        if not group["weight_decay"] >= 0:
            raise ValueError(f"Invalid weight_decay value: {group['weight_decay']}")
        if not group["momentum"] >= 0:
            raise ValueError(f"Invalid momentum value: {group['momentum']}")

    def _update(self, group, params, grad_scale):
        steps = self._steps(params)
        kernels.rmsprop_step(
            [p.data for p in params],
            [p.grad for p in params],
            self._buffers(params, "square_avg"),
            lr=group["lr"],
            alpha=group["alpha"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            grad_avgs=self._buffers(params, "grad_avg") if group["centered"] else None,
            momentum_buffers=(
                self._buffers(params, "momentum_buffer") if group["momentum"] else None
            ),
            maximize=group["maximize"],
            grad_scale=grad_scale,
        )
        self._count(params, steps)
