"""Dropout."""

from .. import kernels, random
from ..autograd import as_tensor, record


def dropout(input, p=0.5, training=True, inplace=False):
    """y = x m / (1 - p), every m_i 1 with probability 1 - p, else 0; y = x when not training.

    Any shape. The mask is a function of a key drawn from the package's generator, not of the
    number of threads. `inplace` changes nothing. Raises ValueError unless 0 <= p <= 1.
    Srivastava et al. 2014, JMLR 15.
    """
    return _drop(
        "dropout", kernels.dropout, kernels.dropout_backward, as_tensor(input), p, training
    )


def dropout2d(input, p=0.5, training=True, inplace=False):
    """y[n, c] = x[n, c] m / (1 - p), every m_nc 1 with probability 1 - p, else 0: whole channels;
    y = x when not training.

    input (N, C, H, W); (N, C, L), as in torch. Otherwise as dropout. Tompson et al. 2015, CVPR.
    """
    return _drop_channels("dropout2d", (3, 4), as_tensor(input), p, training)


def dropout1d(input, p=0.5, training=True, inplace=False):
    """As dropout2d, for sequences: input (N, C, L) or (C, L)."""
    x = as_tensor(input)
    if x.data.ndim == 2:
        return dropout1d(x.unsqueeze(0), p, training).squeeze(0)
    return _drop_channels("dropout1d", (3,), x, p, training)


def _drop_channels(op, dims, x, p, training):
    if x.data.ndim not in dims:
        raise ValueError(
            f"{op}: input must have {' or '.join(map(str, dims))} dimensions, got "
            f"shape {x.data.shape}"
        )
    forward, backward = kernels.dropout_channels, kernels.dropout_channels_backward
    return _drop(op, forward, backward, x, p, training)


def _drop(op, forward, backward_kernel, x, p, training):
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{op}: p must be between 0 and 1, got {p}")
    if not training or p == 0.0:
        return x
    seed = random.next_seed()
    y = forward(x.data, p, seed=seed)

    def backward(dy):  # y = x m / (1 - p)
        return (backward_kernel(dy, p, seed=seed),)

    return record(y, (x,), backward)
