"""The register tile, compiled once and called by GEMM and every direction of convolution."""

cdef extern from "tile_run.h" nogil:
    void run "tile_run"(const tile_t *t, size_t itemsize, int rows, Py_ssize_t width)


cdef void tile_run(const tile_t *t, size_t itemsize, int rows, Py_ssize_t width) noexcept nogil:
    """rows <= TILE_ROWS; width: a panel_width; itemsize 4 (float) or 8 (double). See tile.h."""
    run(t, itemsize, rows, width)
