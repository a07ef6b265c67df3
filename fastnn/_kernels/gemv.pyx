"""y = x B + bias for one row x: GEMM's case of few rows (row by row), and n = 1 through the transpose.

B is read once, as it lies: rows of B stream past y when B's rows are contiguous, dot products
run along its columns when those are. Bandwidth is the limit, so nothing is packed.
"""

from cython cimport floating
from cython.parallel cimport prange

from .memory cimport Block, block
from .threads cimport threads_for

cdef extern from "gemv.h" nogil:
    void gemv_rows_f32(Py_ssize_t k, Py_ssize_t n, const float *x, const float *b,
                       Py_ssize_t stride, float *y)
    void gemv_rows_f64(Py_ssize_t k, Py_ssize_t n, const double *x, const double *b,
                       Py_ssize_t stride, double *y)
    void gemv_dots_f32(Py_ssize_t k, Py_ssize_t n, const float *x, const float *b,
                       Py_ssize_t stride, float *y)
    void gemv_dots_f64(Py_ssize_t k, Py_ssize_t n, const double *x, const double *b,
                       Py_ssize_t stride, double *y)

cdef bint gemv_fits(Py_ssize_t rs, Py_ssize_t cs) noexcept nogil:
    """Whether a matrix of these strides (in elements) can be streamed."""
    return cs == 1 or rs == 1


cdef void chunk(const floating *x, const floating *b, Py_ssize_t rs, Py_ssize_t cs, Py_ssize_t k,
                Py_ssize_t n, const floating *bias, Py_ssize_t bias_step, Py_ssize_t at,
                floating *y) noexcept nogil:
    """Columns [at, at + n)."""
    cdef Py_ssize_t j
    b += at * cs
    y += at
    for j in range(n):
        y[j] = 0 if bias == NULL else bias[(at + j) * bias_step]
    if floating is float:
        if cs == 1:
            gemv_rows_f32(k, n, x, b, rs, y)
        else:
            gemv_dots_f32(k, n, x, b, cs, y)
    else:
        if cs == 1:
            gemv_rows_f64(k, n, x, b, rs, y)
        else:
            gemv_dots_f64(k, n, x, b, cs, y)


cdef void chunks(const floating *x, Py_ssize_t x_step, const floating *b, Py_ssize_t rs,
                 Py_ssize_t cs, Py_ssize_t k, Py_ssize_t n, const floating *bias,
                 Py_ssize_t bias_step, floating *y, floating *x_copy) noexcept nogil:
    # A column's sum does not depend on which other columns its chunk holds: one chunk a thread,
    # in whole cache lines.
    cdef int nt = threads_for(<double>k * n)
    cdef Py_ssize_t width = (n // nt + 15) & ~15, c, p
    if x_step != 1:
        for p in range(k):
            x_copy[p] = x[p * x_step]
        x = x_copy
    if nt == 1:
        chunk[floating](x, b, rs, cs, k, n, bias, bias_step, 0, y)
        return
    for c in prange(nt, schedule="static", num_threads=nt):
        chunk[floating](x, b, rs, cs, k, min(width, n - c * width), bias, bias_step, c * width, y)


cdef void gemv(const void *x, Py_ssize_t x_step, const void *b, Py_ssize_t rs, Py_ssize_t cs,
               Py_ssize_t k, Py_ssize_t n, const void *bias, Py_ssize_t bias_step, void *y,
               Py_ssize_t itemsize):
    """y[n] = x[k] B[k, n] + bias[n] (bias: NULL for none; bias_step 0 for one value). Strides
    and steps in elements; y contiguous; B must be one that gemv_fits."""
    cdef Block copy = block(k * itemsize) if x_step != 1 else None
    cdef void *x_copy = NULL if copy is None else copy.data
    with nogil:
        if itemsize == sizeof(float):
            chunks[float](<const float *>x, x_step, <const float *>b, rs, cs, k, n,
                          <const float *>bias, bias_step, <float *>y, <float *>x_copy)
        else:
            chunks[double](<const double *>x, x_step, <const double *>b, rs, cs, k, n,
                           <const double *>bias, bias_step, <double *>y, <double *>x_copy)
