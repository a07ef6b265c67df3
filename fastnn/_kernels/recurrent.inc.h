/* Gates, written over REAL and DT; see recurrent.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VLEN VEC_CAT(VLEN, DT)
#define FN(name) VEC_CAT(name, DT)

/* The first n numbers of a vector. */
ALWAYS_INLINE V FN(gate_load)(const REAL *x, const ptrdiff_t n)
{
    return n == VLEN ? (V) * (const VU *)x : FN(vec_load_part)(x, n);
}

ALWAYS_INLINE void FN(gate_store)(REAL *x, V v, const ptrdiff_t n)
{
    if (n == VLEN) *(VU *)x = v;
    else FN(vec_store_part)(x, v, n);
}

/* f(s, p, i, j, n, ...) for n units from the j-th on of the i-th row. */
#define EACH_VECTOR(f, ...)                                                              \
    for (ptrdiff_t i = 0; i < p->rows; i++) {                                            \
        ptrdiff_t j = 0;                                                                 \
        for (; j + VLEN <= p->units; j += VLEN) f(s, p, i, j, VLEN, __VA_ARGS__);        \
        if (j < p->units) f(s, p, i, j, p->units - j, __VA_ARGS__);                      \
    }

#define ARGUMENTS const recurrent_t *s, const part_t *p, ptrdiff_t i, ptrdiff_t j, const ptrdiff_t n
/* Where the vector's numbers lie in (U), in gates, in dy, in the batch, and in h and c. */
#define UNIT (p->unit + j)
#define IN_GATES ((p->at + p->row + i) * s->width + UNIT)
#define IN_Y ((p->at + p->row + i) * s->U + UNIT)
#define IN_BATCH ((p->row + i) * s->U + UNIT)
#define BEFORE ((p->before + p->row + i) * s->U + UNIT)
#define AFTER ((p->after + p->row + i) * s->U + UNIT)
#define LOAD(x) FN(gate_load)(x, n)
#define STORE(x, v) FN(gate_store)(x, v, n)
#define SUM(gate) LOAD((const REAL *)p->sum + i * p->sum_row + (gate) * p->sum_gate + j)

/* dy + what comes by way of the step after; after the last step, the last state's gradient.
 * carried: in both cases, what dh holds. */
ALWAYS_INLINE V FN(gradient_of_h)(ARGUMENTS, const int carried)
{
    V dh = {0};
    if (carried || !p->sum) dh = LOAD((const REAL *)s->dh + IN_BATCH);
    if (p->sum) dh += SUM(0);
    if (s->dy) dh += LOAD((const REAL *)s->dy + IN_Y);
    return dh;
}

/* ---- RNN ---- */

ALWAYS_INLINE void FN(rnn_vector)(ARGUMENTS, const int cell)
{
    const V a = LOAD((const REAL *)s->gates + IN_GATES) + SUM(0);
    const V h = cell == RNN_TANH ? FN(vec_tanh)(a)
        : cell == RNN_RELU       ? FN(vec_relu)(a)
        : cell == RNN_SIGMOID    ? FN(vec_sigmoid)(a)
                                 : a;
    STORE((REAL *)s->h + AFTER, h);
}

ALWAYS_INLINE void FN(rnn_vector_backward)(ARGUMENTS, const int cell) /* h = tanh a, ... */
{
    const V dh = FN(gradient_of_h)(s, p, i, j, n, 0);
    const V h = LOAD((const REAL *)s->h + AFTER);
    const V da = cell == RNN_TANH ? dh * (1 - h * h)
        : cell == RNN_RELU        ? VEC_SELECT(V, h <= 0, (V){0}, dh)
        : cell == RNN_SIGMOID     ? dh * (h * (1 - h))
                                  : dh;
    STORE((REAL *)s->dgates + IN_GATES, da);
}

/* ---- LSTM: gates i f g o, or, coupled, f g o ---- */

ALWAYS_INLINE void FN(lstm_vector)(ARGUMENTS, const int coupled, const int peephole)
{
    REAL *gates = (REAL *)s->gates + IN_GATES;
    const REAL *w = (const REAL *)s->peephole + (peephole ? UNIT : 0);
    const ptrdiff_t U = s->U;
    const int F = coupled ? 0 : 1, G = F + 1, O = F + 2;
    const V before = LOAD((const REAL *)s->c + BEFORE);
    V i_gate, f = LOAD(gates + F * U) + SUM(F);
    if (peephole) f += LOAD(w + F * U) * before;
    f = FN(vec_sigmoid)(f);
    if (coupled) {
        i_gate = 1 - f;
    } else {
        i_gate = LOAD(gates) + SUM(0);
        if (peephole) i_gate += LOAD(w) * before;
        i_gate = FN(vec_sigmoid)(i_gate);
        STORE(gates, i_gate);
    }
    const V g = FN(vec_tanh)(LOAD(gates + G * U) + SUM(G));
    const V c = f * before + i_gate * g;
    V o = LOAD(gates + O * U) + SUM(O);
    if (peephole) o += LOAD(w + G * U) * c;
    o = FN(vec_sigmoid)(o);
    STORE(gates + F * U, f);
    STORE(gates + G * U, g);
    STORE(gates + O * U, o);
    STORE((REAL *)s->c + AFTER, c);
    STORE((REAL *)s->h + AFTER, o * FN(vec_tanh)(c));
}

/* c = f c' + i g,  h = o tanh c */
ALWAYS_INLINE void FN(lstm_vector_backward)(ARGUMENTS, const int coupled, const int peephole)
{
    const REAL *gates = (const REAL *)s->gates + IN_GATES;
    REAL *dgates = (REAL *)s->dgates + IN_GATES;
    REAL *dc_at = (REAL *)s->dc + IN_BATCH;
    const REAL *w = (const REAL *)s->peephole + (peephole ? UNIT : 0);
    const ptrdiff_t U = s->U;
    const int F = coupled ? 0 : 1, G = F + 1, O = F + 2;
    const V before = LOAD((const REAL *)s->c + BEFORE);
    const V tanh_c = FN(vec_tanh)(LOAD((const REAL *)s->c + AFTER));
    const V f = LOAD(gates + F * U), g = LOAD(gates + G * U), o = LOAD(gates + O * U);
    const V i_gate = coupled ? 1 - f : LOAD(gates);
    const V dh = FN(gradient_of_h)(s, p, i, j, n, 0);
    const V da_o = dh * tanh_c * (o * (1 - o));
    V dc = LOAD(dc_at) + dh * o * (1 - tanh_c * tanh_c);
    if (peephole) dc += da_o * LOAD(w + G * U);
    const V da_f = dc * (coupled ? before - g : before) * (f * (1 - f));
    V dc_before = dc * f;
    if (peephole) dc_before += da_f * LOAD(w + F * U);
    if (!coupled) {
        const V da_i = dc * g * (i_gate * (1 - i_gate));
        if (peephole) dc_before += da_i * LOAD(w);
        STORE(dgates, da_i);
    }
    STORE(dgates + F * U, da_f);
    STORE(dgates + G * U, dc * i_gate * (1 - g * g));
    STORE(dgates + O * U, da_o);
    STORE(dc_at, dc_before);
}

/* ---- GRU: gates r z n q ---- */

ALWAYS_INLINE void FN(gru_vector)(ARGUMENTS, const int part)
{
    REAL *gates = (REAL *)s->gates + IN_GATES;
    const ptrdiff_t U = s->U;
    const V before = LOAD((const REAL *)s->h + BEFORE);
    V z, a = LOAD(gates + 2 * U);
    if (part == GRU_NEW) {
        z = LOAD(gates + U);
        a += SUM(0);
    } else {
        const V r = FN(vec_sigmoid)(LOAD(gates) + SUM(0));
        z = FN(vec_sigmoid)(LOAD(gates + U) + SUM(1));
        STORE(gates, r);
        STORE(gates + U, z);
        const V q = part == GRU_ALL ? SUM(2) + LOAD((const REAL *)s->bias + UNIT) : r * before;
        STORE(gates + 3 * U, q);
        if (part == GRU_RESET) return;
        a += r * q;
    }
    const V new = FN(vec_tanh)(a);
    STORE(gates + 2 * U, new);
    STORE((REAL *)s->h + AFTER, new + z * (before - new));
}

/* n = tanh(x's part + r q),  h = n + z (h' - n); or n = tanh a with q = r h' */
ALWAYS_INLINE void FN(gru_vector_backward)(ARGUMENTS, const int part)
{
    const REAL *gates = (const REAL *)s->gates + IN_GATES;
    REAL *dgates = (REAL *)s->dgates + IN_GATES;
    REAL *carried = (REAL *)s->dh + IN_BATCH; /* of h', by other ways than the product */
    const ptrdiff_t U = s->U;
    const V before = LOAD((const REAL *)s->h + BEFORE);
    const V r = LOAD(gates);
    if (part == GRU_RESET) { /* sum is the gradient of q */
        const V dq = SUM(0);
        STORE(dgates, dq * before * (r * (1 - r)));
        STORE(carried, LOAD(carried) + dq * r);
        return;
    }
    const V z = LOAD(gates + U), new = LOAD(gates + 2 * U);
    const V dh = FN(gradient_of_h)(s, p, i, j, n, 1);
    const V da = dh * (1 - z) * (1 - new * new);
    STORE(dgates + U, dh * (before - new) * (z * (1 - z)));
    STORE(dgates + 2 * U, da);
    STORE(carried, dh * z);
    if (part == GRU_ALL) {
        STORE(dgates, da * LOAD(gates + 3 * U) * (r * (1 - r)));
        STORE(dgates + 3 * U, da * r);
    }
}

/* ---- all of them ---- */

#define LSTM_OF(f, coupled)                                \
    {                                                      \
        if (s->peephole) EACH_VECTOR(f, coupled, 1)        \
        else EACH_VECTOR(f, coupled, 0)                    \
    }                                                      \
    break;

static void FN(recurrent_forward)(const recurrent_t *s, const part_t *p, int phase)
{
    switch (s->cell) {
    case RNN_TANH: EACH_VECTOR(FN(rnn_vector), RNN_TANH) break;
    case RNN_RELU: EACH_VECTOR(FN(rnn_vector), RNN_RELU) break;
    case RNN_SIGMOID: EACH_VECTOR(FN(rnn_vector), RNN_SIGMOID) break;
    case RNN_IDENTITY: EACH_VECTOR(FN(rnn_vector), RNN_IDENTITY) break;
    case LSTM: LSTM_OF(FN(lstm_vector), 0)
    case LSTM_COUPLED: LSTM_OF(FN(lstm_vector), 1)
    case GRU: EACH_VECTOR(FN(gru_vector), GRU_ALL) break;
    case GRU_BEFORE:
        if (phase == 0) EACH_VECTOR(FN(gru_vector), GRU_RESET)
        else EACH_VECTOR(FN(gru_vector), GRU_NEW)
    }
}

static void FN(recurrent_backward)(const recurrent_t *s, const part_t *p, int phase)
{
    switch (s->cell) {
    case RNN_TANH: EACH_VECTOR(FN(rnn_vector_backward), RNN_TANH) break;
    case RNN_RELU: EACH_VECTOR(FN(rnn_vector_backward), RNN_RELU) break;
    case RNN_SIGMOID: EACH_VECTOR(FN(rnn_vector_backward), RNN_SIGMOID) break;
    case RNN_IDENTITY: EACH_VECTOR(FN(rnn_vector_backward), RNN_IDENTITY) break;
    case LSTM: LSTM_OF(FN(lstm_vector_backward), 0)
    case LSTM_COUPLED: LSTM_OF(FN(lstm_vector_backward), 1)
    case GRU: EACH_VECTOR(FN(gru_vector_backward), GRU_ALL) break;
    case GRU_BEFORE:
        if (phase == 0) EACH_VECTOR(FN(gru_vector_backward), GRU_NEW)
        else EACH_VECTOR(FN(gru_vector_backward), GRU_RESET)
    }
}

ALWAYS_INLINE void FN(begin_vector)(ARGUMENTS, const int carried)
{
    REAL *dh = (REAL *)s->dh + IN_BATCH;
    STORE(dh, carried ? LOAD(dh) + SUM(0) : SUM(0));
}

static void FN(recurrent_begin)(const recurrent_t *s, const part_t *p)
{
    if (s->cell == GRU || s->cell == GRU_BEFORE) EACH_VECTOR(FN(begin_vector), 1)
    else EACH_VECTOR(FN(begin_vector), 0)
}

#undef LSTM_OF
#undef SUM
#undef STORE
#undef LOAD
#undef AFTER
#undef BEFORE
#undef IN_BATCH
#undef IN_Y
#undef IN_GATES
#undef UNIT
#undef ARGUMENTS
#undef EACH_VECTOR
#undef FN
#undef VLEN
#undef VU
#undef V
