"""Scaled dot-product attention, o = softmax(scale q k' + mask) v, forward and backward.

Of the L x S matrix of weights there never is more than a block (Rabe and Staats 2021,
arXiv:2112.05682; Dao et al. 2022, arXiv:2205.14135). Forward, a tile of queries meets one block of
keys after the other: its products with them, which stay in the first-level cache, become weights
relative to the largest product so far (attention.h), and what has been summed is rescaled when a
larger one comes. Backward makes the weights again, from the products and the logarithm of their sum.

An item is a batch's head: of it, forward, some tiles of queries, and backward, some blocks of keys;
what these give the gradient of the queries is added up at the end. Where a query sees only the keys
up to its own place, a tile multiplies by no more keys than its last query sees, so nearly half of the
work is spared. Items and tiles derive from the shapes alone.

N batch, H heads, L queries, S keys, E features of both, F features of the values.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport prange
from libc.math cimport INFINITY, log
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from .memory cimport Block, block
from .pack cimport pack_panel, pack_panels
from .threads cimport threads_for
from .tile cimport (
    TILE_ROWS, VEC_BYTES, ceil_div, padded_columns, panel_width, tile_run, tile_t, wide_panel,
)

cnp.import_array()

cdef extern from "openmp.h" nogil:
    int omp_get_thread_num()

cdef extern from "attention.h" nogil:
    enum:
        ATTENTION_KEYS
        MASK_NONE
        MASK_KEEPS
        MASK_ADDS

    ctypedef struct attention_row_t:
        Py_ssize_t n, room
        double scale
        int mask_kind
        const void *mask
        Py_ssize_t mask_step
        bint dropped
        uint64_t seed
        uint32_t threshold
        double keep_scale
        Py_ssize_t begin

    float attention_row_f32(const attention_row_t *g, float *s, float *m, double *l)
    double attention_row_f64(const attention_row_t *g, double *s, double *m, double *l)
    void attention_row_backward_f32(const attention_row_t *g, float *s, float *dp, float lse,
                                    float delta)
    void attention_row_backward_f64(const attention_row_t *g, double *s, double *dp, double lse,
                                    double delta)
    float attention_dot_f32(const float *a, Py_ssize_t a_step, const float *b, Py_ssize_t b_step,
                            Py_ssize_t n)
    double attention_dot_f64(const double *a, Py_ssize_t a_step, const double *b,
                             Py_ssize_t b_step, Py_ssize_t n)
    void attention_store_f32(const float *x, float scale, float *out, Py_ssize_t step, Py_ssize_t n)
    void attention_store_f64(const double *x, double scale, double *out, Py_ssize_t step,
                             Py_ssize_t n)

cdef enum:
    LDS = ATTENTION_KEYS + 16       # between rows of weights: not a power of two
    QUERY_TILES = 60 // TILE_ROWS    # of a block of queries, backward
    GROUP_TILES = 480 // TILE_ROWS   # of an item, forward, at most: their sums stay in L2
    ITEMS = 16                      # at least, where the shape gives as many
    WEIGHT_WORK = 24                # of a weight's arithmetic, in multiply-adds
    SLICE = 1 << 29                 # multiply-adds between two looks for Ctrl-C

cdef struct Matrices:     # (N, H, rows, columns) of any strides, in elements
    char *data
    Py_ssize_t n, h, r, c

cdef struct Job:
    Py_ssize_t N, H, L, S, E, F
    size_t itemsize
    bint causal
    const int64_t *lengths    # (N) keys of each sequence; NULL: S
    Matrices q, k, v, o, mask, do, dq, dk, dv
    attention_row_t row       # scale, mask and dropout of all rows
    void *lse                 # (N, H, L): log of the sum of exp(scores)
    Py_ssize_t tiles          # of queries
    Py_ssize_t groups         # items of a head
    Py_ssize_t e_wide, f_wide # E and F in whole panels
    char *scratch             # of a thread: scratch_size bytes
    Py_ssize_t scratch_size
    char *partial             # backward, with groups: (N, H, groups, L, e_wide) parts of dq


# ---- pieces -------------------------------------------------------------------------------------


cdef inline Py_ssize_t tile_begin(const Job *job, Py_ssize_t tile) noexcept nogil:
    """First query of a tile: L queries in tiles of nearly equal height."""
    return tile * job.L // job.tiles


cdef inline floating *at(const Matrices *a, Py_ssize_t n, Py_ssize_t h, Py_ssize_t row,
                         const floating *_) noexcept nogil:
    """A row; `_` only says of what."""
    return <floating *>a.data + n * a.n + h * a.h + row * a.r


cdef inline Py_ssize_t keys_of(const Job *job, Py_ssize_t n) noexcept nogil:
    return job.S if job.lengths == NULL else job.lengths[n]


cdef void pack(const floating *x, Py_ssize_t k_stride, Py_ssize_t stride, Py_ssize_t k,
               Py_ssize_t columns, floating *out) noexcept nogil:
    """Panels of the matrix x[p * k_stride + j * stride] (k, columns)."""
    cdef Py_ssize_t wide = wide_panel(sizeof(floating)), whole = columns // wide, j = whole * wide
    pack_panels(x, k_stride, stride, k, whole, k * wide, out)
    if j < columns:
        pack_panel(x + j * stride, k_stride, stride, k, columns - j,
                   panel_width(columns - j, sizeof(floating)), out + j * k)


cdef void multiply(const floating *a, Py_ssize_t a_row, Py_ssize_t a_step, Py_ssize_t rows,
                   const floating *b, Py_ssize_t packed, Py_ssize_t columns, Py_ssize_t begin,
                   Py_ssize_t length, Py_ssize_t wanted, floating *c, Py_ssize_t c_row,
                   bint add) noexcept nogil:
    """One tile of rows: c (+)= a[:, :length] b[begin:begin + length, :wanted], b being panels of a
    (packed, columns) matrix. c's rows have room for whole panels."""
    cdef Py_ssize_t wide = wide_panel(sizeof(floating)), j = 0, zero = 0, i
    cdef Py_ssize_t row[TILE_ROWS]
    cdef Py_ssize_t out[TILE_ROWS]
    cdef tile_t tile
    for i in range(rows):
        row[i] = i * a_row
        out[i] = i * c_row
    tile.a, tile.row, tile.a_step = a, row, a_step
    tile.span = tile.b_span = &zero
    tile.spans, tile.length = 1, length
    tile.init_row = tile.c_row = out
    while j < wanted:
        tile.columns = tile.b_step = panel_width(min(wide, columns - j), sizeof(floating))
        tile.b = b + j * packed + begin * tile.b_step
        tile.c = c + j
        tile.init = tile.c if add else NULL
        tile_run(&tile, sizeof(floating), <int>rows, tile.columns)
        j += wide


cdef inline void set_row(const Job *job, attention_row_t *g, Py_ssize_t n, Py_ssize_t h,
                         Py_ssize_t i, Py_ssize_t j0, Py_ssize_t keys,
                         Py_ssize_t room) noexcept nogil:
    """Query i and the `keys` keys from j0 on."""
    cdef const Matrices *mask = &job.mask
    cdef Py_ssize_t offset
    g.n = min(keys, i + 1 - j0) if job.causal else keys
    g.n = max(0, g.n)
    g.room = room
    g.begin = ((n * job.H + h) * job.L + i) * job.S + j0
    if g.mask_kind != MASK_NONE:
        offset = n * mask.n + h * mask.h + i * mask.r + j0 * mask.c
        g.mask = mask.data + offset * (1 if g.mask_kind == MASK_KEEPS else <Py_ssize_t>job.itemsize)


cdef inline void *carve(char **scratch, Py_ssize_t numbers, size_t itemsize) noexcept nogil:
    """The next `numbers` numbers of the scratch memory, in whole vectors."""
    cdef char *here = scratch[0]
    scratch[0] += ceil_div(numbers * itemsize, 64) * 64
    return here


cdef inline void store(const floating *x, floating scale, floating *out, Py_ssize_t step,
                       Py_ssize_t n) noexcept nogil:
    """out[i * step] = scale * x[i], i < n"""
    if floating is float:
        attention_store_f32(x, scale, out, step, n)
    else:
        attention_store_f64(x, scale, out, step, n)


cdef void store_rows(const floating *x, Py_ssize_t x_row, const Matrices *a, Py_ssize_t n,
                     Py_ssize_t h, Py_ssize_t row0, Py_ssize_t rows,
                     Py_ssize_t columns) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(rows):
        store(x + i * x_row, <floating>1, at(a, n, h, row0 + i, x), a.c, columns)


# ---- forward ------------------------------------------------------------------------------------


cdef void forward_item(const Job *job, Py_ssize_t item, const floating *none) noexcept nogil:
    """Some tiles of a head's queries."""
    cdef Py_ssize_t group = item % job.groups, head = item // job.groups
    cdef Py_ssize_t n = head // job.H, h = head % job.H
    cdef Py_ssize_t tile0 = group * job.tiles // job.groups
    cdef Py_ssize_t tile1 = (group + 1) * job.tiles // job.groups
    cdef Py_ssize_t first = tile_begin(job, tile0), last = tile_begin(job, tile1)
    cdef Py_ssize_t E = job.E, F = job.F, f_wide = job.f_wide, keys = keys_of(job, n)
    cdef Py_ssize_t b, j0, nk, t, i, r0, rows, seen, c
    cdef char *scratch = job.scratch + omp_get_thread_num() * job.scratch_size
    cdef floating *k = <floating *>carve(&scratch, E * ATTENTION_KEYS, sizeof(floating))
    cdef floating *v = <floating *>carve(&scratch, ATTENTION_KEYS * f_wide, sizeof(floating))
    cdef floating *s = <floating *>carve(&scratch, TILE_ROWS * LDS, sizeof(floating))
    cdef floating *o = <floating *>carve(&scratch, (last - first) * f_wide, sizeof(floating))
    cdef floating *m = <floating *>carve(&scratch, last - first, sizeof(floating))
    cdef double *l = <double *>carve(&scratch, last - first, sizeof(double))
    cdef floating *out
    cdef floating *sums
    cdef floating factor
    cdef double scale
    cdef attention_row_t g = job.row
    for i in range(last - first):
        m[i] = -INFINITY
        l[i] = 0
    memset(o, 0, (last - first) * f_wide * sizeof(floating))
    if job.causal:
        keys = min(keys, last)
    for b in range(ceil_div(keys, ATTENTION_KEYS)):
        j0 = b * ATTENTION_KEYS
        nk = min(<Py_ssize_t>ATTENTION_KEYS, keys - j0)
        pack(at(&job.k, n, h, j0, none), job.k.c, job.k.r, E, nk, k)
        pack(at(&job.v, n, h, j0, none), job.v.r, job.v.c, nk, F, v)
        for t in range(tile0, tile1):
            r0 = tile_begin(job, t)
            rows = tile_begin(job, t + 1) - r0
            seen = min(nk, r0 + rows - j0) if job.causal else nk
            if seen <= 0:
                continue
            multiply(at(&job.q, n, h, r0, none), job.q.r, job.q.c, rows, k, E, nk,
                     0, E, seen, s, LDS, False)
            for i in range(rows):
                set_row(job, &g, n, h, r0 + i, j0, nk, seen)
                sums = o + (r0 - first + i) * f_wide
                if floating is float:
                    factor = attention_row_f32(&g, s + i * LDS, m + r0 - first + i,
                                               l + r0 - first + i)
                else:
                    factor = attention_row_f64(&g, s + i * LDS, m + r0 - first + i,
                                               l + r0 - first + i)
                if j0 > 0 and factor != 1:
                    for c in range(F):
                        sums[c] *= factor
            multiply(s, LDS, 1, rows, v, nk, F, 0, seen, F, o + (r0 - first) * f_wide, f_wide,
                     j0 > 0)
    for i in range(last - first):
        scale = 1 / l[i] if l[i] != 0 else 1
        out = at(&job.o, n, h, first + i, none)
        sums = o + i * f_wide
        store(sums, <floating>scale, out, job.o.c, F)
        # Of a query that sees nothing, +inf: its weights then are 0 in backward too.
        (<floating *>job.lse)[head * job.L + first + i] = <floating>(
            m[i] + log(l[i]) if l[i] != 0 else INFINITY)


# ---- backward -----------------------------------------------------------------------------------


cdef void backward_item(const Job *job, Py_ssize_t item, const floating *none) noexcept nogil:
    """Some blocks of a head's keys. With p = exp(scale q k' + mask - lse), o = (p d) v:

        dv = (p d)' do,  dp = do v',  ds = scale p (dp d - do o),  dq = ds k,  dk = ds' q
    """
    cdef Py_ssize_t group = item % job.groups, head = item // job.groups
    cdef Py_ssize_t n = head // job.H, h = head % job.H
    cdef Py_ssize_t blocks = ceil_div(job.S, ATTENTION_KEYS)
    cdef Py_ssize_t block0 = group * blocks // job.groups, block1 = (group + 1) * blocks // job.groups
    cdef Py_ssize_t E = job.E, F = job.F, L = job.L, e_wide = job.e_wide, f_wide = job.f_wide
    cdef Py_ssize_t key1 = min(job.S, block1 * ATTENTION_KEYS)
    cdef Py_ssize_t keys = min(keys_of(job, n), key1), high = QUERY_TILES * TILE_ROWS
    cdef Py_ssize_t b, j0, nk, i0, nq, block, t0, t1, t, i, r0, rows, seen, room, a
    cdef char *scratch = job.scratch + omp_get_thread_num() * job.scratch_size
    cdef floating *kt = <floating *>carve(&scratch, E * ATTENTION_KEYS, sizeof(floating))
    cdef floating *vt = <floating *>carve(&scratch, F * ATTENTION_KEYS, sizeof(floating))
    cdef floating *k = <floating *>carve(&scratch, ATTENTION_KEYS * e_wide, sizeof(floating))
    cdef floating *q = <floating *>carve(&scratch, high * e_wide, sizeof(floating))
    cdef floating *do = <floating *>carve(&scratch, high * f_wide, sizeof(floating))
    cdef floating *p = <floating *>carve(&scratch, high * LDS, sizeof(floating))
    cdef floating *ds = <floating *>carve(&scratch, high * LDS, sizeof(floating))
    cdef floating *dk = <floating *>carve(&scratch, ATTENTION_KEYS * e_wide, sizeof(floating))
    cdef floating *dv = <floating *>carve(&scratch, ATTENTION_KEYS * f_wide, sizeof(floating))
    cdef floating *delta = <floating *>carve(&scratch, L, sizeof(floating))
    cdef floating *dq = <floating *>carve(&scratch, L * e_wide, sizeof(floating))
    cdef const floating *lse = <const floating *>job.lse + head * L
    cdef const floating *x
    cdef const floating *y
    cdef attention_row_t g = job.row
    if job.groups > 1:
        dq = <floating *>job.partial + item * L * e_wide
    memset(dq, 0, L * e_wide * sizeof(floating))
    for i in range(L):
        x = at(&job.do, n, h, i, none)
        y = at(&job.o, n, h, i, none)
        if floating is float:
            delta[i] = attention_dot_f32(x, job.do.c, y, job.o.c, F)
        else:
            delta[i] = attention_dot_f64(x, job.do.c, y, job.o.c, F)
    for b in range(block0, block1):
        j0 = b * ATTENTION_KEYS
        memset(dk, 0, ATTENTION_KEYS * e_wide * sizeof(floating))
        memset(dv, 0, ATTENTION_KEYS * f_wide * sizeof(floating))
        nk = max(<Py_ssize_t>0, min(<Py_ssize_t>ATTENTION_KEYS, keys - j0))
        if nk > 0:
            pack(at(&job.k, n, h, j0, none), job.k.c, job.k.r, E, nk, kt)
            pack(at(&job.v, n, h, j0, none), job.v.c, job.v.r, F, nk, vt)
            pack(at(&job.k, n, h, j0, none), job.k.r, job.k.c, nk, E, k)
        for block in range(ceil_div(job.tiles, QUERY_TILES) if nk > 0 else 0):
            t0 = block * QUERY_TILES
            t1 = min(t0 + QUERY_TILES, job.tiles)
            i0 = tile_begin(job, t0)
            nq = tile_begin(job, t1) - i0
            if job.causal and i0 + nq <= j0:
                continue
            pack(at(&job.q, n, h, i0, none), job.q.r, job.q.c, nq, E, q)
            pack(at(&job.do, n, h, i0, none), job.do.r, job.do.c, nq, F, do)
            for t in range(t0, t1):
                r0 = tile_begin(job, t)
                rows = tile_begin(job, t + 1) - r0
                seen = max(0, min(nk, r0 + rows - j0)) if job.causal else nk
                if seen > 0:
                    multiply(at(&job.q, n, h, r0, none), job.q.r, job.q.c, rows,
                             kt, E, nk, 0, E, seen, p + (r0 - i0) * LDS, LDS, False)
                    multiply(at(&job.do, n, h, r0, none), job.do.r, job.do.c,
                             rows, vt, F, nk, 0, F, seen, ds + (r0 - i0) * LDS, LDS, False)
                for i in range(r0, r0 + rows):
                    # A tile of keys reads the rows that see its first.
                    room = max(0, min(nk, i - j0 + TILE_ROWS)) if job.causal else nk
                    set_row(job, &g, n, h, i, j0, nk, room)
                    if floating is float:
                        attention_row_backward_f32(&g, p + (i - i0) * LDS, ds + (i - i0) * LDS,
                                                   lse[i], delta[i])
                    else:
                        attention_row_backward_f64(&g, p + (i - i0) * LDS, ds + (i - i0) * LDS,
                                                   lse[i], delta[i])
                if seen > 0:
                    multiply(ds + (r0 - i0) * LDS, LDS, 1, rows, k, nk, E, 0, seen, E,
                             dq + r0 * e_wide, e_wide, True)
            for t in range(ceil_div(nk, TILE_ROWS)):  # of keys, of which a query before them sees none
                a = t * TILE_ROWS
                rows = min(<Py_ssize_t>TILE_ROWS, nk - a)
                i = max(0, j0 + a - i0) if job.causal else 0
                if i >= nq:
                    break
                multiply(p + i * LDS + a, 1, LDS, rows, do, nq, F, i, nq - i, F, dv + a * f_wide,
                         f_wide, True)
                multiply(ds + i * LDS + a, 1, LDS, rows, q, nq, E, i, nq - i, E, dk + a * e_wide,
                         e_wide, True)
        rows = min(<Py_ssize_t>ATTENTION_KEYS, key1 - j0)
        store_rows(dk, e_wide, &job.dk, n, h, j0, rows, E)
        store_rows(dv, f_wide, &job.dv, n, h, j0, rows, F)
    if job.groups == 1:
        store_rows(dq, e_wide, &job.dq, n, h, 0, L, E)


cdef void add_parts(const Job *job, Py_ssize_t head, const floating *_) noexcept nogil:
    """The gradient of a head's queries from that of its groups of keys, in order."""
    cdef Py_ssize_t size = job.L * job.e_wide, g, i
    cdef floating *sum = <floating *>job.partial + head * job.groups * size
    for g in range(1, job.groups):
        for i in range(size):
            sum[i] += sum[g * size + i]
    store_rows(sum, job.e_wide, &job.dq, head // job.H, head % job.H, 0, job.L, job.E)


# ---- calls --------------------------------------------------------------------------------------


cdef Matrices matrices(cnp.ndarray a):
    cdef Matrices m
    cdef Py_ssize_t itemsize = cnp.PyArray_ITEMSIZE(a)
    m.data = <char *>cnp.PyArray_DATA(a)
    m.n, m.h = a.strides[0] // itemsize, a.strides[1] // itemsize
    m.r, m.c = a.strides[2] // itemsize, a.strides[3] // itemsize
    return m


cdef Job job_of(cnp.ndarray q, cnp.ndarray k, cnp.ndarray v, cnp.ndarray mask, cnp.ndarray lengths,
                bint causal, double scale, tuple dropout, cnp.ndarray lse, cnp.ndarray o):
    cdef Job job
    job.N, job.H, job.L, job.E = q.shape[0], q.shape[1], q.shape[2], q.shape[3]
    job.S, job.F = k.shape[2], v.shape[3]
    job.itemsize = cnp.PyArray_ITEMSIZE(q)
    job.causal = causal
    job.lengths = NULL if lengths is None else <const int64_t *>cnp.PyArray_DATA(lengths)
    job.q, job.k, job.v, job.o = matrices(q), matrices(k), matrices(v), matrices(o)
    job.lse = cnp.PyArray_DATA(lse)
    job.row.scale = scale
    job.row.mask_kind = MASK_NONE
    if mask is not None:
        job.row.mask_kind = MASK_KEEPS if cnp.PyArray_TYPE(mask) == cnp.NPY_BOOL else MASK_ADDS
        job.mask = matrices(mask)
        job.row.mask_step = job.mask.c
    job.row.dropped = dropout is not None
    if dropout is not None:
        job.row.seed, job.row.threshold, job.row.keep_scale = dropout
    job.tiles = ceil_div(job.L, TILE_ROWS)
    job.e_wide = padded_columns(job.E, job.itemsize)
    job.f_wide = padded_columns(job.F, job.itemsize)
    job.partial = NULL
    return job


cdef int run(Job *job, bint backward, Py_ssize_t scratch) except -1:
    """scratch: numbers, besides some for alignment."""
    cdef double work = <double>job.N * job.H * job.L * job.S * (
        (job.E + job.F) * (2.5 if backward else 1.0) + WEIGHT_WORK) / (2 if job.causal else 1)
    cdef int threads = threads_for(work)
    cdef Py_ssize_t heads = job.N * job.H, items = heads * job.groups, item, first = 0, last
    cdef Py_ssize_t step = 1 + <Py_ssize_t>(SLICE * (<double>items / (work + 1)))
    cdef Block memory
    job.scratch_size = scratch * job.itemsize + 16 * 64
    memory = block(threads * job.scratch_size)
    job.scratch = <char *>memory.data
    while first < items:
        last = min(items, first + step)
        for item in prange(first, last, schedule="dynamic", num_threads=threads, nogil=True):
            if job.itemsize == sizeof(float):
                if backward:
                    backward_item[float](job, item, NULL)
                else:
                    forward_item[float](job, item, NULL)
            elif backward:
                backward_item[double](job, item, NULL)
            else:
                forward_item[double](job, item, NULL)
        PyErr_CheckSignals()
        first = last
    if backward and job.groups > 1:
        for item in prange(heads, schedule="static", num_threads=threads, nogil=True):
            if job.itemsize == sizeof(float):
                add_parts[float](job, item, NULL)
            else:
                add_parts[double](job, item, NULL)
    return 0


def attention(cnp.ndarray q, cnp.ndarray k, cnp.ndarray v, cnp.ndarray mask, cnp.ndarray lengths,
              bint causal, double scale, tuple dropout, cnp.ndarray lse, cnp.ndarray o):
    """Writes o (N, H, L, F) and lse (N, H, L), contiguous. q (N, H, L, E), k (N, H, S, E), v (N, H,
    S, F), mask (N, H, L, S) of booleans (True: seen) or like q, or None; of any strides. lengths
    int64 (N), contiguous, in 0..S, or None. dropout: (seed, threshold, 1 / (1 - p)) or None. No
    size but S, E and F is 0."""
    cdef Job job = job_of(q, k, v, mask, lengths, causal, scale, dropout, lse, o)
    cdef Py_ssize_t heads = job.N * job.H, rows
    job.groups = min(job.tiles, max(ceil_div(job.tiles, GROUP_TILES), ceil_div(ITEMS, heads)))
    rows = ceil_div(job.tiles, job.groups) * TILE_ROWS
    run(&job, False, (job.E + job.f_wide) * ATTENTION_KEYS + TILE_ROWS * LDS
        + rows * (job.f_wide + 1 + ceil_div(sizeof(double), job.itemsize)))


def attention_backward(cnp.ndarray do, cnp.ndarray q, cnp.ndarray k, cnp.ndarray v,
                       cnp.ndarray mask, cnp.ndarray lengths, bint causal, double scale,
                       tuple dropout, cnp.ndarray lse, cnp.ndarray o, cnp.ndarray dq,
                       cnp.ndarray dk, cnp.ndarray dv):
    """Writes dq, dk, dv, shaped as q, k, v, of any strides. lse and o: what `attention` wrote; the
    other arguments: what it was given."""
    cdef Job job = job_of(q, k, v, mask, lengths, causal, scale, dropout, lse, o)
    cdef Py_ssize_t heads = job.N * job.H, high = QUERY_TILES * TILE_ROWS
    cdef Block partial
    job.do, job.dq, job.dk, job.dv = matrices(do), matrices(dq), matrices(dk), matrices(dv)
    job.groups = max(1, min(ceil_div(job.S, ATTENTION_KEYS), ceil_div(ITEMS, heads)))
    if job.groups > 1:
        partial = block(heads * job.groups * job.L * job.e_wide * job.itemsize)
        job.partial = <char *>partial.data
    run(&job, True, (job.E + job.F + 2 * job.e_wide + job.f_wide) * ATTENTION_KEYS
        + high * (job.e_wide + job.f_wide + 2 * LDS)
        + job.L * (1 + (job.e_wide if job.groups == 1 else 0)))
