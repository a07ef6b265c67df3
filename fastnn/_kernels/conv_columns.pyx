"""2-D convolution backward with respect to data of few channels.

The forward line, y[n, o, k] += x[n, o s + r d - p, c] w[k, c, r], sends dy[n, o, :] back to a whole
window: column[o, r, c] = sum over k of dy[n, o, k] w[k, c, r], and dx[n, i, c] is the sum of all
column[o, r, c] with o s + r d - p = i. The columns are a matrix product whose lanes run over R S C,
and so are full where lanes over C alone would be idle (an image's 1 or 3 channels, the 6 of
LeNet-5's first layer).

A work item is a strip of rows of dx. It computes the rows of columns that reach it, one after the
other into a ring of as many as a row of dx needs, and gathers every pixel of dx from them.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange

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
    void gather_row_f32(const float **row, Py_ssize_t rows, const Py_ssize_t *tap,
                        const Py_ssize_t *first, Py_ssize_t W, Py_ssize_t C, float *y)
    void gather_row_f64(const double **row, Py_ssize_t rows, const Py_ssize_t *tap,
                        const Py_ssize_t *first, Py_ssize_t W, Py_ssize_t C, double *y)

cdef enum:
    STRIP_BYTES = 262144      # of dx in one strip: a share of the second-level cache
    LEAST_ITEMS = 16          # if there are rows enough: work for many threads
    SLICE_WORK = 1000000000   # multiply-adds between looks at Ctrl-C
    MOST_CHANNELS = 8         # that gather_row knows

cdef struct Plan:
    Py_ssize_t K, C, R, S, H, W, OH, OW
    Py_ssize_t sh, ph, dh             # stride, padding and dilation of the rows
    Tensor4 dy, dx
    Py_ssize_t strips                 # of one image
    Py_ssize_t columns, padded        # R S C, and in whole vectors
    const void *weights               # packed panels of (K, R S C)
    const Py_ssize_t *tap             # offsets in a row of columns that meet at column w of dx:
    const Py_ssize_t *first           # tap[first[w]] to tap[first[w + 1] - 1]
    Py_ssize_t ring                   # rows of columns held at a time,
    Py_ssize_t ring_row               # elements of one,
    Py_ssize_t buffer_size            # bytes of one thread's ring and its table of rows
    char *buffers


cdef bint columns_fit(Py_ssize_t channels, size_t itemsize) noexcept nogil:
    """Whether lanes over so few channels would mostly be idle."""
    return channels * itemsize <= VEC_BYTES and channels <= MOST_CHANNELS


cdef void column_row(Plan *s, Py_ssize_t n, Py_ssize_t o, floating *columns) noexcept nogil:
    """columns[pixel, r s c] of row o of dy."""
    cdef Py_ssize_t tiles = ceil_div(s.OW, TILE_ROWS), wide = wide_panel(sizeof(floating))
    cdef Py_ssize_t row[TILE_ROWS]
    cdef Py_ssize_t c_row[TILE_ROWS]
    cdef Py_ssize_t zero = 0, t, i, p0, panel, j
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
        tile.a = <const floating *>s.dy.data + n * s.dy.n + o * s.dy.h + p0 * s.dy.w
        for panel in range(ceil_div(s.columns, wide)):
            j = panel * wide
            tile.b = <const floating *>s.weights + j * s.K
            tile.b_step = tile.columns = panel_width(min(wide, s.columns - j), sizeof(floating))
            tile.c = columns + p0 * s.padded + j
            tile_run(&tile, sizeof(floating), <int>((t + 1) * s.OW // tiles - p0), tile.b_step)


cdef void run_strip(Plan *s, Py_ssize_t item, floating *_) noexcept nogil:
    cdef Py_ssize_t n = item // s.strips, index = item % s.strips
    cdef Py_ssize_t h0 = index * s.H // s.strips, h1 = (index + 1) * s.H // s.strips
    cdef Py_ssize_t h, r, o, rows
    cdef char *buffer = s.buffers + omp_get_thread_num() * s.buffer_size
    cdef const floating **row = <const floating **>buffer
    cdef floating *ring = <floating *>(buffer + ceil_div(s.R * sizeof(void *), VEC_BYTES) * VEC_BYTES)
    cdef floating *dx = <floating *>s.dx.data + n * s.dx.n
    # The first row of dy with a window over h0: o sh - ph + (R - 1) dh >= h0.
    cdef Py_ssize_t done = max(0, ceil_div(h0 + s.ph - (s.R - 1) * s.dh, s.sh))
    for h in range(h0, h1):
        # Rows of dy whose windows begin at or before h: o sh - ph <= h.
        while done < s.OH and done * s.sh - s.ph <= h:
            column_row[floating](s, n, done, ring + done % s.ring * s.ring_row)
            done += 1
        rows = 0
        for r in range(s.R - 1, -1, -1):
            o = h + s.ph - r * s.dh
            if o % s.sh == 0 and 0 <= o // s.sh < s.OH:
                row[rows] = ring + o // s.sh % s.ring * s.ring_row + r * s.S * s.C
                rows += 1
        if floating is float:
            gather_row_f32(row, rows, s.tap, s.first, s.W, s.C, dx + h * s.dx.h)
        else:
            gather_row_f64(row, rows, s.tap, s.first, s.W, s.C, dx + h * s.dx.h)


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


cdef int backward_columns(const Tensor4 *dy, const Tensor4 *w, const Tensor4 *dx, Py_ssize_t N,
                          Py_ssize_t K, Py_ssize_t C, Py_ssize_t R, Py_ssize_t S, Py_ssize_t H,
                          Py_ssize_t W, Py_ssize_t OH, Py_ssize_t OW, tuple stride, tuple padding,
                          tuple dilation, bint single) except -1:
    """dx (N, C, H, W), channels-last and dense, from dy (N, K, OH, OW) with contiguous pixels and
    w (K, C, R, S) of any strides."""
    cdef size_t itemsize = 4 if single else 8
    cdef double work = <double>N * OH * OW * K * C * R * S
    cdef int nt = threads_for(work)
    cdef Py_ssize_t sw = stride[1], pw = padding[1], dw = dilation[1]
    cdef Py_ssize_t rows, item, items, slice_items, i, j, q
    cdef Block packed, gathered, buffers, taps
    cdef Py_ssize_t *first
    cdef Py_ssize_t *tap
    cdef Plan s
    s.K, s.C, s.R, s.S, s.H, s.W, s.OH, s.OW = K, C, R, S, H, W, OH, OW
    s.sh, s.ph, s.dh = stride[0], padding[0], dilation[0]
    s.dy, s.dx = dy[0], dx[0]
    s.columns, s.padded = R * S * C, padded_columns(R * S * C, itemsize)

    taps = block((W + 1 + OW * S) * sizeof(Py_ssize_t))
    first = <Py_ssize_t *>taps.data
    tap = first + W + 1
    first[0] = 0
    for i in range(W):
        first[i + 1] = first[i]
        for q in range(S - 1, -1, -1):
            j = i + pw - q * dw
            if j % sw == 0 and 0 <= j // sw < OW:
                tap[first[i + 1]] = j // sw * s.padded + q * C
                first[i + 1] += 1
    s.tap, s.first = tap, first

    rows = min(max(1, <Py_ssize_t>(STRIP_BYTES // (W * C * itemsize))), H)
    s.strips = min(H, max(ceil_div(H, rows), ceil_div(LEAST_ITEMS, N)))
    s.ring = (R - 1) * s.dh // s.sh + 1
    s.ring_row = OW * s.padded
    # A gather reads a few values past a row's end.
    s.buffer_size = (s.ring * s.ring_row + MOST_CHANNELS) * itemsize + R * sizeof(void *)
    s.buffer_size = (ceil_div(s.buffer_size, VEC_BYTES) + 1) * VEC_BYTES
    buffers = block(nt * s.buffer_size)
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
