/* Local response normalisation, written over REAL and DT; see local_response_norm.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VLEN VEC_CAT(VLEN, DT)
#define FN(name) VEC_CAT(name, DT)
#define LOAD(p) ((V) * (const VU *)(p))
#define STORE(p, value) (*(VU *)(p) = (value))
/* c: the first channel of each of a pixel's vectors. */
#define LRN_VECTORS                               \
    for (ptrdiff_t i = 0, c = 0; i < channels;    \
         i += VLEN, c = i <= channels - VLEN ? i : channels - VLEN)

ALWAYS_INLINE V FN(lrn_load)(const REAL *x, ptrdiff_t channels)
{
    return channels >= VLEN ? LOAD(x) : FN(vec_load_part)(x, channels);
}

ALWAYS_INLINE void FN(lrn_store)(REAL *x, V v, ptrdiff_t channels)
{
    if (channels >= VLEN) STORE(x, v);
    else FN(vec_store_part)(x, v, channels);
}

/* The sum of as many terms as the window has places. */
ALWAYS_INLINE V FN(lrn_window)(const lrn_t *g, const REAL *terms)
{
    V sum = LOAD(terms);
    for (ptrdiff_t i = 1; i <= g->left + g->right; i++) sum += LOAD(terms + i);
    return sum;
}

static void FN(lrn_pixels)(const lrn_t *g, const REAL *dy, const REAL *x, ptrdiff_t pixels,
                           REAL *out, REAL *scratch)
{
    const ptrdiff_t channels = g->channels, line = channels + g->left + g->right + 2 * VLEN;
    const REAL alpha = (REAL)g->alpha, k = (REAL)g->k, minus_beta = (REAL)-g->beta;
    const REAL both = (REAL)(-2 * g->alpha * g->beta);
    REAL *squares = scratch, *terms = scratch + line, *powers = terms + line;
    memset(scratch, 0, 3 * line * sizeof(REAL));
    for (; pixels > 0; pixels--, x += channels, out += channels) {
        LRN_VECTORS
        {
            const V v = FN(lrn_load)(x + c, channels);
            STORE(squares + g->left + c, v * v);
        }
        LRN_VECTORS
        {
            const V v = FN(lrn_load)(x + c, channels);
            const V d = FN(lrn_window)(g, squares + c) * alpha + k;
            const V power = FN(vec_exp)(FN(vec_log)(d) * minus_beta);
            if (!dy) {
                FN(lrn_store)(out + c, v * power, channels);
                continue;
            }
            const V slope = FN(lrn_load)(dy + c, channels) * power;
            STORE(powers + c, slope);
            FN(lrn_store)(terms + g->right + c, slope * v / d, channels);
        }
        if (!dy) continue;
        /* y[c] = x[c] d[c]^-beta, where d is made of the squares around c:
         * dx[c] = dy[c] d[c]^-beta - 2 alpha beta x[c] sum of dy[j] x[j] d[j]^(-beta-1) */
        LRN_VECTORS
        {
            const V v = FN(lrn_load)(x + c, channels) * FN(lrn_window)(g, terms + c);
            FN(lrn_store)(out + c, LOAD(powers + c) + v * both, channels);
        }
        dy += channels;
    }
}

#undef LRN_VECTORS
#undef STORE
#undef LOAD
#undef FN
#undef VLEN
#undef VU
#undef V
