/* Written over REAL and DT; see max_over_time.h. */

#define V VEC_CAT(v, DT)
#define WINNER VEC_CAT(winner, DT)
#define WINNERS VEC_CAT(winners, DT)
#define VLEN VEC_CAT(VLEN, DT)
#define FN(name) VEC_CAT(name, DT)

typedef WINNER WINNERS __attribute__((vector_size(VEC_BYTES)));

/* The first `lanes` of a vector; all of them is a plain load. */
ALWAYS_INLINE V FN(some_lanes)(const REAL *x, ptrdiff_t lanes)
{
    V v = {0};
    if (lanes == VLEN) memcpy(&v, x, sizeof v);
    else memcpy(&v, x, (size_t)lanes * sizeof(REAL));
    return v;
}

/* Sum over taps first <= s < end of p[s (width + K)]: a tap on is a step on. */
ALWAYS_INLINE V FN(sum_taps)(const REAL *p, ptrdiff_t stride, ptrdiff_t first, ptrdiff_t end,
                             ptrdiff_t lanes)
{
    V total = {0};
    for (ptrdiff_t s = first; s < end;) {
        const ptrdiff_t stop = end - s > TAPS_CHAIN ? s + TAPS_CHAIN : end;
        V sum = FN(some_lanes)(p + s * stride, lanes);
        for (s++; s < stop; s++) sum += FN(some_lanes)(p + s * stride, lanes);
        total += sum;
    }
    return total;
}

/* Window i against the best so far, of K outputs from k on, `lanes` of them. */
ALWAYS_INLINE void FN(one_window)(const REAL *p, ptrdiff_t stride, ptrdiff_t first, ptrdiff_t end,
                                  ptrdiff_t lanes, ptrdiff_t i, REAL *y, WINNER *at)
{
    V sum = FN(sum_taps)(p, stride, first, end, lanes);
    WINNERS winner = (WINNERS){0} + (WINNER)i;
    const size_t nbytes = (size_t)lanes * sizeof(REAL);
    if (i > 0) {
        const V best = FN(some_lanes)(y, lanes);
        WINNERS before = {0};
        memcpy(&before, at, nbytes);
        const WINNERS wins = (sum > best) | ((sum != sum) & (best == best));
        sum = VEC_SELECT(V, wins, sum, best);
        winner = VEC_SELECT(WINNERS, wins, winner, before);
    }
    memcpy(y, &sum, nbytes);
    memcpy(at, &winner, nbytes);
}

static void FN(max_over_time)(const REAL *p, ptrdiff_t steps, ptrdiff_t taps, ptrdiff_t padding,
                              ptrdiff_t K, const REAL *bias, REAL *y, WINNER *at)
{
    const ptrdiff_t width = taps * K, windows = steps + 2 * padding - taps + 1;
    for (ptrdiff_t i = 0; i < windows; i++) {
        const ptrdiff_t first = i < padding ? padding - i : 0;
        const ptrdiff_t end = steps + padding - i < taps ? steps + padding - i : taps;
        const REAL *step = p + (i - padding) * width; /* of tap 0; outside p where i < padding */
        ptrdiff_t k = 0;
        for (; k <= K - VLEN; k += VLEN)
            FN(one_window)(step + k, width + K, first, end, VLEN, i, y + k, at + k);
        if (k < K) FN(one_window)(step + k, width + K, first, end, K - k, i, y + k, at + k);
    }
    if (bias)
        for (ptrdiff_t k = 0; k < K; k++) y[k] += bias[k];
}

#undef FN
#undef VLEN
#undef WINNERS
#undef WINNER
#undef V
