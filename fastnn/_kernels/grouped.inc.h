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
    if (s->inner == 1 && outer == 1) s->windows = 0;
}

/* windows is constant at every call where it is 0 (lanes as they are in the pixel) or 1. */
ALWAYS_INLINE void FN(spread_pixel)(const ptrdiff_t windows, const spread_t *s, const REAL *pixel,
                                    REAL *out)
{
    const ptrdiff_t *first = s->first, count = s->blocks * s->inner;
    const VI *index = s->index;
    for (ptrdiff_t i = 0; i < count; i++) {
        const REAL *window = pixel + first[i];
        V v = *(const VU *)window;
        if (windows) v = FN(spread_pick)(v, index[i]);
        for (ptrdiff_t n = 1; n < windows; n++) {
            const VI here = index[i] / VLEN == (int)n;
            const V next = FN(spread_pick)(*(const VU *)(window + n * VLEN), index[i]);
            v = (V)((here & (VI)next) | (~here & (VI)v));
        }
        *(V *)(out + i * VLEN) = v;
    }
}

static void FN(spread_row)(const spread_t *s, const REAL *x, ptrdiff_t size, ptrdiff_t start,
                           ptrdiff_t columns, REAL *spare, REAL *out)
{
    const ptrdiff_t channels = s->channels, windows = s->windows;
    const ptrdiff_t first = s->first[0], last = s->first[s->blocks * s->inner - 1] + VLEN;
    for (ptrdiff_t q = start; q < start + columns; q++, out += s->pitch) {
        const REAL *pixel = x + q * channels;
        for (ptrdiff_t i = first; i < last; i += 64 / sizeof(REAL))
            __builtin_prefetch(pixel + i + GROUPED_AHEAD / sizeof(REAL));
        if (q < 0 || q >= size) {
            memset(out, 0, s->blocks * s->inner * sizeof(V));
            continue;
        }
        if ((size - q) * channels < s->extent) /* not beyond the row */
            pixel = memcpy(spare, pixel, channels * sizeof(REAL));
        if (windows == 0) FN(spread_pixel)(0, s, pixel, out);
        else if (windows == 1) FN(spread_pixel)(1, s, pixel, out);
        else FN(spread_pixel)(windows, s, pixel, out);
    }
}

/* acc[i] += the products of terms [begin, end) for pixels i: four pixels to an address, or the
 * addresses would be what takes time. */
ALWAYS_INLINE void FN(grouped_terms)(const int pixels, const terms_t *t, ptrdiff_t begin,
                                     ptrdiff_t end, const REAL *x, const REAL *w, V *acc)
{
    const ptrdiff_t step = t->step, *at = t->at;
    for (ptrdiff_t n = begin; n < end; n++) {
        const V wv = *(const V *)(w + n * VLEN);
        const REAL *xp[3] = {x + at[n]};
        xp[1] = xp[0] + 4 * step;
        xp[2] = xp[1] + 4 * step;
        UNROLL(16) for (int i = 0; i < pixels; i++)
            acc[i] += *(const V *)(xp[i / 4] + i % 4 * step) * wv;
    }
}

/* Tiles of `pixels` outputs, one for each of the blocks; cut: of more than SUM_STEPS terms. pixels
 * and cut are constants at every call. */
ALWAYS_INLINE void FN(grouped_tiles)(const int pixels, const int cut, const spread_t *s,
                                     const terms_t *t, const REAL *x, const REAL *w,
                                     ptrdiff_t w_block, const REAL *bias, REAL *y,
                                     ptrdiff_t y_step, ptrdiff_t channels)
{
    for (ptrdiff_t b = s->block; b < s->block + s->blocks; b++, x += s->inner * VLEN) {
        V acc[GROUPED_PIXELS], total[GROUPED_PIXELS];
        const V start = *(const V *)(bias + b * VLEN);
        UNROLL(16) for (int i = 0; i < pixels; i++) acc[i] = (V){0};
        if (cut) { /* chains of additions are no longer than SUM_STEPS */
            UNROLL(16) for (int i = 0; i < pixels; i++) total[i] = start;
            for (ptrdiff_t n = 0; n < t->terms; n += SUM_STEPS) {
                const ptrdiff_t end = n + SUM_STEPS < t->terms ? n + SUM_STEPS : t->terms;
                FN(grouped_terms)(pixels, t, n, end, x, w + b * w_block, acc);
                UNROLL(16) for (int i = 0; i < pixels; i++) total[i] += acc[i], acc[i] = (V){0};
            }
        } else {
            FN(grouped_terms)(pixels, t, 0, t->terms, x, w + b * w_block, acc);
        }
        REAL *out = y + block_channel(sizeof(REAL), b, channels);
        if (b * VEC_BYTES % 64 == 0) { /* the cache lines that the next tile writes */
            UNROLL(16) for (int i = 0; i < pixels; i++)
                __builtin_prefetch(out + (pixels + i) * y_step, 1);
        }
        UNROLL(16) for (int i = 0; i < pixels; i++)
            *(VU *)(out + i * y_step) = cut ? total[i] : acc[i] + start;
    }
}

#define TILE_HEIGHT(pixels) TILE_KIND(pixels, short, 0) TILE_KIND(pixels, long, 1)
#define TILE_HEIGHTS                                                                              \
    TILE_HEIGHT(1) TILE_HEIGHT(2) TILE_HEIGHT(3) TILE_HEIGHT(4) TILE_HEIGHT(5) TILE_HEIGHT(6)     \
    TILE_HEIGHT(7) TILE_HEIGHT(8) TILE_HEIGHT(9) TILE_HEIGHT(10) TILE_HEIGHT(11) TILE_HEIGHT(12)
#define TILE_NAME(pixels, kind) VEC_CAT(VEC_CAT(VEC_CAT(grouped_tile, pixels), kind), DT)
#define TILE_ARGUMENTS \
    const spread_t *s, const terms_t *t, const REAL *x, const REAL *w, ptrdiff_t w_block,          \
        const REAL *bias, REAL *y, ptrdiff_t y_step, ptrdiff_t channels

#define TILE_KIND(pixels, kind, cut)                                                    \
    static __attribute__((noinline)) void TILE_NAME(pixels, kind)(TILE_ARGUMENTS)       \
    {                                                                                   \
        FN(grouped_tiles)(pixels, cut, s, t, x, w, w_block, bias, y, y_step, channels); \
    }
TILE_HEIGHTS
#undef TILE_KIND

static void FN(grouped_row)(const spread_t *s, const terms_t *t, const REAL *x, const REAL *w,
                            ptrdiff_t w_block, const REAL *bias, REAL *y, ptrdiff_t y_step,
                            ptrdiff_t channels)
{
#define TILE_KIND(pixels, kind, cut) TILE_NAME(pixels, kind),
    static void (*const tiles[2 * GROUPED_PIXELS])(TILE_ARGUMENTS) = {TILE_HEIGHTS};
#undef TILE_KIND
    const int cut = t->terms > SUM_STEPS;
    const ptrdiff_t count = (t->pixels + GROUPED_PIXELS - 1) / GROUPED_PIXELS;
    for (ptrdiff_t i = 0; i < count; i++) {
        const ptrdiff_t p = i * t->pixels / count, pixels = (i + 1) * t->pixels / count - p;
        void (*const tile)(TILE_ARGUMENTS) = tiles[2 * (pixels - 1) + cut];
        const REAL *xp = x + p * t->step;
        REAL *yp = y + p * y_step;
        if (channels < VLEN) {
            V values[GROUPED_PIXELS];
            tile(s, t, xp, w, w_block, bias, (REAL *)values, VLEN, channels);
            for (ptrdiff_t j = 0; j < pixels; j++)
                memcpy(yp + j * y_step, &values[j], channels * sizeof(REAL));
        } else {
            tile(s, t, xp, w, w_block, bias, yp, y_step, channels);
        }
    }
}
#undef TILE_HEIGHTS
#undef TILE_HEIGHT
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
