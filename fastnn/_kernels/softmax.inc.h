/* Softmax, written over REAL (float or double) and DT (f32 or f64); see softmax.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VLEN VEC_CAT(VLEN, DT)
#define FN(name) VEC_CAT(name, DT)
#define LOAD(p) ((V) * (const VU *)(p))
#define STORE(p, value) (*(VU *)(p) = (value))
#define PAIRWISE_BASE 16

/* The sum of n vectors, by halves. */
static V FN(sum_vectors)(const REAL *a, ptrdiff_t n)
{
    if (n > PAIRWISE_BASE) {
        const ptrdiff_t half = n / 2;
        return FN(sum_vectors)(a, half) + FN(sum_vectors)(a + half * VLEN, n - half);
    }
    V sum = {0};
    for (ptrdiff_t i = 0; i < n; i++) sum += LOAD(a + i * VLEN);
    return sum;
}

/* The sum of the products of n vectors, by halves. */
static V FN(dot_vectors)(const REAL *a, const REAL *b, ptrdiff_t n)
{
    if (n > PAIRWISE_BASE) {
        const ptrdiff_t half = n / 2;
        return FN(dot_vectors)(a, b, half)
            + FN(dot_vectors)(a + half * VLEN, b + half * VLEN, n - half);
    }
    V sum = {0};
    for (ptrdiff_t i = 0; i < n; i++) sum += LOAD(a + i * VLEN) * LOAD(b + i * VLEN);
    return sum;
}

ALWAYS_INLINE double FN(add_lanes)(V v)
{
    double sum = 0;
    for (int j = 0; j < VLEN; j++) sum += (double)v[j];
    return sum;
}

ALWAYS_INLINE V FN(larger)(V v, V most) { return VEC_SELECT(V, v > most, v, most); }

/* y = exp(x - shift), n >= VLEN numbers; the last vector may overlap the one before. */
ALWAYS_INLINE void FN(exp_shifted)(const REAL *x, REAL *y, ptrdiff_t n, REAL shift)
{
    ptrdiff_t i = 0;
    for (; i <= n - VLEN; i += VLEN) STORE(y + i, FN(vec_exp)(LOAD(x + i) - shift));
    if (i < n) STORE(y + n - VLEN, FN(vec_exp)(LOAD(x + n - VLEN) - shift));
}

/* y = exp(x), any n. */
static void FN(exp_run)(const REAL *x, REAL *y, ptrdiff_t n)
{
    if (n >= VLEN) FN(exp_shifted)(x, y, n, 0);
    else FN(vec_store_part)(y, FN(vec_exp)(FN(vec_load_part)(x, n)), n);
}

/* y_v = exp(x_v - m) / s, or with as_log x_v - m - log(s): m = max x, s = sum of exp(x - m). */
static void FN(softmax_row)(const REAL *x, REAL *y, ptrdiff_t n, int as_log)
{
    V most = FN(vec_all)((REAL)-__builtin_inf());
    ptrdiff_t i = 0;
    for (; i <= n - VLEN; i += VLEN) most = FN(larger)(LOAD(x + i), most);
    most = FN(larger)(LOAD(x + n - VLEN), most);
    REAL m = most[0];
    for (int j = 1; j < VLEN; j++) m = most[j] > m ? most[j] : m;
    FN(exp_shifted)(x, y, n, m);
    double sum = FN(add_lanes)(FN(sum_vectors)(y, n / VLEN));
    for (i = n - n % VLEN; i < n; i++) sum += (double)y[i];
    if (as_log) {
        const REAL log_sum = (REAL)log(sum);
        for (i = 0; i < n; i++) y[i] = (x[i] - m) - log_sum;
    } else {
        const REAL inverse = (REAL)(1 / sum);
        for (i = 0; i < n; i++) y[i] *= inverse;
    }
}

/* dx = y (dy - sum of dy y), or with as_log dy - exp(y) (sum of dy). */
static void FN(softmax_backward_row)(const REAL *dy, const REAL *y, REAL *dx, ptrdiff_t n,
                                     int as_log)
{
    const ptrdiff_t tail = n - n % VLEN;
    double sum;
    if (as_log) {
        sum = FN(add_lanes)(FN(sum_vectors)(dy, n / VLEN));
        for (ptrdiff_t i = tail; i < n; i++) sum += (double)dy[i];
        FN(exp_shifted)(y, dx, n, 0);
        const REAL s = (REAL)sum;
        for (ptrdiff_t i = 0; i < n; i++) dx[i] = dy[i] - dx[i] * s;
    } else {
        sum = FN(add_lanes)(FN(dot_vectors)(dy, y, n / VLEN));
        for (ptrdiff_t i = tail; i < n; i++) sum += (double)dy[i] * (double)y[i];
        const REAL s = (REAL)sum;
        for (ptrdiff_t i = 0; i < n; i++) dx[i] = y[i] * (dy[i] - s);
    }
}

/* a: x, then y. spare: n vectors of scratch. */
static void FN(softmax_lanes)(REAL *a, REAL *spare, ptrdiff_t n, int as_log)
{
    V m = FN(vec_all)((REAL)-__builtin_inf());
    for (ptrdiff_t i = 0; i < n; i++) m = FN(larger)(LOAD(a + i * VLEN), m);
    for (ptrdiff_t i = 0; i < n; i++)
        STORE(spare + i * VLEN, FN(vec_exp)(LOAD(a + i * VLEN) - m));
    const V sum = FN(sum_vectors)(spare, n);
    if (as_log) {
        const V log_sum = FN(vec_log)(sum);
        for (ptrdiff_t i = 0; i < n; i++)
            STORE(a + i * VLEN, (LOAD(a + i * VLEN) - m) - log_sum);
    } else {
        const V inverse = 1 / sum;
        for (ptrdiff_t i = 0; i < n; i++)
            STORE(a + i * VLEN, LOAD(spare + i * VLEN) * inverse);
    }
}

/* a: dy, then dx. */
static void FN(softmax_backward_lanes)(REAL *a, const REAL *y, ptrdiff_t n, int as_log)
{
    if (as_log) {
        const V sum = FN(sum_vectors)(a, n);
        for (ptrdiff_t i = 0; i < n; i++)
            STORE(a + i * VLEN, LOAD(a + i * VLEN) - FN(vec_exp)(LOAD(y + i * VLEN)) * sum);
    } else {
        const V sum = FN(dot_vectors)(a, y, n);
        for (ptrdiff_t i = 0; i < n; i++)
            STORE(a + i * VLEN, LOAD(y + i * VLEN) * (LOAD(a + i * VLEN) - sum));
    }
}

#undef V
#undef VU
#undef VLEN
#undef FN
#undef LOAD
#undef STORE
#undef PAIRWISE_BASE
