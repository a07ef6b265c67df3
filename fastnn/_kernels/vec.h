/* Vector types whose width follows the instruction set this file is compiled for.
 *
 * Everything here is GCC/Clang vector extensions: one body serves every ISA, and the headers
 * that are written over REAL (tile.inc.h, vecmath.inc.h) are included once per dtype.
 * All functions are static: no symbol is shared between the ISA builds.
 */
#ifndef FASTNN_VEC_H
#define FASTNN_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define VEC_BYTES 64
#define VEC_REGISTERS 32
#elif defined(__AVX__)
#define VEC_BYTES 32
#define VEC_REGISTERS 16
#elif defined(__aarch64__)
#define VEC_BYTES 16
#define VEC_REGISTERS 32
#else
#define VEC_BYTES 16
#define VEC_REGISTERS 16
#endif

#define ALWAYS_INLINE static inline __attribute__((always_inline))
/* UNROLL(n) before a for loop of at most n rounds: all of them, one after the other. */
#define PRAGMA(text) _Pragma(#text)
#define UNROLL(n) PRAGMA(GCC unroll n)
#define VEC_CAT_(a, b) a##_##b
#define VEC_CAT(a, b) VEC_CAT_(a, b)

/* v_f32, v_f64: aligned register types. v_f32_u, v_f64_u: the same at any address. */
typedef float v_f32 __attribute__((vector_size(VEC_BYTES)));
typedef double v_f64 __attribute__((vector_size(VEC_BYTES)));
typedef float v_f32_u __attribute__((vector_size(VEC_BYTES), aligned(4), may_alias));
typedef double v_f64_u __attribute__((vector_size(VEC_BYTES), aligned(8), may_alias));
typedef int32_t v_i32 __attribute__((vector_size(VEC_BYTES)));
typedef int64_t v_i64 __attribute__((vector_size(VEC_BYTES)));

#define VLEN_f32 (VEC_BYTES / 4)
#define VLEN_f64 (VEC_BYTES / 8)

/* Half a vector, for panels too narrow to fill a whole one. */
typedef float v_f32_half __attribute__((vector_size(VEC_BYTES / 2)));
typedef double v_f64_half __attribute__((vector_size(VEC_BYTES / 2)));
typedef float v_f32_half_u __attribute__((vector_size(VEC_BYTES / 2), aligned(4), may_alias));
typedef double v_f64_half_u __attribute__((vector_size(VEC_BYTES / 2), aligned(8), may_alias));

#endif
