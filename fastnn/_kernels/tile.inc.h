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

#if HALF_PANELS
#define TILE_CASE_HALF(rows, cut) TILE_HALF(t, rows, 1, cut)
#else
#define TILE_CASE_HALF(rows, cut) (void)0
#endif
#define TILE_CASE_CUT(rows, cut)                            \
    do {                                                    \
        if (vecs == 2) TILE_VECTORS(t, rows, 2, cut);       \
        else if (vecs == 1) TILE_VECTORS(t, rows, 1, cut);  \
        else TILE_CASE_HALF(rows, cut);                     \
    } while (0)
#define TILE_CASE(rows)                       \
    case rows:                                \
        if (cut) TILE_CASE_CUT(rows, 1);      \
        else TILE_CASE_CUT(rows, 0);          \
        break;

static __attribute__((noinline)) void TILE_RUN(const tile_t *t, int rows, ptrdiff_t width)
{
    const int cut = t->spans * t->length > SUM_STEPS;
    const int vecs = (int)(width / VEC_CAT(VLEN, DT)); /* 0: half a vector */
    switch (rows) {
        TILE_CASE(1) TILE_CASE(2) TILE_CASE(3) TILE_CASE(4) TILE_CASE(5) TILE_CASE(6)
#if TILE_ROWS > 6
        TILE_CASE(7) TILE_CASE(8) TILE_CASE(9) TILE_CASE(10)
        TILE_CASE(11) TILE_CASE(12) TILE_CASE(13) TILE_CASE(14)
#endif
    }
}

#undef TILE_RUN
#undef COPY_SPAN
#undef TILE_VECTORS
#undef TILE_HALF
#undef TILE_CASE_HALF
#undef TILE_CASE_CUT
#undef TILE_CASE
