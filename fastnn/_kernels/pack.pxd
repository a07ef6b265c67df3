from cython cimport floating

cdef extern from "pack.h" nogil:
    enum:
        VEC_BYTES

    void copy_half_f32(const float *x, float *out)
    void copy_half_f64(const double *x, double *out)
    void transpose_half_f32(const float *x, Py_ssize_t stride, float *out)
    void transpose_half_f64(const double *x, Py_ssize_t stride, double *out)
    void pack_panel_f32(const float *x, Py_ssize_t k_stride, Py_ssize_t stride, Py_ssize_t k,
                        Py_ssize_t columns, Py_ssize_t width, float *out)
    void pack_panel_f64(const double *x, Py_ssize_t k_stride, Py_ssize_t stride, Py_ssize_t k,
                        Py_ssize_t columns, Py_ssize_t width, double *out)
    void pack_panels_f32(const float *x, Py_ssize_t k_stride, Py_ssize_t stride, Py_ssize_t k,
                         Py_ssize_t panels, Py_ssize_t panel_size, float *out)
    void pack_panels_f64(const double *x, Py_ssize_t k_stride, Py_ssize_t stride, Py_ssize_t k,
                         Py_ssize_t panels, Py_ssize_t panel_size, double *out)
    void pack_transposed_f32(const float *x, Py_ssize_t stride, Py_ssize_t k, Py_ssize_t columns,
                             Py_ssize_t width, float *out, Py_ssize_t out_stride)
    void pack_transposed_f64(const double *x, Py_ssize_t stride, Py_ssize_t k, Py_ssize_t columns,
                             Py_ssize_t width, double *out, Py_ssize_t out_stride)


cdef inline void pack_panel(const floating *x, Py_ssize_t k_stride, Py_ssize_t stride, Py_ssize_t k,
                            Py_ssize_t columns, Py_ssize_t width, floating *out) noexcept nogil:
    """out[p, j] = x[p * k_stride + j * stride]; anything for columns <= j < width."""
    if floating is float:
        pack_panel_f32(x, k_stride, stride, k, columns, width, out)
    else:
        pack_panel_f64(x, k_stride, stride, k, columns, width, out)


cdef inline void pack_panels(const floating *x, Py_ssize_t k_stride, Py_ssize_t stride,
                             Py_ssize_t k, Py_ssize_t panels, Py_ssize_t panel_size,
                             floating *out) noexcept nogil:
    """The same for neighbouring panels of full width, which come to lie panel_size values apart."""
    if floating is float:
        pack_panels_f32(x, k_stride, stride, k, panels, panel_size, out)
    else:
        pack_panels_f64(x, k_stride, stride, k, panels, panel_size, out)


cdef inline void transpose(const floating *x, Py_ssize_t stride, Py_ssize_t rows, Py_ssize_t columns,
                           floating *out, Py_ssize_t out_stride) noexcept nogil:
    """out[c * out_stride + r] = x[r * stride + c]; up to a vector past r = rows is written."""
    cdef Py_ssize_t vlen = VEC_BYTES // sizeof(floating)
    cdef Py_ssize_t width = (rows + vlen - 1) // vlen * vlen
    if floating is float:
        pack_transposed_f32(x, stride, columns, rows, width, out, out_stride)
    else:
        pack_transposed_f64(x, stride, columns, rows, width, out, out_stride)


cdef inline void transpose_half(const floating *x, Py_ssize_t stride, floating *out) noexcept nogil:
    """out[c * vlen / 2 + r] = x[r * stride + c] for half a vector of rows and one of columns."""
    if floating is float:
        transpose_half_f32(x, stride, out)
    else:
        transpose_half_f64(x, stride, out)


cdef inline void copy_half(const floating *x, floating *out) noexcept nogil:
    """Half a vector's worth of values."""
    if floating is float:
        copy_half_f32(x, out)
    else:
        copy_half_f64(x, out)
