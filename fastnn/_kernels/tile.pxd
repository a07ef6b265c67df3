cdef extern from "tile.h" nogil:
    enum:
        VEC_BYTES
        TILE_ROWS
        TILE_VECS
        TILE_MAX_WIDTH

    ctypedef struct tile_t:
        const void *a
        const Py_ssize_t *row
        const Py_ssize_t *span
        Py_ssize_t spans
        Py_ssize_t length
        Py_ssize_t a_step
        const void *b
        Py_ssize_t b_step
        const void *init
        const Py_ssize_t *init_row
        void *c
        const Py_ssize_t *c_row

    void tile_run(const tile_t *t, size_t itemsize, int rows, int vecs)
