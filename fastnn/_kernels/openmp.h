/* OpenMP, or a serial stand-in where the compiler has none. */
#ifndef FASTNN_OPENMP_H
#define FASTNN_OPENMP_H

#ifdef _OPENMP
#include <omp.h>
#else
static inline int omp_in_parallel(void) { return 0; }
static inline int omp_get_thread_num(void) { return 0; }
#endif

#endif
