/* Additive attention, written over REAL and DT; see additive_attention.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VLEN VEC_CAT(VLEN, DT)
#define FN(name) VEC_CAT(name, DT)
#define LOAD(p) FN(attention_load)(p, n)
#define STORE(p, value) FN(attention_store)(p, value, n)
#define VECTORS 4 /* of a row, over which the positions are gone through together */

/* The first n numbers of a vector. */
ALWAYS_INLINE V FN(attention_load)(const REAL *x, const ptrdiff_t n)
{
    return n == VLEN ? (V) * (const VU *)x : FN(vec_load_part)(x, n);
}

ALWAYS_INLINE void FN(attention_store)(REAL *x, V v, const ptrdiff_t n)
{
    if (n == VLEN) *(VU *)x = v;
    else FN(vec_store_part)(x, v, n);
}

ALWAYS_INLINE double FN(attention_lanes)(V v)
{
    double sum = 0;
    for (int j = 0; j < VLEN; j++) sum += (double)v[j];
    return sum;
}

/* The sum of TERM(j, n), a vector of n numbers from the j-th on, for j in [0, size). */
#define SUM_OF_VECTORS(sum, size, TERM)                                          \
    for (ptrdiff_t j = 0; j < (size);) {                                         \
        const ptrdiff_t room = (size) - j, most = BLOCK_VECTORS * VLEN;          \
        const ptrdiff_t end = j + (room < most ? room : most);                   \
        V part = {0};                                                            \
        for (; j + VLEN <= end; j += VLEN) part += TERM(j, VLEN);                \
        if (j < end) part += TERM(j, end - j);                                   \
        j = end;                                                                 \
        sum += FN(attention_lanes)(part);                                        \
    }

ALWAYS_INLINE V FN(attention_term)(const REAL *k, const REAL *q, const REAL *v, const ptrdiff_t n)
{
    return LOAD(v) * FN(vec_tanh)(LOAD(k) + LOAD(q));
}

#define TERM(j, n) FN(attention_term)(k + (j), q + (j), v + (j), n)
static REAL FN(energy)(const REAL *k, const REAL *q, const REAL *v, ptrdiff_t size)
{
    double sum = 0;
    SUM_OF_VECTORS(sum, size, TERM)
    return (REAL)sum;
}
#undef TERM

#define TERM(j, n) (FN(attention_load)(a + (j), n) * FN(attention_load)(b + (j), n))
static double FN(attention_dot)(const REAL *a, const REAL *b, ptrdiff_t size)
{
    double sum = 0;
    SUM_OF_VECTORS(sum, size, TERM)
    return sum;
}
#undef TERM

/* w = softmax(w): NaN or +inf anywhere make all of it NaN. */
static void FN(attention_softmax)(REAL *w, ptrdiff_t size)
{
    REAL most = w[0];
    for (ptrdiff_t s = 1; s < size; s++) most = w[s] > most ? w[s] : most;
    double sum = 0;
    for (ptrdiff_t s = 0; s < size; s += VLEN) {
        const ptrdiff_t n = size - s < VLEN ? size - s : VLEN;
        const V e = FN(vec_exp)(LOAD(w + s) - most);
        STORE(w + s, e);
        for (ptrdiff_t i = 0; i < n; i++) sum += (double)e[i];
    }
    const REAL inverse = (REAL)(1 / sum);
    for (ptrdiff_t s = 0; s < size; s++) w[s] *= inverse;
}

/* Numbers of `count` vectors, the last of n, from the j-th on: c = sum of w_s values_s. */
ALWAYS_INLINE void FN(context_part)(const attention_t *g, const attended_t *x, const REAL *w,
                                    REAL *context, ptrdiff_t j, const int count, const ptrdiff_t n)
{
    const REAL *values = (const REAL *)x->values + j;
    V sum[VECTORS] = {0};
    for (ptrdiff_t s = 0; s < x->length;) {
        const ptrdiff_t room = x->length - s;
        const ptrdiff_t end = s + (room < BLOCK_POSITIONS ? room : BLOCK_POSITIONS);
        V part[VECTORS] = {0};
        for (; s < end; s++)
            UNROLL(VECTORS) for (int i = 0; i < count; i++)
                part[i] += w[s] * LOAD(values + s * g->M + i * VLEN);
        for (int i = 0; i < count; i++) sum[i] += part[i];
    }
    for (int i = 0; i < count; i++) STORE(context + j + i * VLEN, sum[i]);
}

static void FN(attend)(const attention_t *g, const attended_t *x, const REAL *query, REAL *weights,
                       REAL *context)
{
    const ptrdiff_t length = x->length;
    for (ptrdiff_t s = 0; s < length; s++)
        weights[s] = FN(energy)((const REAL *)x->keys + s * g->A, query, g->v, g->A);
    for (ptrdiff_t s = length; s < g->S; s++) weights[s] = 0;
    if (length) FN(attention_softmax)(weights, length);
    ptrdiff_t j = 0;
    for (; j + VECTORS * VLEN <= g->M; j += VECTORS * VLEN)
        FN(context_part)(g, x, weights, context, j, VECTORS, VLEN);
    for (; j + VLEN <= g->M; j += VLEN) FN(context_part)(g, x, weights, context, j, 1, VLEN);
    if (j < g->M) FN(context_part)(g, x, weights, context, j, 1, g->M - j);
}

/* e_s = v . tanh(k_s + q), for n numbers from the j-th on; de (S). */
ALWAYS_INLINE void FN(energy_backward)(const attention_t *g, const attended_t *x, const REAL *query,
                                       const REAL *de, REAL *dquery, ptrdiff_t j, const ptrdiff_t n)
{
    const REAL *keys = (const REAL *)x->keys + j;
    REAL *dkeys = (REAL *)x->dkeys + j, *dv = (REAL *)x->dv + j;
    const V q = LOAD(query + j), v = LOAD((const REAL *)g->v + j);
    V slopes = {0}, values = {0};
    for (ptrdiff_t s = 0; s < x->length;) {
        const ptrdiff_t room = x->length - s;
        const ptrdiff_t end = s + (room < BLOCK_POSITIONS ? room : BLOCK_POSITIONS);
        V slope_part = {0}, value_part = {0};
        for (; s < end; s++) {
            const V t = FN(vec_tanh)(LOAD(keys + s * g->A) + q), value = de[s] * t;
            const V slope = de[s] - value * t;
            STORE(dkeys + s * g->A, LOAD(dkeys + s * g->A) + v * slope);
            slope_part += slope;
            value_part += value;
        }
        slopes += slope_part;
        values += value_part;
    }
    STORE(dquery + j, v * slopes);
    STORE(dv, LOAD(dv) + values);
}

/* e_s = v . tanh(k_s + q),  w = softmax(e),  c = sum of w_s values_s */
static void FN(attend_backward)(const attention_t *g, const attended_t *x, const REAL *query,
                                const REAL *weights, const REAL *dcontext, const REAL *dweights,
                                REAL *dquery, REAL *de)
{
    const REAL *values = x->values;
    REAL *dvalues = x->dvalues;
    double mean = 0;
    for (ptrdiff_t s = 0; s < x->length; s++) {
        double dw = FN(attention_dot)(dcontext, values + s * g->M, g->M);
        if (dweights) dw += (double)dweights[s];
        de[s] = (REAL)dw;
        mean += (double)weights[s] * dw;
        const REAL w = weights[s];
        REAL *dvalue = dvalues + s * g->M;
        ptrdiff_t j = 0, n = VLEN;
        for (; j + VLEN <= g->M; j += VLEN)
            STORE(dvalue + j, LOAD(dvalue + j) + w * LOAD(dcontext + j));
        n = g->M - j;
        if (n) STORE(dvalue + j, LOAD(dvalue + j) + w * LOAD(dcontext + j));
    }
    for (ptrdiff_t s = 0; s < x->length; s++)
        de[s] = (REAL)((double)weights[s] * ((double)de[s] - mean));
    ptrdiff_t j = 0;
    for (; j + VLEN <= g->A; j += VLEN) FN(energy_backward)(g, x, query, de, dquery, j, VLEN);
    if (j < g->A) FN(energy_backward)(g, x, query, de, dquery, j, g->A - j);
}

#undef SUM_OF_VECTORS
#undef VECTORS
#undef STORE
#undef LOAD
#undef FN
#undef VLEN
#undef VU
#undef V
