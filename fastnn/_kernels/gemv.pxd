cdef bint gemv_fits(Py_ssize_t rs, Py_ssize_t cs) noexcept nogil
cdef void gemv(const void *x, Py_ssize_t x_step, const void *b, Py_ssize_t rs, Py_ssize_t cs,
               Py_ssize_t k, Py_ssize_t n, const void *bias, Py_ssize_t bias_step, void *y,
               Py_ssize_t itemsize)
