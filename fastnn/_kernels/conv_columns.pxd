from .layout cimport Tensor4


cdef bint columns_fit(Py_ssize_t channels, size_t itemsize) noexcept nogil
cdef int backward_columns(const Tensor4 *dy, const Tensor4 *w, const Tensor4 *dx, Py_ssize_t N,
                          Py_ssize_t K, Py_ssize_t C, Py_ssize_t R, Py_ssize_t S, Py_ssize_t H,
                          Py_ssize_t W, Py_ssize_t OH, Py_ssize_t OW, tuple stride, tuple padding,
                          tuple dilation, bint single) except -1
