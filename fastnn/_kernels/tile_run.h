/* The register tile's code; only tile.pyx includes it. What it computes: tile.h. */
#ifndef FASTNN_TILE_RUN_H
#define FASTNN_TILE_RUN_H

#include "tile.h"

#define TEMPLATE "tile.inc.h"
#include "each_dtype.h"

/* rows <= TILE_ROWS; vecs 1 or 2; itemsize 4 (float) or 8 (double). */
static inline void tile_run(const tile_t *t, size_t itemsize, int rows, int vecs)
{
    if (itemsize == sizeof(float)) tile_run_f32(t, rows, vecs);
    else tile_run_f64(t, rows, vecs);
}

#endif
