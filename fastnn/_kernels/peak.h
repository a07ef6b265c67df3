/* A loop of nothing but multiply-adds: the peak that kernels are measured against. */
#ifndef FASTNN_PEAK_H
#define FASTNN_PEAK_H

#include "vec.h"

#define DT f32
#define REAL float
#include "peak.inc.h"
#undef DT
#undef REAL

#define DT f64
#define REAL double
#include "peak.inc.h"
#undef DT
#undef REAL

#endif
