cimport numpy as cnp


cdef struct Axis:
    # One spatial axis of a correlation: y[o] reads x[o * step + tap[t] + start] for each t.
    Py_ssize_t x_size       # size of x
    Py_ssize_t y_size       # outputs
    Py_ssize_t step         # x positions from one output to the next
    Py_ssize_t start        # x position of output 0 with tap 0; < 0: padding
    Py_ssize_t taps
    const Py_ssize_t *tap   # offsets >= 0, ascending
    const Py_ssize_t *tap_w # where each tap's weights lie (elements)


cdef struct Tensor4:
    # Strides in elements of a 4-D array, N C H W.
    void *data
    Py_ssize_t n, c, h, w


cdef inline Tensor4 tensor4(cnp.ndarray a):
    cdef inline Tensor4 t
    cdef Py_ssize_t itemsize = cnp.PyArray_ITEMSIZE(a)
    t.data = cnp.PyArray_DATA(a)
    t.n, t.c = a.strides[0] // itemsize, a.strides[1] // itemsize
    t.h, t.w = a.strides[2] // itemsize, a.strides[3] // itemsize
    return t


cdef int correlate(Py_ssize_t N, Py_ssize_t inner, Py_ssize_t outer, Axis *h, Axis *w,
                   Tensor4 *x, const void *weights, Py_ssize_t w_inner, Py_ssize_t w_outer,
                   const void *bias, int activation, Tensor4 *y, bint single) except -1

cdef void copy_padded(const Tensor4 *x, Py_ssize_t channels, Py_ssize_t h_size, Py_ssize_t w_size,
                      Py_ssize_t h0, Py_ssize_t rows, Py_ssize_t w0, Py_ssize_t columns,
                      Py_ssize_t width, void *out, bint single) noexcept nogil
