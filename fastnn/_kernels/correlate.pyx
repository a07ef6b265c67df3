"""Correlation without an im2col matrix: the engine of convolution forward and backward data.

    y[n, o_h, o_w, :] = act(bias + residual + sum over taps (t_h, t_w) of
                        x[n, o_h step_h + t_h + start_h, o_w step_w + t_w + start_w, :] W[t_h, t_w])

with channels last, W times the scale of its output where there is one, and taps outside x counted
as zero. Nothing is padded: the pixels of a work
item are grouped by which taps they see (inside, first row, left column, corner ...), and each
group sums its own taps alone. Taps of a kernel row that touch each other are one contiguous span
of taps x channels, so pixels x outputs is the register tile's A (rows: pixels, wherever they
are) times a panel of packed weights. Panels of one vector, under three taps that touch, are the
sliding tile's (slide.h), which takes neighbours of one row.

A work item is a strip of rows of one image, or several small images: what fits the second-level
cache; where that makes few items, each is cut by outputs, into chunks of panels. Every sum is one
thread's, in one order.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange
from libc.string cimport memcpy

from .layout cimport Tensor4
from .memory cimport Block, block
from .pack cimport pack_panel, pack_panels
from .slide cimport SLIDE_ROWS, SLIDE_TAPS, SUM_STEPS, slide_run
from .threads cimport threads_for
from .tile cimport (
    TILE_MAX_WIDTH, TILE_ROWS, VEC_BYTES, activate, ceil_div, fetch, padded_columns, panel_width,
    tile_run,
    tile_t, wide_panel,
)
from .vecmath cimport ACT_NONE

cdef extern from "openmp.h" nogil:
    int omp_get_thread_num()

cdef enum:
    ITEM_BYTES = 393216       # of x, and a panel of y, in one item: a share of the second-level cache
    LEAST_PIXELS = 8 * TILE_ROWS  # of a strip that is one only to share work
    GROUP_PIXELS = 32 * TILE_ROWS  # of small images, so that those which see the same taps fill tiles
    TOGETHER = 4              # panels of weights packed at a time
    LEAST_WORK = 65536        # multiply-adds of an item that is one only to share work
    LEAST_ITEMS = 16          # if there are images or rows enough: work for many threads
    BLOCK_STEPS = 384         # of the inner dimension that all tiles go over before the next
    LEAST_SLIDE = 8           # pixels of a row for the sliding tile, which is slow if it is lower
    SLICE_WORK = 1000000000   # multiply-adds between looks at Ctrl-C

cdef struct Plan:
    Py_ssize_t images, inner, outer   # N, channels of x and of y
    Axis h, w
    Tensor4 x, y
    Py_ssize_t group                  # images in one item,
    Py_ssize_t strips                 # or strips of one image
    Py_ssize_t chunks                 # of the panels of outputs: each is an item of its own
    bint touch                        # the taps of a row are neighbours in memory
    const void *weights
    Py_ssize_t w_inner, w_outer       # strides
    void *packed                      # the weights: [panel][tap][inner][panel width]
    bint at_once                      # who uses a chunk packs it, to memory of the thread's own
    Epilogue end
    Py_ssize_t table_size             # numbers in one thread's tables:
    Py_ssize_t *tables                # those of Pixels

cdef struct Seen:                     # a run of outputs of one axis that see the same taps
    Py_ssize_t begin, end             # the outputs
    Py_ssize_t first, last            # the taps [first, last)

cdef struct Pixels:                   # outputs that see the same taps
    Py_ssize_t count, row             # all of them, and those of a row
    Py_ssize_t *x                     # where each one's tap 0 is in x,
    Py_ssize_t *y                     # and it in y
    Py_ssize_t spans, taps            # spans of the inner dimension, and the taps in each
    Py_ssize_t *span                  # of a span: where it is in x, from there on,
    Py_ssize_t *tap                   # its first tap's number,
    Py_ssize_t *b_span                # and where it is in a panel of weights
    bint slide                        # whether the sliding tile takes them, where it can

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


cdef void pack_weights(Plan *s, Py_ssize_t panel0, Py_ssize_t panel1, floating *out) noexcept nogil:
    """Panels [panel0, panel1): out[panel][tap][inner][width] from weights of any strides."""
    cdef Py_ssize_t wide = wide_panel(sizeof(floating)), taps = s.h.taps * s.w.taps
    cdef Py_ssize_t whole = min(panel1, s.outer // wide) - panel0, rest, width, t
    cdef const floating *w
    for t in range(taps):
        w = (<const floating *>s.weights + panel0 * wide * s.w_outer
             + s.h.tap_w[t // s.w.taps] + s.w.tap_w[t % s.w.taps])
        pack_panels(w, s.w_inner, s.w_outer, s.inner, whole, taps * s.inner * wide,
                    out + t * s.inner * wide)
        if panel0 + whole < panel1:
            rest = s.outer % wide
            width = panel_width(rest, sizeof(floating))
            pack_panel(w + whole * wide * s.w_outer, s.w_inner, s.w_outer, s.inner, rest, width,
                       out + (whole * wide * taps + t * width) * s.inner)
    if s.end.scale != NULL:
        scale_weights(s, panel0, panel1, out)


cdef void scale_weights(Plan *s, Py_ssize_t panel0, Py_ssize_t panel1,
                        floating *packed) noexcept nogil:
    """Packed panels, still in cache, times their outputs' scale."""
    cdef Py_ssize_t wide = wide_panel(sizeof(floating)), rows = s.h.taps * s.w.taps * s.inner
    cdef Py_ssize_t panel, columns, width, p, j
    cdef const floating *scale
    for panel in range(panel0, panel1):
        columns = min(wide, s.outer - panel * wide)
        width = panel_width(columns, sizeof(floating))
        scale = <const floating *>s.end.scale + panel * wide
        for p in range(rows):
            for j in range(columns):
                packed[p * width + j] *= scale[j]
        packed += rows * width


cdef inline void add_residual(Plan *s, Py_ssize_t at, Py_ssize_t columns, floating *_) noexcept nogil:
    cdef floating *y = <floating *>s.y.data + at
    cdef const floating *residual = <const floating *>s.end.residual + at
    cdef Py_ssize_t j
    for j in range(columns):
        y[j] += residual[j]


cdef Pixels pixels_of(Plan *s, Py_ssize_t n0, Py_ssize_t n1, const Seen *h,
                      const Seen *w) noexcept nogil:
    """The outputs of images [n0, n1), rows h, columns w, in this thread's tables."""
    cdef Py_ssize_t n, i, j, x_row, y_row, taps = s.h.taps * s.w.taps
    cdef Py_ssize_t in_a_row = w.last - w.first  # taps
    cdef Pixels p
    p.row = w.end - w.begin
    p.x = s.tables + omp_get_thread_num() * s.table_size
    p.y = p.x + (n1 - n0) * (h.end - h.begin) * p.row
    p.span = p.y + (p.y - p.x)
    p.tap = p.span + taps
    p.b_span = p.tap + taps
    p.count = p.spans = 0
    for n in range(n0, n1):
        for i in range(h.begin, h.end):
            x_row = n * s.x.n + (i * s.h.step + s.h.start) * s.x.h
            y_row = n * s.y.n + i * s.y.h
            for j in range(w.begin, w.end):
                p.x[p.count] = x_row + (j * s.w.step + s.w.start) * s.x.w
                p.y[p.count] = y_row + j * s.y.w
                p.count += 1
    p.taps = in_a_row if s.touch else 1
    for i in range(h.first, h.last):
        for j in range(w.first, w.last if p.taps == 1 else min(w.first + 1, w.last)):
            p.span[p.spans] = s.h.tap[i] * s.x.h + s.w.tap[j] * s.x.w
            p.tap[p.spans] = i * s.w.taps + j
            p.spans += 1
    p.slide = (s.touch and s.w.step == 1 and in_a_row == SLIDE_TAPS and p.row >= LEAST_SLIDE)
    return p


cdef void fetch_pixels(Plan *s, const Pixels *p, Py_ssize_t begin, Py_ssize_t end,
                       floating *_) noexcept nogil:
    """What pixels [begin, end) are the first to read of x: their last taps."""
    cdef const floating *x = <const floating *>s.x.data + (p.taps - 1) * s.inner
    cdef Py_ssize_t i
    if p.spans:
        for i in range(begin, min(end, p.count)):
            fetch(x + p.span[p.spans - 1] + p.x[i], s.inner * sizeof(floating))


cdef void run_tiles(Plan *s, const Pixels *at, tile_t *tile, Py_ssize_t width, bint slide,
                    bint first, bint last, bint fresh, floating *_) noexcept nogil:
    """All tiles of one panel of y, over one block of the inner dimension: the first block, the last?
    fresh: x has not been read yet."""
    cdef const floating *x = <const floating *>tile.a
    cdef floating *y = <floating *>tile.c
    cdef Py_ssize_t zeros[SLIDE_ROWS]
    cdef Py_ssize_t neighbours[SLIDE_ROWS + SLIDE_TAPS - 1]
    # A line is cut into tiles: all pixels or, for the sliding tile, those of a row.
    cdef Py_ssize_t line = at.row if slide else at.count
    cdef Py_ssize_t tiles = ceil_div(line, SLIDE_ROWS if slide else TILE_ROWS)
    cdef Py_ssize_t t, i, p, count
    for i in range(SLIDE_ROWS):  # no tile is higher
        zeros[i] = 0
    for i in range(SLIDE_ROWS + SLIDE_TAPS - 1):
        neighbours[i] = i * s.x.w
    for t in range(at.count // line * tiles):
        i = t % tiles
        p = t // tiles * line + i * line // tiles
        count = (i + 1) * line // tiles - i * line // tiles
        tile.c_row = at.y + p
        tile.init_row = at.y + p
        if first:
            tile.init_row = zeros
        if fresh:
            fetch_pixels[floating](s, at, p + count, p + 2 * count, NULL)
        if slide:
            tile.a = x + at.x[p]
            tile.row = neighbours
            slide_run(tile, sizeof(floating), <int>count, s.inner * width)
        else:
            tile.row = at.x + p
            tile_run(tile, sizeof(floating), <int>count, width)
        if not last:
            continue
        if s.end.residual != NULL:
            for i in range(p, p + count):
                add_residual[floating](s, y - <floating *>s.y.data + at.y[i], tile.columns, NULL)
        if s.end.activation != ACT_NONE:
            for i in range(p, p + count):
                activate(y + at.y[i], tile.columns, s.end.activation)


cdef void run_pixels(Plan *s, const Pixels *at, Py_ssize_t panel0, Py_ssize_t panel1,
                     const floating *packed) noexcept nogil:
    """Panels [panel0, panel1) of the outputs of pixels that see the same taps. packed: from panel0
    on."""
    cdef Py_ssize_t wide = wide_panel(sizeof(floating)), taps = s.h.taps * s.w.taps
    cdef floating edge_bias[TILE_MAX_WIDTH]
    cdef const floating *bias
    cdef Py_ssize_t i, panel, width, length, steps, together, parts, block, q, part, begin
    cdef bint slide, first, last
    cdef tile_t tile
    tile.a_step = 1
    for panel in range(panel0, panel1):
        tile.columns = min(wide, s.outer - panel * wide)
        width = panel_width(tile.columns, sizeof(floating))
        for i in range(at.spans):
            at.b_span[i] = at.tap[i] * s.inner * width
        bias = NULL if s.end.bias == NULL else <const floating *>s.end.bias + panel * wide
        if bias != NULL and tile.columns != width:
            memcpy(edge_bias, bias, tile.columns * sizeof(floating))
            bias = &edge_bias[0]
        tile.b_step = width
        tile.c = <floating *>s.y.data + panel * wide
        slide = at.slide and tile.columns == VEC_BYTES // <Py_ssize_t>sizeof(floating)
        length = s.inner if slide else at.taps * s.inner
        # Blocks of the inner dimension: all tiles go over one before the next. (A ragged panel's
        # tiles cannot go on from y, which they would read a panel's width at a time.)
        steps = SUM_STEPS // SLIDE_TAPS if slide else BLOCK_STEPS
        together, parts = at.spans, 1
        if (at.count > TILE_ROWS or slide) and tile.columns == width and at.spans * length > steps:
            parts = ceil_div(length, steps)
            together = max(1, steps // length)
        for block in range(ceil_div(at.spans, together) if at.spans else 1):
            q = block * together
            tile.span, tile.b_span = at.span + q, at.b_span + q
            tile.spans = min(together, at.spans - q)
            for part in range(parts):
                begin = part * length // parts
                tile.length = (part + 1) * length // parts - begin
                tile.a = <const floating *>s.x.data + begin
                tile.b = packed + (panel - panel0) * wide * taps * s.inner + begin * width
                first = q == 0 and part == 0
                last = q + together >= at.spans and part == parts - 1
                tile.init = bias
                if not first:
                    tile.init = tile.c
                run_tiles[floating](s, at, &tile, width, slide, first, last,
                                    first and panel == panel0, NULL)


cdef void run_item(Plan *s, Py_ssize_t item, floating *_) noexcept nogil:
    """A chunk of the outputs of one strip of an image, or of one group of images."""
    cdef Py_ssize_t chunk = item % s.chunks, place = item // s.chunks
    cdef Py_ssize_t n0 = place // s.strips * s.group, n1 = min(n0 + s.group, s.images)
    cdef Py_ssize_t strip = place % s.strips
    cdef Py_ssize_t h0 = strip * s.h.y_size // s.strips, h1 = (strip + 1) * s.h.y_size // s.strips
    cdef Py_ssize_t wide = wide_panel(sizeof(floating)), panels = ceil_div(s.outer, wide)
    cdef Py_ssize_t panel0 = chunk * panels // s.chunks, panel1 = (chunk + 1) * panels // s.chunks
    cdef Py_ssize_t panel_size = s.h.taps * s.w.taps * s.inner * wide
    cdef floating *packed = <floating *>s.packed
    cdef Pixels pixels
    cdef Seen h, w
    if s.at_once:
        packed += omp_get_thread_num() * ceil_div(panels, s.chunks) * panel_size
        pack_weights(s, panel0, panel1, packed)
    else:
        packed += panel0 * panel_size
    while h0 < h1:
        h = run_of_outputs(&s.h, h0, h1)
        h0 = h.end
        w.end = 0
        while w.end < s.w.y_size:
            w = run_of_outputs(&s.w, w.end, s.w.y_size)
            pixels = pixels_of(s, n0, n1, &h, &w)
            run_pixels[floating](s, &pixels, panel0, panel1, packed)


cdef void run_items(Plan *s, Py_ssize_t first, Py_ssize_t last, int nt, floating *_) noexcept nogil:
    cdef Py_ssize_t item
    if nt == 1:
        for item in range(first, last):
            run_item[floating](s, item, NULL)
        return
    for item in prange(first, last, schedule="dynamic", num_threads=nt):
        run_item[floating](s, item, NULL)


cdef inline void pack_some(Plan *s, Py_ssize_t item, floating *packed) noexcept nogil:
    cdef Py_ssize_t wide = wide_panel(sizeof(floating)), panels = ceil_div(s.outer, wide)
    cdef Py_ssize_t panel_size = s.h.taps * s.w.taps * s.inner * wide
    pack_weights(s, item * TOGETHER, min(panels, (item + 1) * TOGETHER),
                 packed + item * TOGETHER * panel_size)


cdef void pack_all(Plan *s, int nt, floating *packed) noexcept nogil:
    cdef Py_ssize_t items = ceil_div(s.outer, TOGETHER * wide_panel(sizeof(floating))), item
    if nt == 1:  # a parallel region of one thread costs a quarter of a microsecond
        for item in range(items):
            pack_some(s, item, packed)
        return
    for item in prange(items, schedule="static", num_threads=nt):
        pack_some(s, item, packed)


cdef bint taps_touch(const Axis *a) noexcept nogil:
    cdef Py_ssize_t t
    for t in range(1, a.taps):
        if a.tap[t] != a.tap[t - 1] + 1:
            return False
    return True


cdef int correlate(Py_ssize_t N, Py_ssize_t inner, Py_ssize_t outer, Axis *h, Axis *w,
                   Tensor4 *x, const void *weights, Py_ssize_t w_inner, Py_ssize_t w_outer,
                   const Epilogue *end, Tensor4 *y, bint single) except -1:
    """The module's equation. x, y: channels contiguous, pixels any strides; weights: inner and
    outer strides here, the taps' in the axes."""
    cdef size_t itemsize = 4 if single else 8
    cdef Plan s
    cdef Py_ssize_t taps = h.taps * w.taps, row_bytes, rows, item, items, slice_items
    cdef Py_ssize_t least, shares, panels, columns
    cdef Block packed, tables
    cdef double work = <double>N * h.y_size * w.y_size * inner * outer * taps
    cdef int nt = threads_for(work)
    s.images, s.inner, s.outer, s.h, s.w, s.x, s.y = N, inner, outer, h[0], w[0], x[0], y[0]
    s.end, s.touch = end[0], x.w == inner and taps_touch(w)

    s.weights, s.w_inner, s.w_outer = weights, w_inner, w_outer

    panels = ceil_div(outer, wide_panel(itemsize))
    row_bytes = (h.step * w.x_size * inner + w.y_size * wide_panel(itemsize)) * itemsize
    rows = max(1, <Py_ssize_t>(ITEM_BYTES // row_bytes))
    least = max(1, min(LEAST_ITEMS, <Py_ssize_t>(work / LEAST_WORK)))
    # Items share out the outputs; where those are too few, low strips, but not so low that their
    # tiles were.
    shares = min(max(1, h.y_size * w.y_size // LEAST_PIXELS), ceil_div(least, N * panels))
    if rows >= h.y_size:
        s.group = max(min(rows // h.y_size, ceil_div(N, least)),
                      min(N, ceil_div(GROUP_PIXELS, h.y_size * w.y_size)))
        s.strips = min(h.y_size, shares)
    else:
        s.group = 1
        s.strips = min(h.y_size, max(ceil_div(h.y_size, rows), shares))
    items = ceil_div(N, s.group) * s.strips
    s.chunks = min(panels, ceil_div(least, items))
    s.at_once = items == 1
    items *= s.chunks

    s.table_size = 2 * s.group * ceil_div(h.y_size, s.strips) * w.y_size + 3 * taps + 8
    tables = block(nt * s.table_size * sizeof(Py_ssize_t))
    s.tables = <Py_ssize_t *>tables.data
    columns = padded_columns(outer, itemsize)
    if s.at_once:
        columns = nt * ceil_div(panels, s.chunks) * wide_panel(itemsize)
    packed = block(columns * taps * inner * itemsize)
    s.packed = packed.data
    slice_items = max(nt, <Py_ssize_t>(SLICE_WORK / (work / items + 1)))
    if not s.at_once:
        with nogil:
            if single:
                pack_all[float](&s, nt, <float *>packed.data)
            else:
                pack_all[double](&s, nt, <double *>packed.data)
    for item in range(0, items, slice_items):
        with nogil:
            if single:
                run_items[float](&s, item, min(items, item + slice_items), nt, NULL)
            else:
                run_items[double](&s, item, min(items, item + slice_items), nt, NULL)
        PyErr_CheckSignals()
    return 0
