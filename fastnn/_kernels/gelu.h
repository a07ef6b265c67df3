/* The Gaussian error linear unit (Hendrycks and Gimpel 2016, arXiv:1606.08415), y = x P(x), P the
 * normal distribution function, and its approximation by tanh, each with its derivative.
 *
 * P(-a), a >= 0, is e^(-a^2 / 2) Q(a), where Q falls slowly from 1/2 to 1 / (a sqrt(2 pi)): Q(a) =
 * u GELU_POLY(2 u - 1), u = 1 / (1 + a / GELU_SCALE). So P and y are relatively accurate for negative
 * x too, where 1 + erf(x / sqrt 2) cancels. Coefficients are Chebyshev's, in 60 digits, for all a at
 * which e^(-a^2 / 2) is not zero; relative errors 2e-8 and 3e-17.
 */
#ifndef FASTNN_GELU_H
#define FASTNN_GELU_H

#include "vecmath.h"

#define GELU_MAX_f32 15.0f /* e^(-a^2 / 2) is zero */
#define GELU_MAX_f64 39.0
#define GELU_SCALE_f32 4.0f
#define GELU_SCALE_f64 5.0
#define GELU_SPLIT_f32 0xfffff000u /* the upper half of a mantissa: its square is exact */
#define GELU_SPLIT_f64 0xfffffffff8000000u
static const float GELU_POLY_f32[] = {
    0x1.82b4bcp-3f,  0x1.373e3ap-3f,  0x1.8c6d8cp-4f,   0x1.7dffcep-5f,   0x1.eeda3cp-7f,
    0x1.ed41f0p-10f, -0x1.cde22ap-11f, -0x1.9af212p-12f, 0x1.95c2f8p-15f, 0x1.028f26p-15f,
};
static const double GELU_POLY_f64[] = {
    0x1.3b0fbcb4c77bep-3,   0x1.108a698eca1abp-3,   0x1.95c11dc6c5928p-4,   0x1.00d8ab2d2af04p-4,
    0x1.0e5e8ee59b66fp-5,   0x1.c4f9d5475901dp-7,   0x1.1090aa5d03429p-8,   0x1.39e0d88d13e78p-11,
    -0x1.4ea69294a51a0p-13, -0x1.c918302879974p-14, -0x1.8e76e1d1da922p-17, 0x1.4df417f8d8c34p-17,
    0x1.bfca9191c97cdp-19,  -0x1.ab7f889e3f195p-21, -0x1.296a307bdc3d7p-21, 0x1.221a3ec8664dap-24,
    0x1.74a43131143e1p-24,  -0x1.2d25457a3de13p-27, -0x1.c6b3f96d5f424p-27, 0x1.211740b8d2a38p-29,
    0x1.99e9811a74c5ap-30,  -0x1.d94bf8ea8d552p-32,
};

#define TEMPLATE "gelu.inc.h"
#include "each_dtype.h"

static inline void gelu_run(size_t itemsize, int by_tanh, const void *x, void *y, void *slope,
                            ptrdiff_t n)
{
    if (itemsize == sizeof(float))
        gelu_run_f32(by_tanh, (const float *)x, (float *)y, (float *)slope, n);
    else
        gelu_run_f64(by_tanh, (const double *)x, (double *)y, (double *)slope, n);
}

#endif
