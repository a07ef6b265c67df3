/* Pooling, written over REAL (float or double), DT (f32 or f64) and BYTES, the width of its
 * vectors; see pool.h, and lanes.h for `part`. `op` is POOL_MAX or POOL_AVG; parameters that are const at the call pick,
 * at compile time, the loops for them. */

#define FN(name) VEC_CAT(name, VEC_CAT(DT, BYTES))
#define V FN(lanes_v)
#define LANES ((ptrdiff_t)(BYTES / sizeof(REAL)))
#define INDEX FN(pool_index)
#define INDEX_OUT FN(pool_index_out)

typedef VEC_CAT(lanes_int, DT) INDEX __attribute__((vector_size(BYTES)));
typedef int32_t INDEX_OUT
    __attribute__((vector_size(BYTES / sizeof(REAL) * 4), aligned(4), may_alias));

ALWAYS_INLINE INDEX FN(load_index)(const int32_t *index, const int part, ptrdiff_t channels)
{
    INDEX_OUT v = {0};
    if (part) memcpy(&v, index, FN(used_lanes)(channels) * sizeof(int32_t));
    else v = *(const INDEX_OUT *)index;
    return __builtin_convertvector(v, INDEX);
}

ALWAYS_INLINE void FN(store_index)(int32_t *index, INDEX v, const int part, ptrdiff_t channels)
{
    const INDEX_OUT out = __builtin_convertvector(v, INDEX_OUT);
    if (part) memcpy(index, &out, FN(used_lanes)(channels) * sizeof(int32_t));
    else *(INDEX_OUT *)index = out;
}

/* One window, `vecs` vectors of channels. A NaN beats every number, the last NaN the others; of
 * equal numbers the first wins; a window outside the image has index -1. x: its first tap, at
 * `first` in the image; steps in pixels. */
ALWAYS_INLINE void FN(max_window)(const REAL *x, ptrdiff_t first, const ptrdiff_t rows,
                                  const ptrdiff_t cols, ptrdiff_t row_step, ptrdiff_t col_step,
                                  ptrdiff_t C, REAL *y, int32_t *index, const int vecs,
                                  const int part)
{
    V best[LANES_VECS];
    INDEX winner[LANES_VECS]; /* counted from `first` */
    UNROLL(4) for (int v = 0; v < vecs; v++) {
        if (rows > 0 && cols > 0) {
            best[v] = FN(load_lanes)(x + v * LANES, part, C);
            winner[v] = (INDEX){0};
        } else {
            best[v] = (V){0} - (REAL)__builtin_inf();
            winner[v] = (INDEX){0} - (int32_t)(first + 1);
        }
    }
    for (ptrdiff_t r = 0; r < rows; r++) {
        for (ptrdiff_t s = r == 0; s < cols; s++) {
            const ptrdiff_t tap = r * row_step + s * col_step;
            UNROLL(4) for (int v = 0; v < vecs; v++) {
                const V next = FN(load_lanes)(x + tap * C + v * LANES, part, C);
                const INDEX wins = (INDEX)(next > best[v]) | (INDEX)(next != next);
                best[v] = VEC_SELECT(V, wins, next, best[v]);
                winner[v] = VEC_SELECT(INDEX, wins, (INDEX){0} + (int32_t)tap, winner[v]);
            }
        }
    }
    UNROLL(4) for (int v = 0; v < vecs; v++) {
        FN(store_lanes)(y + v * LANES, best[v], part, C);
        FN(store_index)(index + v * LANES, winner[v] + (int32_t)first, part, C);
    }
}

ALWAYS_INLINE void FN(avg_window)(const REAL *x, const ptrdiff_t rows, const ptrdiff_t cols,
                                  ptrdiff_t row_step, ptrdiff_t C, REAL divisor, REAL *y,
                                  const int vecs, const int part)
{
    V total[LANES_VECS];
    UNROLL(4) for (int v = 0; v < vecs; v++) total[v] = (V){0};
    for (ptrdiff_t r = 0; r < rows; r++) {
        for (ptrdiff_t s = 0; s < cols;) {
            const ptrdiff_t end = cols - s <= SUM_PIXELS ? cols : s + SUM_PIXELS;
            V sum[LANES_VECS];
            UNROLL(4) for (int v = 0; v < vecs; v++) sum[v] = (V){0};
            for (; s < end; s++) {
                const REAL *from = x + (r * row_step + s) * C;
                UNROLL(4) for (int v = 0; v < vecs; v++) sum[v] += FN(load_lanes)(from + v * LANES, part, C);
            }
            UNROLL(4) for (int v = 0; v < vecs; v++) total[v] += sum[v];
        }
    }
    UNROLL(4) for (int v = 0; v < vecs; v++) FN(store_lanes)(y + v * LANES, total[v] / divisor, part, C);
}

/* Outputs [ow0, ow1) of row oh. taps: of every window in either direction, or 0: what the tables
 * say. few: C <= LANES. */
ALWAYS_INLINE void FN(span)(const int op, const pool_t *p, const REAL *x, ptrdiff_t oh,
                            ptrdiff_t ow0, ptrdiff_t ow1, REAL *y, int32_t *index, const int taps,
                            const int few, const int part)
{
    const span_t rows = p->h.window[oh], *window = p->w.window;
    const ptrdiff_t row = rows.first * p->w.size, R = taps ? taps : rows.count;
    const ptrdiff_t row_step = p->h.dil * p->w.size, col_step = p->w.dil, C = p->C;
    const ptrdiff_t y_row = oh * p->w.out;
    const REAL *divisor = p->divisor;
    for (ptrdiff_t ow = ow0; ow < ow1; ow++) {
        const ptrdiff_t first = row + window[ow].first, S = taps ? taps : window[ow].count;
        const REAL *from = x + first * C;
        const ptrdiff_t at = (y_row + ow) * C;
#define WINDOW(c, vecs)                                                                          \
    if (op == POOL_MAX)                                                                          \
        FN(max_window)(from + c, first, R, S, row_step, col_step, C, y + at + c, index + at + c, \
                       vecs, part);                                                              \
    else                                                                                         \
        FN(avg_window)(from + c, R, S, row_step, C, divisor[y_row + ow], y + at + c, vecs, part)
        ptrdiff_t k = 0;
        if (!few && !taps)
            for (; k + LANES_VECS * LANES <= C; k += LANES_VECS * LANES) { WINDOW(k, LANES_VECS); }
        for (; k < (few ? 1 : C); k += LANES) {
            const ptrdiff_t c = few ? 0 : FN(lane_start)(k, C);
            WINDOW(c, 1);
        }
#undef WINDOW
    }
}

static __attribute__((noinline)) void FN(any_span)(const int op, const pool_t *p, const REAL *x,
                                                   ptrdiff_t oh, ptrdiff_t ow0, ptrdiff_t ow1,
                                                   REAL *y, int32_t *index, int part)
{
    if (op == POOL_MAX && part) FN(span)(POOL_MAX, p, x, oh, ow0, ow1, y, index, 0, 1, 1);
    else if (op == POOL_MAX) FN(span)(POOL_MAX, p, x, oh, ow0, ow1, y, index, 0, 0, 0);
    else if (part) FN(span)(POOL_AVG, p, x, oh, ow0, ow1, y, index, 0, 1, 1);
    else FN(span)(POOL_AVG, p, x, oh, ow0, ow1, y, index, 0, 0, 0);
}

ALWAYS_INLINE void FN(rows_forward)(const int op, const pool_t *pool, const REAL *x,
                                    ptrdiff_t readable, REAL *y, int32_t *index, ptrdiff_t oh0,
                                    ptrdiff_t oh1)
{
    const pool_t p = *pool;
    const ptrdiff_t C = p.C, W = p.w.size, OW = p.w.out, reach = C < LANES ? LANES : C;
    const ptrdiff_t y_end = oh1 * OW * C;
    for (ptrdiff_t oh = oh0; oh < oh1; oh++) {
        const span_t rows = p.h.window[oh];
        const ptrdiff_t last_row = (rows.first + (rows.count - 1) * p.h.dil) * W;
        ptrdiff_t whole = OW, ow = 0; /* so many can be read and written in whole vectors */
        for (; whole > 0; whole--) {
            const span_t cols = p.w.window[whole - 1];
            const ptrdiff_t last = last_row + cols.first + (cols.count - 1) * p.w.dil;
            if (last * C + reach <= readable && (oh * OW + whole - 1) * C + reach <= y_end) break;
        }
        if (rows.count == 2 && p.w.taps == 2) { /* known at compile time: twice as fast */
            ow = p.w.full_begin;
            if (ow > 0) FN(any_span)(op, &p, x, oh, 0, ow, y, index, 0);
            const ptrdiff_t end = p.w.full_end < whole ? p.w.full_end : whole;
            if (C <= LANES) FN(span)(op, &p, x, oh, ow, end, y, index, 2, 1, 0);
            else FN(span)(op, &p, x, oh, ow, end, y, index, 2, 0, 0);
            ow = end;
        }
        if (ow < whole) FN(any_span)(op, &p, x, oh, ow, whole, y, index, 0);
        if (whole < OW) FN(any_span)(op, &p, x, oh, whole, OW, y, index, 1);
    }
}

static void FN(max_rows)(const pool_t *p, const void *x, ptrdiff_t readable, void *y,
                         int32_t *index, ptrdiff_t oh0, ptrdiff_t oh1)
{
    FN(rows_forward)(POOL_MAX, p, x, readable, y, index, oh0, oh1);
}

static void FN(avg_rows)(const pool_t *p, const void *x, ptrdiff_t readable, void *y,
                         int32_t *index, ptrdiff_t oh0, ptrdiff_t oh1)
{
    FN(rows_forward)(POOL_AVG, p, x, readable, y, index, oh0, oh1);
}

/* max: y[oh, ow, c] = x[index[oh, ow, c], c]
 * avg: y[oh, ow, c] = sum over taps of x[., c] / divisor[oh, ow]; p->divisor holds the reciprocals
 *
 * Every dx gathers from the windows over it, so a row of dx belongs to one thread and its sums run
 * in order. */
ALWAYS_INLINE void FN(gather_pixel)(const int op, const REAL *dy, const int32_t *index,
                                    const REAL *scale, int32_t pixel, span_t rows, span_t cols,
                                    ptrdiff_t OW, ptrdiff_t C, REAL *dx, const int vecs,
                                    const int part)
{
    V sum[LANES_VECS];
    UNROLL(4) for (int v = 0; v < vecs; v++) sum[v] = (V){0};
    for (ptrdiff_t oh = rows.first; oh < rows.first + rows.count; oh++) {
        for (ptrdiff_t q = oh * OW + cols.first; q < oh * OW + cols.first + cols.count; q++) {
            UNROLL(4) for (int v = 0; v < vecs; v++) {
                const ptrdiff_t at = q * C + v * LANES;
                const V d = FN(load_lanes)(dy + at, part, C);
                if (op == POOL_MAX)
                    sum[v] += VEC_SELECT(V, FN(load_index)(index + at, part, C) == pixel, d, (V){0});
                else
                    sum[v] += d * scale[q];
            }
        }
    }
    UNROLL(4) for (int v = 0; v < vecs; v++) {
        if (vecs > 1) __builtin_prefetch(dx + POOL_AHEAD + v * LANES, 1); /* to be written */
        FN(store_lanes)(dx + v * LANES, sum[v], part, C);
    }
}

/* Pixels [iw0, iw1) of row ih; dx: the row. */
ALWAYS_INLINE void FN(gather)(const int op, const pool_t *p, const REAL *dy, const int32_t *index,
                              ptrdiff_t ih, ptrdiff_t iw0, ptrdiff_t iw1, REAL *dx, const int part)
{
    const ptrdiff_t C = p->C, OW = p->w.out;
    const span_t rows = p->h.over[ih], *over = p->w.over;
    for (ptrdiff_t iw = iw0; iw < iw1; iw++) {
        const int32_t pixel = (int32_t)(ih * p->w.size + iw);
        ptrdiff_t c = 0;
        if (!part)
            for (; c + LANES_VECS * LANES <= C; c += LANES_VECS * LANES)
                FN(gather_pixel)(op, dy + c, index + c, p->divisor, pixel, rows, over[iw], OW, C,
                                 dx + iw * C + c, LANES_VECS, 0);
        for (ptrdiff_t k = c; k < C; k += LANES) {
            c = FN(lane_start)(k, C);
            FN(gather_pixel)(op, dy + c, index + c, p->divisor, pixel, rows, over[iw], OW, C,
                             dx + iw * C + c, 1, part);
        }
    }
}

static __attribute__((noinline)) void FN(any_gather)(const int op, const pool_t *p, const REAL *dy,
                                                     const int32_t *index, ptrdiff_t ih,
                                                     ptrdiff_t iw0, ptrdiff_t iw1, REAL *dx,
                                                     int part)
{
    if (op == POOL_MAX && part) FN(gather)(POOL_MAX, p, dy, index, ih, iw0, iw1, dx, 1);
    else if (op == POOL_MAX) FN(gather)(POOL_MAX, p, dy, index, ih, iw0, iw1, dx, 0);
    else if (part) FN(gather)(POOL_AVG, p, dy, index, ih, iw0, iw1, dx, 1);
    else FN(gather)(POOL_AVG, p, dy, index, ih, iw0, iw1, dx, 0);
}

/* The same for pixels that only windows [0, windows) of row oh are over, each over its own: up to
 * where the next one begins, dx is what one window gives, or 0. */
ALWAYS_INLINE void FN(spread)(const int op, const pool_t *p, const REAL *dy, const int32_t *index,
                              ptrdiff_t oh, ptrdiff_t windows, ptrdiff_t ih, REAL *dx,
                              const int few)
{
    const ptrdiff_t C = p->C, y_row = oh * p->w.out, x_row = ih * p->w.size;
    const span_t *window = p->w.window;
    const REAL *scale = p->divisor;
    for (ptrdiff_t ow = 0; ow < windows; ow++) {
        const ptrdiff_t begin = window[ow].first, steps = window[ow + 1].first - begin;
        for (ptrdiff_t k = 0; k < (few ? 1 : C); k += LANES) {
            const ptrdiff_t c = few ? 0 : FN(lane_start)(k, C), at = (y_row + ow) * C + c;
            V d = FN(load_lanes)(dy + at, 0, C);
            INDEX winner = {0}; /* counted from the window's begin */
            if (op == POOL_MAX) winner = FN(load_index)(index + at, 0, C) - (int32_t)(x_row + begin);
            else d *= scale[y_row + ow];
            REAL *to = dx + begin * C + c;
#define SPREAD_STEP(s)                                                                     \
    FN(store_lanes)(to + (s) * C,                                                          \
                    op == POOL_MAX ? VEC_SELECT(V, winner == (int32_t)(s), d, (V){0})      \
                                   : (s) < window[ow].count ? d : (V){0},                  \
                    0, C)
            if (steps == 2) {
                SPREAD_STEP(0);
                SPREAD_STEP(1);
            } else {
                for (ptrdiff_t s = 0; s < steps; s++) SPREAD_STEP(s);
            }
#undef SPREAD_STEP
        }
    }
}

ALWAYS_INLINE void FN(rows_backward)(const int op, const pool_t *pool, const REAL *dy,
                                     ptrdiff_t readable, REAL *dx, const int32_t *index,
                                     ptrdiff_t ih0, ptrdiff_t ih1)
{
    const pool_t p = *pool;
    const ptrdiff_t C = p.C, W = p.w.size, OW = p.w.out, reach = C < LANES ? LANES : C;
    const ptrdiff_t x_end = ih1 * W * C;
    dx += ih0 * W * C;
    for (ptrdiff_t ih = ih0; ih < ih1; ih++, dx += W * C) {
        const span_t rows = p.h.over[ih];
        const ptrdiff_t last_row = (rows.first + rows.count - 1) * OW;
        ptrdiff_t whole = W, iw = 0; /* so many can be read and written in whole vectors */
        for (; whole > 0; whole--) {
            const span_t cols = p.w.over[whole - 1];
            const ptrdiff_t last = last_row + cols.first + cols.count - 1;
            if (last * C + reach <= readable && (ih * W + whole - 1) * C + reach <= x_end) break;
        }
        if (rows.count == 1 && p.w.disjoint && whole > 0) {
            /* of those that end before pixel `whole` */
            const ptrdiff_t windows = whole == W ? OW : p.w.over[whole].first - !p.w.over[whole].count;
            if (C <= LANES) FN(spread)(op, &p, dy, index, rows.first, windows, ih, dx, 1);
            else FN(spread)(op, &p, dy, index, rows.first, windows, ih, dx, 0);
            iw = p.w.window[windows].first;
        }
        if (iw < whole) FN(any_gather)(op, &p, dy, index, ih, iw, whole, dx, 0);
        if (whole < W) FN(any_gather)(op, &p, dy, index, ih, whole, W, dx, 1);
    }
}

static void FN(max_rows_backward)(const pool_t *p, const void *dy, ptrdiff_t readable, void *dx,
                                  int32_t *index, ptrdiff_t ih0, ptrdiff_t ih1)
{
    FN(rows_backward)(POOL_MAX, p, dy, readable, dx, index, ih0, ih1);
}

static void FN(avg_rows_backward)(const pool_t *p, const void *dy, ptrdiff_t readable, void *dx,
                                  int32_t *index, ptrdiff_t ih0, ptrdiff_t ih1)
{
    FN(rows_backward)(POOL_AVG, p, dy, readable, dx, index, ih0, ih1);
}

static const pool_rows_p FN(POOL_ROWS)[POOL_OPS] = {
    FN(max_rows), FN(max_rows_backward), FN(avg_rows), FN(avg_rows_backward)};

#undef V
#undef INDEX
#undef INDEX_OUT
#undef LANES
#undef FN
