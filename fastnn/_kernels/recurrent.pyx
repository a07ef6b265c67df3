"""The sweep of a recurrent layer over time, forward and backward.

The products with the input are whole-sequence matrix products and not this file's business: forward
finds them in the buffer of gates, backward leaves the gates' gradients for them. What is left is,
for every step, a product of the state with the recurrent weights and the gate arithmetic on it
(recurrent.h).

A row of the batch never meets another: so a thread takes some register tiles of rows through all
steps, without waiting for anybody. The weights are packed once; panels that hold the same units of
all gates are multiplied one after the other, and while their few sums are in the first-level cache,
the gates are computed. Tiles are made from N alone: which thread takes which is all the same to the
result.

Rows may have different numbers of steps. They are sorted, longest first, so that step t's are the
first N(t) rows of the batch, and N(t) falls with t; the buffers hold step 0's rows, step 1's, and so
on: R rows in all. h and c begin with the N first states: so the state before step t of the batch's
row n is row n of them at t = 0, else row N + (row of n in step t - 1).
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange
from libc.string cimport memset

from .memory cimport Block, block
from .pack cimport pack_panel, pack_panels
from .threads cimport threads_for
from .tile cimport (
    TILE_ROWS, ceil_div, k_blocks, k_most, packed_rows, padded_columns, panel_width, tile_run,
    tile_t, wide_panel,
)

cnp.import_array()

cdef enum:
    GROUP_TILES = 16   # at most, that go through time together: their sums stay in cache
    GATE_WORK = 24     # of a gate's arithmetic, in multiply-adds
    SLICE = 1 << 29    # multiply-adds between two looks for Ctrl-C
    MAX_SPANS = 3

cdef extern from "recurrent.h" nogil:
    int c_RNN_TANH "RNN_TANH"
    int c_RNN_RELU "RNN_RELU"
    int c_RNN_SIGMOID "RNN_SIGMOID"
    int c_RNN_IDENTITY "RNN_IDENTITY"
    int c_LSTM "LSTM"
    int c_LSTM_COUPLED "LSTM_COUPLED"
    int c_GRU "GRU"
    int c_GRU_BEFORE "GRU_BEFORE"

    ctypedef struct recurrent_t:
        int cell
        Py_ssize_t U, width
        void *gates
        void *h
        void *c
        const void *bias
        const void *peephole
        const void *dy
        void *dgates
        void *dh
        void *dc

    ctypedef struct part_t:
        Py_ssize_t at, before, after, row, rows, unit, units
        const void *sum
        Py_ssize_t sum_row, sum_gate

    void recurrent_forward(size_t itemsize, const recurrent_t *s, const part_t *p, int phase)
    void recurrent_backward(size_t itemsize, const recurrent_t *s, const part_t *p, int phase)
    void recurrent_begin(size_t itemsize, const recurrent_t *s, const part_t *p)

RNN_TANH, RNN_RELU = c_RNN_TANH, c_RNN_RELU
RNN_SIGMOID, RNN_IDENTITY = c_RNN_SIGMOID, c_RNN_IDENTITY
LSTM, LSTM_COUPLED, GRU, GRU_BEFORE = c_LSTM, c_LSTM_COUPLED, c_GRU, c_GRU_BEFORE

cdef struct Product:          # `gates` products: sums (rows, U) = a (rows, k) weights (k, U)
    int gates
    const char *weights       # packed: a gate's panels one after the other
    const char *a             # row 0 of the batch
    Py_ssize_t lda
    int spans                 # a's row: so many runs
    Py_ssize_t length         # of so many numbers: k = spans * length
    Py_ssize_t span[MAX_SPANS]

cdef struct Sweep:
    recurrent_t s
    size_t itemsize
    bint backward
    Py_ssize_t T, N
    const Py_ssize_t *at      # (T + 1): step t's rows are at[t] to at[t + 1]
    Py_ssize_t tiles          # of the batch
    Py_ssize_t groups         # of tiles: g, g + groups, ... go through time together
    Py_ssize_t gates          # products that a unit needs at once, at most
    Py_ssize_t kc             # of an inner dimension that is multiplied at once, at most
    Py_ssize_t slots          # panels whose sums are kept: 1, or all, to be added to block by block
    const char *weights       # all packed
    char *rows                # (tiles, kc, packed_rows): the packed rows that are multiplied
    char *sums                # (tiles, slots, TILE_ROWS, gates, wide)


cdef void pack_weights(const floating *w, Py_ssize_t k_stride, Py_ssize_t stride, Py_ssize_t k,
                       Py_ssize_t n, floating *out) noexcept nogil:
    """Panels of the matrix w[p * k_stride + j * stride] (k, n)."""
    cdef Py_ssize_t wide = wide_panel(sizeof(floating)), whole = n // wide, j = whole * wide
    pack_panels(w, k_stride, stride, k, whole, k * wide, out)
    if j < n:
        pack_panel(w + j * stride, k_stride, stride, k, n - j, panel_width(n - j, sizeof(floating)),
                   out + j * k)


cdef void pack_matrices(cnp.ndarray w, Py_ssize_t count, bint transposed, char *out):
    """w (count * k, n), or transposed (count * n, k), as `count` packed matrices (k, n)."""
    cdef Py_ssize_t itemsize = cnp.PyArray_ITEMSIZE(w), i, at
    cdef Py_ssize_t rows = w.shape[0] // count, k = rows, n = w.shape[1]
    cdef Py_ssize_t rs = w.strides[0] // itemsize, cs = w.strides[1] // itemsize
    cdef Py_ssize_t k_stride = rs, stride = cs
    cdef const char *data = <const char *>cnp.PyArray_DATA(w)
    if transposed:
        k, n, k_stride, stride = n, k, cs, rs
    with nogil:
        for i in range(count):
            at = i * padded_columns(n, itemsize) * k * itemsize
            if itemsize == sizeof(float):
                pack_weights(<const float *>(data + i * rows * rs * itemsize), k_stride, stride, k,
                             n, <float *>(out + at))
            else:
                pack_weights(<const double *>(data + i * rows * rs * itemsize), k_stride, stride, k,
                             n, <double *>(out + at))


cdef inline Py_ssize_t tile_begin(const Sweep *w, Py_ssize_t tile) noexcept nogil:
    """First row of a tile: N rows in tiles of nearly equal height."""
    return tile * w.N // w.tiles


cdef inline char *sums_of(const Sweep *w, Py_ssize_t tile, Py_ssize_t panel) noexcept nogil:
    cdef Py_ssize_t slot = tile * w.slots + (panel if w.slots > 1 else 0)
    return w.sums + slot * TILE_ROWS * w.gates * wide_panel(w.itemsize) * w.itemsize


cdef inline char *rows_of(const Sweep *w, Py_ssize_t tile) noexcept nogil:
    return w.rows + tile * w.kc * packed_rows(w.itemsize) * w.itemsize


cdef inline Py_ssize_t rows_at(const Sweep *w, Py_ssize_t t) noexcept nogil:
    """Rows of the batch that have a step t."""
    return w.at[t + 1] - w.at[t] if t < w.T else 0


cdef inline Py_ssize_t state_before(const Sweep *w, Py_ssize_t t) noexcept nogil:
    """The row of h and c where the states before step t begin."""
    return w.N + w.at[t - 1] if t > 0 else 0


cdef void pack_rows(const Sweep *w, const Product *x, Py_ssize_t group, Py_ssize_t rows,
                    Py_ssize_t p0, Py_ssize_t p1) noexcept nogil:
    """[p0, p1) of the inner dimension, of the group's tiles as far as they lie in the first `rows`:
    neighbours at every step, which costs a tile less than to find its rows each time."""
    cdef Py_ssize_t size = w.itemsize, height = packed_rows(size), i = group, q, row0, n, begin, end
    cdef const char *a
    cdef char *out
    while i < w.tiles and tile_begin(w, i) < rows:
        row0 = tile_begin(w, i)
        n = min(rows, tile_begin(w, i + 1)) - row0
        for q in range(x.spans):
            begin, end = max(p0, q * x.length), min(p1, (q + 1) * x.length)
            if begin >= end:
                continue
            a = x.a + (row0 * x.lda + x.span[q] + begin - q * x.length) * size
            out = rows_of(w, i) + (begin - p0) * height * size
            if size == sizeof(float):
                pack_panel(<const float *>a, 1, x.lda, end - begin, n, height, <float *>out)
            else:
                pack_panel(<const double *>a, 1, x.lda, end - begin, n, height, <double *>out)
        i += w.groups


cdef void multiply(const Sweep *w, const Product *x, Py_ssize_t group, Py_ssize_t rows,
                   Py_ssize_t p0, Py_ssize_t p1, Py_ssize_t panel) noexcept nogil:
    """The packed rows times each gate's panel; p0 > 0: added to the sums before."""
    cdef Py_ssize_t wide = wide_panel(w.itemsize), size = w.itemsize, unit = panel * wide
    cdef Py_ssize_t width = panel_width(min(wide, w.s.U - unit), size)
    cdef Py_ssize_t k = x.spans * x.length, matrix = padded_columns(w.s.U, size) * k
    cdef Py_ssize_t row[TILE_ROWS]
    cdef Py_ssize_t sum_row[TILE_ROWS]
    cdef Py_ssize_t zero = 0, i, gate
    cdef tile_t tile
    for i in range(TILE_ROWS):
        row[i] = i
        sum_row[i] = i * w.gates * wide
    tile.row = row
    tile.span = tile.b_span = &zero
    tile.spans = 1
    tile.length = p1 - p0
    tile.a_step = packed_rows(size)
    tile.b_step = width
    tile.init_row = tile.c_row = sum_row
    tile.columns = width
    for gate in range(x.gates):
        tile.b = x.weights + (gate * matrix + unit * k + p0 * width) * size
        i = group
        while i < w.tiles and tile_begin(w, i) < rows:
            tile.a = rows_of(w, i)
            tile.c = sums_of(w, i, panel) + gate * wide * size
            tile.init = tile.c if p0 else NULL
            tile_run(&tile, size, <int>(min(rows, tile_begin(w, i + 1)) - tile_begin(w, i)), width)
            i += w.groups


cdef inline void compute_gates(const Sweep *w, part_t *p, Py_ssize_t row, Py_ssize_t end,
                               const void *sum, Py_ssize_t t, int which) noexcept nogil:
    if row >= end:
        return
    p.row, p.rows, p.sum = row, end - row, sum
    if not w.backward:
        recurrent_forward(w.itemsize, &w.s, p, which)
    elif t >= 0:
        recurrent_backward(w.itemsize, &w.s, p, which)
    else:
        recurrent_begin(w.itemsize, &w.s, p)


cdef void phase(const Sweep *w, const Product *x, Py_ssize_t t, int which, Py_ssize_t group,
                Py_ssize_t multiplied, Py_ssize_t rows) noexcept nogil:
    """One step's product for the first `multiplied` rows of the batch, then the gates of the first
    `rows`; t -1: of the first state. Of those rows, what belongs to the group."""
    cdef Py_ssize_t wide = wide_panel(w.itemsize), panel, i, row0, row1, middle
    cdef Py_ssize_t k = x.spans * x.length, blocks = k_blocks(k, w.itemsize), q
    cdef part_t p
    p.sum_row = w.gates * wide
    p.sum_gate = wide
    p.at = w.at[max(t, 0)]
    p.before = state_before(w, t)
    p.after = state_before(w, t + 1)
    for q in range(blocks):
        pack_rows(w, x, group, multiplied, q * k // blocks, (q + 1) * k // blocks)
        for panel in range(ceil_div(w.s.U, wide)):
            multiply(w, x, group, multiplied, q * k // blocks, (q + 1) * k // blocks, panel)
            if q < blocks - 1:
                continue
            p.unit = panel * wide
            p.units = min(wide, w.s.U - p.unit)
            i = group
            while i < w.tiles and tile_begin(w, i) < rows:
                row0 = tile_begin(w, i)
                row1 = min(rows, tile_begin(w, i + 1))
                middle = max(row0, min(multiplied, row1))
                compute_gates(w, &p, row0, middle, sums_of(w, i, panel), t, which)
                compute_gates(w, &p, middle, row1, NULL, t, which)
                i += w.groups


cdef inline int gates_of(int cell) noexcept nogil:
    if cell == c_LSTM:
        return 4
    return 3 if cell == c_LSTM_COUPLED or cell == c_GRU or cell == c_GRU_BEFORE else 1


cdef void step_forward(const Sweep *w, Py_ssize_t t, Py_ssize_t group) noexcept nogil:
    cdef Py_ssize_t U = w.s.U, size = w.itemsize, rows = rows_at(w, t)
    cdef bint before = w.s.cell == c_GRU_BEFORE
    cdef Product x
    x.gates = 2 if before else gates_of(w.s.cell)
    x.weights = w.weights
    x.a = <const char *>w.s.h + state_before(w, t) * U * size
    x.lda = x.length = U
    x.spans, x.span[0] = 1, 0
    phase(w, &x, t, 0, group, rows, rows)
    if before:  # n's product is with r h', which the first phase left after the gates
        x.gates = 1
        x.weights = w.weights + 2 * padded_columns(U, size) * U * size
        x.a = <const char *>w.s.gates + (w.at[t] * w.s.width + 3 * U) * size
        x.lda = w.s.width
        phase(w, &x, t, 1, group, rows, rows)


cdef void step_backward(const Sweep *w, Py_ssize_t t, Py_ssize_t group) noexcept nogil:
    """Step t: the gradient of the state after it comes by way of the gates of step t + 1, and for
    rows that end with step t is the last state's. t -1: the gradient of the first state."""
    cdef Py_ssize_t U = w.s.U, size = w.itemsize, multiplied = rows_at(w, t + 1)
    cdef Py_ssize_t rows = rows_at(w, t) if t >= 0 else multiplied
    cdef bint before = w.s.cell == c_GRU_BEFORE
    cdef Product x
    x.gates = 1
    x.weights = w.weights
    x.a = <const char *>w.s.dgates + w.at[t + 1] * w.s.width * size
    x.lda = w.s.width
    x.spans, x.span[0] = 1, 0
    x.length = (2 if before else gates_of(w.s.cell)) * U
    if w.s.cell == c_GRU:  # r z q
        x.spans, x.length, x.span[1], x.span[2] = 3, U, U, 3 * U
    phase(w, &x, t, 0, group, multiplied, rows)
    if before and t >= 0:
        x.weights = w.weights + 2 * padded_columns(U, size) * U * size
        x.a = <const char *>w.s.dgates + (w.at[t] * w.s.width + 2 * U) * size
        x.length = U
        phase(w, &x, t, 1, group, rows, rows)


cdef void run_group(const Sweep *w, Py_ssize_t group, Py_ssize_t begin,
                    Py_ssize_t end) noexcept nogil:
    """Steps [begin, end) of a group of tiles; backward, from the last to the first."""
    cdef Py_ssize_t t
    for t in range(begin, end):
        if w.backward:
            step_backward(w, w.T - 1 - t, group)
        else:
            step_forward(w, t, group)


cdef int run(Sweep *w, cnp.ndarray w_hh) except -1:
    cdef recurrent_t *s = &w.s
    cdef Py_ssize_t size = w.itemsize, gates = gates_of(s.cell)
    cdef Py_ssize_t steps = w.T + 1 if w.backward else w.T  # backward's last: the first state's
    cdef double row_work = <double>gates * s.U * (s.U + GATE_WORK)
    cdef Py_ssize_t slice_steps = 1 + <Py_ssize_t>(SLICE / (row_work * w.N + 1)), begin, end, i, slice
    cdef int threads = threads_for(row_work * w.at[w.T])
    cdef Block weights = block(gates * s.U * padded_columns(s.U, size) * size), rows, sums
    cdef Py_ssize_t k = gates * s.U if w.backward else s.U  # the longest inner dimension
    if w.at[w.T] == 0 or s.U == 0:
        return 0
    if not w.backward:
        pack_matrices(w_hh, gates, True, <char *>weights.data)
    elif s.cell != c_GRU_BEFORE:
        pack_matrices(w_hh, 1, False, <char *>weights.data)
    else:
        pack_matrices(w_hh[:2 * s.U], 1, False, <char *>weights.data)
        pack_matrices(w_hh[2 * s.U:], 1, False,
                      <char *>weights.data + 2 * s.U * padded_columns(s.U, size) * size)
    w.weights = <const char *>weights.data
    w.gates = 1 if w.backward else gates
    w.tiles = ceil_div(w.N, TILE_ROWS)
    w.groups = ceil_div(w.tiles, min(GROUP_TILES, ceil_div(w.tiles, threads)))
    w.slots = 1 if k_blocks(k, size) == 1 else ceil_div(s.U, wide_panel(size))
    w.kc = k_most(k, size)
    rows = block(w.tiles * w.kc * packed_rows(size) * size)
    sums = block(w.tiles * w.slots * TILE_ROWS * w.gates * wide_panel(size) * size)
    w.rows, w.sums = <char *>rows.data, <char *>sums.data
    for slice in range(ceil_div(steps, slice_steps)):
        begin = slice * slice_steps
        end = min(steps, begin + slice_steps)
        for i in prange(w.groups, schedule="dynamic", num_threads=threads, nogil=True):
            run_group(w, i, begin, end)
        PyErr_CheckSignals()
    return 0


cdef inline void *data_of(cnp.ndarray x):
    return NULL if x is None else cnp.PyArray_DATA(x)


cdef void set_up(Sweep *w, int cell, cnp.ndarray steps, cnp.ndarray gates, cnp.ndarray h,
                 cnp.ndarray c, cnp.ndarray peephole):
    memset(w, 0, sizeof(Sweep))
    w.itemsize = cnp.PyArray_ITEMSIZE(h)
    w.T = steps.shape[0] - 1
    w.at = <const Py_ssize_t *>cnp.PyArray_DATA(steps)
    w.N = h.shape[0] - w.at[w.T]
    w.s.cell = cell
    w.s.U = h.shape[1]
    w.s.width = w.s.U if gates is None else gates.shape[1]
    w.s.gates, w.s.h, w.s.c = data_of(gates), data_of(h), data_of(c)
    w.s.peephole = data_of(peephole)


def forward(int cell, cnp.ndarray steps, cnp.ndarray gates, cnp.ndarray h, cnp.ndarray c,
            cnp.ndarray w_hh, cnp.ndarray bias, cnp.ndarray peephole):
    """In place: gates (R, width), which hold the input's products and biases, become the activated
    gates; h and c (N + R, U), of which the first N rows are given, are filled.

    steps (T + 1), intp: where each step's rows begin, at last R; rows a step never increase.
    w_hh (gates * U, U) of any strides; the other arrays are C-contiguous. gates: width 4 U, coupled
    3 U, GRU 4 U (the last U for q: see recurrent.h); RNN: h[N:]. c: LSTM's. bias (U): GRU's, of q.
    peephole: LSTM's or None.
    """
    cdef Sweep w
    set_up(&w, cell, steps, gates, h, c, peephole)
    w.s.bias = data_of(bias)
    run(&w, w_hh)


def backward(int cell, cnp.ndarray steps, cnp.ndarray dy, cnp.ndarray dh, cnp.ndarray dc,
             cnp.ndarray gates, cnp.ndarray h, cnp.ndarray c, cnp.ndarray w_hh,
             cnp.ndarray peephole, cnp.ndarray dgates):
    """Fills dgates (R, width); dh and dc (N, U), the gradients of the last states, become those of
    the first. gates (RNN: None), h, c as `forward` left them; dy (R, U) or None."""
    cdef Sweep w
    set_up(&w, cell, steps, gates, h, c, peephole)
    w.backward = True
    w.s.dy, w.s.dh, w.s.dc, w.s.dgates = data_of(dy), data_of(dh), data_of(dc), data_of(dgates)
    run(&w, w_hh)


cdef void one_step(Sweep *w, Py_ssize_t t, cnp.ndarray sums, int which) noexcept:
    """Step t of its rows, whose products are given, or None."""
    cdef part_t p
    memset(&p, 0, sizeof(p))
    p.at = w.at[t]
    p.before = state_before(w, t)
    p.after = state_before(w, t + 1)
    p.units = w.s.U
    p.sum_gate = w.s.U
    if sums is not None:
        p.sum_row = sums.shape[1]
    if w.s.U:
        compute_gates(w, &p, 0, rows_at(w, t), data_of(sums), t, which)


def forward_step(int cell, cnp.ndarray steps, Py_ssize_t t, cnp.ndarray sums, cnp.ndarray gates,
                 cnp.ndarray h, cnp.ndarray c, cnp.ndarray bias, cnp.ndarray peephole, int which):
    """`forward` of step t alone, whose products with w_hh are given: sums (rows, gates * U)."""
    cdef Sweep w
    set_up(&w, cell, steps, gates, h, c, peephole)
    w.s.bias = data_of(bias)
    one_step(&w, t, sums, which)


def backward_step(int cell, cnp.ndarray steps, Py_ssize_t t, cnp.ndarray sums, cnp.ndarray dy,
                  cnp.ndarray dh, cnp.ndarray dc, cnp.ndarray gates, cnp.ndarray h, cnp.ndarray c,
                  cnp.ndarray peephole, cnp.ndarray dgates, int which):
    """`backward` of step t alone, dh and dc being the gradients of the states after it. The
    products with w_hh are the caller's; sums: None, but for phase 1 of GRU_BEFORE, n's."""
    cdef Sweep w
    set_up(&w, cell, steps, gates, h, c, peephole)
    w.backward = True
    w.s.dy, w.s.dh, w.s.dc, w.s.dgates = data_of(dy), data_of(dh), data_of(dc), data_of(dgates)
    one_step(&w, t, sums, which)
