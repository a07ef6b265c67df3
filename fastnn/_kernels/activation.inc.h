/* The loop around the activations, over REAL, DT and UINT; see activation.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VB VEC_CAT(v, UINT)
#define VLEN VEC_CAT(VLEN, DT)
#define FN(name) VEC_CAT(name, DT)
#define SELECT(mask, a, b) VEC_SELECT(V, mask, a, b)

/* log(1 + e^z) = max(z, 0) + log(1 + e^-|z|), which neither overflows nor cancels. */
ALWAYS_INLINE V FN(softplus)(V x, REAL beta, REAL threshold)
{
    const V z = x * beta;
    const V y = FN(vec_relu)(z) + FN(vec_log1p01)(FN(vec_exp_bounded)(-FN(vec_abs)(z)));
    return SELECT(z > threshold, x, y / beta);
}

/* IN a, b; OUT y (may be a or b). The rest of a vector goes through a whole padded one, so that
 * a number's result does not depend on its place. */
static void FN(activation_run)(int op, const REAL *pa, const REAL *pb, REAL *y, ptrdiff_t n,
                               REAL p, REAL q)
{
    const ptrdiff_t rest = n % VLEN, whole = n - rest;
    switch (op) {
#define OP(name, cost, ...)                                     \
    case OP_##name:                                             \
        for (ptrdiff_t i = 0; i < whole; i += VLEN) {           \
            const V a = *(const VU *)(pa + i);                  \
            const V b = *(const VU *)(pb + i);                  \
            *(VU *)(y + i) = __VA_ARGS__;                       \
        }                                                       \
        break;
#include "activation_ops.h"
#undef OP
    }
    if (rest) {
        const V a = FN(vec_load_part)(pa + whole, rest), b = FN(vec_load_part)(pb + whole, rest);
        V v;
        FN(activation_run)(op, (const REAL *)&a, (const REAL *)&b, (REAL *)&v, VLEN, p, q);
        FN(vec_store_part)(y + whole, v, rest);
    }
}

#undef SELECT
#undef FN
#undef VLEN
#undef VB
#undef VU
#undef V
