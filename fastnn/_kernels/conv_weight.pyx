"""2-D convolution backward with respect to the weights.

The forward line, y[n, o, k] += x[n, o s + r d - p, c] w[k, c, r], gives
dw[k, c, r] = sum over n, o of x[n, o s + r d - p, c] dy[n, o, k].

dw is a matrix of R S C positions x K outputs, and a register tile of it walks over the output
pixels: each brings one value of x per position against one row of dy. x is read where it lies. A
tile holds channels of one tap, and skips the pixels whose tap is outside x; only where x has so few
channels that such tiles would be too low, a tile holds positions of all taps, at their offsets
from a pixel's corner in a zero-padded copy of the image.

A panel of dy, the outputs of a tile, is copied for a chunk of rows at a time, or for several small
images, so that it lies in the first-level cache while all tiles of dw go over it. Where one panel holds all of K there is
nothing to copy; if K is no whole number of vectors, the lanes past a pixel's K values then sum its
neighbour's, and are dropped.

Where K fills one vector only and three taps of a row touch, a tile holds channels of all three, and
slides along the rows (slide.h).

Threads own tiles of dw; where there are too few tiles to go round, fixed groups of images sum
apart and are added in order. Images are taken in blocks that stay in cache, rows in chunks.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange
from libc.string cimport memset

from .correlate cimport Axis
from .layout cimport Tensor4, copy_padded
from .memory cimport Block, block
from .pack cimport pack_panel
from .slide cimport SLIDE_CHANNELS, SLIDE_SUMS, SLIDE_TAPS, SUM_STEPS, slide_weight
from .threads cimport threads_for
from .tile cimport (
    TILE_ROWS, TILE_VECS, VEC_BYTES, ceil_div, padded_columns, panel_width, tile_run, tile_t,
    wide_panel,
)

cdef extern from "openmp.h" nogil:
    int omp_get_thread_num()

cdef enum:
    PANEL_BYTES = 24576       # of a panel of dy under one chunk of rows: in the first-level cache
    BLOCK_BYTES = 8388608     # of copied images at a time
    LEAST_CHANNELS = 8        # of x, for tiles of one tap
    LEAST_ITEMS = 16          # (image groups) x (tiles), if there are images enough
    SLICE_WORK = 1000000000   # multiply-adds between looks at Ctrl-C

cdef struct DwTile:           # one register tile of dw, and the pixels it walks over
    Py_ssize_t position, count                    # positions [position, position + count) of R S C,
                                                  # or channels of SLIDE_TAPS taps from there on
    const Py_ssize_t *row                         # offset of each in x from ...
    Py_ssize_t corner                             # ... output pixel (0, 0)'s corner
    Py_ssize_t h0, h1, w0, w1                     # output rows and columns
    Py_ssize_t spans                              # where its rows' offsets begin in the tables

cdef struct Work:
    Py_ssize_t positions, outer, padded_outer     # R S C, K, K in whole vectors
    Py_ssize_t images, channels, h_size, w_size, y_h, y_w # N, C, sizes of x and of y
    Py_ssize_t h_start, w_start, rows, columns    # the padded image, in x's coordinates
    Tensor4 x, dy
    bint x_in_place
    bint slides, first, last                      # by slide_weight; its `first` and `last`
    bint dy_packed                                # panels of dy are copied,
    char *dy_panel                                # each thread's to its own dy_panel_size values
    Py_ssize_t dy_panel_size
    bint dy_ragged                                # a vector at dy's last pixel reads past dy's end
    char *dy_copy                                 # the last image of dy, with room after it
    char *x_copy
    Py_ssize_t x_image                            # elements from one copied image to the next
    Py_ssize_t x_row, x_step                      # ... from one output pixel's corner in x to the
    Py_ssize_t dy_row, dy_step                    # next row's and pixel's; likewise in dy
    const Py_ssize_t *x_span                      # offset of each row of a chunk: in x,
    const Py_ssize_t *dy_span                     # in dy, or in its copied panel,
    const Py_ssize_t *last_dy_span                # and where that is narrower
    Py_ssize_t chunk_rows
    Py_ssize_t together                           # images in a chunk, if it holds all their rows
    const DwTile *tile
    Py_ssize_t tiles, panels, groups
    char *dw                                      # [group][position][outer], positions dw_step
    Py_ssize_t dw_step                            # values apart


cdef void copy_image(Work *s, Py_ssize_t n, Py_ssize_t slot, bint single) noexcept nogil:
    """Image n of x, with a border of zeros, to a slot of the block."""
    cdef size_t itemsize = 4 if single else 8
    cdef Tensor4 image = s.x
    image.data = <char *>s.x.data + n * s.x.n * itemsize
    copy_padded(&image, s.channels, s.h_size, s.w_size, s.h_start, s.rows, s.w_start, s.columns,
                s.channels, s.x_copy + slot * s.x_image * itemsize, single)


cdef void pack_rows_of_dy(Work *s, const floating *dy, Py_ssize_t images, Py_ssize_t panel,
                          Py_ssize_t h0, Py_ssize_t h1, floating *out) noexcept nogil:
    """A panel of rows [h0, h1) of some images of dy: out[image][row][column][panel width]."""
    cdef Py_ssize_t wide = wide_panel(sizeof(floating)), j = panel * wide, n, i
    cdef Py_ssize_t columns = min(wide, s.outer - j), width = panel_width(columns, sizeof(floating))
    for n in range(images):
        for i in range(h0, h1):
            pack_panel(dy + n * s.dy.n + i * s.dy_row + j, s.dy_step, 1, s.y_w, columns, width, out)
            out += s.y_w * width


cdef void clear_tile(floating *dw, Py_ssize_t step, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(rows):
        memset(dw + i * step, 0, columns * sizeof(floating))


cdef void add_images(Work *s, Py_ssize_t first, Py_ssize_t last, Py_ssize_t slot0, Py_ssize_t group,
                     Py_ssize_t item0, Py_ssize_t item1, bint fresh, floating *_) noexcept nogil:
    """dw[group] += images [first, last), or, fresh, = them, for the (panel, tile) items
    [item0, item1)."""
    cdef Py_ssize_t c_row[SLIDE_SUMS]
    cdef Py_ssize_t wide = wide_panel(sizeof(floating))
    cdef const floating *x
    cdef const floating *dy
    cdef floating *panel = <floating *>s.dy_panel + omp_get_thread_num() * s.dy_panel_size
    cdef floating *dw = <floating *>s.dw + group * s.positions * s.dw_step
    cdef Py_ssize_t n = first, images, chunk, chunk_end, item, i, j, h0, h1, width, packed
    cdef const DwTile *t
    cdef tile_t tile
    for i in range(SLIDE_SUMS):  # no tile is higher
        c_row[i] = i * s.dw_step
    tile.c_row = c_row
    tile.init_row = c_row
    tile.a_step = s.x_step
    while n < last:
        images = min(s.together, last - n)
        if s.x_in_place:
            x = <const floating *>s.x.data + n * s.x.n
        else:
            x = <const floating *>s.x_copy + (n - slot0) * s.x_image
        dy = <const floating *>s.dy.data + n * s.dy.n
        if s.dy_ragged and n == s.images - 1:
            dy = <const floating *>s.dy_copy
        chunk = 0
        while chunk < s.y_h:
            chunk_end = min(chunk + s.chunk_rows, s.y_h)
            packed = -1  # the panel that is
            for item in range(item0, item1):
                t = &s.tile[item % s.tiles]
                h0, h1 = max(chunk, t.h0), min(chunk_end, t.h1)
                j = item // s.tiles * wide
                width = panel_width(min(wide, s.outer - j), sizeof(floating))
                tile.c = dw + t.position * s.dw_step + j
                if t.h0 >= t.h1 or t.w0 >= t.w1:
                    if fresh and n == first and chunk == 0:
                        for i in range(SLIDE_TAPS if s.slides else 1):
                            clear_tile(<floating *>tile.c + i * s.channels * s.dw_step, s.dw_step,
                                       t.count, width)
                    continue
                if h0 >= h1:
                    continue
                if s.dy_packed:
                    if packed != item // s.tiles:
                        packed = item // s.tiles
                        pack_rows_of_dy(s, dy, images, packed, chunk, chunk_end, panel)
                    tile.b_step = width
                    tile.b = panel + ((h0 - chunk) * s.y_w + t.w0) * width
                    tile.b_span = (s.dy_span if width == wide else s.last_dy_span) + t.spans
                else:
                    tile.b_step = s.dy_step
                    tile.b = dy + h0 * s.dy_row + t.w0 * s.dy_step
                    tile.b_span = s.dy_span
                tile.a = x + t.corner + h0 * s.x_row + t.w0 * s.x_step
                tile.row = t.row
                tile.span = s.x_span + t.spans
                tile.spans = images * (h1 - h0)
                tile.length = t.w1 - t.w0
                tile.init = tile.c
                if fresh and n == first and h0 == t.h0:
                    tile.init = NULL
                tile.columns = width
                if s.slides:
                    for i in range(SLIDE_TAPS * t.count):
                        c_row[i] = (i // t.count * s.channels + i % t.count) * s.dw_step
                    slide_weight(&tile, sizeof(floating), <int>t.count, s.first, s.last)
                else:
                    tile_run(&tile, sizeof(floating), <int>t.count, width)
            chunk = chunk_end
        n += images


cdef void copy_block(Work *s, Py_ssize_t first, Py_ssize_t last, int nt, bint single) noexcept nogil:
    cdef Py_ssize_t n
    for n in prange(first, last, schedule="static", num_threads=nt):
        copy_image(s, n, n - first, single)


cdef void add_block(Work *s, Py_ssize_t first, Py_ssize_t last, Py_ssize_t item0, Py_ssize_t item1,
                    int nt, floating *_) noexcept nogil:
    """Add the block of images [first, last) to the (panel, tile) items [item0, item1)."""
    cdef Py_ssize_t part, group, images = last - first, items = item1 - item0
    # Which thread owns a tile changes nothing in its sum.
    cdef Py_ssize_t parts = min(<Py_ssize_t>nt, items) if s.groups == 1 else items
    for part in prange(s.groups * parts, schedule="dynamic", num_threads=nt):
        group = part // parts
        add_images[floating](s, first + group * images // s.groups,
                             first + (group + 1) * images // s.groups, first, group,
                             item0 + part % parts * items // parts,
                             item0 + (part % parts + 1) * items // parts, first == 0, NULL)


cdef void sum_groups(Work *s, floating *out, Py_ssize_t out_step) noexcept nogil:
    """out[position, k]: the groups' sums, in order."""
    cdef const floating *dw = <const floating *>s.dw
    cdef Py_ssize_t p, k, g
    cdef floating total
    for p in range(s.positions):
        for k in range(s.outer):
            total = dw[p * s.dw_step + k]
            for g in range(1, s.groups):
                total = total + dw[(g * s.positions + p) * s.dw_step + k]
            out[p * out_step + k] = total


cdef void seen(Py_ssize_t x_size, Py_ssize_t y_size, Py_ssize_t offset, Py_ssize_t stride,
               Py_ssize_t *begin, Py_ssize_t *end) noexcept nogil:
    """The outputs o with 0 <= o * stride + offset < x_size."""
    begin[0] = ceil_div(max(0, -offset), stride)
    end[0] = min(y_size, ceil_div(max(0, x_size - offset), stride))


cdef bint slide_fits(Py_ssize_t K, const Axis *w, Py_ssize_t itemsize) noexcept nogil:
    """Whether slide_weight() can do it: one vector of outputs, three taps that touch, at most one of
    them outside at either end of a row."""
    return (panel_width(K, itemsize) == VEC_BYTES // itemsize and w.step == 1
            and w.taps == SLIDE_TAPS and w.tap[1] == 1 and w.tap[2] == 2
            and -1 <= w.start <= 0 and w.y_size + w.start + 1 <= w.x_size
            and 2 <= w.y_size <= SUM_STEPS)


cdef int weight_gradient(Py_ssize_t N, Py_ssize_t C, Py_ssize_t K, Py_ssize_t room, const Axis *h,
                         const Axis *w, const Tensor4 *x, const Tensor4 *dy, void *dw,
                         Py_ssize_t dw_step, bint single) except -1:
    """dw[tap, c, k], `dw_step` values from one c to the next, by the forward line's axes.

    x, dy: channels contiguous, and pixels a fixed step apart; dy's follow each other through all
    images, or K fills vectors. room: values from one of dy's pixels on to its end."""
    cdef Py_ssize_t itemsize = 4 if single else 8
    cdef Py_ssize_t R = h.taps, S = w.taps
    cdef bint by_tap = C >= LEAST_CHANNELS
    cdef Py_ssize_t row_stride, pixel, p, t, r, c, per_tap, n, last, block_images, slice_images, items
    cdef Py_ssize_t slices, spans, first, i
    cdef bint direct
    cdef double work = <double>N * h.y_size * w.y_size * K * C * R * S
    cdef int nt = threads_for(work)
    cdef Py_ssize_t wide, last_width
    cdef Block tables, tile_block, x_block, dy_block, panel_block, dw_block
    cdef Py_ssize_t *table
    cdef DwTile *tile
    cdef Tensor4 image
    cdef Work s
    s.padded_outer = padded_columns(K, itemsize)
    s.panels = ceil_div(K, wide_panel(itemsize))
    s.dy_ragged = s.panels == 1 and s.padded_outer > room
    s.x, s.dy = x[0], dy[0]
    s.images, s.channels, s.outer, s.positions = N, C, K, R * S * C
    s.h_size, s.w_size, s.y_h, s.y_w = h.x_size, w.x_size, h.y_size, w.y_size
    s.h_start, s.w_start = h.start, w.start
    s.rows = (s.y_h - 1) * h.step + h.tap[R - 1] + 1
    s.columns = (s.y_w - 1) * w.step + w.tap[S - 1] + 1
    s.x_in_place = by_tap or (h.start == 0 and w.start == 0)
    pixel = s.x.w if s.x_in_place else C
    row_stride = s.x.h if s.x_in_place else s.columns * C
    s.x_row, s.x_step = h.step * row_stride, w.step * pixel
    s.dy_row, s.dy_step = s.dy.h, s.dy.w
    s.x_image = s.rows * s.columns * C

    # Tiles, and the offsets of their positions.
    s.slides = by_tap and s.panels == 1 and slide_fits(K, w, itemsize)
    s.first, s.last = w.start == 0, s.y_w + w.start + 1 < s.w_size
    per_tap = ceil_div(C, SLIDE_CHANNELS if s.slides else TILE_ROWS)
    if s.slides:
        s.tiles = R * per_tap
    else:
        s.tiles = R * S * per_tap if by_tap else ceil_div(s.positions, TILE_ROWS)
    s.groups = min(N, ceil_div(LEAST_ITEMS, s.tiles * s.panels))
    wide = wide_panel(itemsize)
    last_width = panel_width(K - (s.panels - 1) * wide, itemsize)
    s.dy_packed = s.panels > 1
    s.chunk_rows = min(max(1, PANEL_BYTES // (s.y_w * wide * itemsize)), s.y_h)
    s.together = 1
    if s.dy_packed and s.chunk_rows == s.y_h:
        s.together = max(1, min(N // s.groups, PANEL_BYTES // (s.y_h * s.y_w * wide * itemsize)))
    spans = s.chunk_rows if s.together == 1 else R * s.together * s.y_h
    tables = block((s.positions + 3 * spans) * sizeof(Py_ssize_t))
    table = <Py_ssize_t *>tables.data
    for p in range(s.positions):
        r, c = h.tap[p // (S * C)], w.tap[p // C % S]
        table[p] = p if by_tap else r * row_stride + c * pixel + p % C
    s.x_span = table + s.positions
    s.dy_span = s.x_span + spans
    s.last_dy_span = s.dy_span + spans
    for p in range(spans):
        # row i of a chunk or, of several images, the i-th of image n that the tap of the row sees
        n, i = 0, p
        if s.together > 1:
            first, last = 0, s.y_h
            if by_tap:
                r = h.tap[p // (s.together * s.y_h)] + h.start
                seen(s.h_size, s.y_h, r, h.step, &first, &last)
            i = p % (s.together * s.y_h)
            n, i = i // max(1, last - first), i % max(1, last - first)
        table[s.positions + p] = n * (s.x.n if s.x_in_place else s.x_image) + i * s.x_row
        table[s.positions + spans + p] = (
            (n * s.y_h + i) * s.y_w * wide if s.dy_packed else i * s.dy_row)
        table[s.positions + 2 * spans + p] = (n * s.y_h + i) * s.y_w * last_width
    if s.dy_packed:
        s.dy_panel_size = s.together * s.chunk_rows * s.y_w * wide
        panel_block = block(nt * s.dy_panel_size * itemsize)
        s.dy_panel = <char *>panel_block.data
    tile_block = block(s.tiles * sizeof(DwTile))
    tile = <DwTile *>tile_block.data
    for t in range(s.tiles):
        if s.slides:
            r, p = h.tap[t // per_tap] + h.start, t % per_tap * C // per_tap
            tile[t].position = t // per_tap * S * C + p
            tile[t].count = (t % per_tap + 1) * C // per_tap - p
            tile[t].row, tile[t].spans = table, 0
            tile[t].corner = r * row_stride + w.start * pixel + p
            tile[t].w0, tile[t].w1 = 0, s.y_w
            seen(s.h_size, s.y_h, r, h.step, &tile[t].h0, &tile[t].h1)
        elif by_tap:
            r, c = h.tap[t // per_tap // S] + h.start, w.tap[t // per_tap % S] + w.start
            p = t % per_tap * C // per_tap
            tile[t].position = t // per_tap * C + p
            tile[t].count = (t % per_tap + 1) * C // per_tap - p
            tile[t].row = table
            tile[t].spans = t // per_tap // S * s.together * s.y_h if s.together > 1 else 0
            tile[t].corner = r * row_stride + c * pixel + p
            seen(s.h_size, s.y_h, r, h.step, &tile[t].h0, &tile[t].h1)
            seen(s.w_size, s.y_w, c, w.step, &tile[t].w0, &tile[t].w1)
        else:
            p = t * s.positions // s.tiles
            tile[t].position = p
            tile[t].count = (t + 1) * s.positions // s.tiles - p
            tile[t].row = table + p
            tile[t].corner = tile[t].h0 = tile[t].w0 = 0
            tile[t].h1, tile[t].w1, tile[t].spans = s.y_h, s.y_w, 0
    s.tile = tile
    direct = s.groups == 1 and K == s.padded_outer  # no panel is wider than its outputs
    if direct:
        s.dw, s.dw_step = <char *>dw, dw_step
    else:
        s.dw_step = s.padded_outer
        dw_block = block(s.groups * s.positions * s.dw_step * itemsize)
        s.dw = <char *>dw_block.data

    # Blocks: from shapes alone, for groups must hold the same images on any number of threads.
    block_images = N if s.x_in_place else max(s.groups, BLOCK_BYTES // (s.x_image * itemsize))
    slice_images = max(s.groups, <Py_ssize_t>(SLICE_WORK / (work / N + 1)))
    block_images = max(1, min(N, min(block_images, slice_images)))
    if not s.x_in_place:
        x_block = block(block_images * s.x_image * itemsize)
        s.x_copy = <char *>x_block.data
    if s.dy_ragged:
        dy_block = block(s.y_h * s.dy_row * itemsize + VEC_BYTES * TILE_VECS)
        s.dy_copy = <char *>dy_block.data
        image = s.dy
        image.data = <char *>s.dy.data + (N - 1) * s.dy.n * itemsize
        copy_padded(&image, K, s.y_h, s.y_w, 0, s.y_h, 0, s.y_w, s.dy.w, s.dy_copy, single)
    items = s.tiles * s.panels
    slices = min(items, <Py_ssize_t>(work / N * block_images / SLICE_WORK) + 1)
    for n in range(0, N, block_images):
        last = min(N, n + block_images)
        if not s.x_in_place:
            with nogil:
                copy_block(&s, n, last, nt, single)
        for p in range(slices):
            with nogil:
                if single:
                    add_block[float](&s, n, last, p * items // slices, (p + 1) * items // slices, nt,
                                     NULL)
                else:
                    add_block[double](&s, n, last, p * items // slices, (p + 1) * items // slices,
                                      nt, NULL)
            PyErr_CheckSignals()
    if direct:
        pass
    elif single:
        sum_groups[float](&s, <float *>dw, dw_step)
    else:
        sum_groups[double](&s, <double *>dw, dw_step)
    return 0
