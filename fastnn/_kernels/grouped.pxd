from .correlate cimport Axis
from .layout cimport Tensor4


cdef bint grouped_fits(Py_ssize_t inner, Py_ssize_t outer) noexcept nogil

cdef int correlate_grouped(Py_ssize_t N, Py_ssize_t groups, Py_ssize_t inner, Py_ssize_t outer,
                           Axis *h, Axis *w, Tensor4 *x, const void *weights, Py_ssize_t w_group,
                           Py_ssize_t w_inner, Py_ssize_t w_outer, const void *bias, int activation,
                           Tensor4 *y, bint single) except -1
cdef int grouped_weight(Py_ssize_t N, Py_ssize_t groups, Py_ssize_t inner, Py_ssize_t outer, Axis *h,
                        Axis *w, Tensor4 *x, Tensor4 *dy, void *dw, bint single) except -1
