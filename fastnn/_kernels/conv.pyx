"""2-D convolution: forward, and backward with respect to the data.

Both are correlations (see correlate.pyx). For weights see conv_weight.pyx.

Backward data. The forward line, y[o] += x[o s + r d - p] w[r], says that x[i] meets y[o] through
w[r] where i + p = o s + r d. So the positions with i + p = a (mod s) form a phase of their own:
dx[i] = sum over r with r d = a (mod s) of dy[(i + p - r d) / s] w[r], a correlation of stride 1.
"""

cimport numpy as cnp
from libc.string cimport memset

from .conv_columns cimport backward_columns, columns_fit
from .correlate cimport Axis, correlate
from .correlate_planar cimport correlate_planar, planar_fits
from .layout cimport Tensor4, tensor4, with_contiguous_pixels
from .memory cimport Block, block, empty
from .vecmath cimport ACT_NONE, ACT_RELU, ACT_SIGMOID, ACT_TANH

cnp.import_array()

# The epilogues by name.
ACTIVATIONS = {None: ACT_NONE, "relu": ACT_RELU, "sigmoid": ACT_SIGMOID, "tanh": ACT_TANH}


cdef Axis forward_axis(Py_ssize_t x_size, Py_ssize_t y_size, Py_ssize_t kernel, Py_ssize_t stride,
                       Py_ssize_t padding, Py_ssize_t dilation, Py_ssize_t w_stride,
                       Py_ssize_t *space):
    """y[o] reads x[o stride + r dilation - padding]. space: 2 * kernel numbers."""
    cdef Axis a
    cdef Py_ssize_t r
    a.x_size, a.y_size, a.step, a.start = x_size, y_size, stride, -padding
    a.taps, a.tap, a.tap_w = kernel, space, space + kernel
    for r in range(kernel):
        space[r] = r * dilation
        space[kernel + r] = r * w_stride
    return a


cdef Axis backward_axis(Py_ssize_t x_size, Py_ssize_t y_size, Py_ssize_t kernel, Py_ssize_t stride,
                        Py_ssize_t padding, Py_ssize_t dilation, Py_ssize_t w_stride,
                        Py_ssize_t phase, Py_ssize_t *space, Py_ssize_t *first):
    """The x positions i = first, first + stride, ... of a phase, each reading
    dy[(i + padding - r dilation) / stride] for the phase's r. space: 2 * kernel numbers."""
    cdef Axis a
    cdef Py_ssize_t r, q, q_last = 0
    first[0] = ((phase - padding) % stride + stride) % stride
    a.x_size, a.step, a.taps = y_size, 1, 0
    a.y_size = (x_size - first[0] + stride - 1) // stride if first[0] < x_size else 0
    # r descending: positions in dy ascending, counted from the last tap's.
    for r in range(kernel - 1, -1, -1):
        if r * dilation % stride == phase:
            q = (r * dilation - phase) // stride
            if a.taps == 0:
                q_last = q
            space[a.taps] = q_last - q
            space[kernel + a.taps] = r * w_stride
            a.taps += 1
    a.start = (first[0] + padding - phase) // stride - q_last
    a.tap, a.tap_w = space, space + kernel
    return a


def forward(cnp.ndarray x, cnp.ndarray w, cnp.ndarray bias, object activation, tuple y_size,
            tuple stride, tuple padding, tuple dilation):
    """y (N, K, OH, OW), channels-last, of x (N, C, H, W), w (K, C, R, S), bias (K,) contiguous or
    None; all of one dtype, x and w of any strides. y_size: (OH, OW), both > 0 unless y is empty."""
    cdef Tensor4 xt, wt = tensor4(w), yt
    cdef Py_ssize_t R = w.shape[2], S = w.shape[3]
    cdef cnp.npy_intp[4] shape = [x.shape[0], w.shape[0], y_size[0], y_size[1]]
    cdef cnp.ndarray y = empty(4, shape, cnp.PyArray_TYPE(x), True)
    cdef Block space = block(2 * (R + S) * sizeof(Py_ssize_t))
    cdef Py_ssize_t *taps = <Py_ssize_t *>space.data
    cdef Axis h, v
    cdef const void *bias_data = NULL if bias is None else cnp.PyArray_DATA(bias)
    cdef int act = ACTIVATIONS[activation]
    cdef bint single = cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32
    if y.size == 0:
        return y
    x = with_contiguous_pixels(x)
    xt, yt = tensor4(x), tensor4(y)
    h = forward_axis(x.shape[2], shape[2], R, stride[0], padding[0], dilation[0], wt.h, taps)
    v = forward_axis(x.shape[3], shape[3], S, stride[1], padding[1], dilation[1], wt.w, taps + 2 * R)
    if planar_fits(x.shape[1], shape[1], &h, &v, cnp.PyArray_ITEMSIZE(x)):
        correlate_planar(shape[0], x.shape[1], shape[1], &h, &v, &xt, wt.data, wt.c, wt.n, bias_data,
                         act, &yt, single)
    else:
        correlate(shape[0], x.shape[1], shape[1], &h, &v, &xt, wt.data, wt.c, wt.n, bias_data, act,
                  &yt, single)
    return y


def backward_data(cnp.ndarray dy, cnp.ndarray w, tuple x_size, tuple stride, tuple padding,
                  tuple dilation):
    """dx (N, C, H, W), channels-last, from dy (N, K, OH, OW) and w (K, C, R, S), any strides.
    x_size: (H, W)."""
    cdef Tensor4 dyt, wt = tensor4(w), dxt, part
    cdef Py_ssize_t R = w.shape[2], S = w.shape[3]
    cdef Py_ssize_t sh = stride[0], sw = stride[1], a, b, h0 = 0, w0 = 0
    cdef cnp.npy_intp[4] shape = [dy.shape[0], w.shape[1], x_size[0], x_size[1]]
    cdef cnp.ndarray dx = empty(4, shape, cnp.PyArray_TYPE(dy), True)
    cdef Py_ssize_t itemsize = cnp.PyArray_ITEMSIZE(dy)
    cdef Block space = block(2 * (R + S) * sizeof(Py_ssize_t))
    cdef Py_ssize_t *taps = <Py_ssize_t *>space.data
    cdef Axis h, v
    if dx.size == 0:
        return dx
    dxt = tensor4(dx)
    if dy.size == 0:
        memset(dxt.data, 0, dx.size * itemsize)
        return dx
    dy = with_contiguous_pixels(dy)
    dyt = tensor4(dy)
    if columns_fit(shape[1], itemsize):
        backward_columns(&dyt, &wt, &dxt, shape[0], w.shape[0], shape[1], R, S, shape[2], shape[3],
                         dy.shape[2], dy.shape[3], stride, padding, dilation,
                         cnp.PyArray_TYPE(dy) == cnp.NPY_FLOAT32)
        return dx
    if sh > 1 or sw > 1:  # phases without a tap stay zero
        memset(dxt.data, 0, dx.size * itemsize)
    for a in range(sh):
        h = backward_axis(shape[2], dy.shape[2], R, sh, padding[0], dilation[0], wt.h, a, taps, &h0)
        for b in range(sw):
            v = backward_axis(shape[3], dy.shape[3], S, sw, padding[1], dilation[1], wt.w, b,
                              taps + 2 * R, &w0)
            if h.taps == 0 or v.taps == 0 or h.y_size <= 0 or v.y_size <= 0:
                continue
            part = dxt
            part.data = <char *>dxt.data + (h0 * dxt.h + w0 * dxt.w) * itemsize
            part.h, part.w = dxt.h * sh, dxt.w * sw
            correlate(shape[0], w.shape[0], shape[1], &h, &v, &dyt, wt.data, wt.n, wt.c, NULL,
                      ACT_NONE, &part, cnp.PyArray_TYPE(dy) == cnp.NPY_FLOAT32)
    return dx
