/* A register tile of `rows` x `vecs` vectors of type V (VU at any address), LANES values each;
 * tile.inc.h includes it once for every kind of vector. */

/* Keeps what a points to in memory: compilers would hold row offsets and totals in registers, and
 * then spill accumulators for them. */
#define IN_MEMORY(a) __asm__ volatile("" : : "r"(a) : "memory")

/* acc[first + i][j] += the products of `steps` steps at a and b, in order.
 * rows, vecs, near and cut are constants at every call: the accumulators live in registers. */
#define TILE_STEP(first, steps)                                                       \
    do {                                                                              \
        if (!near) IN_MEMORY(row);                                                    \
        V bv[steps][TILE_VECS];                                                       \
        UNROLL(4) for (int s = 0; s < (steps); s++)                                   \
            UNROLL(2) for (int j = 0; j < vecs; j++)                                  \
                bv[s][j] = *(const VU *)(b + s * b_step + j * LANES);                 \
        UNROLL(16) for (int i = 0; i < rows; i++) {                                   \
            const REAL *ai = near ? a + i : a + row[i];                               \
            UNROLL(4) for (int s = 0; s < (steps); s++) {                             \
                const V av = ai[s * a_step] - (V){0};                                 \
                UNROLL(2) for (int j = 0; j < vecs; j++)                              \
                    acc[(first) + i][j] += av * bv[s][j];                             \
            }                                                                         \
        }                                                                             \
        b += (steps) * b_step;                                                        \
        a += (steps) * a_step;                                                        \
    } while (0)

/* `steps` steps from a's and b's current place on. A low tile, which would wait for each addition
 * before the next, takes turns between several sets of accumulators. In a tile one vector wide, where
 * a row has one product a step and loads are the limit, SHARE steps share that of a row's offset. */
#define TILE_STEPS(steps)                                                     \
    do {                                                                      \
        ptrdiff_t p = 0;                                                      \
        if (chains > 1)                                                       \
            for (; p < (steps) - (chains - 1); p += chains)                   \
                UNROLL(4) for (int chain = 0; chain < chains; chain++)        \
                    TILE_STEP(chain * rows, 1);                               \
        else if (vecs == 1 && !near)                                          \
            for (; p < (steps) - (SHARE - 1); p += SHARE)                     \
                TILE_STEP(0, SHARE);                                          \
        for (; p < (steps); p++) TILE_STEP(0, 1);                             \
    } while (0)

/* Add up the chains. */
#define TILE_JOIN                                                             \
    UNROLL(4) for (int chain = 1; chain < chains; chain++)                    \
        UNROLL(16) for (int i = 0; i < rows; i++)                             \
            UNROLL(2) for (int j = 0; j < vecs; j++) {                        \
                acc[i][j] += acc[chain * rows + i][j];                        \
                acc[chain * rows + i][j] = (V){0};                            \
            }

ALWAYS_INLINE void TILE_BODY(const tile_t *t, const int rows, const int vecs, const int near,
                            const int cut)
{
    const int chains = rows == 1 ? 4 : rows == 2 ? 2 : 1;
    V acc[TILE_ROWS][TILE_VECS];
    const ptrdiff_t *row = t->row;
    UNROLL(16) for (int i = 0; i < chains * rows; i++) {
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
            TILE_STEPS(length);
            continue;
        }
        for (ptrdiff_t left = length; left > 0;) {
            const ptrdiff_t steps = left < room ? left : room;
            TILE_STEPS(steps);
            left -= steps;
            room -= steps;
            if (room == 0) {
                room = SUM_STEPS;
                TILE_JOIN
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
    TILE_JOIN
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

#undef TILE_STEP
#undef TILE_STEPS
#undef TILE_JOIN
#undef IN_MEMORY
