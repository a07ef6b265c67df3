/* The geometry of a window that slides over an image: pooling, im2col and col2im share it.
 *
 * Output (oh, ow) reads the inputs (oh * stride_h - pad_h + r * dil_h, likewise in w) that lie
 * inside the image, for taps r < R, s < S.
 */
#ifndef FASTNN_WINDOW_H
#define FASTNN_WINDOW_H

#include <stddef.h>

typedef struct {
    ptrdiff_t C, H, W;   /* input */
    ptrdiff_t OH, OW;    /* output */
    ptrdiff_t R, S;      /* taps */
    ptrdiff_t stride_h, stride_w, pad_h, pad_w, dil_h, dil_w;
} window_t;

/* Taps of one window inside the image along one axis: first, first + dil, ... (count of them). */
typedef struct {
    ptrdiff_t first, count;
} span_t;

/* start: the (perhaps negative) coordinate of tap 0 of `taps`, on an axis of `size`. */
static inline span_t window_span(ptrdiff_t start, ptrdiff_t taps, ptrdiff_t dil, ptrdiff_t size)
{
    if (start >= 0 && start + (taps - 1) * dil < size) return (span_t){start, taps};
    const ptrdiff_t skipped = start < 0 ? (-start + dil - 1) / dil : 0;
    const ptrdiff_t first = start + skipped * dil;
    const ptrdiff_t fit = first < size ? (size - first + dil - 1) / dil : 0;
    return (span_t){first, fit < taps - skipped ? fit : taps - skipped};
}

#endif
