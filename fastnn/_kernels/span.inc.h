/* Written over REAL and DT; see span.h. */

#define COPY_SPAN VEC_CAT(copy_span, DT)
#define GATHER(n) VEC_CAT(VEC_CAT(gather, n), DT)
#define GATHER_ROW VEC_CAT(gather_row, DT)
#define LANES(n) VEC_CAT(VEC_CAT(lanes, n), DT)

#define DEFINE_LANES(n) \
    typedef REAL LANES(n) __attribute__((vector_size(n * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
DEFINE_LANES(16)
DEFINE_LANES(8)
DEFINE_LANES(4)
DEFINE_LANES(2)
typedef REAL LANES(1);

#define COPY_LANES(n)                          \
    {                                           \
        *(LANES(n) *)y = *(const LANES(n) *)x;  \
        x += n;                                 \
        y += n;                                 \
    }

/* y[i] = x[i] for i < n. */
ALWAYS_INLINE void COPY_SPAN(const REAL *x, REAL *y, ptrdiff_t n)
{
    for (; n >= 16; n -= 16) COPY_LANES(16)
    if (n & 8) COPY_LANES(8)
    if (n & 4) COPY_LANES(4)
    if (n & 2) COPY_LANES(2)
    if (n & 1) *y = *x;
}

/* y[w, c] = sum over first[w] <= t < first[w + 1] of row[tap[t] + c], c < C <= n.
 * Pixels are written n lanes wide where the next ones, still to come, overwrite the excess. */
#define DEFINE_GATHER(n)                                                                        \
    static void GATHER(n)(const REAL *row, const ptrdiff_t *tap, const ptrdiff_t *first,        \
                          ptrdiff_t W, ptrdiff_t C, REAL *y)                                    \
    {                                                                                           \
        for (ptrdiff_t w = 0; w < W; w++, y += C) {                                             \
            LANES(n) sum = {0};                                                                 \
            for (ptrdiff_t t = first[w]; t < first[w + 1]; t++)                                 \
                sum += *(const LANES(n) *)(row + tap[t]);                                       \
            if ((W - w) * C >= n) *(LANES(n) *)y = sum;                                         \
            else COPY_SPAN((const REAL *)&sum, y, C);                                           \
        }                                                                                       \
    }
DEFINE_GATHER(8)
DEFINE_GATHER(4)
DEFINE_GATHER(2)
DEFINE_GATHER(1)

/* As above, for C <= 8. */
static void GATHER_ROW(const REAL *row, const ptrdiff_t *tap, const ptrdiff_t *first, ptrdiff_t W,
                       ptrdiff_t C, REAL *y)
{
    if (C > 4) GATHER(8)(row, tap, first, W, C, y);
    else if (C > 2) GATHER(4)(row, tap, first, W, C, y);
    else if (C == 2) GATHER(2)(row, tap, first, W, C, y);
    else GATHER(1)(row, tap, first, W, C, y);
}

#undef COPY_SPAN
#undef GATHER
#undef GATHER_ROW
#undef DEFINE_GATHER
#undef LANES
#undef DEFINE_LANES
#undef COPY_LANES
