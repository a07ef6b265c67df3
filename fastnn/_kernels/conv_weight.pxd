from .correlate cimport Axis
from .layout cimport Tensor4


cdef int weight_gradient(Py_ssize_t N, Py_ssize_t C, Py_ssize_t K, Py_ssize_t room, const Axis *h,
                         const Axis *w, const Tensor4 *x, const Tensor4 *dy, void *dw,
                         Py_ssize_t dw_step, bint single) except -1
