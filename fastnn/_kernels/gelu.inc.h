/* GELU, written over REAL, DT and UINT; see gelu.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VB VEC_CAT(v, UINT)
#define VLEN VEC_CAT(VLEN, DT)
#define FN(name) VEC_CAT(name, DT)
#define K(name) VEC_CAT(name, DT)

/* The normal distribution function; *bell = e^(-x^2 / 2). The square's rounding error, which the
 * exponential would magnify, is made up for. */
ALWAYS_INLINE V FN(normal_distribution)(V x, V *bell)
{
    const V a = FN(vec_at_most)(FN(vec_abs)(x), K(GELU_MAX));
    const V high = (V)((VB)a & K(GELU_SPLIT)), low = a - high, square = a * a;
    const V lost = ((high * high - square) + 2 * high * low) + low * low;
    const V e = FN(vec_exp_bounded)(square * (REAL)-0.5);
    *bell = e - e * (lost * (REAL)0.5);
    const V u = 1 / (1 + a * (1 / K(GELU_SCALE)));
    const V tail = *bell * u
        * FN(vec_poly)(K(GELU_POLY), (int)(sizeof(K(GELU_POLY)) / sizeof(REAL)), 2 * u - 1);
    return VEC_SELECT(V, x < 0, tail, 1 - tail);
}

ALWAYS_INLINE V FN(gelu)(V x, V *slope) /* *slope = P(x) + x P'(x) */
{
    V bell;
    const V p = FN(normal_distribution)(x, &bell);
    *slope = p + x * bell * (REAL)0.39894228040143267794; /* 1 / sqrt(2 pi) */
    return x * p;
}

/* x s(z), z = 2 sqrt(2 / pi) (x + 0.044715 x^3), for 1/2 (1 + tanh(z / 2)) = s(z) = 1 / (1 + e^-z).
 * s (1 - s) is made of e^-|z|, for 1 - s cancels. Where that is zero an infinite square would make
 * the slope's second term NaN: so it is bounded. */
ALWAYS_INLINE V FN(gelu_tanh)(V x, V *slope) /* *slope = s + x s (1 - s) dz/dx */
{
    const V square = x * x, bounded = FN(vec_at_most)(square, K(GELU_MAX) * K(GELU_MAX));
    const V z = x * ((REAL)1.5957691216057308 + (REAL)0.07135481627260025 * square);
    const V e = FN(vec_exp_bounded)(-FN(vec_abs)(z)), r = 1 / (1 + e);
    const V s = VEC_SELECT(V, z < 0, e, FN(vec_all)(1)) * r;
    *slope = s + x * (e * r * r) * ((REAL)1.5957691216057308 + (REAL)0.21406444881780076 * bounded);
    return x * s;
}

/* y, and the slope at x. */
static void FN(gelu_run)(int by_tanh, const REAL *x, REAL *y, REAL *slope, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i += VLEN) {
        const ptrdiff_t rest = n - i;
        const V a = rest < VLEN ? FN(vec_load_part)(x + i, rest) : (V) * (const VU *)(x + i);
        V d, v = by_tanh ? FN(gelu_tanh)(a, &d) : FN(gelu)(a, &d);
        if (rest < VLEN) {
            FN(vec_store_part)(y + i, v, rest);
            FN(vec_store_part)(slope + i, d, rest);
        } else {
            *(VU *)(y + i) = v;
            *(VU *)(slope + i) = d;
        }
    }
}

#undef K
#undef FN
#undef VLEN
#undef VB
#undef VU
#undef V
