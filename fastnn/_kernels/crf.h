/* Linear-chain conditional random fields: what a step from one position to the next does to K tags.
 *
 * With a_t(j) the logarithm of the weight of all paths that end in tag j at position t,
 *
 *     a_t(j) = e_t(j) + b_t(j),   b_t(j) = log sum_i exp(a_{t-1}(i) + A(i, j))
 *
 * All is in double and up to a shift, lanes run along j. Rows of tags are padded to P, a multiple
 * of VLEN, with tags that no path can have: a = -inf; A leads to them with the shift, E = exp(A -
 * shift) with 1.
 *
 * exp(a - max a) E is K exps and K logs instead of K^2 exps, and as good as long as no sum comes
 * near what underflows. Where one does (a tag reached only from tags far below the best, or not at
 * all), the step is taken `exactly`: with a maximum for each j.
 */
#ifndef FASTNN_CRF_H
#define FASTNN_CRF_H

#include "vecmath.h"

#define V v_f64
#define LOAD(p) ((V) * (const v_f64_u *)(p))
#define STORE(p, value) (*(v_f64_u *)(p) = (value))
#define CRF_SMALL 1e-200     /* sums below are taken exactly: terms that got lost are 1e-308 */
#define CRF_LOG_SMALL -460.0 /* just above its logarithm */
#define CRF_VECS 4           /* of sums that are held in registers */

typedef struct {
    ptrdiff_t K, P;
    const double *A; /* IN (K, P) */
    const double *E; /* IN (K, P): exp(A - shift) */
    double shift;
} crf_t;

enum { CRF_LANES = VLEN_f64 };

/* The larger one; NaN, once there, stays. */
ALWAYS_INLINE V crf_larger(V x, V most)
{
    return VEC_SELECT(V, (x > most) | (x != x), x, most);
}

ALWAYS_INLINE double crf_add_lanes(V v)
{
    double sum = 0;
    for (int l = 0; l < VLEN_f64; l++) sum += v[l];
    return sum;
}

/* y = exp(x + shift), n a multiple of VLEN. */
static void crf_exp(const double *x, double shift, double *y, ptrdiff_t n)
{
    for (ptrdiff_t j = 0; j < n; j += VLEN_f64) STORE(y + j, vec_exp_f64(LOAD(x + j) + shift));
}

/* p = exp(a - max a), n a multiple of VLEN -> max a. */
static double crf_weights(const double *a, double *p, ptrdiff_t n)
{
    V most = LOAD(a);
    for (ptrdiff_t j = VLEN_f64; j < n; j += VLEN_f64) most = crf_larger(LOAD(a + j), most);
    double m = most[0];
    for (int l = 1; l < VLEN_f64; l++) m = most[l] > m || most[l] != most[l] ? most[l] : m;
    crf_exp(a, -m, p, n);
    return m;
}

ALWAYS_INLINE int crf_any(v_i64 mask)
{
    int64_t any = 0;
    for (int l = 0; l < VLEN_f64; l++) any |= mask[l];
    return any != 0;
}

static double crf_sum(const double *x, ptrdiff_t n)
{
    V sum = {0};
    for (ptrdiff_t j = 0; j < n; j += VLEN_f64) sum += LOAD(x + j);
    return crf_add_lanes(sum);
}

/* ---- forward --------------------------------------------------------------------------------- */

/* s_j = sum_i p_i E(i, j) of `vecs` vectors of j. */
ALWAYS_INLINE void crf_sums(const int vecs, const crf_t *g, const double *p, ptrdiff_t j, V *s)
{
    UNROLL(CRF_VECS) for (int v = 0; v < vecs; v++) s[v] = (V){0};
    for (ptrdiff_t i = 0; i < g->K; i++)
        UNROLL(CRF_VECS)
        for (int v = 0; v < vecs; v++) s[v] += p[i] * LOAD(g->E + i * g->P + j + v * VLEN_f64);
}

static void crf_advance_exactly(const crf_t *g, const double *a, double most, double *b)
{
    for (ptrdiff_t j = 0; j < g->P; j += VLEN_f64) {
        V m = vec_all_f64(-__builtin_inf()), sum = {0};
        for (ptrdiff_t i = 0; i < g->K; i++)
            m = crf_larger(a[i] - most + LOAD(g->A + i * g->P + j), m);
        for (ptrdiff_t i = 0; i < g->K; i++)
            sum += vec_exp_f64(a[i] - most + LOAD(g->A + i * g->P + j) - m);
        STORE(b + j, VEC_SELECT(V, m == -__builtin_inf(), m, m + vec_log_f64(sum)));
    }
}

/* IN a (P); OUT b (P), relative to max a, which is returned. p: room for P. */
static double crf_advance(const crf_t *g, const double *a, double *p, double *b)
{
    const double most = crf_weights(a, p, g->P);
    v_i64 small = {0};
    for (ptrdiff_t j = 0; j < g->P;) {
        const ptrdiff_t left = (g->P - j) / VLEN_f64;
        V s[CRF_VECS];
        const int vecs = left >= 4 ? 4 : left >= 2 ? 2 : 1;
        if (vecs == 4) crf_sums(4, g, p, j, s);
        else if (vecs == 2) crf_sums(2, g, p, j, s);
        else crf_sums(1, g, p, j, s);
        for (int v = 0; v < vecs; v++, j += VLEN_f64) {
            small |= s[v] < CRF_SMALL;
            STORE(b + j, g->shift + vec_log_f64(s[v]));
        }
    }
    if (crf_any(small)) crf_advance_exactly(g, a, most, b);
    return most;
}

/* ---- backward -------------------------------------------------------------------------------- */

static void crf_retreat_exactly(const crf_t *g, const double *a, double most, const double *b,
                                double *d, double *dA, double *da)
{
    for (ptrdiff_t i = 0; i < g->K; i++) {
        V sum = {0};
        for (ptrdiff_t j = 0; j < g->P; j += VLEN_f64) {
            const V to = LOAD(b + j);
            const V x = vec_exp_f64(a[i] - most + LOAD(g->A + i * g->P + j) - to);
            const V share = VEC_SELECT(V, to == -__builtin_inf(), (V){0}, x * LOAD(d + j));
            sum += share;
            STORE(dA + i * g->P + j, LOAD(dA + i * g->P + j) + share);
        }
        da[i] = crf_add_lanes(sum);
    }
    memcpy(d, da, g->K * sizeof(double));
}

/* b(j) = log sum_i exp(a(i) + A(i, j)), whose derivatives are x(i, j) = exp(a(i) + A(i, j) - b(j)):
 * IN a, b, d (P), the gradient of b; OUT d (P), the gradient of a; dA (K, P) += x d. p, r: room for
 * P each. */
static void crf_retreat(const crf_t *g, const double *a, const double *b, double *d, double *dA,
                        double *p, double *r)
{
    const double most = crf_weights(a, p, g->P);
    v_i64 small = {0};
    for (ptrdiff_t j = 0; j < g->P; j += VLEN_f64) {
        small |= LOAD(b + j) < g->shift + CRF_LOG_SMALL;
        STORE(r + j, LOAD(d + j) * vec_exp_f64(g->shift - LOAD(b + j)));
    }
    if (crf_any(small)) {
        crf_retreat_exactly(g, a, most, b, d, dA, r);
        return;
    }
    for (ptrdiff_t i = 0; i < g->K; i++) { /* x d = p_i E(i, j) r_j */
        const double *E = g->E + i * g->P;
        double *dAi = dA + i * g->P;
        V sum = {0};
        for (ptrdiff_t j = 0; j < g->P; j += VLEN_f64) {
            const V share = LOAD(E + j) * LOAD(r + j);
            sum += share;
            STORE(dAi + j, LOAD(dAi + j) + p[i] * share);
        }
        d[i] = p[i] * crf_add_lanes(sum);
    }
}

/* ---- the best path --------------------------------------------------------------------------- */

/* b_j = max_i a_i + A(i, j). */
static void crf_advance_best(const crf_t *g, const double *a, double *b)
{
    for (ptrdiff_t j = 0; j < g->P; j += VLEN_f64) {
        V most = a[0] + LOAD(g->A + j);
        for (ptrdiff_t i = 1; i < g->K; i++)
            most = crf_larger(a[i] + LOAD(g->A + i * g->P + j), most);
        STORE(b + j, most);
    }
}

#undef V
#undef LOAD
#undef STORE
#endif
