"""Adagrad."""

from .. import kernels
from .optimizer import Optimizer


class Adagrad(Optimizer):
    """Adagrad; for each parameter p with gradient g, in its t-th step::

        g = (-g if maximize else g) + weight_decay * p
        s = s + g**2                                        "sum"
        p -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    s starts as initial_accumulator_value. Each coordinate has its own, ever smaller rate: what is
    seldom seen still moves far, hence its use for sparse features.

    J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", JMLR 12 (2011). Raises ValueError for a negative hyper-parameter.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0,
        weight_decay=0,
        initial_accumulator_value=0,
        eps=1e-10,
        *,
        maximize=False,
    ):
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "eps": eps,
                "maximize": maximize,
            },
        )

    def _check(self, group):
        if not group["lr"] >= 0:
            raise ValueError(f"Invalid learning rate: {group['lr']}")
        if not group["lr_decay"] >= 0:
            raise ValueError(f"Invalid lr_decay value: {group['lr_decay']}")
        if not group["weight_decay"] >= 0:
            raise ValueError(f"Invalid weight_decay value: {group['weight_decay']}")
        if not group["initial_accumulator_value"] >= 0:
            raise ValueError(
                f"Invalid initial_accumulator_value value: {group['initial_accumulator_value']}"
            )
        if not group["eps"] >= 0:
            raise ValueError(f"Invalid epsilon value: {group['eps']}")

    def _update(self, group, params, grad_scale):
        steps = self._steps(params)
        kernels.adagrad_step(
            [p.data for p in params],
            [p.grad for p in params],
            self._buffers(params, "sum", group["initial_accumulator_value"]),
            steps=steps,
            lr=group["lr"],
            lr_decay=group["lr_decay"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=group["maximize"],
            grad_scale=grad_scale,
        )
        self._count(params, steps)
