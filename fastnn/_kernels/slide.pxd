from .tile cimport tile_t

cdef extern from "slide.h" nogil:
    enum:
        SLIDE_TAPS
        SLIDE_ROWS
        SLIDE_CHANNELS
        SLIDE_SUMS
        SUM_STEPS

cdef void slide_run(const tile_t *t, size_t itemsize, int rows, Py_ssize_t b_tap) noexcept nogil
cdef void slide_weight(const tile_t *t, size_t itemsize, int channels, bint first,
                       bint last) noexcept nogil
