/* A register tile of `rows` x `vecs` vectors of type V (VU at any address), LANES values each;
 * tile.inc.h includes it once for every kind of vector. */

/* Keeps what a points to in memory: compilers would hold row offsets and totals in registers, and
 * then spill accumulators for them. */
#define IN_MEMORY(a) __asm__ volatile("" : : "r"(a) : "memory")

/* acc[i][j] += the products of `steps` steps from a's and b's current place on.
 * rows, vecs, near and cut are constants at every call: the accumulators live in registers. */
#define TILE_STEPS(steps)                                                     \
    for (ptrdiff_t p = 0; p < (steps); p++) {                                 \
        if (!near) IN_MEMORY(row);                                            \
        V bv[TILE_VECS];                                                      \
        UNROLL(2) for (int j = 0; j < vecs; j++)                              \
            bv[j] = *(const VU *)(b + j * LANES);                             \
        UNROLL(16) for (int i = 0; i < rows; i++) {                           \
            const V av = (near ? a[i] : a[row[i]]) - (V){0};                  \
            UNROLL(2) for (int j = 0; j < vecs; j++) acc[i][j] += av * bv[j]; \
        }                                                                     \
        b += b_step;                                                          \
        a += a_step;                                                          \
    }

ALWAYS_INLINE void TILE_BODY(const tile_t *t, const int rows, const int vecs, const int near,
                            const int cut)
{
    V acc[TILE_ROWS][TILE_VECS];
    const ptrdiff_t *row = t->row;
    UNROLL(16) for (int i = 0; i < rows; i++) {
        UNROLL(2) for (int j = 0; j < vecs; j++) acc[i][j] = (V){0};
    }
    /* C arrives while the products are summed. */
    REAL *c = (REAL *)t->c;
    UNROLL(16) for (int i = 0; i < rows; i++) {
        __builtin_prefetch(c + t->c_row[i], 1);
        if (vecs == 2) __builtin_prefetch(c + t->c_row[i] + t->columns - 1, 1);
    }
    /* Long sums are cut: every SUM_STEPS steps the accumulators are added to a total and start
     * again from zero, so that the rounding error does not grow with the length. */
    V total[TILE_ROWS][TILE_VECS];
    IN_MEMORY(total);
    const ptrdiff_t length = t->length, a_step = t->a_step, b_step = t->b_step;
    int started = 0; /* total holds something */
    ptrdiff_t room = SUM_STEPS;
    for (ptrdiff_t q = 0; q < t->spans; q++) {
        const REAL *b = (const REAL *)t->b + t->b_span[q];
        const REAL *a = (const REAL *)t->a + t->span[q] + (near ? row[0] : 0);
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
    UNROLL(16) for (int i = 0; i < rows; i++)
        UNROLL(2) for (int j = 0; j < vecs; j++)
            if (init) acc[i][j] += *(const VU *)(init + t->init_row[i] + j * LANES);
    if (t->columns == vecs * LANES) {
        UNROLL(16) for (int i = 0; i < rows; i++)
            UNROLL(2) for (int j = 0; j < vecs; j++)
                *(VU *)(c + t->c_row[i] + j * LANES) = acc[i][j];
        return;
    }
    V values[TILE_ROWS][TILE_VECS];
    UNROLL(16) for (int i = 0; i < rows; i++)
        UNROLL(2) for (int j = 0; j < vecs; j++) values[i][j] = acc[i][j];
    /* Where C's rows touch, a row may be written in whole vectors: the rows after it, written
     * later, put right what lies past its columns. */
    const int touch = t->c_row[rows - 1] - t->c_row[0] == (rows - 1) * t->columns;
    const ptrdiff_t dense = touch ? vecs * LANES : PTRDIFF_MAX;
    UNROLL(1) for (int i = 0; i < rows; i++) {
        if ((rows - i) * t->columns >= dense)
            for (int j = 0; j < vecs; j++) *(VU *)(c + t->c_row[i] + j * LANES) = values[i][j];
        else
            COPY_SPAN((const REAL *)values[i], c + t->c_row[i], t->columns);
    }
}

#undef TILE_STEPS
#undef IN_MEMORY
