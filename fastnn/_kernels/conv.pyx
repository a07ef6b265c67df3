"""2-D convolution: forward, and backward with respect to the data and the weights.

Which engine computes it is chosen here, from shapes alone. Forward and backward data are
correlations (see correlate.pyx); for weights see conv_weight.pyx. Groups of few channels have
their own engine (see grouped.pyx); other groups are convolutions of slices of the channels.

Backward data. The forward line, y[o] += x[o s + r d - p] w[r], says that x[i] meets y[o] through
w[r] where i + p = o s + r d. So the positions with i + p = a (mod s) form a phase of their own:
dx[i] = sum over r with r d = a (mod s) of dy[(i + p - r d) / s] w[r], a correlation of stride 1.
"""

cimport numpy as cnp
from cython cimport floating
from cython.parallel cimport prange
from libc.string cimport memset

from .conv_columns cimport backward_columns, columns_fit
from .conv_weight cimport weight_gradient
from .correlate cimport Axis, Epilogue, correlate
from .correlate_planar cimport correlate_planar, planar_fits
from .grouped cimport correlate_grouped, grouped_fits, grouped_weight
from .layout cimport Tensor4, tensor4, with_contiguous_pixels
from .memory cimport Block, block, empty
from .threads cimport ELEMENT_WORK, threads_for
from .tile cimport VEC_BYTES, activate, ceil_div
from .vecmath cimport ACT_NONE, ACT_RELU, ACT_SIGMOID, ACT_TANH

cnp.import_array()

cdef enum:
    ELEMENTS = 4096  # of a block of an elementwise pass

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


cdef struct Groups:
    Py_ssize_t count, inner, outer      # channels of x and of y in each
    Py_ssize_t w_group, w_inner, w_outer # the weights' strides


cdef Tensor4 slice_of(const Tensor4 *t, Py_ssize_t channel, bint single) noexcept nogil:
    """The channels from this one on."""
    cdef Tensor4 part = t[0]
    part.data = <char *>t.data + channel * (4 if single else 8)
    return part


cdef int correlate_groups(Py_ssize_t N, const Groups *g, Axis *h, Axis *w, Tensor4 *x,
                          const char *weights, const Epilogue *end, Tensor4 *y, bint single) except -1:
    """correlate(), group by group or, without scale and residual, all at once."""
    cdef Py_ssize_t itemsize = 4 if single else 8, i
    cdef Tensor4 x_part, y_part
    cdef Epilogue part
    if all_at_once(g):
        return correlate_grouped(N, g.count, g.inner, g.outer, h, w, x, weights, g.w_group,
                                 g.w_inner, g.w_outer, end.bias, end.activation, y, single)
    for i in range(g.count):
        x_part = slice_of(x, i * g.inner, single)
        y_part = slice_of(y, i * g.outer, single)
        part.activation = end.activation
        part.bias = moved(end.bias, i * g.outer * itemsize)
        part.scale = moved(end.scale, i * g.outer * itemsize)
        part.residual = moved(end.residual, i * g.outer * itemsize)
        correlate(N, g.inner, g.outer, h, w, &x_part, weights + i * g.w_group * itemsize, g.w_inner,
                  g.w_outer, &part, &y_part, single)
    return 0


cdef inline bint all_at_once(const Groups *g) noexcept nogil:
    return g.count > 1 and grouped_fits(g.inner, g.outer)


cdef inline const void *moved(const void *data, Py_ssize_t bytes) noexcept nogil:
    return NULL if data == NULL else <const char *>data + bytes


cdef void finish(floating *y, const floating *residual, Py_ssize_t n, int activation) noexcept nogil:
    """y = activation(y + residual)"""
    cdef Py_ssize_t blocks = ceil_div(n, ELEMENTS), block, i
    for block in prange(blocks, schedule="static", num_threads=threads_for(<double>n * ELEMENT_WORK)):
        for i in range(block * ELEMENTS, min(n, (block + 1) * ELEMENTS)):
            y[i] += residual[i]
        activate(y + block * ELEMENTS, min(ELEMENTS, n - block * ELEMENTS), activation)


def forward(cnp.ndarray x, cnp.ndarray w, cnp.ndarray bias, object activation, tuple y_size,
            tuple stride, tuple padding, tuple dilation, Py_ssize_t groups,
            cnp.ndarray scale=None, cnp.ndarray residual=None):
    """y (N, K, OH, OW), channels-last, of x (N, C, H, W), w (K, C / groups, R, S), bias and scale
    (K,) contiguous or None, residual None or like y, dense and channels-last; all of one dtype, x
    and w of any strides. y_size: (OH, OW), both > 0 unless y is empty."""
    cdef Tensor4 xt, wt, yt
    cdef Py_ssize_t R = w.shape[2], S = w.shape[3]
    cdef cnp.npy_intp[4] shape = [x.shape[0], w.shape[0], y_size[0], y_size[1]]
    cdef cnp.ndarray y = empty(4, shape, cnp.PyArray_TYPE(x), True)
    cdef Block space = block(2 * (R + S) * sizeof(Py_ssize_t))
    cdef Py_ssize_t *taps = <Py_ssize_t *>space.data
    cdef Axis h, v
    cdef Groups g
    cdef Epilogue end
    cdef bint single = cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32, planar
    cdef int act = ACTIVATIONS[activation]
    if y.size == 0:
        return y
    x = with_contiguous_pixels(x)
    xt, yt, wt = tensor4(x), tensor4(y), tensor4(w)
    h = forward_axis(x.shape[2], shape[2], R, stride[0], padding[0], dilation[0], wt.h, taps)
    v = forward_axis(x.shape[3], shape[3], S, stride[1], padding[1], dilation[1], wt.w, taps + 2 * R)
    planar = groups == 1 and planar_fits(x.shape[1], shape[1], &h, &v, cnp.PyArray_ITEMSIZE(x))
    g.count, g.inner, g.outer = groups, w.shape[1], w.shape[0] // groups
    if (planar or all_at_once(&g)) and (scale is not None or residual is not None):
        # These know no such epilogue; their weights are few.
        if scale is not None:
            w = w * scale[:, None, None, None]
        y = forward(x, w, bias, activation if residual is None else None, y_size, stride, padding,
                    dilation, groups)
        if residual is not None:
            with nogil:
                if single:
                    finish[float](<float *>y.data, <const float *>residual.data, y.size, act)
                else:
                    finish[double](<double *>y.data, <const double *>residual.data, y.size, act)
        return y
    end.bias = NULL if bias is None else cnp.PyArray_DATA(bias)
    end.scale = NULL if scale is None else cnp.PyArray_DATA(scale)
    end.residual = NULL if residual is None else cnp.PyArray_DATA(residual)
    end.activation = act
    if planar:
        correlate_planar(shape[0], x.shape[1], shape[1], &h, &v, &xt, wt.data, wt.c, wt.n, end.bias,
                         act, &yt, single)
        return y
    g.w_group, g.w_inner, g.w_outer = g.outer * wt.n, wt.c, wt.n
    correlate_groups(shape[0], &g, &h, &v, &xt, <const char *>wt.data, &end, &yt, single)
    return y


def backward_data(cnp.ndarray dy, cnp.ndarray w, tuple x_size, tuple stride, tuple padding,
                  tuple dilation, Py_ssize_t groups):
    """dx (N, C, H, W), channels-last, from dy (N, K, OH, OW) and w (K, C / groups, R, S), any
    strides. x_size: (H, W)."""
    cdef Tensor4 dyt, wt = tensor4(w), dxt, part
    cdef Py_ssize_t R = w.shape[2], S = w.shape[3]
    cdef Py_ssize_t sh = stride[0], sw = stride[1], a, b, h0 = 0, w0 = 0
    cdef cnp.npy_intp[4] shape = [dy.shape[0], w.shape[1] * groups, x_size[0], x_size[1]]
    cdef cnp.ndarray dx = empty(4, shape, cnp.PyArray_TYPE(dy), True)
    cdef Py_ssize_t itemsize = cnp.PyArray_ITEMSIZE(dy)
    cdef Block space = block(2 * (R + S) * sizeof(Py_ssize_t))
    cdef Py_ssize_t *taps = <Py_ssize_t *>space.data
    cdef bint single = itemsize == 4
    cdef Axis h, v
    cdef Groups g
    cdef Epilogue end
    end.bias = end.scale = end.residual = NULL
    end.activation = ACT_NONE
    if dx.size == 0:
        return dx
    dxt = tensor4(dx)
    if dy.size == 0:
        memset(dxt.data, 0, dx.size * itemsize)
        return dx
    dy = with_contiguous_pixels(dy)
    dyt = tensor4(dy)
    if groups == 1 and columns_fit(shape[1], itemsize):
        backward_columns(&dyt, &wt, &dxt, shape[0], w.shape[0], shape[1], R, S, shape[2], shape[3],
                         dy.shape[2], dy.shape[3], stride, padding, dilation, single)
        return dx
    g.count, g.inner, g.outer = groups, w.shape[0] // groups, w.shape[1]
    g.w_group, g.w_inner, g.w_outer = g.inner * wt.n, wt.n, wt.c
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
            correlate_groups(shape[0], &g, &h, &v, &dyt, <const char *>wt.data, &end, &part, single)
    return dx


def backward_weight(cnp.ndarray dy, cnp.ndarray x, cnp.ndarray dw, tuple stride, tuple padding,
                    tuple dilation, Py_ssize_t groups):
    """Fills dw, contiguous (R, S, C / groups, K), from dy (N, K, OH, OW) and x (N, C, H, W), any
    strides."""
    cdef Py_ssize_t R = dw.shape[0], S = dw.shape[1], inner = dw.shape[2], K = dw.shape[3]
    cdef Py_ssize_t outer = K // groups, itemsize = cnp.PyArray_ITEMSIZE(x), i
    cdef bint single = itemsize == 4
    cdef Block space = block(2 * (R + S) * sizeof(Py_ssize_t))
    cdef Py_ssize_t *taps = <Py_ssize_t *>space.data
    cdef Tensor4 xt, dyt, x_part, dy_part
    cdef Axis h, v
    if dw.size == 0:
        return
    if dy.size == 0:
        memset(cnp.PyArray_DATA(dw), 0, dw.size * itemsize)
        return
    x = with_contiguous_pixels(x)
    dy = with_contiguous_pixels(dy, outer * itemsize % VEC_BYTES != 0)
    xt, dyt = tensor4(x), tensor4(dy)
    xt.w, dyt.w = x.shape[1], K  # (of a single column, NumPy may say anything)
    h = forward_axis(x.shape[2], dy.shape[2], R, stride[0], padding[0], dilation[0], 0, taps)
    v = forward_axis(x.shape[3], dy.shape[3], S, stride[1], padding[1], dilation[1], 0, taps + 2 * R)
    if groups > 1 and grouped_fits(inner, outer):
        grouped_weight(dy.shape[0], groups, inner, outer, &h, &v, &xt, &dyt, cnp.PyArray_DATA(dw),
                       single)
        return
    for i in range(groups):
        x_part, dy_part = slice_of(&xt, i * inner, single), slice_of(&dyt, i * outer, single)
        weight_gradient(dy.shape[0], inner, outer, K - i * outer, &h, &v, &x_part, &dy_part,
                        <char *>cnp.PyArray_DATA(dw) + i * outer * itemsize, K, single)
