"""Correlation without an im2col matrix: the engine of convolution forward and backward data.

    y[n, o_h, o_w, :] = act(bias + sum over taps (t_h, t_w) of
                        x[n, o_h step_h + t_h + start_h, o_w step_w + t_w + start_w, :] W[t_h, t_w])

with channels last. A strip of rows of one image is copied into a zero-padded buffer (or read
where it lies, when nothing is padded); there, the taps of a kernel row that touch each other are
one contiguous span of taps x channels, and so a tile of pixels x outputs is the register tile's
A (rows: pixels, reached by offsets) times a panel of packed weights. A strip fits the
second-level cache; the work items are strips, so that every sum is one thread's, in one order.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange
from libc.string cimport memcpy, memset

from .memory cimport Block, block
from .threads cimport threads_for
from .tile cimport (
    TILE_MAX_WIDTH, TILE_ROWS, VEC_BYTES, activate, ceil_div, padded_columns, panel_width, tile_run,
    tile_t, wide_panel,
)
from .pack cimport pack_panel
from .vecmath cimport ACT_NONE

cdef extern from "openmp.h" nogil:
    int omp_get_thread_num()

cdef enum:
    STRIP_BYTES = 196608      # of padded input in one strip: a share of the second-level cache
    LEAST_ITEMS = 16          # strips in all, if there are rows enough: work for many threads
    SLICE_WORK = 1000000000   # multiply-adds between looks at Ctrl-C

cdef struct Strips:
    Py_ssize_t inner, outer       # channels of x and of y
    Axis h, w
    Tensor4 x, y
    bint in_place                 # x is read where it lies
    Py_ssize_t strips             # of one image
    Py_ssize_t padded_w           # columns of the padded buffer
    size_t buffer_bytes           # of one thread's padded buffer
    char *buffers
    const Py_ssize_t *in_at       # offset of each pixel of a strip: in the input,
    const Py_ssize_t *out_at      # and in the output
    const Py_ssize_t *span        # offsets of the spans from a pixel
    Py_ssize_t spans, length
    const void *weights           # packed: [panel][tap][inner][panel width]
    const void *bias
    int activation


cdef void copy_row(const floating *x, Py_ssize_t x_w, Py_ssize_t x_c, Py_ssize_t pixels,
                   Py_ssize_t channels, Py_ssize_t width, floating *out) noexcept nogil:
    """out[p, c] = x[p, c], 0 for channels <= c < width."""
    cdef Py_ssize_t p, c
    if width == channels and x_w == channels and (x_c == 1 or channels == 1):
        memcpy(out, x, pixels * channels * sizeof(floating))
    elif x_c == 1:
        for p in range(pixels):
            memcpy(out + p * width, x + p * x_w, channels * sizeof(floating))
            memset(out + p * width + channels, 0, (width - channels) * sizeof(floating))
    else:
        for c in range(channels):
            for p in range(pixels):
                out[p * width + c] = x[p * x_w + c * x_c]
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


cdef void run_strip(Strips *s, Py_ssize_t item, floating *_) noexcept nogil:
    """All outputs of one strip of one image."""
    cdef Py_ssize_t n = item // s.strips, strip = item % s.strips
    cdef Py_ssize_t h0 = strip * s.h.y_size // s.strips
    cdef Py_ssize_t rows = (strip + 1) * s.h.y_size // s.strips - h0
    cdef Py_ssize_t pixels = rows * s.w.y_size, tiles = ceil_div(pixels, TILE_ROWS)
    cdef Py_ssize_t wide = wide_panel(sizeof(floating))
    cdef Py_ssize_t edge_row[TILE_ROWS]
    cdef Py_ssize_t zeros[TILE_ROWS]
    cdef floating edge[TILE_ROWS * TILE_MAX_WIDTH]
    cdef floating edge_bias[TILE_MAX_WIDTH]
    cdef const floating *x = <const floating *>s.x.data + n * s.x.n
    cdef const floating *bias
    cdef floating *y = <floating *>s.y.data + n * s.y.n + h0 * s.y.h
    cdef floating *buffer
    cdef Py_ssize_t panel, j, t, i, p, columns, width, count
    cdef bint ragged
    cdef Tensor4 image
    cdef tile_t tile
    if s.in_place:
        x += (h0 * s.h.step + s.h.start) * s.x.h + s.w.start * s.x.w
    else:
        buffer = <floating *>(s.buffers + omp_get_thread_num() * s.buffer_bytes)
        image = s.x
        image.data = <void *>x
        copy_padded(&image, s.inner, s.h.x_size, s.w.x_size, h0 * s.h.step + s.h.start,
                    (rows - 1) * s.h.step + s.h.tap[s.h.taps - 1] + 1, s.w.start, s.padded_w,
                    s.inner, buffer, sizeof(floating) == sizeof(float))
        x = buffer
    for i in range(TILE_ROWS):
        edge_row[i] = i * wide
        zeros[i] = 0
    tile.a = x
    tile.a_step = 1
    tile.span = s.span
    tile.spans = s.spans
    tile.length = s.length
    tile.init_row = zeros
    for panel in range(ceil_div(s.outer, wide)):
        j = panel * wide
        columns = min(wide, s.outer - j)
        width = panel_width(columns, sizeof(floating))
        ragged = columns != width
        tile.b = <const floating *>s.weights + j * s.spans * s.length
        tile.b_step = width
        bias = NULL if s.bias == NULL else <const floating *>s.bias + j
        if ragged and bias != NULL:
            memcpy(edge_bias, bias, columns * sizeof(floating))
            bias = &edge_bias[0]
        tile.init = bias
        for t in range(tiles):
            p = t * pixels // tiles
            count = (t + 1) * pixels // tiles - p
            tile.row = s.in_at + p
            if ragged:
                tile.c = edge
                tile.c_row = edge_row
            else:
                tile.c = y + j
                tile.c_row = s.out_at + p
            tile_run(&tile, sizeof(floating), <int>count, <int>(width * sizeof(floating) // VEC_BYTES))
            if s.activation != ACT_NONE:
                for i in range(count):
                    activate(<floating *>tile.c + tile.c_row[i], columns, s.activation)
            if ragged:
                for i in range(count):
                    memcpy(y + j + s.out_at[p + i], edge + i * wide, columns * sizeof(floating))


cdef void run_strips(Strips *s, Py_ssize_t first, Py_ssize_t last, int nt, floating *_) noexcept nogil:
    cdef Py_ssize_t item
    if nt == 1:
        for item in range(first, last):
            run_strip[floating](s, item, NULL)
        return
    for item in prange(first, last, schedule="dynamic", num_threads=nt):
        run_strip[floating](s, item, NULL)


cdef void pack_weights(Strips *s, const floating *w, Py_ssize_t w_inner, Py_ssize_t w_outer,
                       floating *out) noexcept nogil:
    """[panel][tap][inner][width] from weights of any strides."""
    cdef Py_ssize_t wide = wide_panel(sizeof(floating)), taps = s.h.taps * s.w.taps
    cdef Py_ssize_t item, j, t, columns, width
    cdef int nt = threads_for(<double>s.outer * s.inner * taps)
    for item in prange(ceil_div(s.outer, wide) * taps, schedule="static", num_threads=nt):
        j = item // taps * wide
        t = item % taps
        columns = min(wide, s.outer - j)
        width = panel_width(columns, sizeof(floating))
        pack_panel(w + j * w_outer + s.h.tap_w[t // s.w.taps] + s.w.tap_w[t % s.w.taps],
                   w_inner, w_outer, s.inner, columns, width,
                   out + (j * taps + t * width) * s.inner)


cdef bint taps_touch(const Axis *a) noexcept nogil:
    cdef Py_ssize_t t
    for t in range(1, a.taps):
        if a.tap[t] != a.tap[t - 1] + 1:
            return False
    return True


cdef int correlate(Py_ssize_t N, Py_ssize_t inner, Py_ssize_t outer, Axis *h, Axis *w,
                   Tensor4 *x, const void *weights, Py_ssize_t w_inner, Py_ssize_t w_outer,
                   const void *bias, int activation, Tensor4 *y, bint single) except -1:
    """The module's equation. x: any strides; y: channels contiguous, pixels any strides;
    weights: inner and outer strides here, the taps' in the axes; bias (outer,) or NULL."""
    cdef size_t itemsize = 4 if single else 8
    cdef Strips s
    cdef Py_ssize_t reach_h = h.tap[h.taps - 1], reach_w = w.tap[w.taps - 1]
    cdef Py_ssize_t taps = h.taps * w.taps, rows, pixels, row_width, i, t, item, items, slice_items
    cdef bint touch = taps_touch(w)
    cdef Block packed, tables, buffers
    cdef Py_ssize_t *table
    cdef double work = <double>N * h.y_size * w.y_size * inner * outer * taps
    cdef int nt = threads_for(work)
    s.inner, s.outer, s.h, s.w, s.x, s.y = inner, outer, h[0], w[0], x[0], y[0]
    s.bias, s.activation = bias, activation
    s.padded_w = (w.y_size - 1) * w.step + reach_w + 1
    s.in_place = (
        (x.c == 1 or inner == 1) and (x.w == inner or w.x_size == 1) and h.start >= 0 and w.start >= 0
        and h.start + (h.y_size - 1) * h.step + reach_h < h.x_size
        and w.start + s.padded_w <= w.x_size)
    row_width = x.h if s.in_place else s.padded_w * inner

    # Strips: as many rows as fit their share of cache, and enough strips to go round.
    rows = <Py_ssize_t>(STRIP_BYTES // (s.padded_w * inner * itemsize)) - reach_h
    rows = min(max(rows // h.step, 1), h.y_size)
    s.strips = min(h.y_size, max(ceil_div(h.y_size, rows), ceil_div(LEAST_ITEMS, N)))
    rows = ceil_div(h.y_size, s.strips)

    # Tables: pixels of a strip, then spans.
    s.spans = h.taps if touch else taps
    s.length = w.taps * inner if touch else inner
    pixels = rows * w.y_size
    tables = block((2 * pixels + s.spans) * sizeof(Py_ssize_t))
    table = <Py_ssize_t *>tables.data
    for i in range(pixels):
        table[i] = i // w.y_size * h.step * row_width + i % w.y_size * w.step * inner
        table[pixels + i] = i // w.y_size * y.h + i % w.y_size * y.w
    for t in range(s.spans):
        if touch:
            table[2 * pixels + t] = h.tap[t] * row_width + w.tap[0] * inner
        else:
            table[2 * pixels + t] = h.tap[t // w.taps] * row_width + w.tap[t % w.taps] * inner
    s.in_at, s.out_at, s.span = table, table + pixels, table + 2 * pixels

    packed = block(padded_columns(outer, itemsize) * taps * inner * itemsize)
    s.weights = packed.data
    if not s.in_place:
        s.buffer_bytes = ((rows - 1) * h.step + reach_h + 1) * row_width * itemsize
        s.buffer_bytes += 64 - s.buffer_bytes % 64
        buffers = block(nt * s.buffer_bytes)
        s.buffers = <char *>buffers.data

    items = N * s.strips
    slice_items = max(nt, <Py_ssize_t>(SLICE_WORK / (work / items + 1)))
    with nogil:
        if single:
            pack_weights[float](&s, <const float *>weights, w_inner, w_outer, <float *>packed.data)
        else:
            pack_weights[double](&s, <const double *>weights, w_inner, w_outer, <double *>packed.data)
    for item in range(0, items, slice_items):
        with nogil:
            if single:
                run_strips[float](&s, item, min(items, item + slice_items), nt, NULL)
            else:
                run_strips[double](&s, item, min(items, item + slice_items), nt, NULL)
        PyErr_CheckSignals()
    return 0
