/* Correlation of groups of few channels, lanes over output channels; grouped.pyx says how.
 *
 * A pixel of x is spread: for output channel k and j < inner, the j-th channel of k's group.
 * Output channels come in blocks of a vector, the last of which ends with the last channel and
 * overlaps the one before; fewer channels than lanes are one padded block. A spread pixel is
 * [block][j][lane], and `pitch` values long: an odd number of cache lines, so that neighbours lie
 * in different sets of the cache.
 */
#ifndef FASTNN_GROUPED_H
#define FASTNN_GROUPED_H

#include "tile.h"

#define GROUPED_PIXELS 12 /* accumulators of a tile of pixels: few enough for 16 registers */
#define GROUPED_TERMS 9   /* of a tile of weights: few enough for 16 addresses, too */
#define GROUPED_AHEAD 4096 /* bytes: so far ahead of a pixel that is spread others are fetched, for
                              hardware loses track of x between tiles (depthwise: a quarter less
                              time, groups of four channels: a third) */

typedef struct {
    ptrdiff_t channels;     /* of a pixel of x */
    ptrdiff_t inner;        /* input channels a group */
    ptrdiff_t block, blocks; /* vectors of lanes: the first, and how many */
    ptrdiff_t windows;      /* neighbouring vectors of x that hold what a block needs for one j; */
                            /* 0: of one, whose values are the lanes' */
    ptrdiff_t extent;       /* values that are read, from a pixel's first on */
    ptrdiff_t pitch;
    ptrdiff_t *first;       /* [block][j]: where the windows begin, */
    void *index;            /* [block][j][lane]: and which of their values is the lane's */
} spread_t;

typedef struct {
    ptrdiff_t pixels;       /* outputs of a row */
    ptrdiff_t step;         /* values from one's spread pixel to the next one's */
    ptrdiff_t terms;        /* (tap, j) */
    const ptrdiff_t *at;    /* where each is, from an output's spread pixel on */
} terms_t;

typedef __typeof__((v_f32){0} == (v_f32){0}) grouped_index_f32;
typedef __typeof__((v_f64){0} == (v_f64){0}) grouped_index_f64;

/* The output channel, of `channels`, that a block begins with. */
static inline ptrdiff_t block_channel(size_t itemsize, ptrdiff_t block, ptrdiff_t channels)
{
    const ptrdiff_t lanes = VEC_BYTES / (ptrdiff_t)itemsize, last = channels - lanes;
    return block * lanes <= last ? block * lanes : last > 0 ? last : 0;
}

#define TEMPLATE "grouped.inc.h"
#include "each_dtype.h"

#define GROUPED_CALL(name, ...) \
    (itemsize == sizeof(float) ? name##_f32(__VA_ARGS__) : name##_f64(__VA_ARGS__))

/* Fills the tables and sets windows and extent, for `groups` groups of s->inner channels of x and
 * `outer` of y. */
static inline void spread_fill(size_t itemsize, spread_t *s, ptrdiff_t groups, ptrdiff_t outer)
{
    GROUPED_CALL(spread_fill, s, groups, outer);
}

/* out[q] = x's spread pixel start + q for q < columns, zeros where x, of `size` pixels next to each
 * other, has none. spare: room for s->extent values. */
static inline void spread_row(size_t itemsize, const spread_t *s, const void *x, ptrdiff_t size,
                              ptrdiff_t start, ptrdiff_t columns, void *spare, void *out)
{
    GROUPED_CALL(spread_row, s, x, size, start, columns, spare, out);
}

/* y[p, k] = bias[k] + sum over terms of x[p step + at] w for the blocks of y's `channels`. w:
 * [block][term][lane], w_block values from block to block; bias: [block][lane]. */
static inline void grouped_row(size_t itemsize, const spread_t *s, const terms_t *t, const void *x,
                               const void *w, ptrdiff_t w_block, const void *bias, void *y,
                               ptrdiff_t y_step, ptrdiff_t channels)
{
    GROUPED_CALL(grouped_row, s, t, x, w, w_block, bias, y, y_step, channels);
}

/* total[block][term][lane] += sum over p of x[p step + at] dy[p]; dy: spread, dy_pitch values from
 * pixel to pixel. */
static inline void grouped_weight_row(size_t itemsize, const spread_t *s, const terms_t *t,
                                      const void *x, const void *dy, ptrdiff_t dy_pitch,
                                      void *total, ptrdiff_t total_block)
{
    GROUPED_CALL(grouped_weight_row, s, t, x, dy, dy_pitch, total, total_block);
}

#endif
