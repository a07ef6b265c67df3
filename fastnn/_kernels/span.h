/* Adding short runs of values: the inner loop of scattering windows. */
#ifndef FASTNN_SPAN_H
#define FASTNN_SPAN_H

#include "vec.h"

#define TEMPLATE "span.inc.h"
#include "each_dtype.h"

#endif
