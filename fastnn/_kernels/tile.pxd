from cython cimport floating

from .vecmath cimport activate_f32, activate_f64

cdef extern from "tile.h" nogil:
    enum:
        VEC_BYTES
        TILE_ROWS
        TILE_VECS
        HALF_PANELS
        TILE_MAX_WIDTH
        GEMM_A_IN_PLACE   # bytes of an A that is read where it lies

    ctypedef struct tile_t:
        const void *a
        const Py_ssize_t *row
        const Py_ssize_t *span
        Py_ssize_t spans
        Py_ssize_t length
        Py_ssize_t a_step
        const void *b
        const Py_ssize_t *b_span
        Py_ssize_t b_step
        const void *init
        const Py_ssize_t *init_row
        void *c
        const Py_ssize_t *c_row
        Py_ssize_t columns

    void fetch(const void *start, Py_ssize_t size)  # bytes of what a later tile reads

cdef enum:
    KC_BYTES = 3072  # of B's column in one block: a panel of KC x 32 floats is 96 KiB, in L2


cdef void tile_run(const tile_t *t, size_t itemsize, int rows, Py_ssize_t width) noexcept nogil


cdef inline Py_ssize_t ceil_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b


cdef inline Py_ssize_t wide_panel(size_t itemsize) noexcept nogil:
    """Columns of every panel but the last."""
    return TILE_VECS * VEC_BYTES // itemsize


cdef inline Py_ssize_t panel_width(Py_ssize_t columns, size_t itemsize) noexcept nogil:
    """Columns in memory of a panel that holds so many: two vectors, one, or half of one."""
    cdef Py_ssize_t vlen = VEC_BYTES // itemsize
    if columns > vlen:
        return TILE_VECS * vlen
    return vlen // 2 if HALF_PANELS and 2 * columns <= vlen else vlen


cdef inline Py_ssize_t padded_columns(Py_ssize_t n, size_t itemsize) noexcept nogil:
    """Columns in memory of all panels of n columns."""
    cdef Py_ssize_t rest = n % wide_panel(itemsize)
    return n - rest + (panel_width(rest, itemsize) if rest else 0)


cdef inline Py_ssize_t packed_rows(size_t itemsize) noexcept nogil:
    """Rows of a packed tile of A in memory: whole vectors."""
    return ceil_div(TILE_ROWS * itemsize, VEC_BYTES) * VEC_BYTES // itemsize


cdef inline Py_ssize_t k_blocks(Py_ssize_t k, size_t itemsize) noexcept nogil:
    """Blocks of the inner dimension of packed products: each between half and one and a half KC."""
    cdef Py_ssize_t kc = KC_BYTES // itemsize
    return max(1, (k + kc // 2) // kc)


cdef inline Py_ssize_t k_most(Py_ssize_t k, size_t itemsize) noexcept nogil:
    """At least the length of each of k_blocks' blocks, for this and every shorter k."""
    return min(k, 3 * KC_BYTES // (2 * itemsize))


cdef inline void activate(floating *x, Py_ssize_t n, int kind) noexcept nogil:
    """An epilogue, in place."""
    if floating is float:
        activate_f32(x, n, kind)
    else:
        activate_f64(x, n, kind)
