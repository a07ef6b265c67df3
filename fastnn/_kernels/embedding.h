/* Sums of rows of a matrix that are scattered in memory.
 *
 * Up to SUM_ROWS_LEAF rows are added one after the other, a strip of columns at a time in
 * registers; sums of more are halved, so that the error grows with the logarithm of their number.
 */
#ifndef FASTNN_EMBEDDING_H
#define FASTNN_EMBEDDING_H

#include "vec.h"

#define SUM_ROWS_LEAF 16
#define SUM_ROWS_COLUMNS 256 /* at a time: what a level of the halving keeps on the stack */

#define TEMPLATE "embedding.inc.h"
#include "each_dtype.h"

/* y[c] = the sum over i < n of weight[i] x[order[i] stride + c], c < columns, n >= 1; with `add`,
 * y[c] is added to it. weight NULL: all are 1. The stride is in elements. */
static inline void sum_rows(size_t itemsize, const void *x, ptrdiff_t stride,
                            const ptrdiff_t *order, const void *weight, ptrdiff_t n,
                            ptrdiff_t columns, int add, void *y)
{
    if (itemsize == sizeof(float))
        sum_rows_f32((const float *)x, stride, order, (const float *)weight, n, columns, add,
                     (float *)y);
    else
        sum_rows_f64((const double *)x, stride, order, (const double *)weight, n, columns, add,
                     (double *)y);
}

#endif
