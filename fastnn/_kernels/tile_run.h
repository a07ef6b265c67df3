/* The register tile's code; only tile.pyx includes it. What it computes: tile.h. */
#ifndef FASTNN_TILE_RUN_H
#define FASTNN_TILE_RUN_H

#include "span.h"
#include "tile.h"

#define TEMPLATE "tile.inc.h"
#include "each_dtype.h"

/* rows <= TILE_ROWS; width: a panel_width; itemsize 4 (float) or 8 (double). */
static inline void tile_run(const tile_t *t, size_t itemsize, int rows, ptrdiff_t width)
{
    if (itemsize == sizeof(float)) tile_run_f32(t, rows, width);
    else tile_run_f64(t, rows, width);
}

#endif
