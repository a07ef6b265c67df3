/* The sliding tiles, written over REAL and DT; see slide.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(V, u)
#define SLIDE_RUN VEC_CAT(slide_run, DT)
#define SLIDE_BODY VEC_CAT(slide_body, DT)
#define SLIDE_NAME(rows) VEC_CAT(VEC_CAT(slide, rows), DT)
#define WEIGHT_RUN VEC_CAT(slide_weight, DT)
#define WEIGHT_BODY VEC_CAT(slide_weight_body, DT)
#define WEIGHT_NAME(channels) VEC_CAT(VEC_CAT(slide_weight, channels), DT)

ALWAYS_INLINE void SLIDE_BODY(const tile_t *t, const ptrdiff_t b_tap, const int rows)
{
    V acc[SLIDE_ROWS];
    UNROLL(16) for (int i = 0; i < rows; i++) acc[i] = (V){0};
    REAL *c = (REAL *)t->c;
    UNROLL(16) for (int i = 0; i < rows; i++) __builtin_prefetch(c + t->c_row[i], 1);
    const ptrdiff_t *row = t->row;
    const ptrdiff_t length = t->length, a_step = t->a_step, b_step = t->b_step;
    for (ptrdiff_t q = 0; q < t->spans; q++) {
        const REAL *a = (const REAL *)t->a + t->span[q];
        const REAL *b = (const REAL *)t->b + t->b_span[q];
        for (ptrdiff_t p = 0; p < length; p++, a += a_step, b += b_step) {
            IN_MEMORY(row);
            V bv[SLIDE_TAPS];
            UNROLL(3) for (int s = 0; s < SLIDE_TAPS; s++) bv[s] = *(const VU *)(b + s * b_tap);
            UNROLL(18) for (int i = 0; i < rows + SLIDE_TAPS - 1; i++) {
                const V av = a[row[i]] - (V){0};
                UNROLL(3) for (int s = 0; s < SLIDE_TAPS; s++)
                    if (0 <= i - s && i - s < rows) acc[i - s] += av * bv[s];
            }
        }
    }
    /* init is added last: sums of one block do not lose bits to what came before. */
    const REAL *init = (const REAL *)t->init;
    UNROLL(16) for (int i = 0; i < rows; i++) {
        if (init) acc[i] += *(const VU *)(init + t->init_row[i]);
        *(VU *)(c + t->c_row[i]) = acc[i];
    }
}

/* acc[s][:] += x dy[output] for the taps [s0, s1) of one input pixel; d[s]: dy of tap s's output. */
#define PIXEL(s0, s1)                                                             \
    do {                                                                          \
        UNROLL(8) for (int c = 0; c < channels; c++) {                            \
            const V av = a[c] - (V){0};                                           \
            UNROLL(3) for (int s = (s0); s < (s1); s++) acc[s][c] += av * d[s];   \
        }                                                                         \
        a += a_step;                                                              \
        UNROLL(2) for (int s = SLIDE_TAPS - 1; s > 0; s--) d[s] = d[s - 1];       \
    } while (0)

ALWAYS_INLINE void WEIGHT_BODY(const tile_t *t, const int first, const int last, const int channels)
{
    V acc[SLIDE_TAPS][SLIDE_CHANNELS], total[SLIDE_TAPS][SLIDE_CHANNELS], d[SLIDE_TAPS];
    const REAL *init = (const REAL *)t->init;
    UNROLL(3) for (int s = 0; s < SLIDE_TAPS; s++) UNROLL(8) for (int c = 0; c < channels; c++) {
        acc[s][c] = (V){0};
        total[s][c] = (V){0};
        if (init) total[s][c] = *(const VU *)(init + t->c_row[s * channels + c]);
    }
    IN_MEMORY(total);
    const ptrdiff_t length = t->length, a_step = t->a_step, b_step = t->b_step;
    ptrdiff_t room = SUM_STEPS;
    for (ptrdiff_t q = 0; q < t->spans; q++) {
        const REAL *a = (const REAL *)t->a + t->span[q];
        const REAL *b = (const REAL *)t->b + t->b_span[q];
        if (room < length) {
            UNROLL(3) for (int s = 0; s < SLIDE_TAPS; s++) UNROLL(8) for (int c = 0; c < channels; c++) {
                total[s][c] += acc[s][c];
                acc[s][c] = (V){0};
            }
            IN_MEMORY(total);
            room = SUM_STEPS;
        }
        room -= length;
        d[0] = *(const VU *)b;
        if (first) {
            PIXEL(0, 1);
        } else {
            a += a_step;
            d[1] = d[0];
        }
        d[0] = *(const VU *)(b + b_step);
        PIXEL(0, 2);
        b += 2 * b_step;
        for (ptrdiff_t i = 2; i < length; i++, b += b_step) {
            __builtin_prefetch(a + FETCH_AHEAD * a_step);
            __builtin_prefetch(b + FETCH_AHEAD * b_step);
            d[0] = *(const VU *)b;
            PIXEL(0, 3);
        }
        PIXEL(1, 3);
        if (last) PIXEL(2, 3);
    }
    REAL *out = (REAL *)t->c;
    UNROLL(3) for (int s = 0; s < SLIDE_TAPS; s++) UNROLL(8) for (int c = 0; c < channels; c++)
        *(VU *)(out + t->c_row[s * channels + c]) = total[s][c] + acc[s][c];
}

/* A function for every height, as in tile.inc.h. */
#if SLIDE_ROWS == 16
#define SLIDE_HEIGHTS(F) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13) F(14) F(15) F(16)
#define WEIGHT_HEIGHTS(F) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8)
#else
#define SLIDE_HEIGHTS(F) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10)
#define WEIGHT_HEIGHTS(F) F(1) F(2) F(3)
#endif

#define SLIDE_FUNCTION(rows)                                                                    \
    static __attribute__((noinline)) void SLIDE_NAME(rows)(const tile_t *t, ptrdiff_t b_tap)    \
    {                                                                                           \
        SLIDE_BODY(t, b_tap, rows);                                                             \
    }
SLIDE_HEIGHTS(SLIDE_FUNCTION)

#define WEIGHT_FUNCTION(channels)                                                               \
    static __attribute__((noinline)) void WEIGHT_NAME(channels)(const tile_t *t, int first, int last) \
    {                                                                                           \
        WEIGHT_BODY(t, first, last, channels);                                                  \
    }
WEIGHT_HEIGHTS(WEIGHT_FUNCTION)

#define NAMED(n) SLIDE_NAME(n),
static inline void SLIDE_RUN(const tile_t *t, int rows, ptrdiff_t b_tap)
{
    static void (*const tiles[SLIDE_ROWS])(const tile_t *, ptrdiff_t) = {SLIDE_HEIGHTS(NAMED)};
    tiles[rows - 1](t, b_tap);
}
#undef NAMED

#define NAMED(n) WEIGHT_NAME(n),
static inline void WEIGHT_RUN(const tile_t *t, int channels, int first, int last)
{
    static void (*const tiles[SLIDE_CHANNELS])(const tile_t *, int, int) = {WEIGHT_HEIGHTS(NAMED)};
    tiles[channels - 1](t, first, last);
}
#undef NAMED

#undef V
#undef VU
#undef SLIDE_RUN
#undef SLIDE_BODY
#undef SLIDE_NAME
#undef SLIDE_HEIGHTS
#undef SLIDE_FUNCTION
#undef WEIGHT_RUN
#undef WEIGHT_BODY
#undef WEIGHT_NAME
#undef WEIGHT_HEIGHTS
#undef WEIGHT_FUNCTION
#undef PIXEL
