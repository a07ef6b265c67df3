/* Batch and group normalisation, written over REAL, DT and UINT; see norm.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VB VEC_CAT(v, UINT)
#define VLEN VEC_CAT(VLEN, DT)
#define FN(name) VEC_CAT(name, DT)
#define LOAD(p) ((V) * (const VU *)(p))
#define STORE(p, value) (*(VU *)(p) = (value))

/* body(count) for rows of the arrays, `step` of them together or one: they start at o. */
#define NORM_EACH_ROW(step, body)                                               \
    ptrdiff_t r = 0, o = 0;                                                     \
    if (g->together)                                                            \
        for (; r <= rows - (step); r += (step), o += (step) * lanes) body(step) \
    for (; r < rows; r++, o += lanes) body(1)

/* The vectors of a row: each starts at lane `at`, and would at lane c if none overlapped. */
#define NORM_VECTORS \
    for (ptrdiff_t c = 0, at = 0; c < lanes; c += VLEN, at = c <= lanes - VLEN ? c : lanes - VLEN)

/* One such vector of each of `count` rows: j is where in the arrays. */
#define NORM_COLUMN(count) \
    UNROLL(8) for (ptrdiff_t i = 0, j = o + at; i < (count); i++, j += lanes)

ALWAYS_INLINE V FN(norm_value)(V x, V mean, V scale, V shift) { return (x - mean) * scale + shift; }

/* The sum of NORM_ROWS vectors, or of one. */
ALWAYS_INLINE V FN(norm_add)(const V *v, const int count)
{
    if (count == 1) return v[0];
    return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}

/* The first `channels` of a row, repeated to its end. */
static void FN(norm_repeat)(const norm_t *g, REAL *row)
{
    for (ptrdiff_t l = g->channels; l < g->lanes; l++) row[l] = row[l - g->channels];
}

/* x[0..n), and fill up to the row's end. */
static const REAL *FN(norm_pad)(const norm_t *g, const REAL *x, ptrdiff_t n, const REAL *fill,
                                REAL *row)
{
    memcpy(row, fill, g->lanes * sizeof(REAL));
    memcpy(row, x, n * sizeof(REAL));
    return row;
}

/* A row of sums, of a vector each, added to the channels. */
static void FN(norm_add_row)(const norm_t *g, REAL *sums, double *total)
{
    const ptrdiff_t rest = g->lanes % VLEN, whole = g->lanes - rest;
    memmove(sums + whole, sums + whole + (VLEN - rest) % VLEN, rest * sizeof(REAL));
    for (ptrdiff_t first = 0; first < g->lanes; first += g->channels)
        for (ptrdiff_t c = 0; c < g->channels; c++) total[c] += (double)sums[first + c];
}

/* ---- forward --------------------------------------------------------------------------------- */

#define NORM_SUM(count)                                               \
    NORM_VECTORS                                                      \
    {                                                                 \
        const V p = LOAD(pivot + at);                                 \
        V d[NORM_ROWS], q[NORM_ROWS];                                 \
        NORM_COLUMN(count)                                            \
        {                                                             \
            d[i] = LOAD(x + j) - p;                                   \
            q[i] = d[i] * d[i];                                       \
        }                                                             \
        STORE(sum + c, LOAD(sum + c) + FN(norm_add)(d, count));       \
        STORE(square + c, LOAD(square + c) + FN(norm_add)(q, count)); \
    }

/* sum += x - pivot, square += (x - pivot)^2, over rows. */
static void FN(norm_sum_rows)(const norm_t *g, const REAL *x, ptrdiff_t rows, const REAL *pivot,
                              REAL *sum, REAL *square)
{
    const ptrdiff_t lanes = g->lanes;
    NORM_EACH_ROW(NORM_ROWS, NORM_SUM)
}

/* The same over a chunk, added to the channels in t. */
static void FN(norm_sum_chunk)(const norm_t *g, const REAL *x, ptrdiff_t pixels, REAL *pivot,
                               norm_part_t t)
{
    const ptrdiff_t lanes = g->lanes, rows = pixels / g->fold;
    const ptrdiff_t rest = pixels % g->fold * g->channels;
    REAL *sum = pivot + lanes, *square = sum + lanes + VLEN;
    memset(sum, 0, (2 * lanes + 2 * VLEN) * sizeof(REAL));
    FN(norm_sum_rows)(g, x, rows, pivot, sum, square);
    if (rest) { /* padded with pivots, which add nothing */
        REAL row[NORM_FOLDED];
        x = FN(norm_pad)(g, x + rows * lanes, rest, pivot, row);
        FN(norm_sum_rows)(g, x, 1, pivot, sum, square);
    }
    FN(norm_add_row)(g, sum, t.first);
    FN(norm_add_row)(g, square, t.second);
}

static void FN(norm_moments)(const norm_t *g, norm_part_t t, int thread)
{
    const REAL *x = (const REAL *)g->x + t.at;
    REAL *pivot = (REAL *)(g->rows + thread * norm_rows_bytes(g));
    const ptrdiff_t some = t.pixels < g->chunk ? t.pixels : g->chunk;
    memset(pivot, 0, g->lanes * sizeof(REAL));
    memset(t.first, 0, 2 * g->channels * sizeof(double));
    FN(norm_sum_chunk)(g, x, some, pivot, t);
    for (ptrdiff_t c = 0; c < g->channels; c++)
        pivot[c] = (REAL)finite_or_zero(t.first[c] / (double)some);
    FN(norm_repeat)(g, pivot);
    memset(t.first, 0, 2 * g->channels * sizeof(double));
    for (ptrdiff_t p = 0; p < t.pixels; p += g->chunk)
        FN(norm_sum_chunk)(g, x + p * g->channels,
                           t.pixels - p < g->chunk ? t.pixels - p : g->chunk, pivot, t);
    for (ptrdiff_t c = 0; c < g->channels; c++) {
        const double d = t.first[c] / (double)t.pixels, square = t.second[c] - d * t.first[c];
        t.first[c] = (double)pivot[c] + d;
        t.second[c] = square < 0 ? 0 : square;
    }
}

/* The mean in two parts, the first a REAL: x less that is exact where they are close. */
static void FN(norm_params)(const norm_t *g, ptrdiff_t segment, ptrdiff_t slot)
{
    const REAL *weight = (const REAL *)g->weight, *bias = (const REAL *)g->bias;
    REAL *mean = (REAL *)g->params + slot * NORM_PARAMS * g->lanes;
    REAL *scale = mean + NORM_SCALE * g->lanes, *shift = mean + NORM_SHIFT * g->lanes;
    for (ptrdiff_t c = 0; c < g->channels; c++) {
        const ptrdiff_t k = segment * g->groups + c / (g->channels / g->groups);
        const double s = (weight ? (double)weight[c] : 1) / sqrt(g->var[k] + g->eps);
        mean[c] = (REAL)g->mean[k];
        scale[c] = (REAL)s;
        const double low = finite_or_zero(g->mean[k] - (double)mean[c]);
        shift[c] = (REAL)((bias ? (double)bias[c] : 0) - low * s);
    }
    for (int i = NORM_MEAN; i <= NORM_SHIFT; i++) FN(norm_repeat)(g, mean + i * g->lanes);
}

#define NORM_APPLY(count)                                                                 \
    NORM_VECTORS                                                                          \
    {                                                                                     \
        const V mean = LOAD(params + at), scale = LOAD(params + NORM_SCALE * lanes + at); \
        const V shift = LOAD(params + NORM_SHIFT * lanes + at);                           \
        NORM_COLUMN(count)                                                                \
        {                                                                                 \
            V v = FN(norm_value)(LOAD(x + j), mean, scale, shift);                        \
            if (add) v += LOAD(residual + j);                                             \
            STORE(y + j, relu ? FN(vec_relu)(v) : v);                                     \
        }                                                                                 \
    }

ALWAYS_INLINE void FN(norm_apply_to)(const norm_t *g, const REAL *x, const REAL *residual, REAL *y,
                                     ptrdiff_t rows, const REAL *params, const int add,
                                     const int relu)
{
    const ptrdiff_t lanes = g->lanes;
    NORM_EACH_ROW(NORM_STEP, NORM_APPLY)
}

/* residual may be NULL. */
static void FN(norm_apply_rows)(const norm_t *g, const REAL *x, const REAL *residual, REAL *y,
                                ptrdiff_t rows, const REAL *params)
{
    if (residual && g->relu) FN(norm_apply_to)(g, x, residual, y, rows, params, 1, 1);
    else if (residual) FN(norm_apply_to)(g, x, residual, y, rows, params, 1, 0);
    else if (g->relu) FN(norm_apply_to)(g, x, residual, y, rows, params, 0, 1);
    else FN(norm_apply_to)(g, x, residual, y, rows, params, 0, 0);
}

static void FN(norm_apply)(const norm_t *g, norm_part_t t, ptrdiff_t slot)
{
    const ptrdiff_t lanes = g->lanes, rows = t.pixels / g->fold;
    const ptrdiff_t rest = t.pixels % g->fold * g->channels;
    const REAL *params = (const REAL *)g->params + slot * NORM_PARAMS * lanes;
    const REAL *x = (const REAL *)g->x + t.at;
    const REAL *residual = g->residual ? (const REAL *)g->residual + t.at : NULL;
    REAL *y = (REAL *)g->out + t.at;
    FN(norm_apply_rows)(g, x, residual, y, rows, params);
    if (rest) {
        REAL row[NORM_FOLDED], added[NORM_FOLDED];
        x = FN(norm_pad)(g, x + rows * lanes, rest, params, row);
        if (residual) residual = FN(norm_pad)(g, residual + rows * lanes, rest, params, added);
        FN(norm_apply_rows)(g, x, residual, row, 1, params);
        memcpy(y + rows * lanes, row, rest * sizeof(REAL));
    }
}

/* ---- backward -------------------------------------------------------------------------------- */

/* dy where the activation lets it through, else 0. y is looked at with NORM_WHERE_Y. */
ALWAYS_INLINE V FN(norm_masked)(V dy, V x, V y, V mean, V scale, V shift, const int mask)
{
    if (mask == NORM_ALL) return dy;
    if (mask == NORM_WHERE_X) y = FN(norm_value)(x, mean, scale, shift);
    return (V)((VB)dy & ~(VB)(y <= 0));
}

#define NORM_BACKWARD_SUM(count)                                                          \
    NORM_VECTORS                                                                          \
    {                                                                                     \
        const V mean = LOAD(params + at), scale = LOAD(params + NORM_SCALE * lanes + at); \
        const V shift = LOAD(params + NORM_SHIFT * lanes + at);                           \
        V d[NORM_ROWS], q[NORM_ROWS];                                                     \
        NORM_COLUMN(count)                                                                \
        {                                                                                 \
            const V xj = LOAD(x + j), yj = mask == NORM_WHERE_Y ? LOAD(y + j) : xj;       \
            d[i] = FN(norm_masked)(LOAD(dy + j), xj, yj, mean, scale, shift, mask);       \
            q[i] = d[i] * (xj - mean);                                                    \
            if (mask == NORM_WHERE_Y) STORE(dz + j, d[i]);                                \
        }                                                                                 \
        STORE(sum + c, LOAD(sum + c) + FN(norm_add)(d, count));                           \
        STORE(product + c, LOAD(product + c) + FN(norm_add)(q, count));                   \
    }

/* sum += dz, product += dz (x - mean), over rows; with NORM_WHERE_Y, dz is written too. */
ALWAYS_INLINE void FN(norm_backward_sum)(const norm_t *g, const REAL *dy, const REAL *x,
                                         const REAL *y, REAL *dz, ptrdiff_t rows,
                                         const REAL *params, REAL *sum, REAL *product,
                                         const int mask)
{
    const ptrdiff_t lanes = g->lanes;
    NORM_EACH_ROW(NORM_ROWS, NORM_BACKWARD_SUM)
}

static void FN(norm_backward_sum_rows)(const norm_t *g, const REAL *dy, const REAL *x,
                                       const REAL *y, REAL *dz, ptrdiff_t rows,
                                       const REAL *params, REAL *sum, REAL *product)
{
#define NORM_CASE(mask) \
    case mask: FN(norm_backward_sum)(g, dy, x, y, dz, rows, params, sum, product, mask); break;
    switch (g->mask) {
        NORM_CASE(NORM_ALL)
        NORM_CASE(NORM_WHERE_X)
        NORM_CASE(NORM_WHERE_Y)
    }
#undef NORM_CASE
}

static void FN(norm_backward_sums)(const norm_t *g, norm_part_t t, ptrdiff_t slot, int thread)
{
    const ptrdiff_t lanes = g->lanes;
    const REAL *params = (const REAL *)g->params + slot * NORM_PARAMS * lanes;
    REAL *sum = (REAL *)(g->rows + thread * norm_rows_bytes(g)), *product = sum + lanes + VLEN;
    memset(t.first, 0, 2 * g->channels * sizeof(double));
    for (ptrdiff_t p = 0; p < t.pixels; p += g->chunk) {
        const ptrdiff_t pixels = t.pixels - p < g->chunk ? t.pixels - p : g->chunk;
        const ptrdiff_t rows = pixels / g->fold, rest = pixels % g->fold * g->channels;
        const ptrdiff_t at = t.at + p * g->channels, tail = at + rows * lanes;
        const REAL *dy = (const REAL *)g->dy, *x = (const REAL *)g->x, *y = (const REAL *)g->y;
        REAL *dz = (REAL *)g->dz;
        memset(sum, 0, (2 * lanes + 2 * VLEN) * sizeof(REAL));
        FN(norm_backward_sum_rows)(g, dy + at, x + at, y + at, dz + at, rows, params, sum, product);
        if (rest) { /* padded with x = mean and dy = 0, which add nothing */
            const REAL zeros[NORM_FOLDED] = {0};
            REAL row[4][NORM_FOLDED];
            dy = FN(norm_pad)(g, dy + tail, rest, zeros, row[0]);
            x = FN(norm_pad)(g, x + tail, rest, params, row[1]);
            y = FN(norm_pad)(g, y + tail, rest, zeros, row[2]);
            FN(norm_backward_sum_rows)(g, dy, x, y, row[3], 1, params, sum, product);
            if (g->mask == NORM_WHERE_Y) memcpy(dz + tail, row[3], rest * sizeof(REAL));
        }
        FN(norm_add_row)(g, sum, t.first);
        FN(norm_add_row)(g, product, t.second);
    }
}

/* With xhat = (x - mean) inverse, w xhat + b = y, and n elements in a group:
 *
 *     dw = sum of dz xhat over a channel,  db = sum of dz
 *     dx = inverse (w dz - (sum of w dz over the group + xhat sum of w dz xhat) / n)
 */
static void FN(norm_backward_params)(const norm_t *g, ptrdiff_t segment, ptrdiff_t slot,
                                     double *dweight, double *dbias)
{
    const ptrdiff_t width = g->channels / g->groups;
    const double n = (double)g->pixels * (double)width;
    const REAL *weight = (const REAL *)g->weight;
    const norm_part_t total = norm_part(g, segment, slot, 0);
    REAL *mean = (REAL *)g->params + slot * NORM_PARAMS * g->lanes;
    REAL *slope = mean + NORM_SLOPE * g->lanes, *offset = mean + NORM_OFFSET * g->lanes;
    for (ptrdiff_t k = 0; k < g->groups; k++) {
        const ptrdiff_t begin = k * width, end = begin + width;
        const double inverse = 1 / sqrt(g->var[segment * g->groups + k] + g->eps);
        const double low = finite_or_zero(g->mean[segment * g->groups + k] - (double)mean[begin]);
        double sum = 0, product = 0;
        for (ptrdiff_t c = begin; c < end; c++) {
            const double dw = (total.second[c] - low * finite_or_zero(total.first[c])) * inverse;
            const double w = weight ? (double)weight[c] : 1;
            dweight[c] += dw;
            dbias[c] += total.first[c];
            sum += w * total.first[c];
            product += w * dw;
        }
        const double s = -inverse * inverse * product / n;
        for (ptrdiff_t c = begin; c < end; c++) {
            slope[c] = (REAL)s;
            offset[c] = (REAL)(-inverse * sum / n - finite_or_zero(s) * low);
        }
    }
    FN(norm_repeat)(g, slope);
    FN(norm_repeat)(g, offset);
}

#define NORM_BACKWARD_APPLY(count)                                                           \
    NORM_VECTORS                                                                             \
    {                                                                                        \
        const V mean = LOAD(params + at), scale = LOAD(params + NORM_SCALE * lanes + at);    \
        const V shift = LOAD(params + NORM_SHIFT * lanes + at);                              \
        const V slope = LOAD(params + NORM_SLOPE * lanes + at);                              \
        const V offset = LOAD(params + NORM_OFFSET * lanes + at);                            \
        NORM_COLUMN(count)                                                                   \
        {                                                                                    \
            const V xj = LOAD(x + j);                                                        \
            const V dz = FN(norm_masked)(LOAD(dy + j), xj, xj, mean, scale, shift, mask);    \
            STORE(dx + j, fixed ? dz * scale : dz * scale + ((xj - mean) * slope + offset)); \
        }                                                                                    \
    }

ALWAYS_INLINE void FN(norm_backward_apply_to)(const norm_t *g, const REAL *dy, const REAL *x,
                                              REAL *dx, ptrdiff_t rows, const REAL *params,
                                              const int mask, const int fixed)
{
    const ptrdiff_t lanes = g->lanes;
    NORM_EACH_ROW(NORM_STEP, NORM_BACKWARD_APPLY)
}

/* With NORM_WHERE_Y, dy is dz. */
static void FN(norm_backward_apply_rows)(const norm_t *g, const REAL *dy, const REAL *x, REAL *dx,
                                         ptrdiff_t rows, const REAL *params)
{
#define NORM_CASE(mask, fixed) FN(norm_backward_apply_to)(g, dy, x, dx, rows, params, mask, fixed)
    if (g->mask == NORM_WHERE_X && g->fixed) NORM_CASE(NORM_WHERE_X, 1);
    else if (g->mask == NORM_WHERE_X) NORM_CASE(NORM_WHERE_X, 0);
    else if (g->fixed) NORM_CASE(NORM_ALL, 1);
    else NORM_CASE(NORM_ALL, 0);
#undef NORM_CASE
}

static void FN(norm_backward_apply)(const norm_t *g, norm_part_t t, ptrdiff_t slot)
{
    const ptrdiff_t lanes = g->lanes, rows = t.pixels / g->fold;
    const ptrdiff_t rest = t.pixels % g->fold * g->channels;
    const REAL *params = (const REAL *)g->params + slot * NORM_PARAMS * lanes;
    const REAL *dz = (const REAL *)(g->mask == NORM_WHERE_Y ? g->dz : g->dy) + t.at;
    const REAL *x = (const REAL *)g->x + t.at;
    REAL *dx = (REAL *)g->out + t.at;
    FN(norm_backward_apply_rows)(g, dz, x, dx, rows, params);
    if (rest) {
        REAL row[2][NORM_FOLDED];
        dz = FN(norm_pad)(g, dz + rows * lanes, rest, params, row[0]);
        x = FN(norm_pad)(g, x + rows * lanes, rest, params, row[1]);
        FN(norm_backward_apply_rows)(g, dz, x, row[0], 1, params);
        memcpy(dx + rows * lanes, row[0], rest * sizeof(REAL));
    }
}

#undef NORM_BACKWARD_APPLY
#undef NORM_BACKWARD_SUM
#undef NORM_APPLY
#undef NORM_SUM
#undef NORM_COLUMN
#undef NORM_VECTORS
#undef NORM_EACH_ROW
#undef STORE
#undef LOAD
#undef FN
#undef VLEN
#undef VB
#undef VU
#undef V
