"""Bringing 4-D arrays of any strides to channels-last, with or without a border of zeros."""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange
from libc.string cimport memcpy, memset

from .memory cimport empty
from .threads cimport threads_for

cnp.import_array()

cdef enum:
    SLICE_ELEMENTS = 8388608  # copied between looks at Ctrl-C


cdef void copy_row(const floating *x, Py_ssize_t x_w, Py_ssize_t x_c, Py_ssize_t pixels,
                   Py_ssize_t channels, Py_ssize_t width, floating *out) noexcept nogil:
    """out[p, c] = x[p, c], 0 for channels <= c < width."""
    cdef Py_ssize_t p, c
    if width == channels and x_w == channels and (x_c == 1 or channels == 1):
        memcpy(out, x, pixels * channels * sizeof(floating))
        return
    if x_c == 1:
        for p in range(pixels):
            memcpy(out + p * width, x + p * x_w, channels * sizeof(floating))
    else:
        for c in range(channels):
            for p in range(pixels):
                out[p * width + c] = x[p * x_w + c * x_c]
    if width > channels:
        for p in range(pixels):
            memset(out + p * width + channels, 0, (width - channels) * sizeof(floating))


cdef void copy_rows(const floating *x, const Tensor4 *t, Py_ssize_t channels, Py_ssize_t h_size,
                    Py_ssize_t w_size, Py_ssize_t h0, Py_ssize_t rows, Py_ssize_t w0,
                    Py_ssize_t columns, Py_ssize_t width, floating *out) noexcept nogil:
    cdef Py_ssize_t left = min(max(-w0, 0), columns)
    cdef Py_ssize_t right = max(min(w_size - w0, columns), left)
    cdef Py_ssize_t h
    for h in range(h0, h0 + rows):
        if 0 <= h < h_size:
            memset(out, 0, left * width * sizeof(floating))
            copy_row[floating](x + h * t.h + (w0 + left) * t.w, t.w, t.c, right - left, channels,
                               width, out + left * width)
            memset(out + right * width, 0, (columns - right) * width * sizeof(floating))
        else:
            memset(out, 0, columns * width * sizeof(floating))
        out += columns * width


cdef void copy_padded(const Tensor4 *x, Py_ssize_t channels, Py_ssize_t h_size, Py_ssize_t w_size,
                      Py_ssize_t h0, Py_ssize_t rows, Py_ssize_t w0, Py_ssize_t columns,
                      Py_ssize_t width, void *out, bint single) noexcept nogil:
    """out[r, c, :] = x[h0 + r, w0 + c, :], channels padded to width, zeros outside the image."""
    if single:
        copy_rows[float](<const float *>x.data, x, channels, h_size, w_size, h0, rows, w0, columns,
                         width, <float *>out)
    else:
        copy_rows[double](<const double *>x.data, x, channels, h_size, w_size, h0, rows, w0,
                          columns, width, <double *>out)


cdef void copy_image(const Tensor4 *x, const Tensor4 *y, const Py_ssize_t *shape, Py_ssize_t n,
                     bint single) noexcept nogil:
    cdef Py_ssize_t itemsize = 4 if single else 8
    cdef Tensor4 image = x[0]
    image.data = <char *>x.data + n * x.n * itemsize
    copy_padded(&image, shape[1], shape[2], shape[3], 0, shape[2], 0, shape[3], shape[1],
                <char *>y.data + n * y.n * itemsize, single)


cdef void copy_images(const Tensor4 *x, const Tensor4 *y, const Py_ssize_t *shape, Py_ssize_t first,
                      Py_ssize_t last, int nt, bint single):
    cdef Py_ssize_t n
    for n in prange(first, last, schedule="static", num_threads=nt, nogil=True):
        copy_image(x, y, shape, n, single)


cdef cnp.ndarray with_contiguous_pixels(cnp.ndarray x, bint dense=False):
    """x if its pixels are next to each other, channels fastest (dense: and so are rows and
    images); else a channels-last copy."""
    cdef Tensor4 t = tensor4(x), to
    cdef cnp.npy_intp *shape = cnp.PyArray_DIMS(x)
    cdef bint single = cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32
    cdef cnp.ndarray y
    cdef Py_ssize_t first, size
    if ((t.c == 1 or shape[1] == 1) and (t.w == shape[1] or shape[3] == 1)
            and (not dense or (t.h == shape[3] * shape[1] and t.n == shape[2] * t.h))):
        return x
    y = empty(4, shape, cnp.PyArray_TYPE(x), True)
    to = tensor4(y)
    size = max(1, <Py_ssize_t>(SLICE_ELEMENTS // max(1, x.size // max(1, shape[0]))))
    for first in range(0, shape[0], size):
        copy_images(&t, &to, <const Py_ssize_t *>shape, first, min(shape[0], first + size),
                    threads_for(x.size), single)
        PyErr_CheckSignals()
    return y
