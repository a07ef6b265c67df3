/* Max and average pooling of rows of one channels-last image: x (H, W, C) -> y (OH, OW, C).
 * Vectors run over channels: see lanes.h. */
#ifndef FASTNN_POOL_H
#define FASTNN_POOL_H

#include "lanes.h"
#include "window.h"

/* Windows along one axis; a window of an image is one of h's rows times one of w's columns. */
typedef struct {
    ptrdiff_t size, out, dil; /* pixels of the image, of the output, between neighbouring taps */
    ptrdiff_t taps;           /* of a full window; */
    ptrdiff_t full_begin, full_end; /* windows from here to there are full */
    int disjoint;             /* each pixel is over one window or between two, and dil = 1 */
    span_t *window;           /* [out + 1]: the taps inside the image; an empty one at its end */
    span_t *over;             /* [size]: the windows that reach over a pixel, between taps too */
    ptrdiff_t *places;        /* [out]: taps in the image or its padding; dil = 1 */
} axis_t;

typedef struct {
    ptrdiff_t C;
    axis_t h, w;
    const void *divisor; /* average pooling (OH, OW): forward divides by it, backward multiplies */
} pool_t;

static void find_full_windows(axis_t *a)
{
    ptrdiff_t o = 0;
    a->window[a->out] = (span_t){a->size, 0};
    while (o < a->out && a->window[o].count != a->taps) o++;
    a->full_begin = o;
    while (o < a->out && a->window[o].count == a->taps) o++;
    a->full_end = o;
}

/* Window o begins at o stride - pad. */
static void sliding_windows(axis_t *a, ptrdiff_t taps, ptrdiff_t stride, ptrdiff_t pad)
{
    const ptrdiff_t reach = (taps - 1) * a->dil;
    a->taps = taps;
    a->disjoint = taps <= stride && (a->dil == 1 || taps == 1);
    for (ptrdiff_t o = 0; o < a->out; o++) {
        const ptrdiff_t begin = o * stride - pad, end = begin + taps, most = a->size + pad;
        a->window[o] = window_span(begin, taps, a->dil, a->size);
        a->places[o] = (end < most ? end : most) - begin; /* ceil_mode may pass the padding */
    }
    for (ptrdiff_t i = 0; i < a->size; i++) {
        const ptrdiff_t from = i + pad - reach; /* a window over i begins here or later */
        const ptrdiff_t first = from > 0 ? (from + stride - 1) / stride : 0;
        const ptrdiff_t end = (i + pad) / stride + 1;
        const ptrdiff_t count = (end < a->out ? end : a->out) - first;
        a->over[i] = (span_t){first, count > 0 ? count : 0};
    }
    find_full_windows(a);
}

/* What part i of `parts` touches of n pixels. */
static inline span_t touched(ptrdiff_t i, ptrdiff_t parts, ptrdiff_t n)
{
    const ptrdiff_t first = i * n / parts;
    return (span_t){first, ((i + 1) * n + parts - 1) / parts - first};
}

/* Windows of nearly equal size that cover the axis. */
static void adaptive_windows(axis_t *a)
{
    for (ptrdiff_t o = 0; o < a->out; o++) {
        a->window[o] = touched(o, a->out, a->size);
        a->places[o] = a->window[o].count;
    }
    for (ptrdiff_t i = 0; i < a->size; i++) a->over[i] = touched(i, a->size, a->out);
    a->disjoint = a->out && a->size % a->out == 0;
    a->taps = a->out ? a->window[0].count : 0;
    find_full_windows(a);
}

/* Rows [row0, row1) of the target, of one image: y and index, or dx. `readable` elements follow in
 * the source, those of later images included. */
typedef void (*pool_rows_p)(const pool_t *p, const void *source, ptrdiff_t readable, void *target,
                            int32_t *index, ptrdiff_t row0, ptrdiff_t row1);

enum { POOL_MAX, POOL_MAX_BACKWARD, POOL_AVG, POOL_AVG_BACKWARD, POOL_OPS };

enum { POOL_AHEAD = 1024 }; /* elements: so far ahead of its stores backward prefetches dx */
enum { SUM_PIXELS = 256 }; /* longer sums are cut, so that their rounding error grows slowly */

#define EACH_WIDTH "pool.inc.h"
#include "each_width.h"

static pool_rows_p pool_rows(int op, size_t itemsize, ptrdiff_t channels)
{
    return LANES_PICK(POOL_ROWS, itemsize, channels * itemsize)[op];
}

/* out[oh, ow] = what the sum of a window is divided by, or its reciprocal; override: that, unless
 * 0. */
static inline void pool_divisors(const pool_t *p, size_t itemsize, int count_pad,
                                 ptrdiff_t override, void *out, int reciprocal)
{
    for (ptrdiff_t oh = 0; oh < p->h.out; oh++) {
        for (ptrdiff_t ow = 0; ow < p->w.out; ow++) {
            const ptrdiff_t places = count_pad
                ? p->h.places[oh] * p->w.places[ow]
                : p->h.window[oh].count * p->w.window[ow].count;
            const double d = (double)(override ? override : places);
            const ptrdiff_t at = oh * p->w.out + ow;
            if (itemsize == 4) ((float *)out)[at] = reciprocal ? 1 / (float)d : (float)d;
            else ((double *)out)[at] = reciprocal ? 1 / d : d;
        }
    }
}

#endif
