"""Register tiles that slide along a row, compiled once and called by the convolutions."""

cdef extern from "slide_run.h" nogil:
    void run "slide_run"(const tile_t *t, size_t itemsize, int rows, Py_ssize_t b_tap)
    void weight "slide_weight"(const tile_t *t, size_t itemsize, int channels, int first, int last)


cdef void slide_run(const tile_t *t, size_t itemsize, int rows, Py_ssize_t b_tap) noexcept nogil:
    """rows <= SLIDE_ROWS; itemsize 4 (float) or 8 (double). See slide.h."""
    run(t, itemsize, rows, b_tap)


cdef void slide_weight(const tile_t *t, size_t itemsize, int channels, bint first,
                       bint last) noexcept nogil:
    """channels <= SLIDE_CHANNELS. See slide.h."""
    weight(t, itemsize, channels, first, last)
