/* Additive attention of one query q (A) over the positions s < length of its sequence, whose keys k
 * (S, A) and values (S, M) lie one after the other:
 *
 *     e_s = v . tanh(k_s + q),  w = softmax(e),  c = sum of w_s values_s
 *
 * Lanes run over A and M, the softmax's over s. Sums are cut into blocks, of BLOCK_VECTORS vectors
 * or BLOCK_POSITIONS positions, that are added up afterwards; what becomes one number, in double.
 */
#ifndef FASTNN_ADDITIVE_ATTENTION_H
#define FASTNN_ADDITIVE_ATTENTION_H

#include "vecmath.h"

#define BLOCK_VECTORS 16
#define BLOCK_POSITIONS 16

typedef struct {
    ptrdiff_t A, M, S;
    const void *v; /* (A) */
} attention_t;

typedef struct {         /* one sequence */
    ptrdiff_t length;    /* 0: w and c are 0 */
    const void *keys, *values;
    void *dkeys, *dvalues, *dv; /* backward: added to; dv (A) */
} attended_t;

#define TEMPLATE "additive_attention.inc.h"
#include "each_dtype.h"

/* weights (S), 0 from length on, and context (M) OUT. */
static inline void attend(size_t itemsize, const attention_t *g, const attended_t *x,
                          const void *query, void *weights, void *context)
{
    if (itemsize == sizeof(float)) attend_f32(g, x, query, weights, context);
    else attend_f64(g, x, query, weights, context);
}

/* dquery (A) OUT, spare (S); dweights (S) may be NULL. */
static inline void attend_backward(size_t itemsize, const attention_t *g, const attended_t *x,
                                   const void *query, const void *weights, const void *dcontext,
                                   const void *dweights, void *dquery, void *spare)
{
    if (itemsize == sizeof(float))
        attend_backward_f32(g, x, query, weights, dcontext, dweights, dquery, spare);
    else attend_backward_f64(g, x, query, weights, dcontext, dweights, dquery, spare);
}

#endif
