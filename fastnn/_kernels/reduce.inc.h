/* Reductions over REAL, DT and UINT; see reduce.h. `op` is a constant at every inlined call. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VLEN VEC_CAT(VLEN, DT)
#define FN(name) VEC_CAT(name, DT)
#define LEAF (64 * VLEN)

/* a and b, vectors of one type. */
#define BOTH(type, a, b, op) \
    ((op) == RED_SUM ? (a) + (b) : VEC_SELECT(type, ((a) > (b)) | ((a) != (a)), a, b))

ALWAYS_INLINE V FN(both)(V a, V b, const int op) { return BOTH(V, a, b, op); }

ALWAYS_INLINE REAL FN(both_numbers)(REAL a, REAL b, const int op)
{
    return op == RED_SUM ? a + b : ((a > b) | (a != a)) ? a : b;
}

ALWAYS_INLINE REAL FN(nothing)(const int op) { return op == RED_SUM ? 0 : (REAL)-__builtin_inf(); }

/* n < VLEN numbers, and nothing beyond them. */
ALWAYS_INLINE V FN(part_or_nothing)(const REAL *x, ptrdiff_t n, const int op)
{
    V v = FN(vec_all)(FN(nothing)(op));
    memcpy(&v, x, n * sizeof(REAL));
    return v;
}

/* n <= LEAF numbers. */
ALWAYS_INLINE V FN(leaf)(const REAL *x, ptrdiff_t n, const int op)
{
    V acc[4];
    for (int j = 0; j < 4; j++) acc[j] = FN(vec_all)(FN(nothing)(op));
    ptrdiff_t i = 0;
    for (; i <= n - 4 * VLEN; i += 4 * VLEN)
        for (int j = 0; j < 4; j++) acc[j] = FN(both)(acc[j], *(const VU *)(x + i + j * VLEN), op);
    for (; i <= n - VLEN; i += VLEN) acc[0] = FN(both)(acc[0], *(const VU *)(x + i), op);
    if (i < n) acc[1] = FN(both)(acc[1], FN(part_or_nothing)(x + i, n - i, op), op);
    return FN(both)(FN(both)(acc[0], acc[1], op), FN(both)(acc[2], acc[3], op), op);
}

/* Leaves are added like the ones of a binary counter: partial[level] is the result of 2^k leaves,
 * k larger at lower levels. (A recursion took twice as long on arrays beyond the caches.) */
ALWAYS_INLINE V FN(pairwise)(const REAL *x, ptrdiff_t n, const int op)
{
    V partial[64];
    int levels = 0;
    for (ptrdiff_t i = 0, leaf = 0; i < n; i += LEAF, leaf++) {
        V v = FN(leaf)(x + i, n - i < LEAF ? n - i : LEAF, op);
        for (ptrdiff_t ones = leaf; ones & 1; ones >>= 1) v = FN(both)(partial[--levels], v, op);
        partial[levels++] = v;
    }
    V v = partial[--levels];
    while (levels > 0) v = FN(both)(partial[--levels], v, op);
    return v;
}

/* All lanes, by halves. */
ALWAYS_INLINE REAL FN(lanes)(V v, const int op)
{
    typedef REAL v32 __attribute__((vector_size(32)));
    typedef REAL v16 __attribute__((vector_size(16)));
#if VEC_BYTES == 64
    const v32 *half = (const v32 *)&v;
    const v32 w = BOTH(v32, half[0], half[1], op);
#else
    const V w = v;
#endif
#if VEC_BYTES >= 32
    const v16 *quarter = (const v16 *)&w;
    const v16 q = BOTH(v16, quarter[0], quarter[1], op);
#else
    const v16 q = w;
#endif
    REAL x = FN(both_numbers)(q[0], q[1], op);
    for (int i = 2; i < (int)(16 / sizeof(REAL)); i += 2)
        x = FN(both_numbers)(x, FN(both_numbers)(q[i], q[i + 1], op), op);
    return x;
}

/* Rows of at most SHORT numbers: four at a time, so that four sums are under way. */
ALWAYS_INLINE void FN(short_rows)(const REAL *x, ptrdiff_t rows, ptrdiff_t n, REAL *y, const int op)
{
    ptrdiff_t r = 0;
    for (; r <= rows - 4; r += 4, x += 4 * n) {
        REAL a = x[0], b = x[n], c = x[2 * n], d = x[3 * n];
        for (ptrdiff_t i = 1; i < n; i++) {
            a = FN(both_numbers)(a, x[i], op);
            b = FN(both_numbers)(b, x[n + i], op);
            c = FN(both_numbers)(c, x[2 * n + i], op);
            d = FN(both_numbers)(d, x[3 * n + i], op);
        }
        y[r] = a, y[r + 1] = b, y[r + 2] = c, y[r + 3] = d;
    }
    for (; r < rows; r++, x += n) {
        REAL a = x[0];
        for (ptrdiff_t i = 1; i < n; i++) a = FN(both_numbers)(a, x[i], op);
        y[r] = a;
    }
}

ALWAYS_INLINE void FN(rows)(const REAL *x, ptrdiff_t rows, ptrdiff_t n, REAL *y, const int op)
{
    if (n <= RED_SHORT) FN(short_rows)(x, rows, n, y, op);
    else
        for (ptrdiff_t r = 0; r < rows; r++)
            y[r] = FN(lanes)(FN(pairwise)(x + r * n, n, op), op);
}

static void FN(reduce_rows)(const int op, const REAL *x, ptrdiff_t rows, ptrdiff_t n, REAL *y)
{
    if (op == RED_SUM) FN(rows)(x, rows, n, y, RED_SUM);
    else FN(rows)(x, rows, n, y, RED_MAX);
}

/* Columns [0, n) of one vector's width: RED_ROWS rows pairwise, then onto y. */
ALWAYS_INLINE V FN(eight)(const REAL *x, ptrdiff_t stride, const int op)
{
    V v[RED_ROWS];
    for (int r = 0; r < RED_ROWS; r++) v[r] = *(const VU *)(x + r * stride);
    for (int width = RED_ROWS / 2; width > 0; width /= 2)
        for (int r = 0; r < width; r++) v[r] = FN(both)(v[r], v[r + width], op);
    return v[0];
}

ALWAYS_INLINE void FN(columns)(const REAL *x, ptrdiff_t rows, ptrdiff_t stride, ptrdiff_t n,
                               REAL *y, const int op)
{
    const ptrdiff_t whole = n - n % VLEN, rest = n % VLEN;
    for (ptrdiff_t c = 0; c < n; c++) y[c] = FN(nothing)(op);
    REAL part[RED_ROWS * VLEN] = {0}; /* the columns beyond the last whole vector */
    ptrdiff_t r = 0;
    for (; r <= rows - RED_ROWS; r += RED_ROWS) {
        const REAL *row = x + r * stride;
        for (ptrdiff_t c = 0; c < whole; c += VLEN) {
            VU *out = (VU *)(y + c);
            *out = FN(both)(*out, FN(eight)(row + c, stride, op), op);
        }
        if (rest) {
            for (int i = 0; i < RED_ROWS; i++)
                memcpy(part + i * VLEN, row + i * stride + whole, rest * sizeof(REAL));
            V sum = FN(both)(FN(vec_load_part)(y + whole, rest), FN(eight)(part, VLEN, op), op);
            FN(vec_store_part)(y + whole, sum, rest);
        }
    }
    for (; r < rows; r++) {
        const REAL *row = x + r * stride;
        for (ptrdiff_t c = 0; c < whole; c += VLEN)
            *(VU *)(y + c) = FN(both)(*(VU *)(y + c), *(const VU *)(row + c), op);
        for (ptrdiff_t c = whole; c < n; c++) {
            V sum = FN(both)(FN(vec_all)(y[c]), FN(vec_all)(row[c]), op);
            y[c] = sum[0];
        }
    }
}

static void FN(reduce_columns)(const int op, const REAL *x, ptrdiff_t rows, ptrdiff_t stride,
                               ptrdiff_t n, REAL *y)
{
    if (op == RED_SUM) FN(columns)(x, rows, stride, n, y, RED_SUM);
    else FN(columns)(x, rows, stride, n, y, RED_MAX);
}

static void FN(divide_by)(REAL *y, ptrdiff_t n, REAL by)
{
    for (ptrdiff_t i = 0; i < n; i++) y[i] /= by;
}

#define EQUAL(a, b) (((a) == (b)) | (((a) != (a)) & ((b) != (b))))

static void FN(max_backward)(const REAL *dy, const REAL *x, const REAL *y, ptrdiff_t rows,
                             ptrdiff_t stride, ptrdiff_t columns, double *count, REAL *dx)
{
    if (stride == 1) { /* one column: count in an integer, along the run */
        const REAL most = *y;
        ptrdiff_t equal = 0;
        for (ptrdiff_t r = 0; r < rows; r++) equal += EQUAL(x[r], most);
        const REAL share = *dy / (REAL)equal;
        for (ptrdiff_t r = 0; r < rows; r++) dx[r] = share * (REAL)EQUAL(x[r], most);
        return;
    }
    for (ptrdiff_t c = 0; c < columns; c++) count[c] = 0;
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < columns; c++) count[c] += EQUAL(x[r * stride + c], y[c]);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < columns; c++)
            dx[r * stride + c] = dy[c] / (REAL)count[c] * (REAL)EQUAL(x[r * stride + c], y[c]);
}

#undef EQUAL
#undef BOTH
#undef LEAF
#undef FN
#undef VLEN
#undef VU
#undef V
