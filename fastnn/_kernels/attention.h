/* Rows of attention weights, a block of keys at a time; the products around them are attention.pyx's.
 *
 * With s the products of a query with the keys it sees, x = scale s + mask:
 *
 *     forward    w = exp(x - m), m the largest x so far, l the sum of w so far
 *     backward   p = exp(x - lse), ds = scale p (dp - delta)
 *
 * with dropout forward w d and backward p d and scale p (dp d - delta), where d_i is 0 or
 * 1 / (1 - dropout), by dropout.h, i the weight's position in C order. Rows have room for whole
 * vectors; what lies behind the n keys becomes 0.
 */
#ifndef FASTNN_ATTENTION_H
#define FASTNN_ATTENTION_H

#include <math.h>

#include "dropout.h"
#include "vecmath.h"

#define ATTENTION_KEYS 128 /* of a block */

enum { MASK_NONE, MASK_KEEPS, MASK_ADDS };

typedef struct {
    ptrdiff_t n;                /* keys that the row sees in this block */
    ptrdiff_t room;             /* numbers to fill: zeros follow the n */
    double scale;
    int mask_kind;
    const void *mask;           /* of the block's first key: bytes (0: keep out) or numbers to add */
    ptrdiff_t mask_step;
    int dropped;                /* whether there is dropout */
    uint64_t seed;
    uint32_t threshold;
    double keep_scale;
    ptrdiff_t begin;            /* position of the block's first weight */
} attention_row_t;

#define TEMPLATE "attention.inc.h"
#include "each_dtype.h"

#endif
