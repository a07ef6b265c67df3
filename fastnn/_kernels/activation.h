/* Activations and their backwards over contiguous numbers: activation_ops.h is the table. */
#ifndef FASTNN_ACTIVATION_H
#define FASTNN_ACTIVATION_H

#include "gelu.h"
#include "vecmath.h"

#define OP(name, cost, ...) OP_##name,
enum {
#include "activation_ops.h"
    OP_COUNT
};
#undef OP

#define OP(name, cost, ...) #name,
static const char *const ACTIVATION_NAMES[] = {
#include "activation_ops.h"
};
#undef OP

#define OP(name, cost, ...) cost,
static const int ACTIVATION_COSTS[] = {
#include "activation_ops.h"
};
#undef OP

#define TEMPLATE "activation.inc.h"
#include "each_dtype.h"

/* y[i] = op(a[i], b[i]), i < n; itemsize 4 (float) or 8 (double). */
static inline void activation_run(size_t itemsize, int op, const void *a, const void *b, void *y,
                                  ptrdiff_t n, double p, double q)
{
    if (itemsize == sizeof(float))
        activation_run_f32(op, (const float *)a, (const float *)b, (float *)y, n, (float)p,
                           (float)q);
    else
        activation_run_f64(op, (const double *)a, (const double *)b, (double *)y, n, p, q);
}

#endif
