/* Optimiser steps on one run of contiguous elements. Plain loops: the compiler vectorises them,
 * square root and division included. The flags are constants at every call, so each combination
 * is a loop of its own without branches. */
#ifndef FASTNN_OPTIM_H
#define FASTNN_OPTIM_H

#include <math.h>

#include "vec.h"

#define SQRT_f32 sqrtf
#define SQRT_f64 sqrt

typedef struct {
    int l2, amsgrad;
    double grad_scale;       /* -1 times that to maximise */
    double l2_decay;         /* added to the gradient, times p */
    double shrink;           /* p is multiplied by this first: 1, or decoupled decay */
    double beta1, beta2, eps;
} adam_t;

typedef struct {
    int l2, momentum, nesterov;
    double grad_scale, l2_decay, mu, grad_share, lr;
} sgd_t;

typedef struct {
    int l2;
    double grad_scale, l2_decay, eps;
} adagrad_t;

typedef struct {
    int l2;
    double grad_scale, l2_decay, rho, eps, lr;
} adadelta_t;

typedef struct {
    int l2, centered, momentum;
    double grad_scale, l2_decay, alpha, eps, mu, lr;
} rmsprop_t;

#define TEMPLATE "optim.inc.h"
#include "each_dtype.h"

#endif
