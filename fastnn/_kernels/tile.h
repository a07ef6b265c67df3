/* The register tile that GEMM and every direction of convolution share.
 *
 *   C[i, j] = init[i, j] + sum_{q < spans} sum_{p < length} A(q, p, i) * B(q, p, j)
 *
 * with A(q, p, i) = a[span[q] + p * a_step + row[i]], B(q, p, j) = b[b_span[q] + p * b_step + j].
 * Rows of A are reached through a table of offsets and the inner dimension through a list of
 * equally long spans, so that one body serves
 *
 *   GEMM                  one span of K;         rows: i * lda
 *   conv forward          spans: kernel rows;    rows: pixels of the image
 *   conv backward data    spans: kernel taps;    rows: pixels of the output gradient
 *   conv backward weight  spans: output rows;    rows: positions in a kernel row,
 *                                                a_step: from one output pixel to the next
 *
 * init is C itself (accumulate), a bias (init_row all zero) or NULL (zero); its rows, like B's,
 * are read a panel's width at a time, while only `columns` of C are written. All offsets and steps
 * are in elements. C's row offsets ascend, and its rows do not overlap. Sums over p and q run in
 * order.
 */
#ifndef FASTNN_TILE_H
#define FASTNN_TILE_H

#include "vec.h"

/* TILE_ROWS x TILE_VECS accumulators, TILE_VECS vectors of B and one broadcast of A must fit
 * the register file: 28 + 2 + 1 of 32, or 12 + 2 + 1 of 16. */
#define TILE_VECS 2
#if VEC_REGISTERS == 32
#define TILE_ROWS 14
#define GEMM_A_IN_PLACE 0 /* so many rows at once would share sets of the first-level cache */
#else
#define TILE_ROWS 6
#define GEMM_A_IN_PLACE 131072 /* bytes of an A that GEMM need not pack */
#endif

/* A panel of B is two vectors wide; the last one is one vector wide, or half of one, where that
 * holds its columns. Half of a short vector would save nothing. */
#define HALF_PANELS (VEC_BYTES == 64)
#define TILE_MAX_WIDTH (TILE_VECS * VLEN_f32) /* columns of the widest tile */

#define SUM_STEPS 256 /* products in one chain of additions */
#define SHARE 4       /* steps that share the load of a row's offset, in tiles one vector wide */

typedef struct {
    const void *a;
    const ptrdiff_t *row;
    const ptrdiff_t *span;
    ptrdiff_t spans, length, a_step;
    const void *b;
    const ptrdiff_t *b_span;
    ptrdiff_t b_step;
    const void *init;
    const ptrdiff_t *init_row;
    void *c;
    const ptrdiff_t *c_row;
    ptrdiff_t columns;
} tile_t;

/* Fetch what a later tile will read to the second-level cache. */
static inline void fetch(const void *from, ptrdiff_t bytes)
{
    for (ptrdiff_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)from + i, 0, 2);
}

#endif
