/* The table of activations; included wherever OP is given a meaning.
 *
 * OP(name, cost, value): value is a vector, from the vectors a (x, or dy) and b (what a backward
 * reads besides dy) and the numbers p and q; cost is in additions, to choose threads by.
 */
OP(negative, 1, -a)

OP(relu, 1, FN(vec_relu)(a))
OP(relu_backward, 1, (V)((VB)a & ~(VB)(b <= 0))) /* y = max(x, 0); b = y */

OP(sigmoid, 12, FN(vec_sigmoid)(a))
OP(sigmoid_backward, 1, a * b * (1 - b)) /* y = 1 / (1 + exp(-x)); b = y */

OP(tanh, 12, FN(vec_tanh)(a))
OP(tanh_backward, 1, a * ((1 - b) * (1 + b))) /* y = tanh(x); b = y */

OP(exp, 8, FN(vec_exp)(a))
OP(exp_backward, 1, a * b) /* y = exp(x); b = y */

/* p = beta, q = threshold */
OP(softplus, 24, FN(softplus)(a, p, q))
OP(softplus_backward, 12, /* y = p x > q ? x : log(1 + exp(p x)) / p; b = x */
   SELECT(b * p > q, a, a * FN(vec_sigmoid)(b * p)))

/* p = negative_slope */
OP(leaky_relu, 1, SELECT(a > 0, a, a * p))
OP(leaky_relu_backward, 1, SELECT(b > 0, a, a * p)) /* y = x > 0 ? x : p x; b = x */

/* p = alpha */
OP(elu, 10, SELECT(a > 0, a, p * FN(vec_expm1)(a)))
OP(elu_backward, 10, /* y = x > 0 ? x : p (exp(x) - 1); b = x */
   SELECT(b > 0, a, a * (p * FN(vec_exp)(b))))

OP(gelu, 24, ({ V d; FN(gelu)(a, &d); }))
OP(gelu_backward, 26, ({ V d; FN(gelu)(b, &d); a * d; })) /* y = x P(x); b = x */

OP(gelu_tanh, 14, ({ V d; FN(gelu_tanh)(a, &d); }))
OP(gelu_tanh_backward, 16, ({ V d; FN(gelu_tanh)(b, &d); a * d; })) /* y = x s(z(x)); b = x */

/* No array functions: softmax and elu are made of these, and tests measure them here. */
OP(log, 12, FN(vec_log)(a))
OP(log1p01, 12, FN(vec_log1p01)(a))
OP(expm1, 10, FN(vec_expm1)(a))
