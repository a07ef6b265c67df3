/* Images whose pixels are weighted sums of another's: resizing, padding, and their gradients.
 *
 *   y[i, j] = sum over r, s of h_weight(i, r) w_weight(j, s) x[h_source(i, r), w_source(j, s)]
 *
 * and `fill` where i or j has no source. A gradient is the same with both maps transposed. Images
 * are channels-last, (H, W, C); vectors run over channels: see lanes.h.
 */
#ifndef FASTNN_RESAMPLE_H
#define FASTNN_RESAMPLE_H

#include <math.h>

#include "lanes.h"

/* Along one axis: target t is the sum over start[t] <= e < start[t + 1] of weight[e] source[e]. */
typedef struct {
    ptrdiff_t in, out;
    ptrdiff_t *start, *source;
    double *weight; /* float for images of float */
    ptrdiff_t begin, end;         /* targets with sources */
    ptrdiff_t run_begin, run_end; /* those of them that copy one source each, in order */
} map_t;

typedef struct {
    ptrdiff_t C;
    map_t h, w;
    double fill;
} resample_t;

enum { MAP_NEAREST, MAP_LINEAR, MAP_CORNERS, MAP_CONSTANT, MAP_REFLECT, MAP_REPLICATE };

static inline void map_add(map_t *m, ptrdiff_t *entries, ptrdiff_t source, double weight)
{
    m->source[*entries] = source;
    m->weight[*entries] = weight;
    ++*entries;
}

/* As torch counts: the number of source pixels to a target pixel, scale, is a float for nearest. */
static void map_resized(map_t *m, int mode, double scale)
{
    const double last = (double)(m->in - 1);
    ptrdiff_t entries = 0;
    for (ptrdiff_t t = 0; t < m->out; t++) {
        m->start[t] = entries;
        if (mode == MAP_NEAREST) {
            const float at = floorf((float)t * (float)scale);
            map_add(m, &entries, (ptrdiff_t)fmin(at, last), 1);
            continue;
        }
        const double at = mode == MAP_CORNERS ? t * scale : (t + 0.5) * scale - 0.5;
        const double inside = fmin(fmax(at, 0), last), low = floor(inside);
        map_add(m, &entries, (ptrdiff_t)low, 1 - (inside - low));
        if (inside > low) map_add(m, &entries, (ptrdiff_t)low + 1, inside - low);
    }
    m->start[m->out] = entries;
}

/* Target `before` is source 0. */
static void map_padded(map_t *m, int mode, ptrdiff_t before)
{
    const ptrdiff_t last = m->in - 1;
    ptrdiff_t entries = 0;
    for (ptrdiff_t t = 0; t < m->out; t++) {
        ptrdiff_t source = t - before;
        m->start[t] = entries;
        if (mode == MAP_REFLECT) source = source < 0 ? -source : source;
        if (mode == MAP_REFLECT) source = source > last ? 2 * last - source : source;
        if (mode == MAP_REPLICATE) source = source < 0 ? 0 : source > last ? last : source;
        if (source >= 0 && source <= last) map_add(m, &entries, source, 1);
    }
    m->start[m->out] = entries;
}

/* t[j, i] = m[i, j] */
static void map_transpose(const map_t *m, map_t *t)
{
    for (ptrdiff_t j = 0; j <= t->out; j++) t->start[j] = 0;
    for (ptrdiff_t e = 0; e < m->start[m->out]; e++) t->start[m->source[e] + 1]++;
    for (ptrdiff_t j = 0; j < t->out; j++) t->start[j + 1] += t->start[j];
    for (ptrdiff_t i = 0; i < m->out; i++) {
        for (ptrdiff_t e = m->start[i]; e < m->start[i + 1]; e++) {
            const ptrdiff_t at = t->start[m->source[e]]++; /* which ends where the next one began */
            t->source[at] = i;
            t->weight[at] = m->weight[e];
        }
    }
    for (ptrdiff_t j = t->out; j > 0; j--) t->start[j] = t->start[j - 1];
    t->start[0] = 0;
}

static inline int map_copies(const map_t *m, ptrdiff_t t)
{
    return m->start[t + 1] == m->start[t] + 1 && m->weight[m->start[t]] == 1;
}

static inline ptrdiff_t source_of_run(const map_t *m) { return m->source[m->start[m->run_begin]]; }

/* Which targets have sources, the longest run, and weights of the images' dtype. */
static void map_finish(map_t *m, size_t itemsize)
{
    const ptrdiff_t entries = m->start[m->out];
    m->begin = m->out;
    m->end = 0;
    m->run_begin = m->run_end = 0;
    for (ptrdiff_t t = 0, begin = 0; t < m->out; t++) {
        if (m->start[t + 1] > m->start[t]) {
            if (m->begin > t) m->begin = t;
            m->end = t + 1;
        }
        if (!map_copies(m, t)) begin = t + 1;
        else if (t > begin && m->source[m->start[t]] != m->source[m->start[t - 1]] + 1) begin = t;
        if (t + 1 - begin > m->run_end - m->run_begin) m->run_begin = begin, m->run_end = t + 1;
    }
    if (m->run_begin == m->run_end) m->run_begin = m->run_end = m->begin;
    if (itemsize == sizeof(double)) return;
    float *single = (float *)m->weight; /* each is written where it, or one before, was read */
    for (ptrdiff_t e = 0; e < entries; e++) single[e] = (float)m->weight[e];
}

/* Rows [row0, row1) of the target, of one image. `readable` elements follow in the source, those of
 * later images included. scratch: a row of the source and RESAMPLE_SLACK bytes. */
typedef void (*resample_rows_p)(const resample_t *p, const void *source, ptrdiff_t readable,
                                void *target, void *scratch, ptrdiff_t row0, ptrdiff_t row1);

enum { RESAMPLE_SLACK = VEC_BYTES };

#define EACH_WIDTH "resample.inc.h"
#include "each_width.h"

static resample_rows_p resample_rows(size_t itemsize, ptrdiff_t channels)
{
    return LANES_PICK(resample_rows, itemsize, channels * itemsize);
}

#endif
