/* Register tiles that slide along a row of the image: kernels three wide, of stride 1, whose outputs
 * fill one vector. In the tile of tile.h a value of x then meets a single vector of weights, and what
 * limits it are loads, one for each product. Here a value that has been broadcast
 * meets the vectors of all three taps, for the outputs to its left, above it and to its right.
 *
 *   slide_run     C[i, :] = init[i, :] + sum over spans q, positions p < length, taps s
 *                                         A(q, p, i + s) B(q, p, s)
 *     A(q, p, i) = a[span[q] + p * a_step + row[i]]                  i < rows + SLIDE_TAPS - 1
 *     B(q, p, s) = b[b_span[q] + p * b_step + s * b_tap]             a whole vector
 *
 *   slide_weight  C[s, c, :] = init + sum over spans q, outputs i < length, i + s inside,
 *                                         A(q, i + s, c) B(q, i)     c < channels
 *     A(q, i, c) = a[span[q] + i * a_step + c]
 *     B(q, i) = b[b_span[q] + i * b_step];  row s * channels + c of C is at c_row[that]
 *     inside: i + s >= 1 unless `first` is set, i + s <= length unless `last` is: the input left of
 *     the first output's middle one may be missing, and that right of the last one's.
 *
 * init is C itself or NULL (zero); in slide_run a bias too, with init_row all zero. C's rows are whole
 * vectors. Sums are in order, and chains of at most SUM_STEPS products: of slide_run the caller
 * promises that, 3 spans length <= SUM_STEPS; of slide_weight length <= SUM_STEPS, and >= 2.
 */
#ifndef FASTNN_SLIDE_H
#define FASTNN_SLIDE_H

#include "tile.h"

#define SLIDE_TAPS 3
/* SLIDE_ROWS or SLIDE_TAPS x SLIDE_CHANNELS accumulators, a vector a tap and a broadcast. */
#if VEC_REGISTERS == 32
#define SLIDE_ROWS 16
#define SLIDE_CHANNELS 8
#else
#define SLIDE_ROWS 10
#define SLIDE_CHANNELS 3
#endif
#define FETCH_AHEAD 32 /* pixels, of x and dy (128 images of 16 x 32 x 32: a fifth less time) */
#define SLIDE_SUMS (SLIDE_TAPS * SLIDE_CHANNELS)

#endif
