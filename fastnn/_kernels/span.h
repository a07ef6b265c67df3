/* Short runs of values, copied or added up: the last columns of a tile, the taps of a pixel of few channels. */
#ifndef FASTNN_SPAN_H
#define FASTNN_SPAN_H

#include "vec.h"

#define TEMPLATE "span.inc.h"
#include "each_dtype.h"

#endif
