/* Layer normalisation, written over REAL, DT and UINT; see layer_norm.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VB VEC_CAT(v, UINT)
#define VLEN VEC_CAT(VLEN, DT)
#define FN(name) VEC_CAT(name, DT)
#define LOAD(p) ((V) * (const VU *)(p))
#define STORE(p, value) (*(VU *)(p) = (value))
#define KEEP(v, end) ((V)((VB)(v) & (end).keep))

/* How a row ends: after `whole` numbers in whole vectors come `rest`, in the lanes `keep` of a
 * vector that starts at `at`. */
typedef struct {
    ptrdiff_t whole, rest, at;
    VB keep;
} FN(row_end);

static FN(row_end) FN(row_end_of)(ptrdiff_t n)
{
    FN(row_end) end = {n - n % VLEN, n % VLEN, n > VLEN ? n - VLEN : 0, {0}};
    const ptrdiff_t first = n > VLEN ? VLEN - end.rest : 0;
    for (ptrdiff_t l = 0; l < end.rest; l++) end.keep[first + l] -= 1;
    return end;
}

/* room: numbers from x to the end of the array. Short rows are read into the next one. */
ALWAYS_INLINE V FN(load_end)(const REAL *x, FN(row_end) end, ptrdiff_t room)
{
    return end.whole || room >= VLEN ? LOAD(x + end.at) : FN(vec_load_part)(x, end.rest);
}

ALWAYS_INLINE void FN(store_end)(REAL *x, V v, FN(row_end) end)
{
    if (end.whole) STORE(x + end.at, v);
    else FN(vec_store_part)(x, v, end.rest);
}

/* What a row is summed of: x; d = x - pivot and d^2; w dy and w dy (x - pivot). */
ALWAYS_INLINE void FN(row_terms)(const int what, V x, V dy, V w, REAL pivot, V *first, V *second)
{
    *first = what == ROW_X ? x : what == ROW_MOMENTS ? x - pivot : w * dy;
    *second = what == ROW_X ? *first : *first * (x - pivot);
}

/* sums = the first and the second terms, added up. dy and w may be x where they are not needed;
 * w_end is w's end. */
ALWAYS_INLINE void FN(row_sums)(const int what, const REAL *x, const REAL *dy, const REAL *w,
                                V w_end, FN(row_end) end, ptrdiff_t room, REAL pivot, double *sums)
{
    V first, second;
    sums[0] = sums[1] = 0;
    for (ptrdiff_t i = 0; i < end.whole;) {
        const ptrdiff_t leaf = end.whole - i < 32 * VLEN ? end.whole : i + 32 * VLEN;
        V s[4] = {{0}}, q[4] = {{0}};
        for (; i <= leaf - 4 * VLEN; i += 4 * VLEN)
            for (int j = 0; j < 4; j++) {
                const ptrdiff_t k = i + j * VLEN;
                FN(row_terms)(what, LOAD(x + k), LOAD(dy + k), LOAD(w + k), pivot, &first, &second);
                s[j] += first;
                q[j] += second;
            }
        for (; i < leaf; i += VLEN) {
            FN(row_terms)(what, LOAD(x + i), LOAD(dy + i), LOAD(w + i), pivot, &first, &second);
            s[0] += first;
            q[0] += second;
        }
        sums[0] += (double)FN(lanes)((s[0] + s[1]) + (s[2] + s[3]), RED_SUM);
        sums[1] += (double)FN(lanes)((q[0] + q[1]) + (q[2] + q[3]), RED_SUM);
    }
    if (end.rest) {
        FN(row_terms)(what, FN(load_end)(x, end, room), FN(load_end)(dy, end, room), w_end, pivot,
                      &first, &second);
        sums[0] += (double)FN(lanes)(KEEP(first, end), RED_SUM);
        sums[1] += (double)FN(lanes)(KEEP(second, end), RED_SUM);
    }
}

/* ---- forward --------------------------------------------------------------------------------- */

ALWAYS_INLINE V FN(row_value)(V x, V w, V b, REAL pivot, REAL scale, REAL shift)
{
    return ((x - pivot) * scale + shift) * w + b;
}

static void FN(layer_norm_rows)(const layer_norm_t *g, const REAL *x, ptrdiff_t rows,
                                ptrdiff_t room, REAL *y, double *mean, double *var)
{
    const REAL *w = (const REAL *)g->weight, *b = (const REAL *)g->bias;
    const FN(row_end) end = FN(row_end_of)(g->n);
    const V w_end = FN(load_end)(w, end, 0), b_end = FN(load_end)(b, end, 0);
    const double n = (double)g->n;
    double sums[2];
    for (ptrdiff_t r = 0; r < rows; r++, x += g->n, y += g->n, room -= g->n) {
        FN(row_sums)(ROW_X, x, x, x, w_end, end, room, 0, sums);
        const REAL pivot = (REAL)finite_or_zero(sums[0] / n);
        FN(row_sums)(ROW_MOMENTS, x, x, x, w_end, end, room, pivot, sums);
        const double low = sums[0] / n, square = sums[1] - low * sums[0];
        mean[r] = (double)pivot + low;
        var[r] = square < 0 ? 0 : square / n;
        const double inverse = 1 / sqrt(var[r] + g->eps);
        const REAL scale = (REAL)inverse, shift = (REAL)(-low * inverse);
        for (ptrdiff_t i = 0; i < end.whole; i += VLEN)
            STORE(y + i, FN(row_value)(LOAD(x + i), LOAD(w + i), LOAD(b + i), pivot, scale, shift));
        if (end.rest) {
            const V x_end = FN(load_end)(x, end, room);
            FN(store_end)(y, FN(row_value)(x_end, w_end, b_end, pivot, scale, shift), end);
        }
    }
}

/* ---- backward -------------------------------------------------------------------------------- */

/* A row's x - pivot = t, xhat = t scale + shift, dx = w dy scale + (t slope + offset). */
typedef struct {
    REAL pivot, scale, shift, slope, offset;
} FN(row_params);

/* With xhat = (x - mean) inverse, y = w xhat + b:
 *
 *     dx = inverse (w dy - (sum of w dy + xhat sum of w dy xhat) / n)
 */
ALWAYS_INLINE FN(row_params) FN(row_params_of)(const layer_norm_t *g, const REAL *dy,
                                               const REAL *x, V w_end, FN(row_end) end,
                                               ptrdiff_t room, double mean, double var)
{
    const REAL pivot = (REAL)mean;
    const double low = finite_or_zero(mean - (double)pivot), n = (double)g->n;
    const double inverse = 1 / sqrt(var + g->eps);
    double sums[2];
    FN(row_sums)(ROW_BACKWARD, x, dy, (const REAL *)g->weight, w_end, end, room, pivot, sums);
    const double product = (sums[1] - low * finite_or_zero(sums[0])) * inverse;
    const double slope = -inverse * inverse * product / n;
    return (FN(row_params)){pivot, (REAL)inverse, (REAL)(-low * inverse), (REAL)slope,
                            (REAL)(-inverse * sums[0] / n - finite_or_zero(slope) * low)};
}

/* One vector, at i or the end, of `count` rows n apart; their part of dw and db is added at c. */
#define ROW_VECTORS(get, put, wi, c)                                     \
    {                                                                    \
        V sum_w = LOAD(dw + c), sum_b = LOAD(db + c);                    \
        UNROLL(4) for (int r = 0; r < count; r++) {                      \
            const V dyi = get(dy + r * n), t = get(x + r * n) - p[r].pivot; \
            put(dx + r * n, wi * dyi * p[r].scale + (t * p[r].slope + p[r].offset)); \
            sum_w += dyi * (t * p[r].scale + p[r].shift);                \
            sum_b += dyi;                                                \
        }                                                                \
        STORE(dw + c, sum_w);                                            \
        STORE(db + c, sum_b);                                            \
    }
#define ROW_GET(a) LOAD((a) + i)
#define ROW_PUT(a, v) STORE((a) + i, v)
#define ROW_GET_END(a) FN(load_end)(a, end, last_room)
#define ROW_PUT_END(a, v) FN(store_end)(a, v, end)

/* dw, and n + VLEN numbers on db, are added to. */
ALWAYS_INLINE void FN(rows_backward)(const layer_norm_t *g, const REAL *dy, const REAL *x,
                                     const double *mean, const double *var, const int count,
                                     V w_end, FN(row_end) end, ptrdiff_t room, REAL *dx, REAL *dw)
{
    const ptrdiff_t n = g->n, last_room = room - (count - 1) * n;
    const REAL *w = (const REAL *)g->weight;
    REAL *db = dw + n + VLEN;
    FN(row_params) p[LAYER_NORM_STEP];
    for (int r = 0; r < count; r++)
        p[r] = FN(row_params_of)(g, dy + r * n, x + r * n, w_end, end, last_room, mean[r], var[r]);
    for (ptrdiff_t i = 0; i < end.whole; i += VLEN) ROW_VECTORS(ROW_GET, ROW_PUT, LOAD(w + i), i)
    if (end.rest) ROW_VECTORS(ROW_GET_END, ROW_PUT_END, w_end, end.whole)
}

static void FN(layer_norm_rows_backward)(const layer_norm_t *g, const REAL *dy, const REAL *x,
                                         const double *mean, const double *var, ptrdiff_t rows,
                                         ptrdiff_t room, REAL *dx, REAL *gradients)
{
    const ptrdiff_t n = g->n;
    const FN(row_end) end = FN(row_end_of)(n);
    const V w_end = FN(load_end)((const REAL *)g->weight, end, 0);
    memset(gradients, 0, 2 * (n + VLEN) * sizeof(REAL));
    ptrdiff_t r = 0;
    for (; r <= rows - LAYER_NORM_STEP; r += LAYER_NORM_STEP)
        FN(rows_backward)(g, dy + r * n, x + r * n, mean + r, var + r, LAYER_NORM_STEP, w_end, end,
                          room - r * n, dx + r * n, gradients);
    for (; r < rows; r++)
        FN(rows_backward)(g, dy + r * n, x + r * n, mean + r, var + r, 1, w_end, end, room - r * n,
                          dx + r * n, gradients);
    if (end.whole && end.rest) /* the last vector lies behind the one that it overlaps */
        for (int i = 0; i < 2; i++) {
            REAL *tail = gradients + i * (n + VLEN) + end.whole;
            memmove(tail, tail + VLEN - end.rest, end.rest * sizeof(REAL));
        }
}

#undef ROW_VECTORS
#undef ROW_GET
#undef ROW_PUT
#undef ROW_GET_END
#undef ROW_PUT_END
#undef KEEP
#undef STORE
#undef LOAD
#undef FN
#undef VLEN
#undef VB
#undef VU
#undef V
