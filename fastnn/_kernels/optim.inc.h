/* Optimiser steps, written over REAL (float or double) and DT (f32 or f64); see optim.h. */

#define FN(name) VEC_CAT(name, DT)

/* IN: g. IN/OUT: p, m, v, and x with amsgrad. */
ALWAYS_INLINE void FN(adam_loop)(const adam_t *k, double step_size, double root_correction,
                                 REAL *restrict p, const REAL *restrict g, REAL *restrict m,
                                 REAL *restrict v, REAL *restrict x, ptrdiff_t n, const int l2,
                                 const int amsgrad)
{
    const REAL grad_scale = (REAL)k->grad_scale, l2_decay = (REAL)k->l2_decay;
    const REAL shrink = (REAL)k->shrink, eps = (REAL)k->eps, step = (REAL)step_size;
    const REAL one_less_beta1 = (REAL)(1 - k->beta1), one_less_beta2 = (REAL)(1 - k->beta2);
    const REAL beta2 = (REAL)k->beta2, inverse_root = (REAL)(1 / root_correction);
    for (ptrdiff_t i = 0; i < n; i++) {
        REAL gi = g[i] * grad_scale;
        if (l2) gi += l2_decay * p[i];
        const REAL mi = m[i] + one_less_beta1 * (gi - m[i]);
        const REAL vi = beta2 * v[i] + one_less_beta2 * gi * gi;
        REAL largest = vi;
        if (amsgrad) {
            largest = vi > x[i] || vi != vi ? vi : x[i]; /* NaN stays NaN */
            x[i] = largest;
        }
        m[i] = mi;
        v[i] = vi;
        p[i] = p[i] * shrink - step * (mi / (VEC_CAT(SQRT, DT)(largest) * inverse_root + eps));
    }
}

static void FN(adam_run)(const adam_t *k, double step_size, double root_correction, void *const *a,
                         ptrdiff_t n)
{
    REAL *p = (REAL *)a[0], *m = (REAL *)a[2], *v = (REAL *)a[3], *x = (REAL *)a[4];
    const REAL *g = (const REAL *)a[1];
    if (k->amsgrad) {
        if (k->l2) FN(adam_loop)(k, step_size, root_correction, p, g, m, v, x, n, 1, 1);
        else FN(adam_loop)(k, step_size, root_correction, p, g, m, v, x, n, 0, 1);
    } else {
        if (k->l2) FN(adam_loop)(k, step_size, root_correction, p, g, m, v, x, n, 1, 0);
        else FN(adam_loop)(k, step_size, root_correction, p, g, m, v, x, n, 0, 0);
    }
}

/* IN: g. IN/OUT: p, b (the momentum buffer; with `first` only OUT). */
ALWAYS_INLINE void FN(sgd_loop)(const sgd_t *k, REAL *restrict p, const REAL *restrict g,
                                REAL *restrict b, ptrdiff_t n, const int l2, const int momentum,
                                const int first, const int nesterov)
{
    const REAL grad_scale = (REAL)k->grad_scale, l2_decay = (REAL)k->l2_decay;
    const REAL mu = (REAL)k->mu, grad_share = (REAL)k->grad_share, lr = (REAL)k->lr;
    for (ptrdiff_t i = 0; i < n; i++) {
        REAL gi = g[i] * grad_scale;
        if (l2) gi += l2_decay * p[i];
        if (momentum) {
            const REAL bi = first ? gi : mu * b[i] + grad_share * gi;
            b[i] = bi;
            gi = nesterov ? gi + mu * bi : bi;
        }
        p[i] -= lr * gi;
    }
}

#define SGD_CASE(momentum, first, nesterov)                            \
    {                                                                  \
        if (k->l2) FN(sgd_loop)(k, p, g, b, n, 1, momentum, first, nesterov); \
        else FN(sgd_loop)(k, p, g, b, n, 0, momentum, first, nesterov);       \
    }

static void FN(sgd_run)(const sgd_t *k, int first, void *const *a, ptrdiff_t n)
{
    REAL *p = (REAL *)a[0], *b = (REAL *)a[2];
    const REAL *g = (const REAL *)a[1];
    if (!k->momentum) SGD_CASE(0, 0, 0)
    else if (first && k->nesterov) SGD_CASE(1, 1, 1)
    else if (first) SGD_CASE(1, 1, 0)
    else if (k->nesterov) SGD_CASE(1, 0, 1)
    else SGD_CASE(1, 0, 0)
}

/* IN: g. IN/OUT: p, s (the sum of squares). */
ALWAYS_INLINE void FN(adagrad_loop)(const adagrad_t *k, double step_size, REAL *restrict p,
                                    const REAL *restrict g, REAL *restrict s, ptrdiff_t n,
                                    const int l2)
{
    const REAL grad_scale = (REAL)k->grad_scale, l2_decay = (REAL)k->l2_decay;
    const REAL eps = (REAL)k->eps, step = (REAL)step_size;
    for (ptrdiff_t i = 0; i < n; i++) {
        REAL gi = g[i] * grad_scale;
        if (l2) gi += l2_decay * p[i];
        const REAL si = s[i] + gi * gi;
        s[i] = si;
        p[i] -= step * (gi / (VEC_CAT(SQRT, DT)(si) + eps));
    }
}

static void FN(adagrad_run)(const adagrad_t *k, double step_size, void *const *a, ptrdiff_t n)
{
    REAL *p = (REAL *)a[0], *s = (REAL *)a[2];
    const REAL *g = (const REAL *)a[1];
    if (k->l2) FN(adagrad_loop)(k, step_size, p, g, s, n, 1);
    else FN(adagrad_loop)(k, step_size, p, g, s, n, 0);
}

/* IN: g. IN/OUT: p, v (mean of the squared gradients), u (mean of the squared updates). */
ALWAYS_INLINE void FN(adadelta_loop)(const adadelta_t *k, REAL *restrict p,
                                     const REAL *restrict g, REAL *restrict v, REAL *restrict u,
                                     ptrdiff_t n, const int l2)
{
    const REAL grad_scale = (REAL)k->grad_scale, l2_decay = (REAL)k->l2_decay;
    const REAL rho = (REAL)k->rho, one_less_rho = (REAL)(1 - k->rho);
    const REAL eps = (REAL)k->eps, lr = (REAL)k->lr;
    for (ptrdiff_t i = 0; i < n; i++) {
        REAL gi = g[i] * grad_scale;
        if (l2) gi += l2_decay * p[i];
        const REAL vi = rho * v[i] + one_less_rho * gi * gi;
        const REAL di = VEC_CAT(SQRT, DT)(u[i] + eps) / VEC_CAT(SQRT, DT)(vi + eps) * gi;
        v[i] = vi;
        u[i] = rho * u[i] + one_less_rho * di * di;
        p[i] -= lr * di;
    }
}

static void FN(adadelta_run)(const adadelta_t *k, void *const *a, ptrdiff_t n)
{
    REAL *p = (REAL *)a[0], *v = (REAL *)a[2], *u = (REAL *)a[3];
    const REAL *g = (const REAL *)a[1];
    if (k->l2) FN(adadelta_loop)(k, p, g, v, u, n, 1);
    else FN(adadelta_loop)(k, p, g, v, u, n, 0);
}

/* IN: g. IN/OUT: p, v (mean of squares), m (mean, if centered), b (the momentum buffer). */
ALWAYS_INLINE void FN(rmsprop_loop)(const rmsprop_t *k, REAL *restrict p, const REAL *restrict g,
                                    REAL *restrict v, REAL *restrict m, REAL *restrict b,
                                    ptrdiff_t n, const int l2, const int centered,
                                    const int momentum)
{
    const REAL grad_scale = (REAL)k->grad_scale, l2_decay = (REAL)k->l2_decay;
    const REAL alpha = (REAL)k->alpha, one_less_alpha = (REAL)(1 - k->alpha);
    const REAL eps = (REAL)k->eps, mu = (REAL)k->mu, lr = (REAL)k->lr;
    for (ptrdiff_t i = 0; i < n; i++) {
        REAL gi = g[i] * grad_scale;
        if (l2) gi += l2_decay * p[i];
        const REAL vi = alpha * v[i] + one_less_alpha * gi * gi;
        v[i] = vi;
        REAL spread = vi;
        if (centered) {
            const REAL mi = m[i] + one_less_alpha * (gi - m[i]);
            m[i] = mi;
            spread = vi - mi * mi;
            spread = spread < 0 ? 0 : spread; /* by rounding, where g does not change */
        }
        REAL di = gi / (VEC_CAT(SQRT, DT)(spread) + eps);
        if (momentum) {
            di = mu * b[i] + di;
            b[i] = di;
        }
        p[i] -= lr * di;
    }
}

#define RMSPROP_CASE(centered, momentum)                                       \
    {                                                                          \
        if (k->l2) FN(rmsprop_loop)(k, p, g, v, m, b, n, 1, centered, momentum); \
        else FN(rmsprop_loop)(k, p, g, v, m, b, n, 0, centered, momentum);       \
    }

static void FN(rmsprop_run)(const rmsprop_t *k, void *const *a, ptrdiff_t n)
{
    REAL *p = (REAL *)a[0], *v = (REAL *)a[2];
    REAL *m = (REAL *)a[3], *b = (REAL *)a[3 + k->centered];
    const REAL *g = (const REAL *)a[1];
    if (k->centered && k->momentum) RMSPROP_CASE(1, 1)
    else if (k->centered) RMSPROP_CASE(1, 0)
    else if (k->momentum) RMSPROP_CASE(0, 1)
    else RMSPROP_CASE(0, 0)
}

/* The sum of squares in double, in eight lanes that are added last. */
static double FN(squares_run)(const REAL *x, ptrdiff_t n)
{
    double lane[8] = {0}, sum = 0;
    ptrdiff_t i = 0;
    for (; i <= n - 8; i += 8)
        for (int j = 0; j < 8; j++) lane[j] += (double)x[i + j] * (double)x[i + j];
    for (int j = 0; i < n; i++, j++) lane[j] += (double)x[i] * (double)x[i];
    for (int j = 0; j < 8; j++) sum += lane[j];
    return sum;
}

#undef RMSPROP_CASE
#undef SGD_CASE
#undef FN
