/* Local response normalisation of channels-last pixels, forward and backward:
 *
 *     y[c] = x[c] / d[c]^beta,  d[c] = k + alpha sum of x[j]^2 over j = c - left, ..., c + right
 *
 * Lanes run over the channels of one pixel. What a window sums lies in a line of the pixel's terms
 * with zeros on both sides, read once for each place of the window. The last vector of a pixel
 * overlaps the one before; fewer channels than lanes are a padded vector. d^-beta is
 * exp(-beta log d).
 */
#ifndef FASTNN_LOCAL_RESPONSE_NORM_H
#define FASTNN_LOCAL_RESPONSE_NORM_H

#include "vecmath.h"

typedef struct {
    ptrdiff_t channels, left, right; /* left, right <= channels */
    double alpha, beta, k;
} lrn_t;

#define TEMPLATE "local_response_norm.inc.h"
#include "each_dtype.h"

/* Bytes of scratch: three lines of a pixel, its windows' ends included. */
static inline size_t lrn_scratch_bytes(const lrn_t *g, size_t itemsize)
{
    return 3 * ((size_t)(g->channels + g->left + g->right) * itemsize + 2 * VEC_BYTES);
}

/* dy NULL: IN x (pixels, channels), OUT y. Else IN dy, x, OUT dx. */
static inline void lrn_pixels(size_t itemsize, const lrn_t *g, const void *dy, const void *x,
                              ptrdiff_t pixels, void *out, void *scratch)
{
    if (itemsize == 4)
        lrn_pixels_f32(g, (const float *)dy, (const float *)x, pixels, (float *)out,
                       (float *)scratch);
    else
        lrn_pixels_f64(g, (const double *)dy, (const double *)x, pixels, (double *)out,
                       (double *)scratch);
}

#endif
