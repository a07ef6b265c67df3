/* Vectors over the channels of a channels-last image, no wider than they need to be.
 *
 * Where channels fill a vector, the last one of a pixel ends at its last channel, overlapping the
 * one before. Where they do not, one vector covers the pixel and reaches into the next pixels, whose
 * own vectors, stored later, put right what it wrote there; only where it would leave the array
 * (reading) or what its thread writes (writing) are lanes copied one by one: `part`.
 *
 * Templates over the dtype and the width of vectors begin with lanes.inc.h; their header says
 *
 *   #define EACH_WIDTH "x.inc.h"
 *   #include "each_width.h"
 */
#ifndef FASTNN_LANES_H
#define FASTNN_LANES_H

#include "vecmath.h"

typedef int32_t lanes_int_f32; /* integers as wide as a float, a double */
typedef int64_t lanes_int_f64;

#define LANES_VECS 4 /* vectors of a pixel taken in together */

#if VEC_BYTES >= 64
#define LANES_64(name, bytes, single) (bytes) > 32 ? (single) ? name##_f32_64 : name##_f64_64 :
#else
#define LANES_64(name, bytes, single)
#endif
#if VEC_BYTES >= 32
#define LANES_32(name, bytes, single) (bytes) > 16 ? (single) ? name##_f32_32 : name##_f64_32 :
#else
#define LANES_32(name, bytes, single)
#endif

/* name_<dtype>_<width> with the narrowest vectors that hold a pixel's `bytes`, or the widest. */
#define LANES_PICK(name, itemsize, bytes)                                                     \
    (LANES_64(name, bytes, (itemsize) == 4) LANES_32(name, bytes, (itemsize) == 4)            \
     (itemsize) == 4 ? name##_f32_16 : name##_f64_16)

#define EACH_WIDTH "lanes.inc.h"
#include "each_width.h"

#endif
