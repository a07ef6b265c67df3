/* The register tile, written over REAL (float or double) and DT (f32 or f64); see tile_run.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VLEN VEC_CAT(VLEN, DT)
#define TILE_BODY VEC_CAT(tile_body, DT)
#define TILE_RUN VEC_CAT(tile_run, DT)

/* acc[i][j] += the products of `steps` steps from a row's and b's current place on.
 * rows, vecs and cut are constants at every call: the accumulators live in registers. */
#define TILE_STEPS(steps)                                                  \
    for (ptrdiff_t p = 0; p < (steps); p++) {                              \
        V bv[TILE_VECS];                                                   \
        UNROLL(2) for (int j = 0; j < vecs; j++)                           \
            bv[j] = *(const VU *)(b + j * VLEN);                           \
        UNROLL(16) for (int i = 0; i < rows; i++) {                        \
            const V av = row[i][at] - (V){0};                              \
            UNROLL(2) for (int j = 0; j < vecs; j++) acc[i][j] += av * bv[j]; \
        }                                                                  \
        b += b_step;                                                       \
        at += a_step;                                                      \
    }

ALWAYS_INLINE void TILE_BODY(const tile_t *t, const int rows, const int vecs, const int cut)
{
    V acc[TILE_ROWS][TILE_VECS];
    const REAL *row[TILE_ROWS];
    UNROLL(16) for (int i = 0; i < rows; i++) {
        UNROLL(2) for (int j = 0; j < vecs; j++) acc[i][j] = (V){0};
    }
    /* C arrives while the products are summed. */
    REAL *c = (REAL *)t->c;
    UNROLL(16) for (int i = 0; i < rows; i++) {
        __builtin_prefetch(c + t->c_row[i], 1);
        if (vecs == 2) __builtin_prefetch(c + t->c_row[i] + 2 * VLEN - 1, 1);
    }
    /* Long sums are cut: every SUM_STEPS steps the accumulators are added to a total and start
     * again from zero, so that the rounding error does not grow with the length. */
    V total[TILE_ROWS][TILE_VECS];
    const ptrdiff_t length = t->length, a_step = t->a_step, b_step = t->b_step;
    int started = 0; /* total holds something */
    ptrdiff_t room = SUM_STEPS;
    for (ptrdiff_t q = 0; q < t->spans; q++) {
        const REAL *a = (const REAL *)t->a + t->span[q];
        const REAL *b = (const REAL *)t->b + t->b_span[q];
        ptrdiff_t at = 0;
        UNROLL(16) for (int i = 0; i < rows; i++) row[i] = a + t->row[i];
        if (!cut) {
            TILE_STEPS(length)
            continue;
        }
        for (ptrdiff_t left = length; left > 0;) {
            const ptrdiff_t steps = left < room ? left : room;
            TILE_STEPS(steps)
            left -= steps;
            room -= steps;
            if (room == 0) {
                room = SUM_STEPS;
                UNROLL(16) for (int i = 0; i < rows; i++) {
                    UNROLL(2) for (int j = 0; j < vecs; j++) {
                        total[i][j] = started ? total[i][j] + acc[i][j] : acc[i][j];
                        acc[i][j] = (V){0};
                    }
                }
                started = 1;
            }
        }
    }
    if (cut) {
        UNROLL(16) for (int i = 0; i < rows; i++) {
            UNROLL(2) for (int j = 0; j < vecs; j++) acc[i][j] += total[i][j];
        }
    }
    /* init is added last: sums of one block do not lose bits to what came before. */
    const REAL *init = (const REAL *)t->init;
    UNROLL(16) for (int i = 0; i < rows; i++) {
        UNROLL(2) for (int j = 0; j < vecs; j++) {
            if (init) acc[i][j] += *(const VU *)(init + t->init_row[i] + j * VLEN);
            *(VU *)(c + t->c_row[i] + j * VLEN) = acc[i][j];
        }
    }
}

#define TILE_CASE(rows)                                          \
    case rows:                                                   \
        if (vecs == 2 && !cut) TILE_BODY(t, rows, 2, 0);         \
        else if (vecs == 2) TILE_BODY(t, rows, 2, 1);            \
        else if (!cut) TILE_BODY(t, rows, 1, 0);                 \
        else TILE_BODY(t, rows, 1, 1);                           \
        break;

static __attribute__((noinline)) void TILE_RUN(const tile_t *t, int rows, int vecs)
{
    const int cut = t->spans * t->length > SUM_STEPS;
    switch (rows) {
        TILE_CASE(1) TILE_CASE(2) TILE_CASE(3) TILE_CASE(4) TILE_CASE(5) TILE_CASE(6)
#if TILE_ROWS > 6
        TILE_CASE(7) TILE_CASE(8) TILE_CASE(9) TILE_CASE(10)
        TILE_CASE(11) TILE_CASE(12) TILE_CASE(13) TILE_CASE(14)
#endif
    }
}

#undef V
#undef VU
#undef VLEN
#undef TILE_BODY
#undef TILE_STEPS
#undef TILE_RUN
#undef TILE_CASE
