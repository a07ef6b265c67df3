"""Local response normalisation over the channels of pixels: see local_response_norm.h."""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid

from .layout cimport with_contiguous_pixels
from .memory cimport Block, block, empty
from .threads cimport threads_for

cnp.import_array()

cdef enum:
    ITEM = 8192       # numbers of an item, at least
    SLICE = 1 << 23   # numbers, times places of the window, between two looks for Ctrl-C
    WORK = 24         # of a number, in units of threads_for

cdef extern from "local_response_norm.h" nogil:
    ctypedef struct lrn_t:
        Py_ssize_t channels, left, right
        double alpha, beta, k

    size_t lrn_scratch_bytes(const lrn_t *g, size_t itemsize)
    void lrn_pixels(size_t itemsize, const lrn_t *g, const void *dy, const void *x,
                    Py_ssize_t pixels, void *out, void *scratch)


cdef void run_item(const lrn_t *g, size_t itemsize, const char *dy, const char *x, char *out,
                   Py_ssize_t pixels, Py_ssize_t first, Py_ssize_t count,
                   char *scratch) noexcept nogil:
    cdef Py_ssize_t at = first * g.channels * itemsize
    lrn_pixels(itemsize, g, dy + at if dy != NULL else NULL, x + at, min(count, pixels - first),
               out + at, scratch)


def local_response_norm(cnp.ndarray dy, cnp.ndarray x, Py_ssize_t size, double alpha, double beta,
                        double k):
    """x (N, C, H, W), not empty -> y; with dy, of x's shape, -> dx. New and channels-last.

    Channel c's window is size // 2 channels before it, itself, and (size - 1) // 2 behind it.
    """
    cdef lrn_t g
    cdef cnp.ndarray out = empty(4, x.shape, cnp.PyArray_TYPE(x), True)
    cdef size_t itemsize = cnp.PyArray_ITEMSIZE(x)
    x = with_contiguous_pixels(x, True)
    dy = None if dy is None else with_contiguous_pixels(dy, True)
    g.channels = x.shape[1]
    g.left, g.right = min(size // 2, g.channels), min((size - 1) // 2, g.channels)
    g.alpha, g.beta, g.k = alpha / size, beta, k
    cdef Py_ssize_t pixels = x.shape[0] * x.shape[2] * x.shape[3], i, begin, end
    cdef Py_ssize_t count = 1 + ITEM // g.channels
    cdef Py_ssize_t step = 1 + SLICE // (g.channels * (g.left + g.right + 1) * count)
    cdef const char *pdy = NULL if dy is None else <const char *>cnp.PyArray_DATA(dy)
    cdef const char *px = <const char *>cnp.PyArray_DATA(x)
    cdef char *pout = <char *>cnp.PyArray_DATA(out)
    cdef int threads = threads_for(<double>pixels * g.channels * WORK)
    cdef size_t nbytes = (lrn_scratch_bytes(&g, itemsize) + 63) // 64 * 64
    cdef Block scratch = block(threads * nbytes)
    step *= count
    for begin in range(0, pixels, step):
        end = min(begin + step, pixels)
        for i in prange(begin, end, count, schedule="static", num_threads=threads, nogil=True):
            run_item(&g, itemsize, pdy, px, pout, pixels, i, count,
                     <char *>scratch.data + threadid() * nbytes)
        PyErr_CheckSignals()
    return out
