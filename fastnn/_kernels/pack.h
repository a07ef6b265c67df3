/* Moving matrices into panels: rows as they are, or transposed VLEN x VLEN in registers. */
#ifndef FASTNN_PACK_H
#define FASTNN_PACK_H

#include "vec.h"

/* INTERLEAVE(dt, part, a, b): a0 b0 a1 b1 ... of the first (LOW) or second (HIGH) halves. */
#define LOW_2 0, 2
#define HIGH_2 1, 3
#define LOW_4 0, 4, 1, 5
#define HIGH_4 2, 6, 3, 7
#define LOW_8 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_8 4, 12, 5, 13, 6, 14, 7, 15
#define LOW_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

#if VEC_BYTES == 64
#define PART_f32(part) part##_16
#define PART_f64(part) part##_8
#elif VEC_BYTES == 32
#define PART_f32(part) part##_8
#define PART_f64(part) part##_4
#else
#define PART_f32(part) part##_4
#define PART_f64(part) part##_2
#endif

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE_(index, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE_(index, a, b, ...) __builtin_shuffle(a, b, (index){__VA_ARGS__})
#endif
#define SHUFFLE(...) SHUFFLE_(__VA_ARGS__)
#define INTERLEAVE(dt, part, a, b) INTERLEAVE_(dt, part, a, b)
#define INTERLEAVE_(dt, part, a, b) SHUFFLE(INDEX_##dt, a, b, PART_##dt(part))
#define INDEX_f32 v_i32
#define INDEX_f64 v_i64

#define PACK_AHEAD 12 /* rows: of 512 outputs' weights, 2 KiB apart, fewer would wait for memory */

#define TEMPLATE "pack.inc.h"
#include "each_dtype.h"

#endif
