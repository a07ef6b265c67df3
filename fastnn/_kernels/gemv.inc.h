/* Written over REAL and DT; see gemv.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VLEN VEC_CAT(VLEN, DT)
#define GEMV_ROWS VEC_CAT(gemv_rows, DT)
#define GEMV_DOTS VEC_CAT(gemv_dots, DT)
#define GEMV_AXPY VEC_CAT(gemv_axpy, DT)
#define GEMV_DOT VEC_CAT(gemv_dot, DT)

/* y[j] += sum_{i < rows} x[i] * b[i * stride + j] */
ALWAYS_INLINE void GEMV_AXPY(ptrdiff_t n, const int rows, const REAL *x, const REAL *b,
                             ptrdiff_t stride, REAL *y)
{
    ptrdiff_t j = 0;
    for (; j + VLEN <= n; j += VLEN) {
        V sum = {0};
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++) sum += (x[i] - (V){0}) * *(const VU *)(b + i * stride + j);
        *(VU *)(y + j) += sum;
    }
    if (j < n) { /* the tail, in one padded vector */
        const size_t rest = (size_t)(n - j) * sizeof(REAL);
        V sum = {0}, yv = {0};
        for (int i = 0; i < rows; i++) {
            V bv = {0};
            memcpy(&bv, b + i * stride + j, rest);
            sum += (x[i] - (V){0}) * bv;
        }
        memcpy(&yv, y + j, rest);
        yv += sum;
        memcpy(y + j, &yv, rest);
    }
}

/* y[j] += sum_p x[p] * b[p * stride + j]: four rows of b at a time stream past y (eight rows a
 * page apart would fight for one set of the first-level cache). Long sums are cut, as the tile's:
 * SUM_STEPS fours of rows are summed apart, for SUM_COLUMNS columns at a time. */
static void GEMV_ROWS(ptrdiff_t k, ptrdiff_t n, const REAL *x, const REAL *b, ptrdiff_t stride,
                      REAL *y)
{
    REAL part[SUM_COLUMNS];
    for (ptrdiff_t p0 = 0; p0 < k; p0 += 4 * SUM_STEPS) {
        const ptrdiff_t end = k - p0 < 4 * SUM_STEPS ? k : p0 + 4 * SUM_STEPS;
        for (ptrdiff_t j = 0; j < n; j += SUM_COLUMNS) {
            const ptrdiff_t columns = n - j < SUM_COLUMNS ? n - j : SUM_COLUMNS;
            memset(part, 0, (size_t)columns * sizeof(REAL));
            ptrdiff_t p = p0;
            for (; p + 4 <= end; p += 4) GEMV_AXPY(columns, 4, x + p, b + p * stride + j, stride, part);
            for (; p < end; p++) GEMV_AXPY(columns, 1, x + p, b + p * stride + j, stride, part);
            for (ptrdiff_t i = 0; i < columns; i++) y[j + i] += part[i];
        }
    }
}

/* y[i] += sum_p x[p] * b[i * stride + p] for i < rows */
ALWAYS_INLINE void GEMV_DOT(ptrdiff_t k, const int rows, const REAL *x, const REAL *b,
                            ptrdiff_t stride, REAL *y)
{
    V sum[4] = {{0}}, total[4] = {{0}};
    ptrdiff_t p = 0;
    while (p + VLEN <= k) {
        const ptrdiff_t end = k - p < SUM_STEPS * VLEN ? k : p + SUM_STEPS * VLEN;
        for (; p + VLEN <= end; p += VLEN) {
            const V xv = *(const VU *)(x + p);
#pragma GCC unroll 4
            for (int i = 0; i < rows; i++) sum[i] += xv * *(const VU *)(b + i * stride + p);
        }
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++) {
            total[i] += sum[i];
            sum[i] = (V){0};
        }
    }
    if (p < k) {
        const size_t rest = (size_t)(k - p) * sizeof(REAL);
        V xv = {0};
        memcpy(&xv, x + p, rest);
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++) {
            V bv = {0};
            memcpy(&bv, b + i * stride + p, rest);
            sum[i] += xv * bv;
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++) {
        REAL part[VLEN];
        sum[i] += total[i];
        memcpy(part, &sum[i], sizeof(part));
        for (int width = VLEN / 2; width; width /= 2)
            for (int l = 0; l < width; l++) part[l] += part[l + width];
        y[i] += part[0];
    }
}

/* y[j] += sum_p x[p] * b[j * stride + p]: four dot products at a time. */
static void GEMV_DOTS(ptrdiff_t k, ptrdiff_t n, const REAL *x, const REAL *b, ptrdiff_t stride,
                      REAL *y)
{
    ptrdiff_t j = 0;
    for (; j + 4 <= n; j += 4) GEMV_DOT(k, 4, x, b + j * stride, stride, y + j);
    for (; j < n; j++) GEMV_DOT(k, 1, x, b + j * stride, stride, y + j);
}

#undef V
#undef VU
#undef VLEN
#undef GEMV_ROWS
#undef GEMV_DOTS
#undef GEMV_AXPY
#undef GEMV_DOT
