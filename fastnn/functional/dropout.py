"""Dropout."""

from .. import kernels, random
from ..autograd import as_tensor, record


def dropout(input, p=0.5, training=True, inplace=False):
    """y = x m / (1 - p), every m_i 1 with probability 1 - p, else 0; y = x when not training.

    Any shape. The mask is a function of a key drawn from the package's generator, not of the
    number of threads. `inplace` changes nothing. Raises ValueError unless 0 <= p <= 1.
    Srivastava et al. 2014, JMLR 15.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout: p must be between 0 and 1, got {p}")
    x = as_tensor(input)
    if not training or p == 0.0:
        return x
    seed = random.next_seed()
    y = kernels.dropout(x.data, p, seed=seed)

    def backward(dy):  # y = x m / (1 - p)
        return (kernels.dropout_backward(dy, p, seed=seed),)

    return record(y, (x,), backward)
