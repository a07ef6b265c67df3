/* Softmax and log-softmax, forward and backward, over V classes, in two forms:
 *
 *     ..._row      one contiguous row, V >= VLEN: lanes run over classes
 *     ..._lanes    VLEN rows at once, V vectors with one lane a row: short rows, and rows that do
 *                  not lie along the last axis, once they have been copied so
 *
 * The maximum is subtracted first; sums are pairwise. NaN anywhere, +inf, or nothing but -inf makes
 * the whole row NaN.
 */
#ifndef FASTNN_SOFTMAX_H
#define FASTNN_SOFTMAX_H

#include <math.h>

#include "vecmath.h"

#define TEMPLATE "softmax.inc.h"
#include "each_dtype.h"

#endif
