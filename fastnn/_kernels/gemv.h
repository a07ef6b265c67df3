/* Vector times matrix, for the two ways that the matrix can lie in memory. */
#ifndef FASTNN_GEMV_H
#define FASTNN_GEMV_H

#include "vec.h"

#define SUM_STEPS 256    /* products in one chain of additions */
#define SUM_COLUMNS 2048 /* columns summed at a time: their sums stay in the first-level cache */

#define TEMPLATE "gemv.inc.h"
#include "each_dtype.h"

#endif
