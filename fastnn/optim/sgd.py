"""Stochastic gradient descent."""

from .. import kernels
from .optimizer import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum; for each parameter p with gradient g::

        g = (-g if maximize else g) + weight_decay * p
        buf = g at the first step, momentum * buf + (1 - dampening) * g afterwards
        p -= lr * (g + momentum * buf if nesterov else buf)      (without momentum: lr * g)

    Polyak 1964; Nesterov's form as in Sutskever et al., "On the importance of initialization and
    momentum in deep learning", 2013. Raises ValueError for negative lr, momentum or weight_decay,
    and for nesterov without momentum or with dampening.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        *,
        maximize=False,
    ):
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
        )

    def _check(self, group):
        if not group["lr"] >= 0:
            raise ValueError(f"Invalid learning rate: {group['lr']}")
        if not group["momentum"] >= 0:
            raise ValueError(f"Invalid momentum value: {group['momentum']}")
        if not group["weight_decay"] >= 0:
            raise ValueError(f"Invalid weight_decay value: {group['weight_decay']}")
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")

    def _update(self, group, params, grad_scale):
        buffers = first = None
        if group["momentum"]:
            states = [self.state[p] for p in params]
            first = ["momentum_buffer" not in state for state in states]
            buffers = [
                kernels.empty_like(p.data) if new else state["momentum_buffer"]
                for p, state, new in zip(params, states, first, strict=True)
            ]
        kernels.sgd_step(
            [p.data for p in params],
            [p.grad for p in params],
            buffers,
            first=first,
            lr=group["lr"],
            momentum=group["momentum"],
            dampening=group["dampening"],
            weight_decay=group["weight_decay"],
            nesterov=group["nesterov"],
            maximize=group["maximize"],
            grad_scale=grad_scale,
        )
        if buffers:
            for state, buffer in zip(states, buffers, strict=True):
                state["momentum_buffer"] = buffer
