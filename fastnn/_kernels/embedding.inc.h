/* Sums of scattered rows over REAL and DT; see embedding.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VLEN VEC_CAT(VLEN, DT)
#define FN(name) VEC_CAT(name, DT)
#define STRIP 8 /* vectors */

/* Columns c to c + vectors VLEN of a leaf. IN x; OUT y. */
ALWAYS_INLINE void FN(sum_strip)(const REAL *x, ptrdiff_t stride, const ptrdiff_t *order,
                                 ptrdiff_t n, REAL *y, const int vectors)
{
    V sum[STRIP];
    UNROLL(STRIP)
    for (int j = 0; j < vectors; j++) sum[j] = *(const VU *)(x + order[0] * stride + j * VLEN);
    for (ptrdiff_t i = 1; i < n; i++) {
        const REAL *row = x + order[i] * stride;
        UNROLL(STRIP)
        for (int j = 0; j < vectors; j++) sum[j] += *(const VU *)(row + j * VLEN);
    }
    UNROLL(STRIP)
    for (int j = 0; j < vectors; j++) *(VU *)(y + j * VLEN) = sum[j];
}

/* The last vector ends at the last column, overlapping the one before. */
static void FN(sum_leaf)(const REAL *x, ptrdiff_t stride, const ptrdiff_t *order, ptrdiff_t n,
                         ptrdiff_t columns, REAL *y)
{
    ptrdiff_t c = 0;
    for (; c <= columns - STRIP * VLEN; c += STRIP * VLEN)
        FN(sum_strip)(x + c, stride, order, n, y + c, STRIP);
    for (; c <= columns - VLEN; c += VLEN) FN(sum_strip)(x + c, stride, order, n, y + c, 1);
    if (c == columns) return;
    if (columns >= VLEN) {
        c = columns - VLEN;
        FN(sum_strip)(x + c, stride, order, n, y + c, 1);
        return;
    }
    for (; c < columns; c++) {
        REAL sum = x[order[0] * stride + c];
        for (ptrdiff_t i = 1; i < n; i++) sum += x[order[i] * stride + c];
        y[c] = sum;
    }
}

/* columns <= SUM_ROWS_COLUMNS */
static void FN(sum_halves)(const REAL *x, ptrdiff_t stride, const ptrdiff_t *order, ptrdiff_t n,
                           ptrdiff_t columns, REAL *y)
{
    if (n <= SUM_ROWS_LEAF) {
        FN(sum_leaf)(x, stride, order, n, columns, y);
        return;
    }
    REAL second[SUM_ROWS_COLUMNS];
    ptrdiff_t half = SUM_ROWS_LEAF;
    while (2 * half < n) half *= 2;
    FN(sum_halves)(x, stride, order, half, columns, y);
    FN(sum_halves)(x, stride, order + half, n - half, columns, second);
    for (ptrdiff_t c = 0; c < columns; c++) y[c] += second[c];
}

static void FN(sum_rows)(const REAL *x, ptrdiff_t stride, const ptrdiff_t *order, ptrdiff_t n,
                         ptrdiff_t columns, int add, REAL *y)
{
    for (; columns > 0; columns -= SUM_ROWS_COLUMNS, x += SUM_ROWS_COLUMNS, y += SUM_ROWS_COLUMNS) {
        const ptrdiff_t some = columns < SUM_ROWS_COLUMNS ? columns : SUM_ROWS_COLUMNS;
        if (!add) {
            FN(sum_halves)(x, stride, order, n, some, y);
            continue;
        }
        REAL sum[SUM_ROWS_COLUMNS];
        FN(sum_halves)(x, stride, order, n, some, sum);
        for (ptrdiff_t c = 0; c < some; c++) y[c] += sum[c];
    }
}

#undef STRIP
#undef FN
#undef VLEN
#undef VU
#undef V
