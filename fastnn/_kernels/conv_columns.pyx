"""2-D convolution backward with respect to data of few channels.

The forward line, y[n, o, k] += x[n, o s + r d - p, c] w[k, c, r], sends dy[n, o, :] back to a whole
window. Along the height, the windows that reach row h of dx are summed by a matrix product,

    column[ow, s c] = sum over r and k of dy[n, (h + p - r d) / stride, ow, k] w[k, c, r, s],

whose lanes run over S C, and so are full where lanes over C alone would be idle (an image's 1 or 3
channels, the 6 of LeNet-5's first layer). Along the width, every pixel of dx gathers the up to S
columns that reach it. A work item is a strip of rows of dx, one after the other.
"""

from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange
from libc.string cimport memset

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
    void gather_row_f32(const float *row, const Py_ssize_t *tap, const Py_ssize_t *first,
                        Py_ssize_t W, Py_ssize_t C, float *y)
    void gather_row_f64(const double *row, const Py_ssize_t *tap, const Py_ssize_t *first,
                        Py_ssize_t W, Py_ssize_t C, double *y)

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
    Py_ssize_t columns, padded        # S C, and in whole vectors
    const void *weights               # panels of (R, K, S C)
    const Py_ssize_t *tap             # offsets in a row of columns that meet at column w of dx:
    const Py_ssize_t *first           # tap[first[w]] to tap[first[w + 1] - 1]
    Py_ssize_t buffer_size            # bytes of one thread's row of columns and its spans
    char *buffers


cdef bint columns_fit(Py_ssize_t channels, size_t itemsize) noexcept nogil:
    """Whether lanes over so few channels would mostly be idle."""
    return channels * itemsize <= VEC_BYTES and channels <= MOST_CHANNELS


cdef Py_ssize_t rows_that_reach(Plan *s, Py_ssize_t h, Py_ssize_t *row, Py_ssize_t *tap) noexcept nogil:
    """The rows of dy with a window over row h of dx, and by which row of the kernel."""
    cdef Py_ssize_t r, o, count = 0
    for r in range(s.R):
        o = h + s.ph - r * s.dh
        if o % s.sh == 0 and 0 <= o // s.sh < s.OH:
            row[count] = o // s.sh
            tap[count] = r
            count += 1
    return count


cdef void column_row(Plan *s, const floating *dy, Py_ssize_t count, Py_ssize_t *row,
                     const Py_ssize_t *tap, Py_ssize_t *b_span, floating *columns) noexcept nogil:
    """columns[ow, s c] from the rows of an image of dy; `row` becomes the spans' offsets."""
    cdef Py_ssize_t tiles = ceil_div(s.OW, TILE_ROWS), wide = wide_panel(sizeof(floating))
    cdef Py_ssize_t a_row[TILE_ROWS]
    cdef Py_ssize_t c_row[TILE_ROWS]
    cdef Py_ssize_t t, i, p0, panel, j, width
    cdef tile_t tile
    for i in range(TILE_ROWS):
        a_row[i] = i * s.dy.w
        c_row[i] = i * s.padded
    for i in range(count):
        row[i] *= s.dy.h
    tile.row, tile.c_row, tile.span, tile.b_span = a_row, c_row, row, b_span
    tile.spans, tile.length, tile.a_step = count, s.K, 1
    tile.init = NULL
    for panel in range(ceil_div(s.columns, wide)):
        j = panel * wide
        width = panel_width(min(wide, s.columns - j), sizeof(floating))
        tile.b = <const floating *>s.weights + j * s.R * s.K
        tile.b_step = tile.columns = width
        for i in range(count):
            b_span[i] = tap[i] * s.K * width
        for t in range(tiles):
            p0 = t * s.OW // tiles
            tile.a = dy + p0 * s.dy.w
            tile.c = columns + p0 * s.padded + j
            tile_run(&tile, sizeof(floating), <int>((t + 1) * s.OW // tiles - p0), width)


cdef void run_strip(Plan *s, Py_ssize_t item, floating *_) noexcept nogil:
    cdef Py_ssize_t n = item // s.strips, index = item % s.strips, h, count
    cdef char *buffer = s.buffers + omp_get_thread_num() * s.buffer_size
    cdef Py_ssize_t *row = <Py_ssize_t *>buffer
    cdef floating *columns = <floating *>(buffer + spans_size(s.R))
    cdef const floating *dy = <const floating *>s.dy.data + n * s.dy.n
    cdef floating *dx
    for h in range(index * s.H // s.strips, (index + 1) * s.H // s.strips):
        dx = <floating *>s.dx.data + n * s.dx.n + h * s.dx.h
        count = rows_that_reach(s, h, row, row + s.R)
        if count == 0:
            memset(dx, 0, s.W * s.C * sizeof(floating))
            continue
        column_row[floating](s, dy, count, row, row + s.R, row + 2 * s.R, columns)
        if floating is float:
            gather_row_f32(columns, s.tap, s.first, s.W, s.C, dx)
        else:
            gather_row_f64(columns, s.tap, s.first, s.W, s.C, dx)


cdef void run_strips(Plan *s, Py_ssize_t first, Py_ssize_t last, int nt, floating *_) noexcept nogil:
    cdef Py_ssize_t item
    for item in prange(first, last, schedule="dynamic", num_threads=nt):
        run_strip[floating](s, item, NULL)


cdef void pack_weights(Plan *s, const Tensor4 *w, floating *gathered, floating *out) noexcept nogil:
    """Panels of (R, K, S C); gathered: room for the columns next to each other, K fastest."""
    cdef const floating *data = <const floating *>w.data
    cdef Py_ssize_t wide = wide_panel(sizeof(floating)), i = 0, j = 0, r, q, c, k, columns, width
    for r in range(s.R):
        for q in range(s.S):
            for c in range(s.C):
                for k in range(s.K):
                    gathered[i] = data[k * w.n + c * w.c + r * w.h + q * w.w]
                    i += 1
    while j < s.columns:
        columns = min(wide, s.columns - j)
        width = panel_width(columns, sizeof(floating))
        for r in range(s.R):
            pack_panel(gathered + (r * s.columns + j) * s.K, 1, s.K, s.K, columns, width,
                       out + (j * s.R + r * width) * s.K)
        j += wide


cdef inline Py_ssize_t spans_size(Py_ssize_t R) noexcept nogil:
    """Bytes of a thread's three lists of at most R spans."""
    return ceil_div(3 * R * sizeof(Py_ssize_t), VEC_BYTES) * VEC_BYTES


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
    s.columns, s.padded = S * C, padded_columns(S * C, itemsize)

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
    # A gather reads a few values past a row's end.
    s.buffer_size = spans_size(R) + (OW * s.padded + MOST_CHANNELS) * itemsize
    s.buffer_size = ceil_div(s.buffer_size, VEC_BYTES) * VEC_BYTES
    buffers = block(nt * s.buffer_size)
    s.buffers = <char *>buffers.data
    packed = block(R * K * s.padded * itemsize)
    gathered = block(R * K * s.columns * itemsize)
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
