"""Correlation without an im2col matrix: the engine of convolution forward and backward data.

    y[n, o_h, o_w, :] = act(bias + sum over taps (t_h, t_w) of
                        x[n, o_h step_h + t_h + start_h, o_w step_w + t_w + start_w, :] W[t_h, t_w])

with channels last, where taps outside x count as zero. Nothing is padded: the pixels of a work
item are grouped by which taps they see (inside, first row, left column, corner ...), and each
group sums its own taps alone. Taps of a kernel row that touch each other are one contiguous span
of taps x channels, so pixels x outputs is the register tile's A (rows: pixels, wherever they
are) times a panel of packed weights.

A work item is a strip of rows of one image, or several small images: what fits the second-level
cache. Every sum is one thread's, in one order.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange
from libc.string cimport memcpy

from .layout cimport Tensor4
from .memory cimport Block, block
from .pack cimport pack_panel
from .threads cimport threads_for
from .tile cimport (
    TILE_MAX_WIDTH, TILE_ROWS, activate, ceil_div, padded_columns, panel_width, tile_run,
    tile_t, wide_panel,
)
from .vecmath cimport ACT_NONE

cdef extern from "openmp.h" nogil:
    int omp_get_thread_num()

cdef enum:
    ITEM_BYTES = 393216       # of x and y in one item: a share of the second-level cache
    LEAST_ITEMS = 16          # if there are images or rows enough: work for many threads
    SLICE_WORK = 1000000000   # multiply-adds between looks at Ctrl-C

cdef struct Plan:
    Py_ssize_t images, inner, outer   # N, channels of x and of y
    Axis h, w
    Tensor4 x, y
    Py_ssize_t group                  # images in one item,
    Py_ssize_t strips                 # or strips of one image
    bint touch                        # the taps of a row are neighbours in memory
    const void *weights               # packed: [panel][tap][inner][panel width]
    const void *bias
    int activation
    Py_ssize_t table_size             # numbers in one thread's tables:
    Py_ssize_t *tables                # an item's pixels in x and y, its spans in x and W

cdef struct Seen:                     # a run of outputs of one axis that see the same taps
    Py_ssize_t begin, end             # the outputs
    Py_ssize_t first, last            # the taps [first, last)


cdef Seen run_of_outputs(const Axis *a, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """The longest run from `begin` on, within [begin, end), that sees the same taps."""
    cdef Seen s
    cdef Py_ssize_t at = begin * a.step + a.start, first, last, more
    first = 0
    while first < a.taps and at + a.tap[first] < 0:
        first += 1
    last = a.taps
    while last > first and at + a.tap[last - 1] >= a.x_size:
        last -= 1
    more = end - begin
    # Moving on, a tap before `first` comes in, or tap `last - 1` goes out.
    if first > 0:
        more = min(more, ceil_div(-(at + a.tap[first - 1]), a.step))
    if last > first:
        more = min(more, ceil_div(a.x_size - (at + a.tap[last - 1]), a.step))
    s.begin, s.end, s.first, s.last = begin, begin + max(more, 1), first, last
    return s


cdef void run_pixels(Plan *s, Py_ssize_t n0, Py_ssize_t n1, const Seen *h, const Seen *w,
                     floating *_) noexcept nogil:
    """All outputs of images [n0, n1), rows h, columns w: pixels that see the same taps."""
    cdef Py_ssize_t rows = h.end - h.begin, columns = w.end - w.begin
    cdef Py_ssize_t pixels = (n1 - n0) * rows * columns, tiles = ceil_div(pixels, TILE_ROWS)
    cdef Py_ssize_t wide = wide_panel(sizeof(floating)), taps = s.h.taps * s.w.taps
    cdef Py_ssize_t *in_at = s.tables + omp_get_thread_num() * s.table_size
    cdef Py_ssize_t *out_at = in_at + pixels
    cdef Py_ssize_t *span = out_at + pixels
    cdef Py_ssize_t *span_tap = span + taps
    cdef Py_ssize_t *b_span = span_tap + taps
    cdef Py_ssize_t zeros[TILE_ROWS]
    cdef floating edge_bias[TILE_MAX_WIDTH]
    cdef const floating *bias
    cdef floating *y = <floating *>s.y.data
    cdef Py_ssize_t n, i, j, t, p = 0, panel, width, count, x_row, y_row
    cdef tile_t tile
    for n in range(n0, n1):
        for i in range(h.begin, h.end):
            x_row = n * s.x.n + (i * s.h.step + s.h.start) * s.x.h
            y_row = n * s.y.n + i * s.y.h
            for j in range(w.begin, w.end):
                in_at[p] = x_row + (j * s.w.step + s.w.start) * s.x.w
                out_at[p] = y_row + j * s.y.w
                p += 1
    for i in range(TILE_ROWS):
        zeros[i] = 0
    tile.a = s.x.data
    tile.a_step = 1
    tile.init_row = zeros
    tile.span = span
    tile.b_span = b_span
    tile.spans = 0
    for i in range(h.first, h.last):
        if s.touch:
            columns = min(w.last - w.first, 1)
        else:
            columns = w.last - w.first
        for j in range(w.first, w.first + columns):
            span[tile.spans] = s.h.tap[i] * s.x.h + s.w.tap[j] * s.x.w
            span_tap[tile.spans] = i * s.w.taps + j
            tile.spans += 1
    tile.length = (w.last - w.first) * s.inner if s.touch else s.inner
    for panel in range(ceil_div(s.outer, wide)):
        tile.columns = min(wide, s.outer - panel * wide)
        width = panel_width(tile.columns, sizeof(floating))
        tile.b = <const floating *>s.weights + panel * wide * taps * s.inner
        tile.b_step = width
        for i in range(tile.spans):
            b_span[i] = span_tap[i] * s.inner * width
        bias = NULL if s.bias == NULL else <const floating *>s.bias + panel * wide
        if bias != NULL and tile.columns != width:
            memcpy(edge_bias, bias, tile.columns * sizeof(floating))
            bias = &edge_bias[0]
        tile.init = bias
        tile.c = y + panel * wide
        for t in range(tiles):
            p = t * pixels // tiles
            count = (t + 1) * pixels // tiles - p
            tile.row = in_at + p
            tile.c_row = out_at + p
            tile_run(&tile, sizeof(floating), <int>count, width)
            if s.activation != ACT_NONE:
                for i in range(p, p + count):
                    activate(<floating *>tile.c + out_at[i], tile.columns, s.activation)


cdef void run_item(Plan *s, Py_ssize_t item, floating *_) noexcept nogil:
    """All outputs of one strip of an image, or of one group of images."""
    cdef Py_ssize_t n0 = item // s.strips * s.group, n1 = min(n0 + s.group, s.images)
    cdef Py_ssize_t strip = item % s.strips
    cdef Py_ssize_t h0 = strip * s.h.y_size // s.strips, h1 = (strip + 1) * s.h.y_size // s.strips
    cdef Seen h, w
    while h0 < h1:
        h = run_of_outputs(&s.h, h0, h1)
        h0 = h.end
        w.end = 0
        while w.end < s.w.y_size:
            w = run_of_outputs(&s.w, w.end, s.w.y_size)
            run_pixels[floating](s, n0, n1, &h, &w, NULL)


cdef void run_items(Plan *s, Py_ssize_t first, Py_ssize_t last, int nt, floating *_) noexcept nogil:
    cdef Py_ssize_t item
    if nt == 1:
        for item in range(first, last):
            run_item[floating](s, item, NULL)
        return
    for item in prange(first, last, schedule="dynamic", num_threads=nt):
        run_item[floating](s, item, NULL)


cdef void pack_weights(Plan *s, const floating *w, Py_ssize_t w_inner, Py_ssize_t w_outer,
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
    """The module's equation. x, y: channels contiguous, pixels any strides; weights: inner and
    outer strides here, the taps' in the axes; bias (outer,) or NULL."""
    cdef size_t itemsize = 4 if single else 8
    cdef Plan s
    cdef Py_ssize_t taps = h.taps * w.taps, row_bytes, rows, item, items, slice_items
    cdef Block packed, tables
    cdef double work = <double>N * h.y_size * w.y_size * inner * outer * taps
    cdef int nt = threads_for(work)
    s.images, s.inner, s.outer, s.h, s.w, s.x, s.y = N, inner, outer, h[0], w[0], x[0], y[0]
    s.bias, s.activation, s.touch = bias, activation, x.w == inner and taps_touch(w)

    row_bytes = (h.step * w.x_size * inner + w.y_size * outer) * itemsize
    rows = max(1, <Py_ssize_t>(ITEM_BYTES // row_bytes))
    if rows >= h.y_size:
        s.group = min(rows // h.y_size, ceil_div(N, LEAST_ITEMS))
        s.strips = min(h.y_size, ceil_div(LEAST_ITEMS, N))
    else:
        s.group = 1
        s.strips = min(h.y_size, max(ceil_div(h.y_size, rows), ceil_div(LEAST_ITEMS, N)))
    items = ceil_div(N, s.group) * s.strips

    s.table_size = 2 * s.group * ceil_div(h.y_size, s.strips) * w.y_size + 3 * taps + 8
    tables = block(nt * s.table_size * sizeof(Py_ssize_t))
    s.tables = <Py_ssize_t *>tables.data
    packed = block(padded_columns(outer, itemsize) * taps * inner * itemsize)
    s.weights = packed.data
    slice_items = max(nt, <Py_ssize_t>(SLICE_WORK / (work / items + 1)))
    with nogil:
        if single:
            pack_weights[float](&s, <const float *>weights, w_inner, w_outer, <float *>packed.data)
        else:
            pack_weights[double](&s, <const double *>weights, w_inner, w_outer, <double *>packed.data)
    for item in range(0, items, slice_items):
        with nogil:
            if single:
                run_items[float](&s, item, min(items, item + slice_items), nt, NULL)
            else:
                run_items[double](&s, item, min(items, item + slice_items), nt, NULL)
        PyErr_CheckSignals()
    return 0
