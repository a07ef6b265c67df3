"""Correlation with few output channels: vector lanes over pixels instead of channels.

The equation of correlate.pyx, for steps of 1 and a quarter of a vector of outputs (half, where the
inputs are few too), whose other lanes would do nothing there (the first layer's 6 channels, an image's 1 or 3 in backward data).
A strip of x becomes zero-padded planes, one a channel, whose rows follow each other. Then the
register tile's rows are the output channels, its columns 32 neighbouring pixels, A the weights
as they lie and B the planes, shifted by a tap: B(tap, j) = plane[j + tap]. The columns of a row's
padding are computed too, and dropped.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange
from libc.string cimport memcpy, memset

from .correlate cimport Axis
from .layout cimport Tensor4
from .memory cimport Block, block
from .pack cimport copy_half, transpose, transpose_half
from .threads cimport threads_for
from .tile cimport (
    HALF_PANELS, TILE_MAX_WIDTH, TILE_ROWS, TILE_VECS, VEC_BYTES, activate, ceil_div, tile_run,
    tile_t, wide_panel,
)
from .vecmath cimport ACT_NONE

cdef extern from "openmp.h" nogil:
    int omp_get_thread_num()

cdef enum:
    L1_BYTES = 32768
    STRIP_BYTES = 262144      # of planes of one strip: a share of the second-level cache
    LEAST_WORK = 65536        # multiply-adds of a strip that is one only to share work
    LEAST_ITEMS = 16          # if there are rows enough: work for many threads
    SLICE_WORK = 1000000000   # multiply-adds between looks at Ctrl-C

cdef struct Plan:
    Py_ssize_t inner, outer           # channels of x and of y
    Axis h, w
    Tensor4 x, y
    Py_ssize_t strips                 # of one image
    Py_ssize_t row_size, plane_size   # of the padded planes
    Py_ssize_t buffer_size            # of one thread's planes
    char *buffers
    const void *weights
    const Py_ssize_t *w_row           # offset of each output's weights,
    const Py_ssize_t *w_span          # of each span's,
    const Py_ssize_t *plane_span      # and of each span in the planes
    Py_ssize_t spans, length, w_step, tap_step
    const void *bias
    int activation


cdef bint planar_fits(Py_ssize_t inner, Py_ssize_t outer, const Axis *h, const Axis *w,
                      size_t itemsize) noexcept nogil:
    cdef Py_ssize_t vlen = VEC_BYTES // itemsize, most = vlen // 2 if HALF_PANELS else vlen
    return (h.step == 1 and w.step == 1 and outer <= TILE_ROWS
            and outer <= (most if inner < vlen // 4 else most // 2))


cdef void fill_planes(Plan *s, const floating *x, Py_ssize_t h0, Py_ssize_t rows,
                      floating *planes) noexcept nogil:
    """planes[c, r, :] = x[h0 + r, start + :, c], zeros outside the image."""
    cdef Py_ssize_t left = min(max(-s.w.start, 0), s.row_size)
    cdef Py_ssize_t right = max(min(s.w.x_size - s.w.start, s.row_size), left)
    cdef Py_ssize_t r, c
    cdef floating *row
    for r in range(rows):
        row = planes + r * s.row_size
        if not 0 <= h0 + r < s.h.x_size:
            left, right = s.row_size, s.row_size
        if s.inner == 1:
            memcpy(row + left, x + (h0 + r) * s.x.h + (s.w.start + left),
                   (right - left) * sizeof(floating))
        elif right > left:  # writes a vector past the row: before what lies there
            transpose(x + (h0 + r) * s.x.h + (s.w.start + left) * s.x.w, s.x.w, right - left,
                      s.inner, row + left, s.plane_size)
        for c in range(s.inner):
            memset(row + c * s.plane_size, 0, left * sizeof(floating))
            memset(row + c * s.plane_size + right, 0, (s.row_size - right) * sizeof(floating))
        left = min(max(-s.w.start, 0), s.row_size)
        right = max(min(s.w.x_size - s.w.start, s.row_size), left)


cdef void store_pixels(Plan *s, const floating *values, Py_ssize_t at, Py_ssize_t count,
                       Py_ssize_t size, floating *y) noexcept nogil:
    """y[pixel at + j, :] = values[:, j] for those of the count columns j that are no padding;
    size: where the strip's last row ends."""
    cdef Py_ssize_t vlen = VEC_BYTES // sizeof(floating)
    cdef Py_ssize_t width = vlen // 2 if s.outer <= vlen // 2 else vlen  # of a pixel in `pixels`
    cdef Py_ssize_t wide = wide_panel(sizeof(floating)), j = 0, r, run, column, p, c
    cdef floating pixels[TILE_MAX_WIDTH * TILE_MAX_WIDTH / TILE_VECS]
    # Whole vectors may be written where the next pixels, still to come, overwrite the excess.
    cdef bint dense = (s.y.w == s.outer and s.y.h == s.w.y_size * s.outer
                       and at + count + 2 * vlen + s.row_size <= size)
    cdef const floating *pixel = pixels
    cdef floating *out
    if s.outer == 1:
        pixel, width = values, 1
    elif width == vlen:
        transpose(values, wide, s.outer, wide, &pixels[0], width)
    else:
        for p in range(TILE_VECS):
            transpose_half(values + p * vlen, wide, &pixels[p * vlen * width])
    while j < count:
        r, column = (at + j) // s.row_size, (at + j) % s.row_size
        run = min(count - j, s.w.y_size - column)
        out = y + r * s.y.h + column * s.y.w
        if dense and width == vlen:
            for p in range(run):
                memcpy(out + p * s.outer, pixel + (j + p) * width, VEC_BYTES)
        elif dense and width > 1:
            for p in range(run):
                copy_half(pixel + (j + p) * width, out + p * s.outer)
        elif s.outer == 1:
            for p in range(run):
                out[p * s.y.w] = pixel[j + p]
        else:
            for p in range(run):
                for c in range(s.outer):
                    out[p * s.y.w + c] = pixel[(j + p) * width + c]
        j += s.row_size - column if run < count - j else run


cdef void run_strip(Plan *s, Py_ssize_t item, floating *_) noexcept nogil:
    cdef Py_ssize_t n = item // s.strips, strip = item % s.strips
    cdef Py_ssize_t h0 = strip * s.h.y_size // s.strips
    cdef Py_ssize_t rows = (strip + 1) * s.h.y_size // s.strips - h0
    cdef Py_ssize_t wide = wide_panel(sizeof(floating))
    cdef Py_ssize_t size = (rows - 1) * s.row_size + s.w.y_size, at, i
    cdef floating *planes = <floating *>s.buffers + omp_get_thread_num() * s.buffer_size
    cdef floating *y = <floating *>s.y.data + n * s.y.n + h0 * s.y.h
    cdef floating values[TILE_ROWS * TILE_MAX_WIDTH]
    cdef floating bias[TILE_ROWS * TILE_MAX_WIDTH]
    cdef Py_ssize_t value_row[TILE_ROWS]
    cdef tile_t tile
    fill_planes[floating](s, <const floating *>s.x.data + n * s.x.n, h0 + s.h.start,
                          rows + s.h.tap[s.h.taps - 1], planes)
    for i in range(s.outer):
        value_row[i] = i * wide
        if s.bias != NULL:
            for at in range(wide):
                bias[i * wide + at] = (<const floating *>s.bias)[i]
    tile.a = s.weights
    tile.row = s.w_row
    tile.span = s.w_span
    tile.spans = s.spans
    tile.length = s.length
    tile.a_step = s.w_step
    tile.b_span = s.plane_span
    tile.b_step = s.tap_step
    tile.init = NULL if s.bias == NULL else &bias[0]
    tile.init_row = value_row
    tile.c = values
    tile.c_row = value_row
    tile.columns = wide
    at = 0
    while at < size:
        tile.b = planes + at
        tile_run(&tile, sizeof(floating), <int>s.outer, wide)
        if s.activation != ACT_NONE:
            activate(&values[0], s.outer * wide, s.activation)
        store_pixels[floating](s, values, at, min(wide, size - at), size, y)
        at += wide


cdef void run_strips(Plan *s, Py_ssize_t first, Py_ssize_t last, int nt, floating *_) noexcept nogil:
    cdef Py_ssize_t item
    if nt == 1:  # without the cost of a parallel region
        for item in range(first, last):
            run_strip[floating](s, item, NULL)
        return
    for item in prange(first, last, schedule="dynamic", num_threads=nt):
        run_strip[floating](s, item, NULL)


cdef int correlate_planar(Py_ssize_t N, Py_ssize_t inner, Py_ssize_t outer, Axis *h, Axis *w,
                          Tensor4 *x, const void *weights, Py_ssize_t w_inner, Py_ssize_t w_outer,
                          const void *bias, int activation, Tensor4 *y, bint single) except -1:
    """As correlate(), where planar_fits()."""
    cdef size_t itemsize = 4 if single else 8
    cdef Py_ssize_t reach_h = h.tap[h.taps - 1], reach_w = w.tap[w.taps - 1]
    cdef Py_ssize_t rows, least, q, c, r, t, items, item, slice_items
    # A span runs along a row's taps, if those are evenly spaced (all but odd dilations are); or
    # along the channels, when all planes fit the first-level cache together.
    cdef bint even = True, by_channel
    cdef double work = <double>N * h.y_size * w.y_size * inner * outer * h.taps * w.taps
    cdef int nt = threads_for(work)
    cdef Block tables, buffers
    cdef Py_ssize_t *table
    cdef Plan s
    s.inner, s.outer, s.h, s.w, s.x, s.y = inner, outer, h[0], w[0], x[0], y[0]
    s.weights, s.bias, s.activation = weights, bias, activation
    s.row_size = w.y_size + reach_w
    rows = <Py_ssize_t>(STRIP_BYTES // (s.row_size * max(1, inner) * itemsize)) - reach_h
    rows = min(max(rows, 1), h.y_size)
    least = max(1, min(LEAST_ITEMS, <Py_ssize_t>(work / LEAST_WORK)))
    s.strips = min(h.y_size, max(ceil_div(h.y_size, rows), ceil_div(least, N)))
    rows = ceil_div(h.y_size, s.strips)
    # A tile reads, and a transpose writes, past a plane's end.
    s.plane_size = (rows + reach_h) * s.row_size + reach_w + TILE_MAX_WIDTH
    s.buffer_size = inner * s.plane_size + reach_h * s.row_size + TILE_MAX_WIDTH
    buffers = block(nt * s.buffer_size * itemsize)
    s.buffers = <char *>buffers.data

    s.tap_step = w.tap[1] - w.tap[0] if w.taps > 1 else 0
    s.w_step = w.tap_w[1] - w.tap_w[0] if w.taps > 1 else 0
    for q in range(1, w.taps):
        even = even and w.tap[q] - w.tap[q - 1] == s.tap_step
        even = even and w.tap_w[q] - w.tap_w[q - 1] == s.w_step
    by_channel = (inner > w.taps or not even) and s.buffer_size * itemsize <= L1_BYTES
    if by_channel:
        s.tap_step, s.w_step = s.plane_size, w_inner
        s.spans, s.length = h.taps * w.taps, inner
    else:
        s.spans = h.taps * inner * (1 if even else w.taps)
        s.length = w.taps if even else 1
    tables = block((outer + 2 * s.spans) * sizeof(Py_ssize_t))
    table = <Py_ssize_t *>tables.data
    for q in range(outer):
        table[q] = q * w_outer
    for q in range(s.spans):
        c = 0 if by_channel else q % inner
        r = q if by_channel else q // inner
        t = 0 if even and not by_channel else r % w.taps
        r = r if even and not by_channel else r // w.taps
        table[outer + q] = h.tap_w[r] + w.tap_w[t] + c * w_inner
        table[outer + s.spans + q] = h.tap[r] * s.row_size + w.tap[t] + c * s.plane_size
    s.w_row, s.w_span, s.plane_span = table, table + outer, table + outer + s.spans

    items = N * s.strips
    slice_items = max(nt, <Py_ssize_t>(SLICE_WORK / (work / items + 1)))
    for item in range(0, items, slice_items):
        with nogil:
            if single:
                run_strips[float](&s, item, min(items, item + slice_items), nt, NULL)
            else:
                run_strips[double](&s, item, min(items, item + slice_items), nt, NULL)
        PyErr_CheckSignals()
    return 0
