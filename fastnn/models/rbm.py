"""The restricted Boltzmann machine, its training by contrastive divergence, and its likelihood."""

import numpy as np

from .. import functional as F
from .. import kernels, nn, optim, random

MOST_ENUMERATED = 24  # units whose 2^n states `log_partition` goes through
_STATES_AT_ONCE = 2**12


class RBM(nn.Module):
    """A layer of visible and a layer of hidden units with the energy::

        E(v, h) = -a v - b h - h W v                    both binary
        E(v, h) = |v - a|^2 / 2 - b h - h W v           visible="gaussian"
        E(v, h) = -a v + |h - b|^2 / 2 - h W v          hidden="gaussian"

    and p(v, h) = exp(-E) / Z. Within a layer units do not see each other, so each layer given the
    other is sampled at once: p(h = 1 | v) = sigmoid(b + W v), or Normal(b + W v, 1).

    weight W (n_hidden, n_visible), Normal(0, 0.01^2) at first; visible_bias a and hidden_bias b, 0.
    Arrays v are (N, n_visible), h are (N, n_hidden), of the weight's dtype; binary visible units
    take any values in [0, 1]. Gaussian units have variance 1: standardize real data first. As a
    module it maps Tensors v to the hidden units' means. Random numbers: `fastnn.manual_seed`.

    P. Smolensky 1986 ("harmonium"); G. Hinton, "Training products of experts by minimizing
    contrastive divergence", Neural Computation 14 (2002), and "A practical guide to training
    restricted Boltzmann machines", 2010. Raises ValueError for other kinds of units, and where
    both are Gaussian, for such an energy need not have a finite Z.
    """

    def __init__(self, n_visible, n_hidden, visible="binary", hidden="binary", *, dtype=np.float32):
        super().__init__()
        kinds = (visible, hidden)
        if not {*kinds} <= {"binary", "gaussian"} or kinds == ("gaussian", "gaussian"):
            raise ValueError(
                "RBM: visible and hidden must be 'binary' or 'gaussian', and not both 'gaussian', "
                f"got {visible!r} and {hidden!r}"
            )
        self.n_visible, self.n_hidden = n_visible, n_hidden
        self.visible, self.hidden = kinds
        self.weight = nn.Parameter(np.empty((n_hidden, n_visible), dtype))
        self.visible_bias = nn.Parameter(np.zeros(n_visible, dtype))
        self.hidden_bias = nn.Parameter(np.zeros(n_hidden, dtype))
        nn.init.normal_(self.weight, 0.0, 0.01)

    def extra_repr(self):
        return (
            f"n_visible={self.n_visible}, n_hidden={self.n_hidden}, visible={self.visible!r}, "
            f"hidden={self.hidden!r}"
        )

    def forward(self, input):
        activation = "sigmoid" if self.hidden == "binary" else None
        return F.linear(input, self.weight, self.hidden_bias, activation=activation)

    # ---- one layer given the other ----------------------------------------------------------

    def hidden_mean(self, v):
        """E[h | v]: sigmoid(b + W v), or b + W v of Gaussian hidden units."""
        return kernels.gemm(
            v, self.weight.data, trans_b=True, bias=self.hidden_bias.data,
            activation="sigmoid" if self.hidden == "binary" else None,
        )  # fmt: skip

    def visible_mean(self, h):
        """E[v | h]: sigmoid(a + h W), or a + h W of Gaussian visible units."""
        return kernels.gemm(
            h, self.weight.data, bias=self.visible_bias.data,
            activation="sigmoid" if self.visible == "binary" else None,
        )  # fmt: skip

    def sample_hidden(self, v):
        """h drawn from p(h | v)."""
        return _draw(self.hidden_mean(v), self.hidden)

    def sample_visible(self, h):
        """v drawn from p(v | h)."""
        return _draw(self.visible_mean(h), self.visible)

    def gibbs(self, v, steps=1):
        """v after some full steps of Gibbs sampling, v -> h -> v."""
        for _ in range(steps):
            v = self.sample_visible(self.sample_hidden(v))
        return v

    # ---- learning ---------------------------------------------------------------------------

    def start_at(self, x):
        """Set the visible biases so that without hidden units the visible ones have the mean of x
        (of binary units kept 0.001 away from 0 and 1): where x is mostly 0, hidden units need not
        learn that first. -> self"""
        mean = x.mean(axis=0)
        if self.visible == "binary":
            mean = np.clip(mean, 0.001, 0.999)
            mean = np.log(mean / (1 - mean))
        self.visible_bias.data[...] = mean
        return self

    def contrastive_divergence(self, v, k=1, chain=None):
        """Set every parameter's .grad to an estimate of the gradient of -mean log p(v)::

            dW = -(E[h | v] v^T of the data - that after k steps of Gibbs sampling)

        and alike for the biases. Without `chain` sampling starts at the data (CD-k), and in the
        last step the visible units take their means, which is less noisy. `chain` (M, n_visible)
        instead holds samples of the model: they go k steps on from where they are, in place
        (persistent CD: Tieleman 2008, ICML).

        -> mean over the batch of |v - reconstruction|^2, the reconstruction after one step; with a
        chain None, for there is none.
        """
        h = self.hidden_mean(v)
        sampled = _draw(h, self.hidden) if chain is None else self.sample_hidden(chain)
        error = None
        for step in range(k):
            v_model = self.visible_mean(sampled)
            if chain is None and step == 0:
                difference = kernels.subtract(v, v_model)
                error = float(kernels.sum(kernels.multiply(difference, difference))) / len(v)
            if chain is not None or step < k - 1:
                v_model = _draw(v_model, self.visible)
            h_model = self.hidden_mean(v_model)
            if step < k - 1:
                sampled = _draw(h_model, self.hidden)
        if chain is not None:
            chain[...] = v_model
        n, m = 1 / len(v), 1 / len(v_model)
        for parameter, data, model in (
            (self.weight, kernels.gemm(h, v, trans_a=True),
             kernels.gemm(h_model, v_model, trans_a=True)),
            (self.visible_bias, kernels.sum(v, axis=0), kernels.sum(v_model, axis=0)),
            (self.hidden_bias, kernels.sum(h, axis=0), kernels.sum(h_model, axis=0)),
        ):  # fmt: skip
            parameter.grad = kernels.subtract(kernels.multiply(model, m), kernels.multiply(data, n))
        return error

    # ---- energies, in float64 ---------------------------------------------------------------

    def energy(self, v, h):
        """E(v, h) of each row."""
        v, h, (w, a, b) = _f64(v), _f64(h), self._f64()
        both = np.einsum("nh,nh->n", h, v @ w.T)
        of_v = 0.5 * np.sum((v - a) ** 2, 1) if self.visible == "gaussian" else -v @ a
        of_h = 0.5 * np.sum((h - b) ** 2, 1) if self.hidden == "gaussian" else -h @ b
        return of_v + of_h - both

    def free_energy(self, v):
        """F(v) = -log sum over h of exp(-E(v, h)) of each row: p(v) = exp(-F(v)) / Z.

        a v and |v - a|^2 / 2 as in E, less sum of log(1 + exp(b + W v)), or of Gaussian hidden
        units -(b W v + |W v|^2 / 2 + n_hidden log(2 pi) / 2).
        """
        v, (w, a, b) = _f64(v), self._f64()
        of_v = 0.5 * np.sum((v - a) ** 2, 1) if self.visible == "gaussian" else -v @ a
        return of_v - _log_sum(v @ w.T, b, self.hidden)

    def log_partition(self):
        """log Z, exactly: the layer of binary units with fewer of them is enumerated.

        Raises ValueError where it has more than MOST_ENUMERATED units: use it on small models.
        """
        w, a, b = self._f64()
        sides = []  # (units, W towards the other layer, own bias, the other's bias and kind)
        if self.visible == "binary":
            sides.append((self.n_visible, w.T, a, b, self.hidden))
        if self.hidden == "binary":
            sides.append((self.n_hidden, w, b, a, self.visible))
        units, towards, own, other, kind = min(sides, key=lambda side: side[0])
        if units > MOST_ENUMERATED:
            raise ValueError(
                f"RBM.log_partition: 2^{units} states are too many, at most {MOST_ENUMERATED} "
                "units are enumerated"
            )
        total = -np.inf
        bits = np.arange(units)
        for first in range(0, 2**units, _STATES_AT_ONCE):
            states = np.arange(first, min(first + _STATES_AT_ONCE, 2**units))
            s = (states[:, None] >> bits & 1).astype(np.float64)
            total = np.logaddexp.reduce([total, *(s @ own + _log_sum(s @ towards, other, kind))])
        return float(total)

    def log_likelihood(self, v):
        """log p(v) of each row, exactly; errors as `log_partition`'s."""
        return -self.free_energy(v) - self.log_partition()

    def _f64(self):
        return (_f64(p.data) for p in (self.weight, self.visible_bias, self.hidden_bias))


def train_rbm(rbm, x, *, epochs=10, batch_size=100, lr=0.1, momentum=0.9, weight_decay=2e-4,
              k=1, persistent=False, report=None):  # fmt: skip
    """Train on x (N, n_visible) by stochastic CD-k, or persistent CD with as many chains as a batch
    has rows. -> mean |v - reconstruction|^2 by epoch; with persistent chains, what one step from
    the data gives after the epoch.

    As Hinton's guide advises, momentum is 0.5 for the first five epochs, or the first half where
    there are fewer than ten, and weights decay, biases don't. With Gaussian units lr must be 10 to
    100 times smaller. report(epoch, error) is called after each epoch. Raises FloatingPointError
    when the weights are no longer finite.
    """
    biases = [rbm.visible_bias, rbm.hidden_bias]
    optimizer = optim.SGD(
        [{"params": [rbm.weight], "weight_decay": weight_decay}, {"params": biases}], lr=lr
    )
    rng = random.generator()
    chain = x[rng.permutation(len(x))[:batch_size]].copy() if persistent else None
    history = []
    for epoch in range(epochs):
        for group in optimizer.param_groups:
            group["momentum"] = min(0.5, momentum) if epoch < min(5, epochs // 2) else momentum
        order = rng.permutation(len(x))
        total = 0.0
        for first in range(0, len(x), batch_size):
            v = x[order[first : first + batch_size]]
            error = rbm.contrastive_divergence(v, k, chain)
            optimizer.step()
            total += (error or 0.0) * len(v)
        if persistent:
            total = float(np.sum((x - rbm.visible_mean(rbm.sample_hidden(x))) ** 2))
        if not np.isfinite(rbm.weight.data).all():
            raise FloatingPointError(
                f"train_rbm: the weights are no longer finite in epoch {epoch + 1}; lower lr={lr}"
            )
        history.append(total / len(x))
        if report is not None:
            report(epoch + 1, history[-1])
    for parameter in rbm.parameters():
        parameter.grad = None
    return history


def _draw(mean, kind):
    if kind == "binary":
        return kernels.bernoulli(mean, seed=random.next_seed())
    noise = random.generator().standard_normal(mean.shape, dtype=mean.dtype)
    return kernels.add(mean, noise)


def _log_sum(product, bias, kind):
    """log of the sum over the states s of a layer of exp(s product - what E says of s alone)."""
    if kind == "binary":
        return np.logaddexp(0.0, product + bias).sum(1)
    half_log = 0.5 * np.log(2 * np.pi)
    return (product * bias + 0.5 * product * product + half_log).sum(1)


def _f64(a):
    return np.asarray(a, np.float64)
