from .correlate cimport Axis
from .layout cimport Tensor4


cdef bint planar_fits(Py_ssize_t inner, Py_ssize_t outer, const Axis *h, const Axis *w,
                      size_t itemsize) noexcept nogil
cdef int correlate_planar(Py_ssize_t N, Py_ssize_t inner, Py_ssize_t outer, Axis *h, Axis *w,
                          Tensor4 *x, const void *weights, Py_ssize_t w_inner, Py_ssize_t w_outer,
                          const void *bias, int activation, Tensor4 *y, bint single) except -1
