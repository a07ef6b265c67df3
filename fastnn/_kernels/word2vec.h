/* word2vec's arithmetic on the rows of two tables: dot products, errors, and the step.
 *
 * A window is m context rows x[0..m) of the one table and t target rows y[0..t) of the other. Skip-
 * gram sets every context row against every target, a product of an m x D with a D x t matrix that
 * lies scattered in memory; CBOW sets the contexts' mean against them:
 *
 *     score[i][j] = x[i] . y[j]
 *     g[i][j]     = rate (label[j] - sigmoid(score[i][j])) times[j]
 *     x[i] += sum_j g[i][j] y[j],    y[j] += sum_i g[i][j] x[i]      (both from the old rows)
 *
 * Contexts may hold a row more than once, targets may not. Columns come in whole lines of
 * LINE_BYTES, zeros beyond the last one, so that no loop has a tail.
 */
#ifndef FASTNN_WORD2VEC_H
#define FASTNN_WORD2VEC_H

#include "openmp.h"
#include "pack.h"
#include "vecmath.h"

#define LINE_BYTES 64
#define TARGET_TILE 6 /* targets in registers together, of 16: old rows, new rows, a context row */
#define CONTEXT_TILE 2

/* All threads of the parallel region around the caller wait here for one another. */
static inline void wait_for_all(void)
{
#ifdef _OPENMP
#pragma omp barrier
#endif
}

#ifndef _OPENMP
static inline int omp_get_num_threads(void) { return 1; }
#endif

#define TEMPLATE "word2vec.inc.h"
#include "each_dtype.h"

#endif
