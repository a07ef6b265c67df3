/* GELU, written over REAL, DT and UINT; see gelu.h. */

#define V VEC_CAT(v, DT)
#define VB VEC_CAT(v, UINT)
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

ALWAYS_INLINE V FN(gelu)(V x)
{
    V bell;
    return x * FN(normal_distribution)(x, &bell);
}

ALWAYS_INLINE V FN(gelu_slope)(V x) /* y = x P(x) */
{
    V bell;
    const V p = FN(normal_distribution)(x, &bell);
    return p + x * bell * (REAL)0.39894228040143267794; /* 1 / sqrt(2 pi) */
}

/* s(z), z = 2 sqrt(2 / pi) (x + 0.044715 x^3), for 1/2 (1 + tanh(z / 2)) = s(z) = 1 / (1 + e^-z). */
ALWAYS_INLINE V FN(gelu_gate)(V x)
{
    return FN(vec_sigmoid)(x * ((REAL)1.5957691216057307 + (REAL)0.07135481627260025 * (x * x)));
}

ALWAYS_INLINE V FN(gelu_tanh)(V x) { return x * FN(gelu_gate)(x); }

ALWAYS_INLINE V FN(gelu_tanh_slope)(V x) /* y = x s(z(x)) */
{
    const V s = FN(gelu_gate)(x);
    return s + x * (s * (1 - s))
        * ((REAL)1.5957691216057307 + (REAL)0.21406444881780076 * (x * x));
}

#undef K
#undef FN
#undef VB
#undef V
