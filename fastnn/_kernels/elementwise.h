/* z = x op y over the rows of a matrix, each operand at its own strides (0: one for all). */
#ifndef FASTNN_ELEMENTWISE_H
#define FASTNN_ELEMENTWISE_H

#include <stddef.h>

enum { OP_ADD, OP_SUBTRACT, OP_MULTIPLY, OP_DIVIDE };

/* z[r, i] = x[r xr + i xs] op y[r yr + i ys], strides in elements; z contiguous. The common
 * inner strides get loops that vectorise. IN x, y; OUT z. */
#define ELEMENTWISE_LOOP(X, OP, Y)                                  \
    for (ptrdiff_t r = 0; r < rows; r++, x += xr, y += yr, z += n) { \
        const REAL x0 = *x, y0 = *y;                                \
        for (ptrdiff_t i = 0; i < n; i++) z[i] = X OP Y;            \
    }

#define ELEMENTWISE_CASE(OP)                                            \
    {                                                                   \
        if (xs == 1 && ys == 1) ELEMENTWISE_LOOP(x[i], OP, y[i])        \
        else if (xs == 1 && ys == 0) ELEMENTWISE_LOOP(x[i], OP, y0)     \
        else if (xs == 0 && ys == 1) ELEMENTWISE_LOOP(x0, OP, y[i])     \
        else ELEMENTWISE_LOOP(x[i * xs], OP, y[i * ys])                 \
    }                                                                   \
    break;

#define ELEMENTWISE(NAME)                                                                     \
    static void NAME(int op, ptrdiff_t rows, ptrdiff_t n, const REAL *x, ptrdiff_t xr,        \
                     ptrdiff_t xs, const REAL *y, ptrdiff_t yr, ptrdiff_t ys, REAL *z)        \
    {                                                                                         \
        switch (op) {                                                                         \
        case OP_ADD: ELEMENTWISE_CASE(+)                                                      \
        case OP_SUBTRACT: ELEMENTWISE_CASE(-)                                                 \
        case OP_MULTIPLY: ELEMENTWISE_CASE(*)                                                 \
        case OP_DIVIDE: ELEMENTWISE_CASE(/)                                                   \
        }                                                                                     \
    }

#define REAL float
ELEMENTWISE(elementwise_f32)
#undef REAL
#define REAL double
ELEMENTWISE(elementwise_f64)
#undef REAL

/* n >= 1; strides in bytes; itemsize 4 (float) or 8 (double). */
static inline void elementwise_run(size_t itemsize, int op, ptrdiff_t rows, ptrdiff_t n,
                                   const void *x, ptrdiff_t xr, ptrdiff_t xs,
                                   const void *y, ptrdiff_t yr, ptrdiff_t ys, void *z)
{
    const ptrdiff_t size = (ptrdiff_t)itemsize;
    if (itemsize == sizeof(float))
        elementwise_f32(op, rows, n, (const float *)x, xr / size, xs / size, (const float *)y,
                        yr / size, ys / size, (float *)z);
    else
        elementwise_f64(op, rows, n, (const double *)x, xr / size, xs / size, (const double *)y,
                        yr / size, ys / size, (double *)z);
}

#endif
