/* The gate arithmetic of recurrent layers: what happens to a few units of a few rows of the batch
 * at one time step, forward and backward, after the product with the recurrent weights.
 *
 * With a the sum of both products and the biases, h' and c' the state of the step before:
 *
 *     RNN            h = tanh a, relu a, sigmoid a or a
 *     LSTM           i f o = sigmoid a,  g = tanh a,  c = f c' + i g,  h = o tanh c
 *     LSTM_COUPLED   the same with i = 1 - f, and gates f g o
 *     GRU            r z = sigmoid a,  n = tanh(x's part + r q),  q = h''s part,  h = (1-z) n + z h'
 *     GRU_BEFORE     the same with n = tanh a, a's last product being with q = r h'
 *
 * Peepholes add p_i c', p_f c' and p_o c to the gates' a.
 *
 * Lanes run over units; the last vector of a row is filled with zeros, and stored in part.
 */
#ifndef FASTNN_RECURRENT_H
#define FASTNN_RECURRENT_H

#include "vecmath.h"

enum { RNN_TANH, RNN_RELU, RNN_SIGMOID, RNN_IDENTITY, LSTM, LSTM_COUPLED, GRU, GRU_BEFORE };
enum { GRU_ALL, GRU_RESET, GRU_NEW }; /* what of a GRU's step: all, or r (and z), or n */

typedef struct {
    int cell;
    ptrdiff_t U;
    ptrdiff_t width;      /* numbers in a row of gates and dgates */
    void *gates;          /* (R, width) IN: x's product and bias; OUT: activated. GRU: r z n q */
    void *h, *c;          /* (N + R, U): the first states, then those after each of the R rows */
    const void *bias;     /* GRU: of q (U) */
    const void *peephole; /* LSTM: i f o (3, U), coupled: f o (2, U); NULL: none */
    const void *dy;       /* (R, U), NULL: zero */
    void *dgates;         /* (R, width) OUT: gradients of a. GRU: r z n q */
    void *dh, *dc;        /* (N, U) IN: gradients of the last states; OUT: of the first */
} recurrent_t;

/* Units [unit, unit + units) of rows [row, row + rows) of the batch at one step, whose row 0 is row
 * `at` of gates, and of h and c row `before` before the step and `after` after it. */
typedef struct {
    ptrdiff_t at, before, after, row, rows, unit, units;
    const void *sum;     /* the products: row i's gate g is at sum + i * sum_row + g * sum_gate */
    ptrdiff_t sum_row, sum_gate;
} part_t;

#define TEMPLATE "recurrent.inc.h"
#include "each_dtype.h"

/* phase: GRU_BEFORE has two, r z and q, then n and h. The others have one. */
static inline void recurrent_forward(size_t itemsize, const recurrent_t *s, const part_t *p, int phase)
{
    if (itemsize == sizeof(float)) recurrent_forward_f32(s, p, phase);
    else recurrent_forward_f64(s, p, phase);
}

/* phase: GRU_BEFORE has two, z and n, then r. In the first, sum is the gradient of h by way of the
 * step after; NULL where there is none. */
static inline void recurrent_backward(size_t itemsize, const recurrent_t *s, const part_t *p, int phase)
{
    if (itemsize == sizeof(float)) recurrent_backward_f32(s, p, phase);
    else recurrent_backward_f64(s, p, phase);
}

/* dh, once the steps are over: the gradient of the first state. */
static inline void recurrent_begin(size_t itemsize, const recurrent_t *s, const part_t *p)
{
    if (itemsize == sizeof(float)) recurrent_begin_f32(s, p);
    else recurrent_begin_f64(s, p);
}

#endif
