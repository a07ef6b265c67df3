/* exp, log and their relatives on whole vectors, for float and double; and the activations that
 * gemm and conv apply in place to what they have just computed.
 *
 *     vec_exp_f32(x)       e^x                    within 2 ULP, subnormal results included
 *     vec_expm1_f32(x)     e^x - 1                within 3 ULP
 *     vec_log_f32(x)       natural logarithm      within 2 ULP
 *     vec_log1p01_f32(x)   log(1 + x), 0 <= x <= 1   within 2 ULP
 *     vec_sigmoid_f32(x)   1 / (1 + e^-x)         within 4 ULP
 *     vec_tanh_f32(x)      tanh x                 within 4 ULP
 *     activate_f32(x, n, kind)                    in place; kind: ACT_...
 *
 * and the same with _f64 (tests/test_vecmath_ulp.py measures them). NaN, infinities and signed
 * zeros come out as from the C library. The bounds hold with and without FMA.
 *
 * Method: x = n ln 2 + r with ln 2 in two parts, the first short enough that n times it is exact
 * (Cody and Waite 1980); a polynomial in r; 2^n put into the exponent bits. Coefficients are
 * minimax, by Remez exchange in 50 digits, then rounded:
 *     EXP_POLY    (e^r - 1 - r) / r^2                on |r| <= 1.001 ln(2)/2,  weight |r|
 *     ATANH_POLY  2 (atanh(s) / s - 1) / s^2, in z = s^2, on 0 <= z <= 1.001/9, weight z
 */
#ifndef FASTNN_VECMATH_H
#define FASTNN_VECMATH_H

#include "vec.h"

enum { ACT_NONE, ACT_RELU, ACT_SIGMOID, ACT_TANH };

typedef uint32_t v_u32 __attribute__((vector_size(VEC_BYTES)));
typedef uint64_t v_u64 __attribute__((vector_size(VEC_BYTES)));

/* mask ? a : b, bit by bit: mask is what a vector comparison gives. */
#define VEC_SELECT(type, mask, a, b) \
    ((type)(((mask) & (__typeof__(mask))(a)) | (~(mask) & (__typeof__(mask))(b))))

#define MANTISSA_f32 23
#define BIAS_f32 127
#define ROUNDER_f32 0x1.8p23f          /* t + ROUNDER has round(t) in its low bits */
#define LOG2_E_f32 0x1.715476p+0f
#define LN2_HI_f32 0x1.63p-1f          /* 10 bits */
#define LN2_LO_f32 -0x1.bd0106p-13f
#define EXP_MIN_f32 -104.0f            /* e^x rounds to zero from here down */
#define EXP_MAX_f32 89.0f              /* and to infinity from here up */
#define EXPM1_MIN_f32 -20.0f           /* e^x - 1 rounds to -1 from here down */
#define EXPM1_TINY_f32 0x1p-25f        /* e^x - 1 rounds to x below */
#define TANH_2X_MAX_f32 20.0f          /* tanh(x) rounds to 1 where 2x is more */
#define SQRT_HALF_BITS_f32 0x3f3504f3
#define LOG_SCALE_f32 24               /* subnormals are scaled by this power of two */
static const float EXP_POLY_f32[] = {
    0x1.000000p-1f, 0x1.5554aep-3f, 0x1.555486p-5f, 0x1.12287ep-7f, 0x1.6d9990p-10f,
};
static const float ATANH_POLY_f32[] = {
    0x1.555500p-1f, 0x1.99d2acp-2f, 0x1.1eb2b8p-2f, 0x1.1f0a4cp-2f,
};

#define MANTISSA_f64 52
#define BIAS_f64 1023
#define ROUNDER_f64 0x1.8p52
#define LOG2_E_f64 0x1.71547652b82fep+0
#define LN2_HI_f64 0x1.62e42feep-1     /* 32 bits */
#define LN2_LO_f64 0x1.a39ef35793c76p-33
#define EXP_MIN_f64 -746.0
#define EXP_MAX_f64 710.0
#define EXPM1_MIN_f64 -40.0
#define EXPM1_TINY_f64 0x1p-54
#define TANH_2X_MAX_f64 40.0
#define SQRT_HALF_BITS_f64 0x3fe6a09e667f3bcd
#define LOG_SCALE_f64 54
static const double EXP_POLY_f64[] = {
    0x1.0000000000005p-1,  0x1.555555555555cp-3,  0x1.5555555552094p-5,  0x1.111111110e693p-7,
    0x1.6c16c17f51d6dp-10, 0x1.a01a01b5f0c81p-13, 0x1.a019a631fb245p-16, 0x1.71dde9c95ba9cp-19,
    0x1.28a302d58ada6p-22, 0x1.af77131d854fep-26,
};
static const double ATANH_POLY_f64[] = {
    0x1.5555555555534p-1, 0x1.99999999a0954p-2, 0x1.249249207c70cp-2, 0x1.c71c742426ef3p-3,
    0x1.745cb2f210531p-3, 0x1.3b1df1c7fd71fp-3, 0x1.1066a1b7f7a0ep-3, 0x1.efea307e1000ap-4,
    0x1.5563543415e53p-4, 0x1.5cc08d375f0d7p-3,
};

#define TEMPLATE "vecmath.inc.h"
#include "each_dtype.h"

#endif
