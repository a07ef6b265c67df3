/* The largest of a convolution's outputs over the steps of a sequence, from the products of each
 * step with each tap:
 *
 *     y[k] = bias[k] + max over windows i of sum over taps s of p[i + s - padding, s K + k]
 *
 * Lanes run over k. A window's steps outside the sequence count as 0. Of equal windows the first
 * wins; so does the first NaN, over all numbers.
 */
#ifndef FASTNN_MAX_OVER_TIME_H
#define FASTNN_MAX_OVER_TIME_H

#include "vecmath.h"

#define TAPS_CHAIN 16 /* taps that are added one after the other */

typedef int32_t winner_f32; /* a window's number, as wide as a float, a double */
typedef int64_t winner_f64;

#define TEMPLATE "max_over_time.inc.h"
#include "each_dtype.h"

/* IN p (steps, taps K), bias (K,) or NULL; OUT y (K,), at (K,) integers of itemsize.
 * steps + 2 padding >= taps. */
static inline void max_over_time(size_t itemsize, const void *p, ptrdiff_t steps, ptrdiff_t taps,
                                 ptrdiff_t padding, ptrdiff_t K, const void *bias, void *y,
                                 void *at)
{
    if (itemsize == sizeof(float))
        max_over_time_f32((const float *)p, steps, taps, padding, K, (const float *)bias,
                          (float *)y, (winner_f32 *)at);
    else
        max_over_time_f64((const double *)p, steps, taps, padding, K, (const double *)bias,
                          (double *)y, (winner_f64 *)at);
}

#endif
