/* Vector maths, written over REAL (float or double), DT (f32, f64) and UINT; see vecmath.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VB VEC_CAT(v, UINT) /* the bits of a V */
#define VLEN VEC_CAT(VLEN, DT)
#define K(name) VEC_CAT(name, DT)
#define FN(name) VEC_CAT(name, DT)
#define SELECT(mask, a, b) VEC_SELECT(V, mask, a, b)
#define POLY(table, x) \
    FN(vec_poly)(K(table), (int)(sizeof(K(table)) / sizeof(REAL)), x)

/* n <= VLEN numbers as a vector, zero beyond them; and back. */
ALWAYS_INLINE V FN(vec_load_part)(const REAL *x, ptrdiff_t n)
{
    V v = {0};
    memcpy(&v, x, n * sizeof(REAL));
    return v;
}

ALWAYS_INLINE void FN(vec_store_part)(REAL *x, V v, ptrdiff_t n)
{
    memcpy(x, &v, n * sizeof(REAL));
}

ALWAYS_INLINE V FN(vec_all)(REAL x) { return x - (V){0}; }

ALWAYS_INLINE V FN(vec_abs)(V x) { return (V)((VB)x & (((VB){0} - 1) >> 1)); }

/* x >= 0 with the sign of `sign`. */
ALWAYS_INLINE V FN(vec_or_sign)(V x, V sign)
{
    return (V)((VB)x | ((VB)sign & ~(((VB){0} - 1) >> 1)));
}

/* The bound, or x where x is within it or NaN. */
ALWAYS_INLINE V FN(vec_at_most)(V x, REAL most) { return SELECT(x > most, FN(vec_all)(most), x); }

ALWAYS_INLINE V FN(vec_at_least)(V x, REAL least)
{
    return SELECT(x < least, FN(vec_all)(least), x);
}

/* c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule. */
ALWAYS_INLINE V FN(vec_poly)(const REAL *c, const int terms, V x)
{
    V p = FN(vec_all)(c[terms - 1]);
#pragma GCC unroll 16
    for (int i = terms - 2; i >= 0; i--) p = p * x + c[i];
    return p;
}

/* x = n ln 2 + r: returns e^r - 1; n + bias stands in the low bits of *n_bits. */
ALWAYS_INLINE V FN(vec_expm1_reduced)(V x, REAL bias, VB *n_bits)
{
    const V t = x * K(LOG2_E) + (K(ROUNDER) + bias);
    const V n = t - (K(ROUNDER) + bias);
    const V r = (x - n * K(LN2_HI)) - n * K(LN2_LO);
    *n_bits = (VB)t;
    return r + r * r * POLY(EXP_POLY, r);
}

/* e^x for x <= EXP_MAX: 2^n in two factors, so that only the last product rounds (to a
 * subnormal, or to infinity). */
ALWAYS_INLINE V FN(vec_exp_bounded)(V x)
{
    VB n;
    const V p = FN(vec_expm1_reduced)(FN(vec_at_least)(x, K(EXP_MIN)), 2 * K(BIAS), &n) + 1;
    const VB half = n >> 1;
    return p * (V)(half << K(MANTISSA)) * (V)((n - half) << K(MANTISSA));
}

ALWAYS_INLINE V FN(vec_exp)(V x) { return FN(vec_exp_bounded)(FN(vec_at_most)(x, K(EXP_MAX))); }

ALWAYS_INLINE V FN(vec_expm1)(V x)
{
    VB n;
    const V bounded = FN(vec_at_least)(FN(vec_at_most)(x, K(EXP_MAX)), K(EXPM1_MIN));
    /* 2^(n-1): 2^n may be beyond the largest number where the result is not. */
    const V p = FN(vec_expm1_reduced)(bounded, K(BIAS) - 1, &n);
    const V half = (V)(n << K(MANTISSA));
    const V y = (p * half + (half - (REAL)0.5)) * 2;
    return SELECT(FN(vec_abs)(x) < K(EXPM1_TINY), x, y);
}

/* From e = exp(-|x|) <= 1, which cannot overflow: 1 / (1 + e), or e / (1 + e) where x < 0. */
ALWAYS_INLINE V FN(vec_sigmoid)(V x)
{
    const V e = FN(vec_exp_bounded)(-FN(vec_abs)(x));
    return SELECT(x < 0, e, FN(vec_all)(1)) / (e + 1);
}

/* tanh|x| = m / (m + 2) with m = e^(2|x|) - 1: relatively accurate down to the smallest x. */
ALWAYS_INLINE V FN(vec_tanh)(V x)
{
    VB n;
    const V twice = FN(vec_at_most)(FN(vec_abs)(x) * 2, K(TANH_2X_MAX));
    const V p = FN(vec_expm1_reduced)(twice, K(BIAS), &n);
    const V power = (V)(n << K(MANTISSA));
    const V m = p * power + (power - 1);
    return FN(vec_or_sign)(m / (m + 2), x);
}

/* log(1 + f) - (f - f^2/2), with s = f / (2 + f): the last step of fdlibm's e_log.c (Sun 1993). */
ALWAYS_INLINE V FN(vec_log_rest)(V f)
{
    const V s = f / (f + 2), z = s * s;
    return s * ((REAL)0.5 * f * f + z * POLY(ATANH_POLY, z));
}

ALWAYS_INLINE V FN(vec_log1p01)(V f)
{
    return f - ((REAL)0.5 * f * f - FN(vec_log_rest)(f));
}

/* log(2^n m) = n ln 2 + log(m), sqrt(1/2) <= m < sqrt(2). */
ALWAYS_INLINE V FN(vec_log)(V x)
{
    const REAL scale = (REAL)((uint64_t)1 << K(LOG_SCALE));
    const REAL smallest_normal = (REAL)(K(MANTISSA) == 23 ? 0x1p-126 : 0x1p-1022);
    const REAL infinity = (REAL)__builtin_inf();
    const VB small = (VB)(x < smallest_normal);
    const VB bits = (VB)SELECT(small, x * scale, x) - K(SQRT_HALF_BITS);
    /* bits >> MANTISSA is n, made positive by the bias that every exponent still carries */
    const VB above = bits + (((VB){0} + K(BIAS)) << K(MANTISSA));
    const V n = (V)((VB)FN(vec_all)(K(ROUNDER)) + (above >> K(MANTISSA)))
        - (K(ROUNDER) + K(BIAS)) - (V)(small & (VB)FN(vec_all)(K(LOG_SCALE)));
    const V m = (V)((bits & ((((VB){0} + 1) << K(MANTISSA)) - 1)) + K(SQRT_HALF_BITS));
    const V f = m - 1;
    const V y = n * K(LN2_HI)
        - (((REAL)0.5 * f * f - (FN(vec_log_rest)(f) + n * K(LN2_LO))) - f);
    const REAL nan = (REAL)__builtin_nan("");
    const V zero_or_less = SELECT(x == 0, FN(vec_all)(-infinity), FN(vec_all)(nan));
    const V special = SELECT(x > 0, y, zero_or_less);
    return SELECT(x < infinity, special, x); /* and NaN as it came */
}

/* max(x, 0); NaN stays NaN. */
ALWAYS_INLINE V FN(vec_relu)(V x) { return (V)((VB)x & ~(VB)(x <= 0)); }

#define ACTIVATE_WITH(f)                                                              \
    {                                                                                 \
        ptrdiff_t i = 0;                                                              \
        for (; i <= n - VLEN; i += VLEN) *(VU *)(x + i) = f(*(const VU *)(x + i));    \
        if (i < n) FN(vec_store_part)(x + i, f(FN(vec_load_part)(x + i, n - i)), n - i); \
    }                                                                                 \
    break;

/* x[0..n) = activation of x[0..n), in place; kind is one of ACT_... */
static void FN(activate)(REAL *x, ptrdiff_t n, int kind)
{
    switch (kind) {
    case ACT_RELU: ACTIVATE_WITH(FN(vec_relu))
    case ACT_SIGMOID: ACTIVATE_WITH(FN(vec_sigmoid))
    case ACT_TANH: ACTIVATE_WITH(FN(vec_tanh))
    }
}

#undef ACTIVATE_WITH
#undef POLY
#undef SELECT
#undef FN
#undef K
#undef VLEN
#undef VB
#undef VU
#undef V
