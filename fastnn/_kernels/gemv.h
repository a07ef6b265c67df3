/* Vector times matrix, for the two ways that the matrix can lie in memory. */
#ifndef FASTNN_GEMV_H
#define FASTNN_GEMV_H

#include "vec.h"

#define DT f32
#define REAL float
#include "gemv.inc.h"
#undef DT
#undef REAL

#define DT f64
#define REAL double
#include "gemv.inc.h"
#undef DT
#undef REAL

#endif
