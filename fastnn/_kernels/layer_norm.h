/* Layer normalisation over contiguous rows of n numbers, forward and backward:
 *
 *     y = (x - mean) w / sqrt(var + eps) + b
 *
 * Lanes run along the row. Its sums are made of leaves of 32 vectors, in the rows' dtype and four
 * accumulators, which are added in double. The variance is that of x - pivot, the pivot being the
 * mean rounded to the rows' dtype, so that nothing cancels where |mean| is large.
 *
 * What follows a row's last whole vector is a vector that overlaps it, masked where it is summed; a
 * row shorter than a vector is read with some of the next one.
 */
#ifndef FASTNN_LAYER_NORM_H
#define FASTNN_LAYER_NORM_H

#include <math.h>

#include "finite.h"
#include "reduce.h"

#define LAYER_NORM_STEP 4 /* rows at a time, backward */

typedef struct {
    ptrdiff_t n;
    double eps;
    const void *weight, *bias; /* IN (n) */
} layer_norm_t;

enum { ROW_X, ROW_MOMENTS, ROW_BACKWARD };

#define TEMPLATE "layer_norm.inc.h"
#include "each_dtype.h"

/* IN x (rows, n); OUT y (rows, n), mean, var (rows). room: numbers from x to the array's end. */
static inline void layer_norm_rows(size_t itemsize, const layer_norm_t *g, const void *x,
                                   ptrdiff_t rows, ptrdiff_t room, void *y, double *mean,
                                   double *var)
{
    if (itemsize == 4)
        layer_norm_rows_f32(g, (const float *)x, rows, room, (float *)y, mean, var);
    else
        layer_norm_rows_f64(g, (const double *)x, rows, room, (double *)y, mean, var);
}

/* IN dy, x, mean, var; OUT dx, and what these rows give the gradients of weight and bias: (2, n + a
 * vector). room: from dy and from x to the arrays' ends. */
static inline void layer_norm_rows_backward(size_t itemsize, const layer_norm_t *g, const void *dy,
                                            const void *x, const double *mean, const double *var,
                                            ptrdiff_t rows, ptrdiff_t room, void *dx,
                                            void *gradients)
{
    if (itemsize == 4)
        layer_norm_rows_backward_f32(g, (const float *)dy, (const float *)x, mean, var, rows,
                                     room, (float *)dx, (float *)gradients);
    else
        layer_norm_rows_backward_f64(g, (const double *)dy, (const double *)x, mean, var, rows,
                                     room, (double *)dx, (double *)gradients);
}

#endif
