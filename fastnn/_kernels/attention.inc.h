/* Rows of attention weights, written over REAL, DT and UINT; see attention.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VB VEC_CAT(v, UINT)
#define VLEN VEC_CAT(VLEN, DT)
#define FN(name) VEC_CAT(name, DT)
#define LOAD(p) ((V) * (const VU *)(p))
#define STORE(p, value) (*(VU *)(p) = (value))

/* v in the first n lanes, `other` in the rest. */
ALWAYS_INLINE V FN(first_lanes)(V v, ptrdiff_t n, REAL other)
{
    VB lane, count;
    UNROLL(16) for (int i = 0; i < VLEN; i++) lane[i] = i, count[i] = n;
    return VEC_SELECT(V, lane < count, v, FN(vec_all)(other));
}

/* What is added to the row's scores. */
static void FN(attention_bias)(const attention_row_t *g, REAL *bias)
{
    if (g->mask_kind == MASK_KEEPS) {
        const unsigned char *keep = (const unsigned char *)g->mask;
        const REAL never = (REAL)-__builtin_inf();
        for (ptrdiff_t j = 0; j < g->n; j++) bias[j] = keep[j * g->mask_step] ? 0 : never;
    } else {
        const REAL *mask = (const REAL *)g->mask;
        if (g->mask_step == 1) memcpy(bias, mask, (size_t)g->n * sizeof(REAL));
        else for (ptrdiff_t j = 0; j < g->n; j++) bias[j] = mask[j * g->mask_step];
    }
}

/* d of the row's weights. */
static void FN(attention_kept)(const attention_row_t *g, REAL *kept)
{
    unsigned char keep[ATTENTION_KEYS];
    const REAL scale = (REAL)g->keep_scale;
    dropout_mask(keep, g->begin, g->n, g->seed, g->threshold);
    for (ptrdiff_t j = 0; j < g->n; j++) kept[j] = keep[j] * scale;
}

/* IN s: products; OUT s: w. IN OUT m, l: of the row's blocks so far. -> exp(m before - m), by which
 * the sums of the blocks before are to be multiplied. */
static REAL FN(attention_row)(const attention_row_t *g, REAL *s, REAL *m, double *l)
{
    const REAL never = (REAL)-__builtin_inf(), scale = (REAL)g->scale;
    REAL added[ATTENTION_KEYS + VLEN];
    V most = FN(vec_all)(*m), sum = {0};
    if (g->mask_kind != MASK_NONE) FN(attention_bias)(g, added);
    for (ptrdiff_t j = 0; j < g->n; j += VLEN) {
        V x = LOAD(s + j) * scale;
        if (g->mask_kind != MASK_NONE) x += LOAD(added + j);
        if (g->n - j < VLEN) x = FN(first_lanes)(x, g->n - j, never);
        STORE(s + j, x);
        most = VEC_SELECT(V, x > most, x, most);
    }
    REAL top = most[0];
    for (int i = 1; i < VLEN; i++) top = most[i] > top ? most[i] : top;
    const REAL shift = top == never ? 0 : top; /* nothing seen yet: the weights are 0 */
    const REAL factor = *l == 0 ? 0 : (REAL)exp((double)*m - (double)shift);
    ptrdiff_t j = 0;
    for (; j < g->n; j += VLEN) {
        const V w = FN(vec_exp_bounded)(LOAD(s + j) - shift);
        sum += w;
        STORE(s + j, w);
    }
    for (; j < g->room; j += VLEN) STORE(s + j, (V){0});
    double total = 0;
    for (int i = 0; i < VLEN; i++) total += (double)sum[i];
    *l = *l * (double)factor + total;
    *m = top;
    if (g->dropped) {
        FN(attention_kept)(g, added);
        for (j = 0; j < g->n; j++) s[j] *= added[j];
    }
    return factor;
}

/* IN s: products, dp: gradients of the dropped weights; OUT s: p d, dp: ds. */
static void FN(attention_row_backward)(const attention_row_t *g, REAL *s, REAL *dp, REAL lse,
                                       REAL delta)
{
    const REAL scale = (REAL)g->scale;
    REAL added[ATTENTION_KEYS + VLEN], kept[ATTENTION_KEYS + VLEN];
    if (g->mask_kind != MASK_NONE) FN(attention_bias)(g, added);
    if (g->dropped) FN(attention_kept)(g, kept);
    ptrdiff_t j = 0;
    for (; j < g->n; j += VLEN) {
        V x = LOAD(s + j) * scale, d = LOAD(dp + j);
        if (g->mask_kind != MASK_NONE) x += LOAD(added + j);
        V p = FN(vec_exp)(x - lse), w = p;
        if (g->dropped) {
            w = p * LOAD(kept + j);
            d *= LOAD(kept + j);
        }
        d = p * (d - delta) * scale;
        if (g->n - j < VLEN) {
            w = FN(first_lanes)(w, g->n - j, 0);
            d = FN(first_lanes)(d, g->n - j, 0);
        }
        STORE(s + j, w);
        STORE(dp + j, d);
    }
    for (; j < g->room; j += VLEN) {
        STORE(s + j, (V){0});
        STORE(dp + j, (V){0});
    }
}

/* A vector of numbers that lie `step` apart. */
ALWAYS_INLINE V FN(attention_load)(const REAL *a, ptrdiff_t step)
{
    if (step == 1) return LOAD(a);
    V v = {0};
    for (int j = 0; j < VLEN; j++) v[j] = a[j * step];
    return v;
}

/* The sum of the products of n numbers, which lie a_step and b_step apart: in the same order, hence
 * with the same bits, whatever the steps. */
static REAL FN(attention_dot)(const REAL *a, ptrdiff_t a_step, const REAL *b, ptrdiff_t b_step,
                              ptrdiff_t n)
{
    V sum = {0};
    ptrdiff_t i = 0;
    for (; i <= n - VLEN; i += VLEN)
        sum += FN(attention_load)(a + i * a_step, a_step) * FN(attention_load)(b + i * b_step, b_step);
    double total = 0;
    for (; i < n; i++) total += (double)a[i * a_step] * (double)b[i * b_step];
    for (int j = 0; j < VLEN; j++) total += (double)sum[j];
    return (REAL)total;
}

/* out[i * step] = scale * x[i], i < n. */
static void FN(attention_store)(const REAL *x, REAL scale, REAL *out, ptrdiff_t step, ptrdiff_t n)
{
    if (step == 1) for (ptrdiff_t i = 0; i < n; i++) out[i] = scale * x[i];
    else for (ptrdiff_t i = 0; i < n; i++) out[i * step] = scale * x[i];
}

#undef STORE
#undef LOAD
#undef FN
#undef VLEN
#undef VB
#undef VU
#undef V
