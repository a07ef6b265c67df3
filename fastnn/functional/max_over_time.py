"""Convolution over sequences followed by the maximum over time."""

import numpy as np

from .. import kernels
from ..autograd import as_tensor, record


def conv1d_max_over_time(input, weight, bias=None, padding=0, lengths=None):
    """y[n, k] = b[k] + max_i sum_{c, s} x[n, c, i + s - padding] w[k, c, s], x zero outside the
    sequence: `conv1d(input, weight, bias, padding=padding).max(-1)` of each sequence alone.

    input (N, C, L), weight (K, C, S), bias (K,) or None -> (N, K). lengths (N,): sequence n is
    input[n, :, :lengths[n]]; None: all have L steps. A convolution's windows all have outputs, but
    only the winning ones a gradient: backward takes a sum of N S rows for each filter. An
    activation that never falls may as well follow the maximum. Collobert et al. 2011,
    arXiv:1103.0398. Raises ValueError where shapes do not fit, and for a sequence shorter than
    the filters.
    """
    w = as_tensor(weight)
    x = as_tensor(input, w)
    xd, wd = x.data, w.data
    parents = (x, w) if bias is None else (x, w, as_tensor(bias, w))
    sizes = dict(padding=padding, lengths=None if lengths is None else np.array(lengths))
    y, at = kernels.conv1d_max_over_time(xd, wd, *(b.data for b in parents[2:]), **sizes)
    needs = tuple(p.requires_grad for p in parents) + (False,) * (3 - len(parents))
    count = len(parents)

    def backward(dy):  # y = b + the window of x that gives the most, times w
        grads = kernels.conv1d_max_over_time_backward(dy, at, xd, wd, **sizes, needs=needs)
        return grads[:count]

    return record(y, parents, backward)
