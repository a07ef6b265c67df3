/* The sliding tiles' code; only slide.pyx includes it. What they compute: slide.h. */
#ifndef FASTNN_SLIDE_RUN_H
#define FASTNN_SLIDE_RUN_H

#include "slide.h"

/* Keeps what a points to in memory, as in tile_body.inc.h. */
#define IN_MEMORY(a) __asm__ volatile("" : : "r"(a) : "memory")

#define TEMPLATE "slide.inc.h"
#include "each_dtype.h"

static inline void slide_run(const tile_t *t, size_t itemsize, int rows, ptrdiff_t b_tap)
{
    if (itemsize == sizeof(float)) slide_run_f32(t, rows, b_tap);
    else slide_run_f64(t, rows, b_tap);
}

static inline void slide_weight(const tile_t *t, size_t itemsize, int channels, int first, int last)
{
    if (itemsize == sizeof(float)) slide_weight_f32(t, channels, first, last);
    else slide_weight_f64(t, channels, first, last);
}

#undef IN_MEMORY

#endif
