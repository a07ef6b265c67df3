"""2-D convolution backward with respect to data of few channels.

The forward line, y[n, o, k] += x[n, o s + r d - p, c] w[k, c, r], sends dy[n, o, :] back to a whole
window: column[r, c] = sum over k of dy[n, o, k] w[k, c, r], then dx[n, o s + r d - p, c] +=
column[r, c]. The columns are a matrix product whose lanes run over R S C, and so are full where
lanes over C alone would be idle (an image's 1 or 3 channels, the 6 of LeNet-5's first layer).
A window's rows are added to a strip of dx with a border, which is dropped at the end.

A work item is a strip of rows of dx: it computes the columns of every dy row that reaches it, so
no two items write to the same place, and sums in one order.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange
from libc.string cimport memcpy, memset

from .layout cimport Tensor4
from .memory cimport Block, block
from .pack cimport pack_panel
from .threads cimport threads_for
from .tile cimport (
    TILE_ROWS, VEC_BYTES, ceil_div, padded_columns, panel_width, tile_run, tile_t, wide_panel,
)

cdef extern from "openmp.h" nogil:
    int omp_get_thread_num()

cdef extern from "span.h" nogil:
    void add_span_f32(const float *x, float *y, Py_ssize_t n)
    void add_span_f64(const double *x, double *y, Py_ssize_t n)

cdef enum:
    STRIP_BYTES = 262144      # of dx in one strip: a share of the second-level cache
    LEAST_ITEMS = 16          # if there are rows enough: work for many threads
    SLICE_WORK = 1000000000   # multiply-adds between looks at Ctrl-C

cdef struct Plan:
    Py_ssize_t K, C, R, S, H, W, OH, OW
    Py_ssize_t sh, sw, ph, pw, dh, dw
    Tensor4 dy, dx
    Py_ssize_t strips, row_size       # of one image; elements of a bordered row of dx
    Py_ssize_t columns, padded        # R S C, and in whole vectors
    const void *weights               # packed panels of (K, R S C)
    Py_ssize_t buffer_size            # of one thread: columns of a tile, then a strip
    char *buffers


cdef bint scatter_fits(Py_ssize_t channels, size_t itemsize) noexcept nogil:
    """Whether lanes over so few channels would mostly be idle."""
    return 2 * channels * itemsize <= VEC_BYTES


cdef inline void add_span(const floating *x, floating *y, Py_ssize_t n) noexcept nogil:
    if floating is float:
        add_span_f32(x, y, n)
    else:
        add_span_f64(x, y, n)


cdef void scatter_row(Plan *s, Py_ssize_t n, Py_ssize_t o, Py_ssize_t h0, Py_ssize_t h1,
                      floating *columns, floating *strip) noexcept nogil:
    """Add the windows of row o of dy to rows [h0, h1) of dx."""
    cdef Py_ssize_t tiles = ceil_div(s.OW, TILE_ROWS), wide = wide_panel(sizeof(floating))
    cdef Py_ssize_t span = s.S * s.C if s.dw == 1 else s.C, spans = 1 if s.dw == 1 else s.S
    cdef Py_ssize_t row[TILE_ROWS]
    cdef Py_ssize_t c_row[TILE_ROWS]
    cdef Py_ssize_t zero = 0, t, i, p0, count, j, panel, r, q, h
    cdef const floating *column
    cdef floating *to
    cdef tile_t tile
    for i in range(TILE_ROWS):
        row[i] = i * s.dy.w
        c_row[i] = i * s.padded
    tile.row, tile.c_row = row, c_row
    tile.span = tile.b_span = &zero
    tile.spans, tile.length, tile.a_step = 1, s.K, 1
    tile.init = NULL
    for t in range(tiles):
        p0 = t * s.OW // tiles
        count = (t + 1) * s.OW // tiles - p0
        tile.a = <const floating *>s.dy.data + n * s.dy.n + o * s.dy.h + p0 * s.dy.w
        for panel in range(ceil_div(s.columns, wide)):
            j = panel * wide
            tile.b = <const floating *>s.weights + j * s.K
            tile.b_step = tile.columns = panel_width(min(wide, s.columns - j), sizeof(floating))
            tile.c = columns + j
            tile_run(&tile, sizeof(floating), <int>count, tile.b_step)
        for r in range(s.R):
            h = o * s.sh + r * s.dh - s.ph
            if not h0 <= h < h1:
                continue
            for i in range(count):
                to = strip + (h - h0) * s.row_size + (p0 + i) * s.sw * s.C
                column = columns + i * s.padded + r * s.S * s.C
                for q in range(spans):
                    add_span(column + q * s.C, to + q * s.dw * s.C, span)


cdef void run_strip(Plan *s, Py_ssize_t item, floating *_) noexcept nogil:
    cdef Py_ssize_t n = item // s.strips, index = item % s.strips
    cdef Py_ssize_t h0 = index * s.H // s.strips, h1 = (index + 1) * s.H // s.strips, h, w, o, c
    cdef Py_ssize_t reach = (s.R - 1) * s.dh
    cdef floating *columns = <floating *>s.buffers + omp_get_thread_num() * s.buffer_size
    cdef floating *strip = columns + TILE_ROWS * s.padded
    cdef floating *dx = <floating *>s.dx.data + n * s.dx.n
    memset(strip, 0, (h1 - h0) * s.row_size * sizeof(floating))
    # Rows of dy with a window over [h0, h1): o sh - ph <= h1 - 1 and o sh - ph + reach >= h0.
    for o in range(max(0, ceil_div(h0 + s.ph - reach, s.sh)),
                   min(s.OH, (h1 - 1 + s.ph) // s.sh + 1)):
        scatter_row[floating](s, n, o, h0, h1, columns, strip)
    for h in range(h0, h1):
        memcpy(dx + h * s.dx.h, strip + (h - h0) * s.row_size + s.pw * s.C,
               s.W * s.C * sizeof(floating))


cdef void run_strips(Plan *s, Py_ssize_t first, Py_ssize_t last, int nt, floating *_) noexcept nogil:
    cdef Py_ssize_t item
    for item in prange(first, last, schedule="dynamic", num_threads=nt):
        run_strip[floating](s, item, NULL)


cdef void pack_weights(Plan *s, const Tensor4 *w, floating *gathered, floating *out) noexcept nogil:
    """(K, R S C) panels; gathered: room for the columns next to each other, K fastest."""
    cdef const floating *data = <const floating *>w.data
    cdef Py_ssize_t wide = wide_panel(sizeof(floating)), j = 0, r, q, c, k, columns
    for r in range(s.R):
        for q in range(s.S):
            for c in range(s.C):
                for k in range(s.K):
                    gathered[j] = data[k * w.n + c * w.c + r * w.h + q * w.w]
                    j += 1
    j = 0
    while j < s.columns:
        columns = min(wide, s.columns - j)
        pack_panel(gathered + j * s.K, 1, s.K, s.K, columns,
                   panel_width(columns, sizeof(floating)), out + j * s.K)
        j += wide


cdef int scatter(const Tensor4 *dy, const Tensor4 *w, const Tensor4 *dx, Py_ssize_t N, Py_ssize_t K,
                 Py_ssize_t C, Py_ssize_t R, Py_ssize_t S, Py_ssize_t H, Py_ssize_t W, Py_ssize_t OH,
                 Py_ssize_t OW, tuple stride, tuple padding, tuple dilation, bint single) except -1:
    """dx (N, C, H, W), channels-last and dense, from dy (N, K, OH, OW) with contiguous pixels and
    w (K, C, R, S) of any strides."""
    cdef size_t itemsize = 4 if single else 8
    cdef double work = <double>N * OH * OW * K * C * R * S
    cdef int nt = threads_for(work)
    cdef Py_ssize_t rows, item, items, slice_items
    cdef Block packed, gathered, buffers
    cdef Plan s
    s.K, s.C, s.R, s.S, s.H, s.W, s.OH, s.OW = K, C, R, S, H, W, OH, OW
    s.sh, s.sw = stride[0], stride[1]
    s.ph, s.pw = padding[0], padding[1]
    s.dh, s.dw = dilation[0], dilation[1]
    s.dy, s.dx = dy[0], dx[0]
    s.columns, s.padded = R * S * C, padded_columns(R * S * C, itemsize)
    s.row_size = max(W + 2 * s.pw, (OW - 1) * s.sw + (S - 1) * s.dw + 1) * C

    rows = min(max(1, <Py_ssize_t>(STRIP_BYTES // (s.row_size * itemsize))), H)
    s.strips = min(H, max(ceil_div(H, rows), ceil_div(LEAST_ITEMS, N)))
    rows = ceil_div(H, s.strips)
    s.buffer_size = TILE_ROWS * s.padded + rows * s.row_size
    buffers = block(nt * s.buffer_size * itemsize)
    s.buffers = <char *>buffers.data
    packed = block(K * s.padded * itemsize)
    gathered = block(K * s.columns * itemsize)
    s.weights = packed.data
    items = N * s.strips
    slice_items = max(nt, <Py_ssize_t>(SLICE_WORK / (work / items + 1)))
    if single:
        pack_weights[float](&s, w, <float *>gathered.data, <float *>packed.data)
    else:
        pack_weights[double](&s, w, <double *>gathered.data, <double *>packed.data)
    for item in range(0, items, slice_items):
        with nogil:
            if single:
                run_strips[float](&s, item, min(items, item + slice_items), nt, NULL)
            else:
                run_strips[double](&s, item, min(items, item + slice_items), nt, NULL)
        PyErr_CheckSignals()
    return 0
