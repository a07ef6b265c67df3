/* Sums and maxima of contiguous numbers, and of the columns of a few rows.
 *
 * op: RED_SUM, or RED_MAX, in which NaN wins. A run is summed in leaves of 16 vectors in each of
 * four accumulators, and leaves and lanes pairwise (Higham 1993), so the error grows with the
 * logarithm of the length.
 */
#ifndef FASTNN_REDUCE_H
#define FASTNN_REDUCE_H

#include "vecmath.h"

enum { RED_SUM, RED_MAX };

#define RED_SHORT 16 /* rows up to this long are summed number by number */
#define RED_ROWS 8   /* rows that are added pairwise, then to the sum so far */

#define TEMPLATE "reduce.inc.h"
#include "each_dtype.h"

/* y[r] = the reduction of x[r n + i] over i < n, for r < rows; n >= 1. */
static inline void reduce_rows(size_t itemsize, int op, const void *x, ptrdiff_t rows, ptrdiff_t n,
                               void *y)
{
    if (itemsize == sizeof(float)) reduce_rows_f32(op, (const float *)x, rows, n, (float *)y);
    else reduce_rows_f64(op, (const double *)x, rows, n, (double *)y);
}

/* y[c] = the reduction of x[r stride + c] over r < rows, for c < columns. */
static inline void reduce_columns(size_t itemsize, int op, const void *x, ptrdiff_t rows,
                                  ptrdiff_t stride, ptrdiff_t columns, void *y)
{
    if (itemsize == sizeof(float))
        reduce_columns_f32(op, (const float *)x, rows, stride, columns, (float *)y);
    else
        reduce_columns_f64(op, (const double *)x, rows, stride, columns, (double *)y);
}

/* y[i] /= by, for the mean. */
static inline void divide_by(size_t itemsize, void *y, ptrdiff_t n, double by)
{
    if (itemsize == sizeof(float)) divide_by_f32((float *)y, n, (float)by);
    else divide_by_f64((double *)y, n, by);
}

/* dx[r, c] = dy[c] / (how many x[., c] equal y[c]) where x[r, c] equals y[c], else dy[c] 0;
 * NaN equals NaN. Rows are `stride` apart in x and dx; count: columns numbers of scratch. */
static inline void max_backward_run(size_t itemsize, const void *dy, const void *x, const void *y,
                                    ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t columns,
                                    double *count, void *dx)
{
    if (itemsize == sizeof(float))
        max_backward_f32((const float *)dy, (const float *)x, (const float *)y, rows, stride,
                         columns, count, (float *)dx);
    else
        max_backward_f64((const double *)dy, (const double *)x, (const double *)y, rows, stride,
                         columns, count, (double *)dx);
}

#endif
