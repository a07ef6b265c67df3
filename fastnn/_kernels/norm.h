/* Batch, group and instance normalisation of channels-last pixels, forward and backward:
 *
 *     y = act((x - mean) w / sqrt(var + eps) + b [+ residual])
 *
 * A segment is the pixels that share statistics: all of a batch (batch norm: one segment, every
 * channel a group of its own) or an image (group norm; instance norm: groups of one channel). Its
 * pixels are cut into items, and those into chunks, by the shape alone.
 *
 * Lanes run over channels. A row is the channels of `fold` pixels: of one, or where channels are
 * few, of as many as make whole vectors, four at least. A row's last vector ends with it and may
 * overlap the one before. Fewer pixels than `fold` at the end of an item go through a padded row.
 *
 * Moments are sums of d and d^2, d = x - pivot, with the channel's mean over the item's first chunk
 * for a pivot: d is exact where |mean| is much larger than the deviation, and the pivot's distance
 * from the mean is itself part of the deviation, so that little cancels. Eight rows are added
 * pairwise, then to the chunk's sum, in the arrays' dtype; chunks, items and channels are put
 * together in double (Chan, Golub and LeVeque 1983).
 */
#ifndef FASTNN_NORM_H
#define FASTNN_NORM_H

#include <math.h>

#include "finite.h"
#include "vecmath.h"

#define NORM_CHUNK 32768 /* bytes of a chunk, about: it is read twice by the first pass */
#define NORM_ITEM 8      /* chunks of an item */
#define NORM_ROWS 8      /* rows of a chunk are a multiple of it */
#define NORM_STEP 4      /* rows that one load of the parameters serves */
#define NORM_SHORT 256   /* bytes of a row, see norm_cut */
#define NORM_LONG 4096
#define NORM_NEAR (8 << 20) /* bytes of an array that a cache may hold */
#define NORM_SPANS 4     /* vectors of a folded row, at least */
#define NORM_FOLDED (NORM_SPANS * (VEC_BYTES / 4) * (VEC_BYTES / 4)) /* and lanes, at most */

/* Rows of parameters: y = (x - MEAN) SCALE + SHIFT, dx = dz SCALE + ((x - MEAN) SLOPE + OFFSET) */
enum { NORM_MEAN, NORM_SCALE, NORM_SHIFT, NORM_SLOPE, NORM_OFFSET, NORM_PARAMS };

/* Which of dy's elements the activation lets through: all, those where y is positive (or NaN),
 * y computed again from x, or those where the y given is. */
enum { NORM_ALL, NORM_WHERE_X, NORM_WHERE_Y };

typedef struct {
    size_t itemsize;
    ptrdiff_t pixels, channels, groups; /* of a segment */
    ptrdiff_t fold, lanes;              /* pixels, and so lanes, of a row */
    ptrdiff_t chunk, item, items;       /* pixels of a chunk, of an item; items of a segment */
    int together;                       /* whether several rows are gone through at once */
    double eps;
    int relu;                      /* forward */
    int mask, fixed;               /* backward; fixed: mean and var did not come from x */
    const void *weight, *bias;     /* IN (channels), or NULL: ones, zeros */
    double *mean, *var;            /* (segments, groups) */
    const void *x, *residual, *dy; /* IN (segments, pixels, channels); residual may be NULL */
    const void *y;                 /* IN, NORM_WHERE_Y */
    void *dz;                      /* OUT, NORM_WHERE_Y: dy where y is positive, else 0 */
    void *out;                     /* OUT y, or dx */
    void *params;                  /* scratch (slots, NORM_PARAMS, lanes) */
    double *partial;               /* scratch (slots, items, 2, channels) */
    char *rows;                    /* scratch (threads, norm_rows_bytes) */
} norm_t;

/* fold, lanes, chunk, item, items and together, from the dtype and the shape (nothing of it zero).
 *
 * Going through rows together saves loads and is quicker, but not from memory: the prefetchers then
 * do half as well, unless the rows lie in one small block or are long streams each. */
static inline void norm_cut(norm_t *g, ptrdiff_t segments)
{
    const ptrdiff_t size = (ptrdiff_t)g->itemsize, vlen = VEC_BYTES / size;
    g->fold = 1;
    if (g->channels < NORM_SPANS * vlen) {
        while (g->fold * g->channels % vlen) g->fold *= 2;
        const ptrdiff_t lanes = g->fold * g->channels;
        g->fold *= (NORM_SPANS * vlen + lanes - 1) / lanes;
    }
    g->lanes = g->fold * g->channels;
    const ptrdiff_t rows = NORM_CHUNK / (g->lanes * size * NORM_ROWS) * NORM_ROWS;
    g->chunk = (rows > 2 * NORM_ROWS ? rows : 2 * NORM_ROWS) * g->fold;
    g->item = NORM_ITEM * g->chunk;
    g->items = (g->pixels + g->item - 1) / g->item;
    const ptrdiff_t row = g->lanes * size;
    g->together = row <= NORM_SHORT || row >= NORM_LONG
        || segments * g->pixels * g->channels * size <= NORM_NEAR;
}

/* Scratch of a thread: a row of pivots, and two of sums with room for a whole last vector. */
static inline size_t norm_rows_bytes(const norm_t *g)
{
    return (3 * (size_t)g->lanes * g->itemsize + 2 * VEC_BYTES + 63) / 64 * 64;
}

/* One item's place: its pixels, where they begin in the arrays, its two rows of partial sums. */
typedef struct {
    ptrdiff_t pixels, at;
    double *first, *second;
} norm_part_t;

static inline norm_part_t norm_part(const norm_t *g, ptrdiff_t segment, ptrdiff_t slot,
                                    ptrdiff_t item)
{
    const ptrdiff_t begin = item * g->item, left = g->pixels - begin;
    double *first = g->partial + (slot * g->items + item) * 2 * g->channels;
    return (norm_part_t){left < g->item ? left : g->item,
                         (segment * g->pixels + begin) * g->channels, first, first + g->channels};
}

#define TEMPLATE "norm.inc.h"
#include "each_dtype.h"

/* a + share (b - a); where one is infinite, their sum is. */
static inline double norm_between(double a, double b, double share)
{
    const double d = b - a;
    return d - d == 0 ? a + d * share : a + b;
}

/* The items' means and sums of squares (partial), put together in order -> mean, var. */
static inline void norm_statistics(const norm_t *g, ptrdiff_t segment, ptrdiff_t slot)
{
    const ptrdiff_t width = g->channels / g->groups;
    norm_part_t all = norm_part(g, segment, slot, 0);
    double n = (double)all.pixels;
    for (ptrdiff_t i = 1; i < g->items; i++) {
        const norm_part_t part = norm_part(g, segment, slot, i);
        const double share = (double)part.pixels / (n + (double)part.pixels);
        for (ptrdiff_t c = 0; c < g->channels; c++) {
            const double d = part.first[c] - all.first[c];
            all.first[c] = norm_between(all.first[c], part.first[c], share);
            all.second[c] += part.second[c] + d * d * share * n;
        }
        n += (double)part.pixels;
    }
    for (ptrdiff_t k = 0; k < g->groups; k++) {
        double *mean = all.first + k * width, *square = all.second + k * width;
        for (ptrdiff_t c = 1; c < width; c++) {
            const double d = mean[c] - *mean, share = 1 / (double)(c + 1);
            *mean = norm_between(*mean, mean[c], share);
            *square += square[c] + d * d * share * n * (double)c;
        }
        g->mean[segment * g->groups + k] = *mean;
        g->var[segment * g->groups + k] = *square / (n * (double)width);
    }
}

/* The items' sums (partial), put together in order, in the first item's place. */
static inline void norm_total(const norm_t *g, ptrdiff_t segment, ptrdiff_t slot)
{
    double *total = norm_part(g, segment, slot, 0).first;
    for (ptrdiff_t i = 1; i < g->items; i++) {
        const double *part = norm_part(g, segment, slot, i).first;
        for (ptrdiff_t c = 0; c < 2 * g->channels; c++) total[c] += part[c];
    }
}

#define NORM_DISPATCH(g, name, ...)                        \
    {                                                      \
        if ((g)->itemsize == 4) name##_f32(g, __VA_ARGS__); \
        else name##_f64(g, __VA_ARGS__);                   \
    }

/* An item's means and sums of squares about them -> partial. */
static inline void norm_moments(const norm_t *g, ptrdiff_t segment, ptrdiff_t slot, ptrdiff_t item,
                                int thread)
    NORM_DISPATCH(g, norm_moments, norm_part(g, segment, slot, item), thread)

/* mean, var, weight and bias -> params MEAN, SCALE and SHIFT. */
static inline void norm_params(const norm_t *g, ptrdiff_t segment, ptrdiff_t slot)
    NORM_DISPATCH(g, norm_params, segment, slot)

static inline void norm_apply(const norm_t *g, ptrdiff_t segment, ptrdiff_t slot, ptrdiff_t item)
    NORM_DISPATCH(g, norm_apply, norm_part(g, segment, slot, item), slot)

/* An item's sums of dz and of dz (x - MEAN) -> partial; dz is dy behind the mask. */
static inline void norm_backward_sums(const norm_t *g, ptrdiff_t segment, ptrdiff_t slot,
                                      ptrdiff_t item, int thread)
    NORM_DISPATCH(g, norm_backward_sums, norm_part(g, segment, slot, item), slot, thread)

/* Their totals over the items (partial) -> params SLOPE and OFFSET; added to dweight and dbias. */
static inline void norm_backward_params(const norm_t *g, ptrdiff_t segment, ptrdiff_t slot,
                                        double *dweight, double *dbias)
    NORM_DISPATCH(g, norm_backward_params, segment, slot, dweight, dbias)

static inline void norm_backward_apply(const norm_t *g, ptrdiff_t segment, ptrdiff_t slot,
                                       ptrdiff_t item)
    NORM_DISPATCH(g, norm_backward_apply, norm_part(g, segment, slot, item), slot)

#endif
