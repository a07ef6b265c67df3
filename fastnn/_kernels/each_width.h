/* Includes EACH_WIDTH for both dtypes (see each_dtype.h) and for every width of vectors that the
 * instruction set has: BYTES 16, 32, 64. Not guarded, as each_dtype.h. */
#define BYTES 16
#define TEMPLATE EACH_WIDTH
#include "each_dtype.h"
#undef BYTES

#if VEC_BYTES >= 32
#define BYTES 32
#define TEMPLATE EACH_WIDTH
#include "each_dtype.h"
#undef BYTES
#endif

#if VEC_BYTES >= 64
#define BYTES 64
#define TEMPLATE EACH_WIDTH
#include "each_dtype.h"
#undef BYTES
#endif

#undef EACH_WIDTH
