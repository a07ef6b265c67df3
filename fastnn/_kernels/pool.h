/* Max and average pooling of rows of one channels-last image: x (H, W, C) -> y (OH, OW, C).
 *
 * Lanes run over channels. From VLEN channels up, the last vector of a pixel ends at its last
 * channel, overlapping the one before. Below, one vector covers the pixel and reaches into the
 * next pixels, whose own vectors, stored later, put right what it wrote there; only where it
 * would leave the image (reading) or the block of rows (writing) are lanes copied one by one.
 */
#ifndef FASTNN_POOL_H
#define FASTNN_POOL_H

#include "vecmath.h"
#include "window.h"

/* How many places of one axis a window counts, from `start` (tap 0) on; what ceil_mode adds
 * beyond the padding never counts. */
static inline ptrdiff_t counted(ptrdiff_t start, ptrdiff_t taps, ptrdiff_t size, ptrdiff_t pad,
                                int count_pad)
{
    if (count_pad) return (start + taps < size + pad ? start + taps : size + pad) - start;
    const ptrdiff_t end = start + taps < size ? start + taps : size;
    return end - (start > 0 ? start : 0);
}

typedef int32_t v_i32_u __attribute__((vector_size(VEC_BYTES), aligned(4), may_alias));
typedef int32_t v_i32h_u __attribute__((vector_size(VEC_BYTES / 2), aligned(4), may_alias));
#define INDEX_f32 v_i32
#define INDEX_f64 v_i64
#define INDEX_OUT_f32 v_i32_u  /* as many int32 as a vector of floats, or of doubles, has lanes */
#define INDEX_OUT_f64 v_i32h_u

#define TEMPLATE "pool.inc.h"
#include "each_dtype.h"

/* x, y, index: one image. Rows [oh0, oh1) of y and index are written. */
static inline void max_pool_rows(const window_t *w, size_t itemsize, const void *x, void *y,
                                 int32_t *index, ptrdiff_t oh0, ptrdiff_t oh1)
{
    if (itemsize == 4) max_pool_rows_f32(w, (const float *)x, (float *)y, index, oh0, oh1);
    else max_pool_rows_f64(w, (const double *)x, (double *)y, index, oh0, oh1);
}

/* Channels [c0, c1) of one image: dx is overwritten. Returns 0 if an index is out of range. */
static inline int max_pool_scatter(const window_t *w, size_t itemsize, const void *dy,
                                   const int32_t *index, void *dx, ptrdiff_t c0, ptrdiff_t c1)
{
    if (itemsize == 4)
        return max_pool_scatter_f32(w, (const float *)dy, index, (float *)dx, c0, c1);
    return max_pool_scatter_f64(w, (const double *)dy, index, (double *)dx, c0, c1);
}

/* Rows [oh0, oh1) of y are written. */
static inline void avg_pool_rows(const window_t *w, size_t itemsize, const void *divisor,
                                 const void *x, void *y, ptrdiff_t oh0, ptrdiff_t oh1)
{
    if (itemsize == 4) avg_pool_rows_f32(w, (const float *)divisor, (const float *)x, (float *)y, oh0, oh1);
    else avg_pool_rows_f64(w, (const double *)divisor, (const double *)x, (double *)y, oh0, oh1);
}

/* Rows [ih0, ih1) of dx are written. */
static inline void avg_pool_rows_backward(const window_t *w, size_t itemsize, const void *scale,
                                          const void *dy, void *dx, ptrdiff_t ih0, ptrdiff_t ih1)
{
    if (itemsize == 4)
        avg_pool_rows_backward_f32(w, (const float *)scale, (const float *)dy, (float *)dx, ih0, ih1);
    else
        avg_pool_rows_backward_f64(w, (const double *)scale, (const double *)dy, (double *)dx, ih0,
                                   ih1);
}

/* out[oh, ow] = how many places average pooling divides by, or its reciprocal; override: the
 * divisor, if not 0. */
static inline void pool_divisors(const window_t *w, size_t itemsize, int count_pad,
                                 ptrdiff_t override, void *out, int reciprocal)
{
    if (itemsize == 4) pool_divisors_f32(w, count_pad, override, (float *)out, reciprocal);
    else pool_divisors_f64(w, count_pad, override, (double *)out, reciprocal);
}

#endif
