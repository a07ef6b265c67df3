/* The register tile, written over REAL (float or double) and DT (f32 or f64); see tile_run.h. */

#define TILE_RUN VEC_CAT(tile_run, DT)
#define COPY_SPAN VEC_CAT(copy_span, DT)
#define TILE_VECTORS VEC_CAT(tile_vectors, DT)
#define TILE_HALF VEC_CAT(tile_half, DT)

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(V, u)
#define LANES VEC_CAT(VLEN, DT)
#define TILE_BODY TILE_VECTORS
#include "tile_body.inc.h"
#undef V
#undef VU
#undef LANES
#undef TILE_BODY

#define V VEC_CAT(VEC_CAT(v, DT), half)
#define VU VEC_CAT(V, u)
#define LANES (VEC_CAT(VLEN, DT) / 2)
#define TILE_BODY TILE_HALF
#include "tile_body.inc.h"
#undef V
#undef VU
#undef LANES
#undef TILE_BODY

/* A function for every kind and height of tile: in one big function, compilers allocate registers
 * for all bodies together, and spill accumulators. */
#define TILE_NAME(kind, rows) VEC_CAT(VEC_CAT(VEC_CAT(tile, kind), rows), DT)
#define TILE_KINDS(rows)                                  \
    TILE_FUNCTION(rows, two, TILE_VECTORS, 2, 0, 0)       \
    TILE_FUNCTION(rows, two_cut, TILE_VECTORS, 2, 0, 1)   \
    TILE_FUNCTION(rows, two_near, TILE_VECTORS, 2, 1, 0)  \
    TILE_FUNCTION(rows, two_near_cut, TILE_VECTORS, 2, 1, 1) \
    TILE_FUNCTION(rows, one, TILE_VECTORS, 1, 0, 0)       \
    TILE_FUNCTION(rows, one_cut, TILE_VECTORS, 1, 0, 1)   \
    TILE_FUNCTION(rows, one_near, TILE_VECTORS, 1, 1, 0)  \
    TILE_FUNCTION(rows, one_near_cut, TILE_VECTORS, 1, 1, 1) \
    TILE_KINDS_HALF(rows)
#if HALF_PANELS
#define TILE_KINDS_HALF(rows)                             \
    TILE_FUNCTION(rows, half, TILE_HALF, 1, 0, 0)         \
    TILE_FUNCTION(rows, half_cut, TILE_HALF, 1, 0, 1)     \
    TILE_FUNCTION(rows, half_near, TILE_HALF, 1, 1, 0)    \
    TILE_FUNCTION(rows, half_near_cut, TILE_HALF, 1, 1, 1)
#else
#define TILE_KINDS_HALF(rows)
#endif
#if TILE_ROWS == 14
#define TILE_HEIGHTS                                                                         \
    TILE_KINDS(1) TILE_KINDS(2) TILE_KINDS(3) TILE_KINDS(4) TILE_KINDS(5) TILE_KINDS(6)      \
    TILE_KINDS(7) TILE_KINDS(8) TILE_KINDS(9) TILE_KINDS(10) TILE_KINDS(11) TILE_KINDS(12)   \
    TILE_KINDS(13) TILE_KINDS(14)
#else
#define TILE_HEIGHTS \
    TILE_KINDS(1) TILE_KINDS(2) TILE_KINDS(3) TILE_KINDS(4) TILE_KINDS(5) TILE_KINDS(6)
#endif

#define TILE_FUNCTION(rows, kind, body, vecs, near, cut)                              \
    static __attribute__((noinline)) void TILE_NAME(kind, rows)(const tile_t *t)      \
    {                                                                                 \
        body(t, rows, vecs, near, cut);                                               \
    }
TILE_HEIGHTS
#undef TILE_FUNCTION

static inline void TILE_RUN(const tile_t *t, int rows, ptrdiff_t width)
{
    enum { KINDS = HALF_PANELS ? 12 : 8 };
#define TILE_FUNCTION(rows, kind, body, vecs, near, cut) TILE_NAME(kind, rows),
    static void (*const tiles[TILE_ROWS * KINDS])(const tile_t *) = {TILE_HEIGHTS};
#undef TILE_FUNCTION
    const ptrdiff_t lanes = VEC_CAT(VLEN, DT);
    const int kind = width > lanes ? 0 : width == lanes ? 4 : 8;
    int near = 1; /* A's rows are neighbours */
    for (int i = 1; i < rows; i++) near &= t->row[i] == t->row[0] + i;
    const int cut = t->spans * t->length > SUM_STEPS;
    tiles[(rows - 1) * KINDS + kind + 2 * near + cut](t);
}

#undef TILE_RUN
#undef COPY_SPAN
#undef TILE_VECTORS
#undef TILE_HALF
#undef TILE_NAME
#undef TILE_KINDS
#undef TILE_KINDS_HALF
#undef TILE_HEIGHTS
