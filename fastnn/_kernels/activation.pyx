"""Activations and their backwards, element by element; activation_ops.h is the table of them.

A dense array is walked flat whatever the order of its axes, and the result lies in memory alike.
Anything else is first copied dense, and worked on in place.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange

from .dense cimport dense_copy, empty_like, is_dense, same_layout, same_shape
from .memory cimport is_plain
from .threads cimport ELEMENT_WORK, threads_for

cnp.import_array()

cdef extern from "activation.h" nogil:
    enum:
        OP_COUNT
    const char *ACTIVATION_NAMES[]
    const int ACTIVATION_COSTS[]
    void activation_run(size_t itemsize, int op, const void *a, const void *b, void *y,
                        Py_ssize_t n, double p, double q)
    void gelu_run(size_t itemsize, bint by_tanh, const void *x, void *y, void *slope, Py_ssize_t n)

cdef enum:
    CHUNK = 1 << 13  # elements that one thread takes at a time
    SLICE = 1 << 24  # elements between two looks for Ctrl-C

OPS = {ACTIVATION_NAMES[i].decode(): i for i in range(OP_COUNT)}


cdef int run(int op, cnp.ndarray a, cnp.ndarray b, cnp.ndarray y, double p, double q) except -1:
    """y = op(a, b), all dense and alike; y may be a."""
    cdef Py_ssize_t n = cnp.PyArray_SIZE(a), itemsize = cnp.PyArray_ITEMSIZE(a)
    cdef Py_ssize_t first, last, i
    cdef const char *pa = <const char *>cnp.PyArray_DATA(a)
    cdef const char *pb = <const char *>cnp.PyArray_DATA(b)
    cdef char *py = <char *>cnp.PyArray_DATA(y)
    cdef int nt
    if n <= CHUNK:
        activation_run(itemsize, op, pa, pb, py, n, p, q)
        return 0
    for first in range(0, n, SLICE):
        last = min(n, first + SLICE)
        nt = threads_for(<double>(last - first) * ACTIVATION_COSTS[op] * ELEMENT_WORK)
        if nt == 1:
            activation_run(itemsize, op, pa + first * itemsize, pb + first * itemsize,
                           py + first * itemsize, last - first, p, q)
        else:
            for i in prange(first, last, CHUNK, schedule="static", num_threads=nt, nogil=True):
                activation_run(itemsize, op, pa + i * itemsize, pb + i * itemsize,
                               py + i * itemsize, min(CHUNK, last - i), p, q)
        PyErr_CheckSignals()
    return 0


def unary(int op, object x, double p=0, double q=0):
    """op(x), op an index of OPS; None if x is not a plain array."""
    if not is_plain(x):
        return None
    cdef cnp.ndarray a = <cnp.ndarray>x
    if not is_dense(a):
        a = dense_copy(a)
        run(op, a, a, a, p, q)
        return a
    cdef cnp.ndarray y = empty_like(a)
    run(op, a, a, y, p, q)
    return y


def backward(int op, object dy, object saved, double p=0, double q=0):
    """op(dy, saved); None if they are not plain arrays of one dtype and shape."""
    if not (is_plain(dy) and is_plain(saved)):
        return None
    cdef cnp.ndarray a = <cnp.ndarray>dy, b = <cnp.ndarray>saved, dx
    if cnp.PyArray_TYPE(a) != cnp.PyArray_TYPE(b) or not same_shape(a, b):
        return None
    if not is_dense(b):
        b = dense_copy(b)
    dx = empty_like(b)
    if not (is_dense(a) and same_layout(a, b)):
        cnp.PyArray_CopyInto(dx, a)
        a = dx
    run(op, a, b, dx, p, q)
    return dx


def gelu_with_slope(cnp.ndarray x, bint by_tanh):
    """x a plain array -> GELU of it and its derivative there, from which `gelu_backward` is a
    product: the exponential is computed once."""
    cdef cnp.ndarray a = x if is_dense(x) else dense_copy(x)
    cdef cnp.ndarray y = empty_like(a), slope = empty_like(a)
    cdef Py_ssize_t n = cnp.PyArray_SIZE(a), itemsize = cnp.PyArray_ITEMSIZE(a), first, last, i
    cdef const char *pa = <const char *>cnp.PyArray_DATA(a)
    cdef char *py = <char *>cnp.PyArray_DATA(y)
    cdef char *ps = <char *>cnp.PyArray_DATA(slope)
    cdef int nt
    for first in range(0, n, SLICE):
        last = min(n, first + SLICE)
        nt = threads_for(<double>(last - first) * 26 * ELEMENT_WORK)
        for i in prange(first, last, CHUNK, schedule="static", num_threads=nt, nogil=True):
            gelu_run(itemsize, by_tanh, pa + i * itemsize, py + i * itemsize, ps + i * itemsize,
                     min(CHUNK, last - i))
        PyErr_CheckSignals()
    return y, slope
