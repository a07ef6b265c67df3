/* Dropout of a run of elements, and Bernoulli numbers. Element i is kept if its random 32 bits r_i >= threshold, and is
 * then multiplied by scale; a dropped one is multiplied by 0 (NaN stays NaN).
 *
 * r_i is word w of Philox counter 16 b + j under the seed as its key, for i = 64 b + 16 w + j.
 */
#ifndef FASTNN_DROPOUT_H
#define FASTNN_DROPOUT_H

#include "philox.h"

/* One after the other the parts of [begin, begin + n) that lie in one block of 64: `at` counts from
 * begin; r[0..length) are the random bits of the part. */
#define FOR_EACH_PART(body)                                                                \
    uint32_t random[PHILOX_BLOCK];                                                         \
    for (ptrdiff_t at = 0; at < n;) {                                                      \
        const uint64_t i = (uint64_t)(begin + at), inside = i % PHILOX_BLOCK;              \
        const ptrdiff_t rest = PHILOX_BLOCK - (ptrdiff_t)inside;                           \
        const ptrdiff_t length = rest < n - at ? rest : n - at;                            \
        const uint32_t *r = random + inside;                                               \
        philox_block(i / PHILOX_BLOCK, seed, random);                                      \
        body at += length;                                                                 \
    }

static void dropout_f32(const float *restrict x, float *restrict y, ptrdiff_t begin, ptrdiff_t n,
                        uint64_t seed, uint32_t threshold, double scale)
{
    const float s = (float)scale;
    FOR_EACH_PART(for (ptrdiff_t k = 0; k < length; k++)
                      y[at + k] = x[at + k] * (r[k] >= threshold ? s : 0);)
}

static void dropout_f64(const double *restrict x, double *restrict y, ptrdiff_t begin, ptrdiff_t n,
                        uint64_t seed, uint32_t threshold, double scale)
{
    FOR_EACH_PART(for (ptrdiff_t k = 0; k < length; k++)
                      y[at + k] = x[at + k] * (r[k] >= threshold ? scale : 0);)
}

/* keep[k] = whether element begin + k is kept. */
static void dropout_mask(unsigned char *restrict keep, ptrdiff_t begin, ptrdiff_t n, uint64_t seed,
                         uint32_t threshold)
{
    FOR_EACH_PART(for (ptrdiff_t k = 0; k < length; k++) keep[at + k] = r[k] >= threshold;)
}

/* y = 1 where the 24 high bits of r, as u in [0, 1), are below x; NaN where x is NaN. */
static void bernoulli_f32(const float *restrict x, float *restrict y, ptrdiff_t begin, ptrdiff_t n,
                          uint64_t seed)
{
    FOR_EACH_PART(for (ptrdiff_t k = 0; k < length; k++) {
        const float u = (float)(int32_t)(r[k] >> 8) * 0x1p-24f;
        const float p = x[at + k];
        y[at + k] = p != p ? p : (u < p ? 1.f : 0.f);
    })
}

static void bernoulli_f64(const double *restrict x, double *restrict y, ptrdiff_t begin,
                          ptrdiff_t n, uint64_t seed)
{
    FOR_EACH_PART(for (ptrdiff_t k = 0; k < length; k++) {
        const double u = (double)(int32_t)(r[k] >> 8) * 0x1p-24;
        const double p = x[at + k];
        y[at + k] = p != p ? p : (u < p ? 1. : 0.);
    })
}

#undef FOR_EACH_PART
#endif
