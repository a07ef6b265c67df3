/* Written over REAL and DT; see grouped.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(V, u)
#define VI VEC_CAT(grouped_index, DT)
#define VLEN VEC_CAT(VLEN, DT)
#define FN(name) VEC_CAT(name, DT)

/* v[index mod VLEN], lane by lane. */
ALWAYS_INLINE V FN(spread_pick)(V v, VI index)
{
#if defined(__clang__)
    V picked;
    for (int i = 0; i < VLEN; i++) picked[i] = v[index[i] & (VLEN - 1)];
    return picked;
#else
    return __builtin_shuffle(v, index);
#endif
}

static void FN(spread_fill)(spread_t *s, ptrdiff_t groups, ptrdiff_t outer)
{
    const ptrdiff_t channels = groups * outer;
    ptrdiff_t *first = s->first;
    VI *index = s->index;
    s->windows = 1;
    for (ptrdiff_t b = 0; b < s->blocks; b++) {
        const ptrdiff_t k = block_channel(sizeof(REAL), b, channels);
        const ptrdiff_t last = k + VLEN < channels ? k + VLEN - 1 : channels - 1;
        const ptrdiff_t reach = (last / outer - k / outer) * s->inner + 1;
        if (reach > s->windows * VLEN) s->windows = (reach + VLEN - 1) / VLEN;
    }
    s->extent = s->windows * VLEN;
    for (ptrdiff_t b = 0; b < s->blocks; b++) {
        const ptrdiff_t k = block_channel(sizeof(REAL), b, channels);
        for (ptrdiff_t j = 0; j < s->inner; j++, first++, index++) {
            /* Within the pixel, if it is long enough. */
            const ptrdiff_t from = k / outer * s->inner + j, most = s->channels - s->windows * VLEN;
            *first = from <= most ? from : most > 0 ? most : 0;
            if (*first + s->windows * VLEN > s->extent) s->extent = *first + s->windows * VLEN;
            for (int i = 0; i < VLEN; i++) {
                const ptrdiff_t lane = k + i < channels ? k + i : channels - 1;
                (*index)[i] = lane / outer * s->inner + j - *first;
            }
        }
    }
}

static void FN(spread_row)(const spread_t *s, const REAL *x, ptrdiff_t size, ptrdiff_t start,
                           ptrdiff_t columns, REAL *spare, REAL *out)
{
    const VI *index = s->index;
    for (ptrdiff_t q = start; q < start + columns; q++, out += s->pitch) {
        if (q < 0 || q >= size) {
            memset(out, 0, s->blocks * s->inner * sizeof(V));
            continue;
        }
        const REAL *pixel = x + q * s->channels;
        if ((size - q) * s->channels < s->extent) /* not beyond the row */
            pixel = memcpy(spare, pixel, s->channels * sizeof(REAL));
        for (ptrdiff_t i = 0; i < s->blocks * s->inner; i++) {
            const REAL *window = pixel + s->first[i];
            V v = FN(spread_pick)(*(const VU *)window, index[i]);
            for (ptrdiff_t n = 1; n < s->windows; n++) {
                const VI here = index[i] / VLEN == (int)n;
                const V next = FN(spread_pick)(*(const VU *)(window + n * VLEN), index[i]);
                v = (V)((here & (VI)next) | (~here & (VI)v));
            }
            *(V *)(out + i * VLEN) = v;
        }
    }
}

/* A tile of `pixels` outputs, constant at every call, of one block. */
ALWAYS_INLINE void FN(grouped_tile)(const int pixels, const terms_t *t, const REAL *x,
                                    const REAL *w, V bias, REAL *y, ptrdiff_t y_step,
                                    ptrdiff_t channels)
{
    const ptrdiff_t step = t->step;
    V acc[GROUPED_PIXELS], total[GROUPED_PIXELS];
    ptrdiff_t n = 0, end = t->terms;
    for (int i = 0; i < pixels; i++) acc[i] = (V){0};
    if (end > SUM_STEPS) { /* chains of additions have at most so many products */
        for (int i = 0; i < pixels; i++) total[i] = bias;
        bias = (V){0};
        end = SUM_STEPS;
    }
    for (;;) {
        for (; n < end; n++) {
            const V wv = *(const V *)(w + n * VLEN);
            const REAL *xp = x + t->at[n];
            UNROLL(16) for (int i = 0; i < pixels; i++) acc[i] += *(const V *)(xp + i * step) * wv;
        }
        if (n == t->terms) break;
        for (int i = 0; i < pixels; i++) total[i] += acc[i], acc[i] = (V){0};
        end = n + SUM_STEPS < t->terms ? n + SUM_STEPS : t->terms;
    }
    UNROLL(16) for (int i = 0; i < pixels; i++) {
        acc[i] += bias;
        if (t->terms > SUM_STEPS) acc[i] += total[i];
    }
    UNROLL(16) for (int i = 0; i < pixels; i++) {
        if (channels >= VLEN) *(VU *)(y + i * y_step) = acc[i];
        else FN(copy_span)((const REAL *)&acc[i], y + i * y_step, channels);
    }
}

#define TILE_HEIGHTS                                                                              \
    TILE_HEIGHT(1) TILE_HEIGHT(2) TILE_HEIGHT(3) TILE_HEIGHT(4) TILE_HEIGHT(5) TILE_HEIGHT(6)     \
    TILE_HEIGHT(7) TILE_HEIGHT(8) TILE_HEIGHT(9) TILE_HEIGHT(10) TILE_HEIGHT(11) TILE_HEIGHT(12)
#define TILE_NAME(pixels) VEC_CAT(VEC_CAT(grouped_tile, pixels), DT)
#define TILE_ARGUMENTS \
    const terms_t *t, const REAL *x, const REAL *w, V bias, REAL *y, ptrdiff_t y_step, ptrdiff_t channels

#define TILE_HEIGHT(pixels)                                                      \
    static __attribute__((noinline)) void TILE_NAME(pixels)(TILE_ARGUMENTS)      \
    {                                                                            \
        FN(grouped_tile)(pixels, t, x, w, bias, y, y_step, channels);            \
    }
TILE_HEIGHTS
#undef TILE_HEIGHT

static void FN(grouped_row)(const spread_t *s, const terms_t *t, const REAL *x, const REAL *w,
                            ptrdiff_t w_block, const REAL *bias, REAL *y, ptrdiff_t y_step,
                            ptrdiff_t channels)
{
#define TILE_HEIGHT(pixels) TILE_NAME(pixels),
    static void (*const tiles[GROUPED_PIXELS])(TILE_ARGUMENTS) = {TILE_HEIGHTS};
#undef TILE_HEIGHT
    const ptrdiff_t count = (t->pixels + GROUPED_PIXELS - 1) / GROUPED_PIXELS;
    for (ptrdiff_t i = 0; i < count; i++) {
        const ptrdiff_t p = i * t->pixels / count, pixels = (i + 1) * t->pixels / count - p;
        for (ptrdiff_t b = 0; b < s->blocks; b++)
            tiles[pixels - 1](t, x + p * t->step + b * s->inner * VLEN,
                              w + (s->block + b) * w_block,
                              *(const V *)(bias + (s->block + b) * VLEN),
                              y + p * y_step + block_channel(sizeof(REAL), s->block + b, channels), y_step,
                              channels);
    }
}
#undef TILE_HEIGHTS
#undef TILE_NAME
#undef TILE_ARGUMENTS

/* `terms` terms, constant at every call, of one block, over at most SUM_STEPS pixels. */
ALWAYS_INLINE void FN(grouped_weights)(const int terms, const ptrdiff_t *at, const REAL *x,
                                       ptrdiff_t step, const REAL *dy, ptrdiff_t dy_pitch,
                                       ptrdiff_t pixels, REAL *total)
{
    V acc[GROUPED_TERMS];
    const REAL *xp[GROUPED_TERMS];
    UNROLL(16) for (int i = 0; i < terms; i++) acc[i] = (V){0}, xp[i] = x + at[i];
    for (ptrdiff_t p = 0; p < pixels; p++, dy += dy_pitch) {
        const V d = *(const V *)dy;
        UNROLL(16) for (int i = 0; i < terms; i++) acc[i] += *(const V *)(xp[i] + p * step) * d;
    }
    UNROLL(16) for (int i = 0; i < terms; i++) *(V *)(total + i * VLEN) += acc[i];
}

static void FN(grouped_weight_row)(const spread_t *s, const terms_t *t, const REAL *x,
                                   const REAL *dy, ptrdiff_t dy_pitch, REAL *total,
                                   ptrdiff_t total_block)
{
    const ptrdiff_t count = (t->terms + GROUPED_TERMS - 1) / GROUPED_TERMS;
    for (ptrdiff_t b = 0; b < s->blocks; b++) {
        const REAL *xb = x + b * s->inner * VLEN, *dyb = dy + b * VLEN;
        for (ptrdiff_t i = 0; i < count; i++) {
            const ptrdiff_t n = i * t->terms / count, terms = (i + 1) * t->terms / count - n;
            REAL *sum = total + (s->block + b) * total_block + n * VLEN;
            for (ptrdiff_t p = 0; p < t->pixels; p += SUM_STEPS) {
                const ptrdiff_t left = t->pixels - p, pixels = left < SUM_STEPS ? left : SUM_STEPS;
                const REAL *xp = xb + p * t->step, *dyp = dyb + p * dy_pitch;
#define TERMS(n_terms)                                                                       \
    case n_terms:                                                                            \
        FN(grouped_weights)(n_terms, t->at + n, xp, t->step, dyp, dy_pitch, pixels, sum);    \
        break;
                switch (terms) {
                    TERMS(1) TERMS(2) TERMS(3) TERMS(4) TERMS(5) TERMS(6) TERMS(7) TERMS(8) TERMS(9)
                }
#undef TERMS
            }
        }
    }
}

#undef V
#undef VU
#undef VI
#undef VLEN
#undef FN
