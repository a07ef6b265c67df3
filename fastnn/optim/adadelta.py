"""Adadelta."""

from .. import kernels
from .optimizer import Optimizer


class Adadelta(Optimizer):
    """Adadelta; for each parameter p with gradient g::

        g = (-g if maximize else g) + weight_decay * p
        v = rho * v + (1 - rho) * g**2                      "square_avg"
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d**2                      "acc_delta"
        p -= lr * d

    The mean update u gives d the unit of p, so that the method needs no rate: lr = 1 is Zeiler's.

    M. Zeiler, "ADADELTA: an adaptive learning rate method", 2012, arXiv:1212.5701.
    Raises ValueError for negative lr, eps or weight_decay, and rho outside [0, 1].
    """

    def __init__(self, params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, *, maximize=False):
        super().__init__(
            params,
            {
                "lr": lr,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
            },
        )

    def _check(self, group):
        if not group["lr"] >= 0:
            raise ValueError(f"Invalid learning rate: {group['lr']}")
        if not 0 <= group["rho"] <= 1:
            raise ValueError(f"Invalid rho value: {group['rho']}")
        if not group["eps"] >= 0:
            raise ValueError(f"Invalid epsilon value: {group['eps']}")
        if not group["weight_decay"] >= 0:
            raise ValueError(f"Invalid weight_decay value: {group['weight_decay']}")

    def _update(self, group, params, grad_scale):
        steps = self._steps(params)
        kernels.adadelta_step(
            [p.data for p in params],
            [p.grad for p in params],
            self._buffers(params, "square_avg"),
            self._buffers(params, "acc_delta"),
            lr=group["lr"],
            rho=group["rho"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
            grad_scale=grad_scale,
        )
        self._count(params, steps)
