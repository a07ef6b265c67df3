/* Windows of word2vec over REAL and DT; see word2vec.h. Columns [begin, end) are this caller's. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VLEN VEC_CAT(VLEN, DT)
#define FN(name) VEC_CAT(name, DT)

/* ---- scores ---------------------------------------------------------------------------------- */

/* sums[i stride + j] = the lanes' partial sums of x[i] . y[j] */
ALWAYS_INLINE void FN(dot_tile)(REAL *const *x, const int rows, REAL *const *y, const int targets,
                                ptrdiff_t begin, ptrdiff_t end, V *sums, ptrdiff_t stride)
{
    V sum[CONTEXT_TILE][TARGET_TILE] = {{{0}}};
    for (ptrdiff_t c = begin; c < end; c += VLEN) {
        V a[CONTEXT_TILE];
        UNROLL(CONTEXT_TILE)
        for (int i = 0; i < rows; i++) a[i] = *(const VU *)(x[i] + c);
        UNROLL(TARGET_TILE)
        for (int j = 0; j < targets; j++) {
            const V b = *(const VU *)(y[j] + c);
            UNROLL(CONTEXT_TILE)
            for (int i = 0; i < rows; i++) sum[i][j] += a[i] * b;
        }
    }
    UNROLL(CONTEXT_TILE)
    for (int i = 0; i < rows; i++) {
        UNROLL(TARGET_TILE)
        for (int j = 0; j < targets; j++) sums[i * stride + j] = sum[i][j];
    }
}

ALWAYS_INLINE void FN(dot_targets)(REAL *const *x, ptrdiff_t m, REAL *const *y, const int targets,
                                   ptrdiff_t begin, ptrdiff_t end, V *sums, ptrdiff_t stride)
{
    ptrdiff_t i = 0;
    for (; i + CONTEXT_TILE <= m; i += CONTEXT_TILE)
        FN(dot_tile)(x + i, CONTEXT_TILE, y, targets, begin, end, sums + i * stride, stride);
    for (; i < m; i++) FN(dot_tile)(x + i, 1, y, targets, begin, end, sums + i * stride, stride);
}

#define WITH_TARGETS(n, call) \
    switch (n) {              \
    case 1: call(1); break;   \
    case 2: call(2); break;   \
    case 3: call(3); break;   \
    case 4: call(4); break;   \
    case 5: call(5); break;   \
    default: call(6);         \
    }

/* sums[0..VLEN) -> their lanes' sums, one a lane: pairs at half the distance each time. */
ALWAYS_INLINE V FN(sum_lanes)(const V *sums)
{
    V v[VLEN];
    UNROLL(16)
    for (int i = 0; i < VLEN; i++) v[i] = sums[i];
    UNROLL(4)
    for (int half = VLEN / 2; half; half /= 2) {
        UNROLL(8)
        for (int i = 0; i < half; i++)
            v[i] = INTERLEAVE(DT, LOW, v[i], v[i + half]) + INTERLEAVE(DT, HIGH, v[i], v[i + half]);
    }
    return v[0];
}

/* score[i t + j] = these columns' part of x[i] . y[j]. sums and score hold m t, rounded up to whole
 * vectors. */
static void FN(window_scores)(REAL *const *x, ptrdiff_t m, REAL *const *y, ptrdiff_t t,
                              ptrdiff_t begin, ptrdiff_t end, V *sums, REAL *score)
{
    for (ptrdiff_t j = 0; j < t; j += TARGET_TILE) {
#define CALL(n) FN(dot_targets)(x, m, y + j, n, begin, end, sums + j, t)
        WITH_TARGETS(t - j, CALL)
#undef CALL
    }
    for (ptrdiff_t k = 0; k < m * t; k += VLEN) *(VU *)(score + k) = FN(sum_lanes)(sums + k);
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* The sum of the parts of VLEN scores, in their order; a part's are `stride` further. */
ALWAYS_INLINE V FN(whole_score)(const REAL *score, ptrdiff_t parts, ptrdiff_t stride)
{
    V s = *(const VU *)score;
    for (ptrdiff_t p = 1; p < parts; p++) s += *(const VU *)(score + p * stride);
    return s;
}

/* g[i t + j] = rate (label[j] - sigmoid(score[i t + j])) times[j]; a label is 0 or 1. */
static void FN(window_errors)(const REAL *score, ptrdiff_t parts, ptrdiff_t stride, ptrdiff_t m,
                              ptrdiff_t t, const signed char *label, const unsigned char *times,
                              double rate, REAL *g)
{
    const REAL r = (REAL)rate;
    for (ptrdiff_t k = 0; k < m * t; k += VLEN)
        *(VU *)(g + k) = -r * FN(vec_sigmoid)(FN(whole_score)(score + k, parts, stride));
    for (ptrdiff_t j = 0; j < t; j++) {
        if (label[j])
            for (ptrdiff_t i = 0; i < m; i++) g[i * t + j] += r;
        if (times[j] != 1)
            for (ptrdiff_t i = 0; i < m; i++) g[i * t + j] *= times[j];
    }
}

/* The sum of times[j] (log(1 + e^s) - label[j] s) over the scores s. */
static double FN(window_loss)(const REAL *score, ptrdiff_t parts, ptrdiff_t stride, ptrdiff_t m,
                              ptrdiff_t t, const signed char *label, const unsigned char *times)
{
    double total = 0;
    for (ptrdiff_t k = 0; k < m * t; k += VLEN) {
        const V s = FN(whole_score)(score + k, parts, stride);
        const V soft = FN(vec_at_least)(s, 0) + FN(vec_log1p01)(FN(vec_exp)(-FN(vec_abs)(s)));
        for (ptrdiff_t l = 0; l < VLEN && k + l < m * t; l++) {
            const ptrdiff_t j = (k + l) % t;
            total += times[j] * (label[j] ? (double)soft[l] - (double)s[l] : (double)soft[l]);
        }
    }
    return total;
}

/* ---- CBOW's mean ----------------------------------------------------------------------------- */

/* h = the mean of the m rows x */
static void FN(mean_rows)(REAL *const *x, ptrdiff_t m, ptrdiff_t begin, ptrdiff_t end, REAL *h)
{
    const REAL share = (REAL)1 / (REAL)m;
    for (ptrdiff_t c = begin; c < end; c += VLEN) {
        V sum = *(const VU *)(x[0] + c);
        for (ptrdiff_t i = 1; i < m; i++) sum += *(const VU *)(x[i] + c);
        *(VU *)(h + c) = sum * share;
    }
}

/* x[i] += d / m, what the mean's step d gives each: h = (x[0] + ... + x[m-1]) / m */
static void FN(add_shares)(REAL *const *x, ptrdiff_t m, const REAL *d, ptrdiff_t begin,
                           ptrdiff_t end)
{
    const REAL share = (REAL)1 / (REAL)m;
    for (ptrdiff_t c = begin; c < end; c += VLEN) {
        const V part = *(const VU *)(d + c) * share;
        for (ptrdiff_t i = 0; i < m; i++) *(VU *)(x[i] + c) += part;
    }
}

/* ---- the step -------------------------------------------------------------------------------- */

/* d[i] (+)= sum_j g[i stride + j] y[j], y[j] += sum_i g[i stride + j] x[i], for a vector of
 * columns. */
ALWAYS_INLINE void FN(step_tile)(REAL *const *x, ptrdiff_t m, REAL *const *y, const int targets,
                                 const REAL *g, ptrdiff_t stride, ptrdiff_t c, const int add, V *d)
{
    V old[TARGET_TILE], new[TARGET_TILE];
    UNROLL(TARGET_TILE)
    for (int j = 0; j < targets; j++) new[j] = old[j] = *(const VU *)(y[j] + c);
    for (ptrdiff_t i = 0; i < m; i++) {
        const V a = *(const VU *)(x[i] + c);
        V sum = {0};
        if (add) sum = d[i];
        UNROLL(TARGET_TILE)
        for (int j = 0; j < targets; j++) {
            const V e = FN(vec_all)(g[i * stride + j]);
            sum += e * old[j];
            new[j] += e * a;
        }
        d[i] = sum;
    }
    UNROLL(TARGET_TILE)
    for (int j = 0; j < targets; j++) *(VU *)(y[j] + c) = new[j];
}

ALWAYS_INLINE void FN(step_rows)(REAL *const *to, ptrdiff_t m, ptrdiff_t c, const V *d)
{
    for (ptrdiff_t i = 0; i < m; i++) *(VU *)(to[i] + c) += d[i];
}

/* to[i] += sum_j g[i t + j] y[j], y[j] += sum_i g[i t + j] x[i]. d holds m vectors. */
static void FN(window_step)(REAL *const *x, REAL *const *to, ptrdiff_t m, REAL *const *y,
                            ptrdiff_t t, const REAL *g, ptrdiff_t begin, ptrdiff_t end, V *d)
{
    if (t <= TARGET_TILE) {
#define CALL(n)                                     \
    for (ptrdiff_t c = begin; c < end; c += VLEN) { \
        FN(step_tile)(x, m, y, n, g, n, c, 0, d);   \
        FN(step_rows)(to, m, c, d);                 \
    }
        WITH_TARGETS(t, CALL)
#undef CALL
        return;
    }
    for (ptrdiff_t c = begin; c < end; c += VLEN) {
        for (ptrdiff_t j = 0; j < t; j += TARGET_TILE) {
#define CALL(n) FN(step_tile)(x, m, y + j, n, g + j, t, c, j > 0, d)
            WITH_TARGETS(t - j, CALL)
#undef CALL
        }
        FN(step_rows)(to, m, c, d);
    }
}

#undef WITH_TARGETS
#undef FN
#undef VLEN
#undef VU
#undef V
