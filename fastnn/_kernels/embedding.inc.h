/* Sums of scattered rows over REAL and DT; see embedding.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VLEN VEC_CAT(VLEN, DT)
#define FN(name) VEC_CAT(name, DT)
#define STRIP 8 /* vectors */

/* Columns c to c + vectors VLEN of a leaf. IN x; OUT y. weight NULL: all are 1. */
ALWAYS_INLINE void FN(sum_strip)(const REAL *x, ptrdiff_t stride, const ptrdiff_t *order,
                                 const REAL *weight, ptrdiff_t n, REAL *y, const int vectors)
{
    V sum[STRIP];
    UNROLL(STRIP)
    for (int j = 0; j < vectors; j++) {
        sum[j] = *(const VU *)(x + order[0] * stride + j * VLEN);
        if (weight) sum[j] *= weight[0] - (V){0};
    }
    for (ptrdiff_t i = 1; i < n; i++) {
        const REAL *row = x + order[i] * stride;
        UNROLL(STRIP)
        for (int j = 0; j < vectors; j++) {
            const V value = *(const VU *)(row + j * VLEN);
            sum[j] += weight ? (weight[i] - (V){0}) * value : value;
        }
    }
    UNROLL(STRIP)
    for (int j = 0; j < vectors; j++) *(VU *)(y + j * VLEN) = sum[j];
}

/* The last strip, or vector, ends at the last column, overlapping the one before. */
ALWAYS_INLINE void FN(sum_columns)(const REAL *x, ptrdiff_t stride, const ptrdiff_t *order,
                                   const REAL *weight, ptrdiff_t n, ptrdiff_t columns, REAL *y)
{
    ptrdiff_t c = 0;
    for (; c <= columns - STRIP * VLEN; c += STRIP * VLEN)
        FN(sum_strip)(x + c, stride, order, weight, n, y + c, STRIP);
    if (c == columns) return;
    if (c) {
        c = columns - STRIP * VLEN;
        FN(sum_strip)(x + c, stride, order, weight, n, y + c, STRIP);
        return;
    }
    for (; c <= columns - VLEN; c += VLEN) FN(sum_strip)(x + c, stride, order, weight, n, y + c, 1);
    if (c == columns) return;
    if (c) {
        c = columns - VLEN;
        FN(sum_strip)(x + c, stride, order, weight, n, y + c, 1);
        return;
    }
    for (; c < columns; c++) {
        REAL sum = weight ? weight[0] * x[order[0] * stride + c] : x[order[0] * stride + c];
        for (ptrdiff_t i = 1; i < n; i++) {
            const REAL value = x[order[i] * stride + c];
            sum += weight ? weight[i] * value : value;
        }
        y[c] = sum;
    }
}

static void FN(sum_leaf)(const REAL *x, ptrdiff_t stride, const ptrdiff_t *order,
                         const REAL *weight, ptrdiff_t n, ptrdiff_t columns, REAL *y)
{
    if (weight) FN(sum_columns)(x, stride, order, weight, n, columns, y);
    else FN(sum_columns)(x, stride, order, NULL, n, columns, y);
}

/* columns <= SUM_ROWS_COLUMNS */
static void FN(sum_halves)(const REAL *x, ptrdiff_t stride, const ptrdiff_t *order,
                           const REAL *weight, ptrdiff_t n, ptrdiff_t columns, REAL *y)
{
    if (n <= SUM_ROWS_LEAF) {
        FN(sum_leaf)(x, stride, order, weight, n, columns, y);
        return;
    }
    REAL second[SUM_ROWS_COLUMNS];
    ptrdiff_t half = SUM_ROWS_LEAF;
    while (2 * half < n) half *= 2;
    FN(sum_halves)(x, stride, order, weight, half, columns, y);
    FN(sum_halves)(x, stride, order + half, weight ? weight + half : NULL, n - half, columns,
                   second);
    for (ptrdiff_t c = 0; c < columns; c++) y[c] += second[c];
}

static void FN(sum_rows)(const REAL *x, ptrdiff_t stride, const ptrdiff_t *order,
                         const REAL *weight, ptrdiff_t n, ptrdiff_t columns, int add, REAL *y)
{
    for (ptrdiff_t some; columns > 0; columns -= some, x += some, y += some) {
        some = columns < SUM_ROWS_COLUMNS ? columns : SUM_ROWS_COLUMNS;
        const ptrdiff_t rest = columns - some;
        if (rest > 0 && rest < STRIP * VLEN) some -= STRIP * VLEN - rest; /* leave a whole strip */
        if (!add) {
            FN(sum_halves)(x, stride, order, weight, n, some, y);
            continue;
        }
        REAL sum[SUM_ROWS_COLUMNS];
        FN(sum_halves)(x, stride, order, weight, n, some, sum);
        for (ptrdiff_t c = 0; c < some; c++) y[c] += sum[c];
    }
}

#undef STRIP
#undef FN
#undef VLEN
#undef VU
#undef V
