/* A loop of nothing but multiply-adds: the peak that kernels are measured against. */
#ifndef FASTNN_PEAK_H
#define FASTNN_PEAK_H

#include "vec.h"

#define TEMPLATE "peak.inc.h"
#include "each_dtype.h"

#endif
