/* Adding short runs of values: the inner loop of scattering windows. */
#ifndef FASTNN_SPAN_H
#define FASTNN_SPAN_H

#include "vec.h"

#define DT f32
#define REAL float
#include "span.inc.h"
#undef DT
#undef REAL

#define DT f64
#define REAL double
#include "span.inc.h"
#undef DT
#undef REAL

#endif
