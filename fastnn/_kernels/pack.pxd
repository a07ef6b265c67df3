from cython cimport floating

cdef extern from "pack.h" nogil:
    void pack_panel_f32(const float *x, Py_ssize_t k_stride, Py_ssize_t stride, Py_ssize_t k,
                        Py_ssize_t columns, Py_ssize_t width, float *out)
    void pack_panel_f64(const double *x, Py_ssize_t k_stride, Py_ssize_t stride, Py_ssize_t k,
                        Py_ssize_t columns, Py_ssize_t width, double *out)


cdef inline void pack_panel(const floating *x, Py_ssize_t k_stride, Py_ssize_t stride, Py_ssize_t k,
                            Py_ssize_t columns, Py_ssize_t width, floating *out) noexcept nogil:
    """out[p, j] = x[p * k_stride + j * stride], 0 for columns <= j < width."""
    if floating is float:
        pack_panel_f32(x, k_stride, stride, k, columns, width, out)
    else:
        pack_panel_f64(x, k_stride, stride, k, columns, width, out)
