/* Includes TEMPLATE twice: with DT f32, REAL float, UINT u32, then with DT f64, REAL double, UINT
 * u64. Not guarded: every header over both dtypes ends in
 *
 *   #define TEMPLATE "x.inc.h"
 *   #include "each_dtype.h"
 */
#define DT f32
#define REAL float
#define UINT u32
#include TEMPLATE
#undef DT
#undef REAL
#undef UINT

#define DT f64
#define REAL double
#define UINT u64
#include TEMPLATE
#undef DT
#undef REAL
#undef UINT

#undef TEMPLATE
