"""C = activation(A B + bias): blocked, packed matrix multiplication (Goto and van de Geijn 2008).

The inner dimension is cut into blocks of about KC and the columns into slices of NC and panels
of one tile's width (32 floats with AVX-512). For one block of both, the panels of B are packed
(kc x width, contiguous) and so are tiles of A's rows (kc x rows); then (group of row tiles) x
(chunk of panels) items are shared among the threads. Every grid derives from m, n, k alone, and
a sum over k runs in order within a block and block after block: any number of threads gives the
same bits.

Small operands are read where they lie: A when few panels would reuse the copy, B when one row
tile would or it is small. Only B's last panel, if it is not a whole vector wide, is always packed.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from cython.parallel cimport parallel, prange
from libc.string cimport memcpy

from .gemv cimport gemv, gemv_fits
from .memory cimport Block, block, empty
from .pack cimport pack_panel, pack_panels
from .threads cimport threads_for
from .tile cimport (
    GEMM_A_IN_PLACE, TILE_MAX_WIDTH, TILE_ROWS, VEC_BYTES, activate, ceil_div, k_blocks,
    packed_rows, padded_columns, panel_width, tile_run, tile_t, wide_panel,
)
from .vecmath cimport ACT_NONE, ACT_RELU, ACT_SIGMOID, ACT_TANH

cnp.import_array()

cdef extern from "openmp.h" nogil:
    int omp_get_thread_num()

cdef enum:
    NC = 3072              # columns in one slice (whole panels): KC x NC floats of packed B are 9 MiB, in L3
    GROUP_TILES = 168 / TILE_ROWS  # in one item: 168 rows x KC floats are half a MiB, in L2
    TOGETHER = 4           # panels of B packed at a time
    SLICE_GROUPS = 2       # groups in one slice: between slices Ctrl-C is answered
    FEW_PANELS = 2         # B this narrow: A is read where it lies
    FEW_ROWS = 3           # A this low: B is streamed once for every row (gemv.pyx)
    FEW_TILES = 2          # A this low: it is read where it lies
    L1_BYTES = 32768       # B this small (first-level cache): likewise, and where A is one tile high

cdef struct Operand:      # a strided matrix; strides in elements
    const void *data
    Py_ssize_t rs, cs

cdef struct Slice:        # one slice: C[m, n] += A[m, k] B[k, n]
    Py_ssize_t m, n, k
    Operand a, b          # as given
    void *a_pack          # NULL: read A where it lies
    void *b_pack          # panels
    bint at_once          # who multiplies by panels of B packs them, to memory of the thread's own
    bint b_in_place       # B is read where it lies but for the last panel, if that is ragged
    bint b_packed         # B came as a PackedMatrix, or an earlier slice of rows packed it
    void *c
    Py_ssize_t ldc
    const void *bias      # NULL: none
    bint accumulate       # C already holds the blocks of k before this one
    int activation        # ACT_NONE until the last block of k
    Py_ssize_t tiles, panels
    int nt


cdef inline Py_ssize_t tile_begin(Py_ssize_t t, Py_ssize_t tiles, Py_ssize_t m) noexcept nogil:
    """First row of tile t: m rows in tiles of nearly equal height."""
    return t * m // tiles


cdef inline floating *packed_panel(Slice *s, Py_ssize_t panel, Py_ssize_t panel0,
                                   floating *_) noexcept nogil:
    """Where a packed panel of B lies; panel0: the first of the chunk that is packed at once."""
    cdef Py_ssize_t size = wide_panel(sizeof(floating)) * s.k
    if s.at_once:
        panel += omp_get_thread_num() * TOGETHER - panel0
    return <floating *>s.b_pack + panel * size


cdef void pack_range(const floating *b, Py_ssize_t rs, Py_ssize_t cs, Py_ssize_t k,
                     Py_ssize_t columns, floating *out) noexcept nogil:
    """Panels of b (k, columns), one after the other, the last as wide as it needs to be."""
    cdef Py_ssize_t wide = wide_panel(sizeof(floating)), whole = columns // wide
    cdef Py_ssize_t j = whole * wide, rest = columns - j
    pack_panels(b, rs, cs, k, whole, k * wide, out)
    if rest > 0:
        pack_panel(b + j * cs, rs, cs, k, rest, panel_width(rest, sizeof(floating)), out + j * k)


cdef void pack_b(Slice *s, Py_ssize_t panel0, Py_ssize_t begin, Py_ssize_t end,
                 floating *_) noexcept nogil:
    """Pack panels [begin, end) of B, of the chunk from panel0 on."""
    cdef Py_ssize_t wide = wide_panel(sizeof(floating))
    pack_range(<const floating *>s.b.data + begin * wide * s.b.cs, s.b.rs, s.b.cs, s.k,
               min(s.n, end * wide) - begin * wide, packed_panel[floating](s, begin, panel0, NULL))


cdef void pack_a(Slice *s, Py_ssize_t tile, floating *_) noexcept nogil:
    """Pack a tile's rows of A."""
    cdef Py_ssize_t r0 = tile_begin(tile, s.tiles, s.m), rows = packed_rows(sizeof(floating))
    pack_panel(<const floating *>s.a.data + r0 * s.a.rs, s.a.cs, s.a.rs, s.k,
               tile_begin(tile + 1, s.tiles, s.m) - r0, rows,
               <floating *>s.a_pack + tile * rows * s.k)


cdef void multiply_item(Slice *s, Py_ssize_t tile0, Py_ssize_t tile1, Py_ssize_t panel0,
                        Py_ssize_t panel1, floating *_) noexcept nogil:
    """Row tiles [tile0, tile1) x panels [panel0, panel1) of C."""
    cdef Py_ssize_t wide = wide_panel(sizeof(floating))
    cdef Py_ssize_t row[TILE_ROWS]
    cdef Py_ssize_t c_row[TILE_ROWS]
    cdef Py_ssize_t edge_row[TILE_ROWS]
    cdef Py_ssize_t zeros[TILE_ROWS]
    cdef floating edge[TILE_ROWS * TILE_MAX_WIDTH]
    cdef floating edge_bias[TILE_MAX_WIDTH]
    cdef Py_ssize_t a_rows = packed_rows(sizeof(floating))
    cdef Py_ssize_t t, panel, i, j, r0, rows, columns, width
    cdef floating *c
    cdef const floating *bias
    cdef bint ragged
    cdef tile_t tile
    for i in range(TILE_ROWS):
        row[i] = i * s.a.rs if s.a_pack == NULL else i
        c_row[i] = i * s.ldc
        edge_row[i] = i * wide
        zeros[i] = 0
    tile.row = row
    tile.c_row = c_row
    tile.span = zeros
    tile.b_span = zeros
    tile.spans = 1
    tile.length = s.k
    tile.a_step = s.a.cs if s.a_pack == NULL else a_rows
    for panel in range(panel0, panel1):
        j = panel * wide
        columns = min(wide, s.n - j)
        width = panel_width(columns, sizeof(floating))
        ragged = columns != width
        tile.columns = columns
        if s.b_in_place and not ragged:
            tile.b = <const floating *>s.b.data + j
            tile.b_step = s.b.rs
        else:
            tile.b = packed_panel[floating](s, panel, panel0, NULL)
            tile.b_step = width
        bias = NULL if s.bias == NULL else <const floating *>s.bias + j
        if ragged and bias != NULL:
            memcpy(edge_bias, bias, columns * sizeof(floating))
            bias = &edge_bias[0]
        for t in range(tile0, tile1):
            r0 = tile_begin(t, s.tiles, s.m)
            rows = tile_begin(t + 1, s.tiles, s.m) - r0
            c = <floating *>s.c + r0 * s.ldc + j
            if s.a_pack == NULL:
                tile.a = <const floating *>s.a.data + r0 * s.a.rs
            else:
                tile.a = <const floating *>s.a_pack + t * a_rows * s.k
            tile.c = c
            if not s.accumulate:
                tile.init = bias
                tile.init_row = zeros
            elif not ragged:
                tile.init = c
                tile.init_row = c_row
            else:
                tile.init = edge
                tile.init_row = edge_row
                for i in range(rows):
                    memcpy(edge + i * wide, c + i * s.ldc, columns * sizeof(floating))
            tile_run(&tile, sizeof(floating), <int>rows, width)
            if s.activation != ACT_NONE:
                for i in range(rows):
                    activate(c + i * s.ldc, columns, s.activation)


cdef void run_item(Slice *s, Py_ssize_t item, Py_ssize_t groups, Py_ssize_t chunks,
                   floating *_) noexcept nogil:
    """One group of row tiles times one chunk of panels."""
    cdef Py_ssize_t group = item // chunks, chunk = item % chunks
    cdef Py_ssize_t panel0 = chunk * s.panels // chunks, panel1 = (chunk + 1) * s.panels // chunks
    cdef Py_ssize_t packed0 = panel0
    if s.b_in_place:
        packed0 = max(panel0, s.n // wide_panel(sizeof(floating)))
    if s.at_once and packed0 < panel1:
        pack_b[floating](s, panel0, packed0, panel1, NULL)
    multiply_item[floating](s, group * s.tiles // groups, (group + 1) * s.tiles // groups,
                            panel0, panel1, NULL)


cdef void pack_item(Slice *s, Py_ssize_t item, Py_ssize_t tiles, Py_ssize_t panel0,
                    floating *_) noexcept nogil:
    """Pack one of `tiles` of A, or, after those, panels TOGETHER from panel0 on."""
    if item < tiles:
        pack_a[floating](s, item, NULL)
    else:
        panel0 += (item - tiles) * TOGETHER
        pack_b[floating](s, panel0, panel0, min(s.panels, panel0 + TOGETHER), NULL)


cdef void run_slice(Slice *s, floating *_) noexcept nogil:
    """Pack, then multiply, in one parallel region."""
    cdef Py_ssize_t groups = ceil_div(s.tiles, GROUP_TILES)
    # Enough items to share even when A is one group high; never less than a panel each.
    cdef Py_ssize_t chunks = min(s.panels, ceil_div(16, groups))
    cdef Py_ssize_t tiles = 0 if s.a_pack == NULL else s.tiles, panel0 = 0, packs, item
    if s.at_once:
        chunks = max(chunks, ceil_div(s.panels, TOGETHER))
    if s.b_packed or s.at_once:
        panel0 = s.panels
    packs = tiles + ceil_div(s.panels - panel0, TOGETHER)
    if s.nt == 1:  # spare small products the cost of a parallel region
        for item in range(packs):
            pack_item[floating](s, item, tiles, panel0, NULL)
        for item in range(groups * chunks):
            run_item[floating](s, item, groups, chunks, NULL)
        return
    with parallel(num_threads=s.nt):
        for item in prange(packs, schedule="static"):
            pack_item[floating](s, item, tiles, panel0, NULL)
        for item in prange(groups * chunks, schedule="dynamic"):
            run_item[floating](s, item, groups, chunks, NULL)


cdef class PackedMatrix:
    """A k x n matrix in the kernels' panel layout, to be multiplied by often (weights)."""
    cdef Block memory
    cdef readonly Py_ssize_t k, n
    cdef readonly object dtype
    cdef int typenum

    def __init__(self):
        raise TypeError("PackedMatrix: made by pack(), not by itself")

    @property
    def shape(self):
        """(k, n)"""
        return self.k, self.n

    def __repr__(self):
        return f"PackedMatrix(shape={self.shape}, dtype={self.dtype.name})"


cdef void pack_all(const floating *b, Py_ssize_t rs, Py_ssize_t cs, Py_ssize_t k, Py_ssize_t n,
                   floating *out) noexcept nogil:
    """All blocks of k, each with all its panels: block p0 starts at p0 * padded_columns(n)."""
    cdef Py_ssize_t wide = wide_panel(sizeof(floating))
    cdef Py_ssize_t blocks = k_blocks(k, sizeof(floating)), panels = ceil_div(n, wide)
    cdef Py_ssize_t padded = padded_columns(n, sizeof(floating))
    cdef Py_ssize_t chunks = ceil_div(panels, TOGETHER), item, p0, p1, j
    for item in prange(blocks * chunks, schedule="static", num_threads=threads_for(k * n)):
        p0 = (item // chunks) * k // blocks
        p1 = (item // chunks + 1) * k // blocks
        j = (item % chunks) * TOGETHER * wide
        pack_range(b + p0 * rs + j * cs, rs, cs, p1 - p0, min(TOGETHER * wide, n - j),
                   out + p0 * padded + j * (p1 - p0))


def pack(cnp.ndarray b):
    """PackedMatrix of the float32 or float64 matrix b (k, n), of any strides."""
    cdef PackedMatrix packed = PackedMatrix.__new__(PackedMatrix)
    cdef Py_ssize_t itemsize = cnp.PyArray_ITEMSIZE(b)
    cdef Py_ssize_t rs = b.strides[0] // itemsize, cs = b.strides[1] // itemsize
    packed.k, packed.n = b.shape[0], b.shape[1]
    packed.dtype = b.dtype
    packed.typenum = cnp.PyArray_TYPE(b)
    packed.memory = block(packed.k * padded_columns(packed.n, itemsize) * itemsize)
    if packed.k == 0 or packed.n == 0:
        return packed
    with nogil:
        if packed.typenum == cnp.NPY_FLOAT32:
            pack_all[float](<const float *>cnp.PyArray_DATA(b), rs, cs, packed.k, packed.n,
                            <float *>packed.memory.data)
        else:
            pack_all[double](<const double *>cnp.PyArray_DATA(b), rs, cs, packed.k, packed.n,
                             <double *>packed.memory.data)
    return packed


cdef bint multiply_rows(cnp.ndarray a, cnp.ndarray b, cnp.ndarray bias, int kind, cnp.ndarray c):
    """gemm's case of few rows, or one column, if the strides allow; whether they did."""
    cdef Py_ssize_t itemsize = cnp.PyArray_ITEMSIZE(a)
    cdef bint column = a.shape[0] > FEW_ROWS
    cdef Py_ssize_t bias_step = 0 if column else 1, i, n
    cdef const void *bias_data = NULL if bias is None else cnp.PyArray_DATA(bias)
    cdef char *y
    if column:  # c' = b' a'
        a, b, c = b.T, a.T, c.T
    n = b.shape[1]
    if n > 1 and c.strides[1] != itemsize:
        return False
    if not gemv_fits(b.strides[0] // itemsize, b.strides[1] // itemsize):
        return False
    for i in range(a.shape[0]):
        y = <char *>cnp.PyArray_DATA(c) + i * c.strides[0]
        gemv(<char *>cnp.PyArray_DATA(a) + i * a.strides[0], a.strides[1] // itemsize,
             cnp.PyArray_DATA(b), b.strides[0] // itemsize, b.strides[1] // itemsize, b.shape[0], n,
             bias_data, bias_step, y, itemsize)
        if kind != ACT_NONE:
            if itemsize == sizeof(float):
                activate(<float *>y, n, kind)
            else:
                activate(<double *>y, n, kind)
    return True


# The epilogues by name.
ACTIVATIONS = {"relu": ACT_RELU, "sigmoid": ACT_SIGMOID, "tanh": ACT_TANH}


def writes_rows(cnp.ndarray c):
    """Whether gemm can write to c as it is: rows contiguous, apart, and in order."""
    cdef Py_ssize_t itemsize = cnp.PyArray_ITEMSIZE(c)
    return (cnp.PyArray_ISBEHAVED(c) and (c.shape[1] <= 1 or c.strides[1] == itemsize)
            and (c.shape[0] <= 1 or c.strides[0] >= c.shape[1] * itemsize))


def gemm(cnp.ndarray a, object b, cnp.ndarray bias, object activation, cnp.ndarray c):
    """c = activation(a b + bias). a (m, k) of any strides; b (k, n) of any strides, or a
    PackedMatrix; bias (n,) contiguous or None; activation a name or None; c (m, n) that
    writes_rows, or None for a new one. All of one dtype. Returns c."""
    cdef bint single = cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT32
    cdef Py_ssize_t itemsize = 4 if single else 8
    cdef Py_ssize_t wide = wide_panel(itemsize)
    cdef Py_ssize_t m = a.shape[0], k = a.shape[1], n
    cdef Py_ssize_t blocks = k_blocks(k, itemsize), kc_most = ceil_div(k, blocks)
    cdef Py_ssize_t tiles = ceil_div(m, TILE_ROWS)
    cdef Py_ssize_t m_slices = ceil_div(tiles, GROUP_TILES * SLICE_GROUPS), n_slice
    cdef Py_ssize_t q, p0, i, j0, t0, r0, columns, padded = 0
    cdef const char *a_data = <const char *>cnp.PyArray_DATA(a)
    cdef const char *b_data
    cdef char *c_data
    cdef int kind = ACT_NONE if activation is None else ACTIVATIONS[activation]
    cdef cnp.npy_intp[2] shape
    cdef Block a_block, b_block
    cdef PackedMatrix packed = None
    cdef Slice s
    if isinstance(b, PackedMatrix):
        packed = <PackedMatrix>b
        n = packed.n
    else:
        n = (<cnp.ndarray>b).shape[1]
    if c is None:
        shape[0] = m
        shape[1] = n
        c = empty(2, shape, cnp.PyArray_TYPE(a))
    if m == 0 or n == 0:
        return c
    if packed is None and (m <= FEW_ROWS or n == 1):
        if multiply_rows(a, <cnp.ndarray>b, bias, kind, c):
            return c
    c_data = <char *>cnp.PyArray_DATA(c)
    s.ldc = c.strides[0] // itemsize
    s.a.rs = a.strides[0] // itemsize
    s.a.cs = a.strides[1] // itemsize
    s.nt = threads_for(<double>m * n * k)
    n_slice = min(n, NC)
    if packed is not None:
        b_data = <const char *>packed.memory.data
        padded = padded_columns(n, itemsize)
        s.b_in_place = s.at_once = False
    else:
        b_data = <const char *>cnp.PyArray_DATA(<cnp.ndarray>b)
        s.b.rs = (<cnp.ndarray>b).strides[0] // itemsize
        s.b.cs = (<cnp.ndarray>b).strides[1] // itemsize
        s.b_in_place = s.b.cs == 1 and (tiles == 1 or k * n * itemsize <= L1_BYTES)
        s.at_once = s.b_in_place or tiles <= GROUP_TILES
        if s.at_once:
            columns = s.nt * TOGETHER * wide
        else:
            columns = n_slice + wide
        b_block = block(kc_most * columns * itemsize)
        s.b_pack = b_block.data
    s.a_pack = NULL
    if n > FEW_PANELS * wide and tiles > FEW_TILES and m * k * itemsize > GEMM_A_IN_PLACE:
        a_block = block(ceil_div(tiles, m_slices) * packed_rows(itemsize) * kc_most * itemsize)
        s.a_pack = a_block.data
    for j0 in range(0, n, n_slice):
        s.n = min(n_slice, n - j0)
        s.panels = ceil_div(s.n, wide)
        for q in range(blocks):
            p0 = q * k // blocks
            s.k = (q + 1) * k // blocks - p0
            s.accumulate = q > 0
            s.activation = kind if q == blocks - 1 else ACT_NONE
            s.bias = NULL if bias is None else <const char *>cnp.PyArray_DATA(bias) + j0 * itemsize
            if packed is not None:
                s.b_pack = <void *>(b_data + (p0 * padded + j0 * s.k) * itemsize)
            else:
                s.b.data = b_data + (p0 * s.b.rs + j0 * s.b.cs) * itemsize
            for i in range(m_slices):
                t0 = i * tiles // m_slices
                s.tiles = (i + 1) * tiles // m_slices - t0
                r0 = tile_begin(t0, tiles, m)
                s.m = tile_begin(t0 + s.tiles, tiles, m) - r0
                s.a.data = a_data + (r0 * s.a.rs + p0 * s.a.cs) * itemsize
                s.c = c_data + (r0 * s.ldc + j0) * itemsize
                s.b_packed = packed is not None or i > 0
                with nogil:
                    if single:
                        run_slice[float](&s, NULL)
                    else:
                        run_slice[double](&s, NULL)
                PyErr_CheckSignals()
    return c
