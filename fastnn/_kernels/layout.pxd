cimport numpy as cnp


cdef struct Tensor4:
    # A 4-D array N C H W; strides in elements.
    void *data
    Py_ssize_t n, c, h, w


cdef inline Tensor4 tensor4(cnp.ndarray a):
    cdef Tensor4 t
    cdef Py_ssize_t itemsize = cnp.PyArray_ITEMSIZE(a)
    t.data = cnp.PyArray_DATA(a)
    t.n, t.c = a.strides[0] // itemsize, a.strides[1] // itemsize
    t.h, t.w = a.strides[2] // itemsize, a.strides[3] // itemsize
    return t


cdef cnp.ndarray with_contiguous_pixels(cnp.ndarray x, bint dense=*)
cdef void copy_padded(const Tensor4 *x, Py_ssize_t channels, Py_ssize_t h_size, Py_ssize_t w_size,
                      Py_ssize_t h0, Py_ssize_t rows, Py_ssize_t w0, Py_ssize_t columns,
                      Py_ssize_t width, void *out, bint single) noexcept nogil
