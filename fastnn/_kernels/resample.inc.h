/* Resampling, written over REAL (float or double), DT and BYTES; see resample.h. */

#define FN(name) VEC_CAT(name, VEC_CAT(DT, BYTES))
#define V FN(lanes_v)
#define LANES ((ptrdiff_t)(BYTES / sizeof(REAL)))

/* row[i] = sum over e of weight[e] x[source[e], i], for rows of n numbers; two at a time. */
static void FN(blend_rows)(const REAL *x, ptrdiff_t n, const ptrdiff_t *source, const REAL *weight,
                           ptrdiff_t sources, REAL *restrict row)
{
    for (ptrdiff_t e = 0; e < sources; e += 2) {
        const REAL *a = x + source[e] * n, wa = weight[e];
        if (e + 1 < sources) {
            const REAL *b = x + source[e + 1] * n, wb = weight[e + 1];
            if (e == 0) for (ptrdiff_t i = 0; i < n; i++) row[i] = a[i] * wa + b[i] * wb;
            else for (ptrdiff_t i = 0; i < n; i++) row[i] += a[i] * wa + b[i] * wb;
        } else {
            if (e == 0) for (ptrdiff_t i = 0; i < n; i++) row[i] = a[i] * wa;
            else for (ptrdiff_t i = 0; i < n; i++) row[i] += a[i] * wa;
        }
    }
}

/* One pixel, `vecs` vectors of its channels, from a blended row. */
ALWAYS_INLINE void FN(blend_pixels)(const REAL *row, ptrdiff_t C, const ptrdiff_t *source,
                                    const REAL *weight, ptrdiff_t sources, REAL *y,
                                    const int vecs, const int part)
{
    V sum[LANES_VECS];
    UNROLL(4) for (int v = 0; v < vecs; v++)
        sum[v] = FN(load_lanes)(row + source[0] * C + v * LANES, 0, C) * weight[0];
    for (ptrdiff_t e = 1; e < sources; e++) {
        UNROLL(4) for (int v = 0; v < vecs; v++)
            sum[v] += FN(load_lanes)(row + source[e] * C + v * LANES, 0, C) * weight[e];
    }
    UNROLL(4) for (int v = 0; v < vecs; v++) FN(store_lanes)(y + v * LANES, sum[v], part, C);
}

ALWAYS_INLINE void FN(fill)(REAL *y, ptrdiff_t n, REAL value)
{
    for (ptrdiff_t i = 0; i < n; i++) y[i] = value;
}

/* Targets [begin, end) of a row y. */
ALWAYS_INLINE void FN(blend_span)(const resample_t *p, const REAL *row, ptrdiff_t begin,
                                  ptrdiff_t end, REAL *y, const int few, const int part)
{
    const ptrdiff_t C = p->C, *start = p->w.start, *source = p->w.source;
    const REAL *weight = (const REAL *)p->w.weight;
    for (ptrdiff_t u = begin; u < end; u++) {
        const ptrdiff_t e = start[u], sources = start[u + 1] - e;
        ptrdiff_t k = 0;
        if (sources == 0) {
            FN(fill)(y + u * C, C, (REAL)p->fill);
            continue;
        }
        if (few) {
            FN(blend_pixels)(row, C, source + e, weight + e, sources, y + u * C, 1, part);
            continue;
        }
        for (; k + LANES_VECS * LANES <= C; k += LANES_VECS * LANES)
            FN(blend_pixels)(row + k, C, source + e, weight + e, sources, y + u * C + k,
                             LANES_VECS, 0);
        for (; k < C; k += LANES) {
            const ptrdiff_t c = FN(lane_start)(k, C);
            FN(blend_pixels)(row + c, C, source + e, weight + e, sources, y + u * C + c, 1, 0);
        }
    }
}

static __attribute__((noinline)) void FN(blend_row)(const resample_t *p, const REAL *row,
                                                    ptrdiff_t begin, ptrdiff_t end, REAL *y,
                                                    ptrdiff_t writable)
{
    if (begin >= end) return;
    if (p->C > LANES) {
        FN(blend_span)(p, row, begin, end, y, 0, 0);
        return;
    }
    ptrdiff_t whole = writable < LANES ? 0 : (writable - LANES) / p->C + 1;
    if (whole > end) whole = end;
    FN(blend_span)(p, row, begin, whole, y, 1, 0);
    FN(blend_span)(p, row, whole > begin ? whole : begin, end, y, 1, 1);
}

static void FN(resample_rows)(const resample_t *plan, const void *images, ptrdiff_t readable,
                              void *target, void *scratch, ptrdiff_t row0, ptrdiff_t row1)
{
    const resample_t p = *plan;
    const ptrdiff_t C = p.C, OW = p.w.out, n = p.w.in * C;
    const ptrdiff_t *source = p.h.source;
    const REAL *x = images, *weight = (const REAL *)p.h.weight;
    for (ptrdiff_t t = row0; t < row1; t++) {
        REAL *y = (REAL *)target + t * OW * C;
        const ptrdiff_t e = p.h.start[t], sources = p.h.start[t + 1] - e;
        if (sources == 0 || p.w.begin == p.w.end) {
            FN(fill)(y, OW * C, (REAL)p.fill);
            continue;
        }
        const int copies = sources == 1 && weight[e] == 1;
        if (copies && t > row0 && p.h.start[t - 1] + 1 == e && source[e] == source[e - 1]
            && weight[e - 1] == 1) {
            memcpy(y, y - OW * C, OW * C * sizeof(REAL));
            continue;
        }
        const REAL *row = x + source[e] * n;
        if (!copies || (source[e] + 1) * n + LANES > readable) { /* vectors may read on */
            FN(blend_rows)(x, n, source + e, weight + e, sources, scratch);
            row = scratch;
        }
        const ptrdiff_t writable = (row1 - t) * OW * C;
        FN(fill)(y, p.w.begin * C, (REAL)p.fill);
        FN(blend_row)(&p, row, p.w.begin, p.w.run_begin, y, writable);
        if (p.w.run_begin < p.w.run_end)
            memcpy(y + p.w.run_begin * C, row + source_of_run(&p.w) * C,
                   (p.w.run_end - p.w.run_begin) * C * sizeof(REAL));
        FN(blend_row)(&p, row, p.w.run_end, p.w.end, y, writable);
        FN(fill)(y + p.w.end * C, (OW - p.w.end) * C, (REAL)p.fill);
    }
}

#undef LANES
#undef V
#undef FN
