/* Short runs of values, added or copied: the windows of a scatter, the last columns of a tile. */
#ifndef FASTNN_SPAN_H
#define FASTNN_SPAN_H

#include "vec.h"

#define TEMPLATE "span.inc.h"
#include "each_dtype.h"

#endif
