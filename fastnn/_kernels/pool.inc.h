/* Pooling, written over REAL (float or double), DT (f32 or f64) and BYTES, the width of its
 * vectors; see pool.h. */

#define FN(name) VEC_CAT(name, VEC_CAT(DT, BYTES))
#define V FN(pool_v)
#define VU FN(pool_vu)
#define INDEX FN(pool_index)
#define INDEX_OUT FN(pool_index_out)
#define LANES ((ptrdiff_t)(BYTES / sizeof(REAL)))

typedef REAL V __attribute__((vector_size(BYTES)));
typedef REAL VU __attribute__((vector_size(BYTES), aligned(__alignof__(REAL)), may_alias));
typedef VEC_CAT(pool_int, DT) INDEX __attribute__((vector_size(BYTES)));
typedef int32_t INDEX_OUT
    __attribute__((vector_size(BYTES / sizeof(REAL) * 4), aligned(4), may_alias));

/* Where the vector for channels c, c + 1, ... starts. */
ALWAYS_INLINE ptrdiff_t FN(lane_start)(ptrdiff_t c, ptrdiff_t channels)
{
    return c <= channels - LANES || channels < LANES ? c : channels - LANES;
}

ALWAYS_INLINE size_t FN(lanes_of)(ptrdiff_t channels) { return channels < LANES ? channels : LANES; }

/* `part`: only the channels of one pixel. */
ALWAYS_INLINE V FN(load_lanes)(const REAL *x, const int part, ptrdiff_t channels)
{
    V v = {0};
    if (part) memcpy(&v, x, FN(lanes_of)(channels) * sizeof(REAL));
    else v = (V) * (const VU *)x;
    return v;
}

ALWAYS_INLINE void FN(store_lanes)(REAL *y, V v, const int part, ptrdiff_t channels)
{
    if (part) memcpy(y, &v, FN(lanes_of)(channels) * sizeof(REAL));
    else *(VU *)y = v;
}

ALWAYS_INLINE INDEX FN(load_index)(const int32_t *index, const int part, ptrdiff_t channels)
{
    INDEX_OUT v = {0};
    if (part) memcpy(&v, index, FN(lanes_of)(channels) * sizeof(int32_t));
    else v = *(const INDEX_OUT *)index;
    return __builtin_convertvector(v, INDEX);
}

ALWAYS_INLINE void FN(store_index)(int32_t *index, INDEX v, const int part, ptrdiff_t channels)
{
    const INDEX_OUT out = __builtin_convertvector(v, INDEX_OUT);
    if (part) memcpy(index, &out, FN(lanes_of)(channels) * sizeof(int32_t));
    else *(INDEX_OUT *)index = out;
}

/* One window, one vector of channels. A NaN beats every number, the last NaN the others; of equal
 * numbers the first wins; a window outside the image has index -1. x: its first tap, at `first`
 * in the image. */
ALWAYS_INLINE void FN(max_window)(const REAL *x, ptrdiff_t first, const ptrdiff_t rows,
                                  const ptrdiff_t cols, ptrdiff_t row_step, ptrdiff_t col_step,
                                  ptrdiff_t C, REAL *y, int32_t *index, const int part)
{
    V best = (V){0} - (REAL)__builtin_inf();
    INDEX winner = {0}; /* counted from `first` */
    if (rows > 0 && cols > 0) best = FN(load_lanes)(x, part, C);
    else winner -= (int32_t)first + 1;
    for (ptrdiff_t r = 0; r < rows; r++) {
        for (ptrdiff_t s = r == 0; s < cols; s++) {
            const ptrdiff_t tap = r * row_step + s * col_step;
            const V v = FN(load_lanes)(x + tap * C, part, C);
            const INDEX wins = (INDEX)(v > best) | (INDEX)(v != v);
            best = VEC_SELECT(V, wins, v, best);
            winner = VEC_SELECT(INDEX, wins, (INDEX){0} + (int32_t)tap, winner);
        }
    }
    FN(store_lanes)(y, best, part, C);
    FN(store_index)(index, winner + (int32_t)first, part, C);
}

/* Outputs [ow0, ow1) of a row, whose windows' first rows lie `row` pixels from x's begin; y, index:
 * the row. taps: of every window in either direction, or 0: what the tables say. */
ALWAYS_INLINE void FN(max_span)(const pool_t *p, const REAL *x, ptrdiff_t row, ptrdiff_t rows,
                                ptrdiff_t ow0, ptrdiff_t ow1, REAL *y, int32_t *index,
                                const int taps, const int few, const int part)
{
    const span_t *window = p->w.window;
    const ptrdiff_t row_step = p->h.dil * p->w.size, col_step = p->w.dil, C = p->C;
    for (ptrdiff_t ow = ow0; ow < ow1; ow++) {
        const ptrdiff_t first = row + window[ow].first;
        const ptrdiff_t cols = taps ? taps : window[ow].count;
        for (ptrdiff_t k = 0; k < (few ? 1 : C); k += LANES) {
            const ptrdiff_t c = few ? 0 : FN(lane_start)(k, C), at = ow * C + c;
            FN(max_window)(x + first * C + c, first, taps ? taps : rows, cols, row_step, col_step, C,
                           y + at, index + at, part);
        }
    }
}

#define MAX_SPAN(name, taps, few, part)                                                         \
    static __attribute__((noinline)) void FN(name)(                                             \
        const pool_t *p, const REAL *x, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t ow0,           \
        ptrdiff_t ow1, REAL *y, int32_t *index)                                                 \
    {                                                                                           \
        FN(max_span)(p, x, row, rows, ow0, ow1, y, index, taps, few, part);                     \
    }
MAX_SPAN(max_any, 0, 0, 0)
MAX_SPAN(max_part, 0, 1, 1)
#undef MAX_SPAN

static void FN(max_rows)(const pool_t *pool, const void *source, void *target, int32_t *index,
                         ptrdiff_t oh0, ptrdiff_t oh1)
{
    const pool_t p = *pool;
    const REAL *x = source;
    const ptrdiff_t C = p.C, W = p.w.size, OW = p.w.out, reach = C < LANES ? LANES : C;
    const ptrdiff_t x_end = p.h.size * W * C, y_end = oh1 * OW * C;
    for (ptrdiff_t oh = oh0; oh < oh1; oh++) {
        const span_t rows = p.h.window[oh];
        const ptrdiff_t row = rows.first * W, last_row = row + (rows.count - 1) * p.h.dil * W;
        REAL *y = (REAL *)target + oh * OW * C;
        int32_t *at = index + oh * OW * C;
        ptrdiff_t whole = OW; /* so many can be read and written as whole vectors */
        for (; whole > 0; whole--) {
            const span_t cols = p.w.window[whole - 1];
            const ptrdiff_t last = last_row + cols.first + (cols.count - 1) * p.w.dil;
            if (last * C + reach <= x_end && (oh * OW + whole - 1) * C + reach <= y_end) break;
        }
        ptrdiff_t ow = 0;
        if (rows.count == 2 && p.w.taps == 2) {
            ow = p.w.full_begin;
            if (ow > 0) FN(max_any)(&p, x, row, rows.count, 0, ow, y, at);
            const ptrdiff_t end = p.w.full_end < whole ? p.w.full_end : whole;
            if (C <= LANES) FN(max_span)(&p, x, row, 2, ow, end, y, at, 2, 1, 0);
            else FN(max_span)(&p, x, row, 2, ow, end, y, at, 2, 0, 0);
            ow = end;
        }
        if (ow < whole) FN(max_any)(&p, x, row, rows.count, ow, whole, y, at);
        if (whole < OW) FN(max_part)(&p, x, row, rows.count, whole, OW, y, at);
    }
}

/* y[oh, ow, c] = x[index[oh, ow, c], c]: every dx gathers from the windows over it, so a row of dx
 * belongs to one thread and its sums run in order.
 *
 * Pixels [iw0, iw1) of row ih; dx: the row. */
ALWAYS_INLINE void FN(max_gather)(const pool_t *p, const REAL *dy, const int32_t *index,
                                  ptrdiff_t ih, ptrdiff_t iw0, ptrdiff_t iw1, REAL *dx,
                                  const int part)
{
    const ptrdiff_t C = p->C, OW = p->w.out;
    const span_t rows = p->h.over[ih];
    for (ptrdiff_t iw = iw0; iw < iw1; iw++) {
        const span_t cols = p->w.over[iw];
        const ptrdiff_t first = rows.first * OW + cols.first, pixel = ih * p->w.size + iw;
        for (ptrdiff_t k = 0; k < C; k += LANES) {
            const ptrdiff_t c = FN(lane_start)(k, C);
            V sum = {0};
            for (ptrdiff_t r = 0; r < rows.count; r++) {
                for (ptrdiff_t s = 0; s < cols.count; s++) {
                    const ptrdiff_t from = (first + r * OW + s) * C + c;
                    const INDEX won = FN(load_index)(index + from, part, C) == (int32_t)pixel;
                    const V d = FN(load_lanes)(dy + from, part, C);
                    sum += VEC_SELECT(V, won, d, (V){0});
                }
            }
            FN(store_lanes)(dx + iw * C + c, sum, part, C);
        }
    }
}

static __attribute__((noinline)) void FN(max_gather_any)(const pool_t *p, const REAL *dy,
                                                         const int32_t *index, ptrdiff_t ih,
                                                         ptrdiff_t iw0, ptrdiff_t iw1, REAL *dx)
{
    FN(max_gather)(p, dy, index, ih, iw0, iw1, dx, 0);
}

static __attribute__((noinline)) void FN(max_gather_part)(const pool_t *p, const REAL *dy,
                                                          const int32_t *index, ptrdiff_t ih,
                                                          ptrdiff_t iw0, ptrdiff_t iw1, REAL *dx)
{
    FN(max_gather)(p, dy, index, ih, iw0, iw1, dx, 1);
}

/* The same where windows [ow0, ow1) have no column in common and each pixel of the row is in one
 * row of windows: up to where the next window begins, dx is that one's dy or 0. dy, index: the row
 * of outputs, dx: of the image, which begins with `pixel`. */
ALWAYS_INLINE void FN(max_spread)(const pool_t *p, const REAL *dy, const int32_t *index,
                                  ptrdiff_t pixel, ptrdiff_t ow0, ptrdiff_t ow1, REAL *dx,
                                  const int few)
{
    const ptrdiff_t C = p->C;
    const span_t *window = p->w.window;
    for (ptrdiff_t ow = ow0; ow < ow1; ow++) {
        const ptrdiff_t begin = window[ow].first, end = window[ow + 1].first;
        for (ptrdiff_t k = 0; k < (few ? 1 : C); k += LANES) {
            const ptrdiff_t c = few ? 0 : FN(lane_start)(k, C);
            const V d = FN(load_lanes)(dy + ow * C + c, 0, C);
            const INDEX winner =
                FN(load_index)(index + ow * C + c, 0, C) - (int32_t)(pixel + begin);
            REAL *to = dx + begin * C + c;
            if (end - begin == 2) {
                FN(store_lanes)(to, VEC_SELECT(V, winner == 0, d, (V){0}), 0, C);
                FN(store_lanes)(to + C, VEC_SELECT(V, winner == 1, d, (V){0}), 0, C);
            } else {
                for (ptrdiff_t s = 0; s < end - begin; s++)
                    FN(store_lanes)(to + s * C, VEC_SELECT(V, winner == (int32_t)s, d, (V){0}), 0, C);
            }
        }
    }
}

static void FN(max_rows_backward)(const pool_t *pool, const void *source, void *target,
                                  int32_t *index, ptrdiff_t ih0, ptrdiff_t ih1)
{
    const pool_t p = *pool;
    const REAL *dy = source;
    REAL *dx = target;
    const ptrdiff_t C = p.C, W = p.w.size, OW = p.w.out, reach = C < LANES ? LANES : C;
    const ptrdiff_t y_end = p.h.out * OW * C, x_end = ih1 * W * C;
    for (ptrdiff_t ih = ih0; ih < ih1; ih++) {
        const span_t rows = p.h.over[ih];
        const ptrdiff_t last_row = (rows.first + rows.count - 1) * OW, at = ih * W * C;
        ptrdiff_t whole = W;
        while (whole > 0) {
            const span_t cols = p.w.over[whole - 1];
            const ptrdiff_t last = last_row + cols.first + cols.count - 1;
            if (at + (whole - 1) * C + reach <= x_end && last * C + reach <= y_end) break;
            whole--;
        }
        ptrdiff_t iw = 0;
        if (rows.count == 1 && p.w.disjoint && whole > 0) {
            const ptrdiff_t windows = whole == W ? OW : p.w.over[whole].first, y = rows.first * OW * C;
            if (C <= LANES)
                FN(max_spread)(&p, dy + y, index + y, ih * W, 0, windows, dx + at, 1);
            else
                FN(max_spread)(&p, dy + y, index + y, ih * W, 0, windows, dx + at, 0);
            iw = p.w.window[windows].first;
        }
        if (iw < whole) FN(max_gather_any)(&p, dy, index, ih, iw, whole, dx + at);
        if (whole < W) FN(max_gather_part)(&p, dy, index, ih, whole, W, dx + at);
    }
}

ALWAYS_INLINE V FN(sum_pixels)(const REAL *x, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t W,
                               ptrdiff_t C, const int part)
{
    V sum = {0};
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t s = 0; s < cols; s++) sum += FN(load_lanes)(x + (r * W + s) * C, part, C);
    return sum;
}

static void FN(avg_rows)(const pool_t *pool, const void *source, void *target, int32_t *index,
                         ptrdiff_t oh0, ptrdiff_t oh1)
{
    const pool_t p = *pool;
    const REAL *x = source, *divisor = p.divisor;
    REAL *y = target;
    const ptrdiff_t C = p.C, W = p.w.size, OW = p.w.out, reach = C < LANES ? LANES : C;
    const ptrdiff_t x_end = p.h.size * W * C, y_end = oh1 * OW * C;
    ptrdiff_t at = oh0 * OW * C;
    for (ptrdiff_t oh = oh0; oh < oh1; oh++) {
        const span_t rows = p.h.window[oh];
        for (ptrdiff_t ow = 0; ow < OW; ow++, at += C) {
            const span_t cols = p.w.window[ow];
            const ptrdiff_t first = rows.first * W + cols.first;
            const ptrdiff_t last = first + (rows.count - 1) * W + cols.count - 1;
            const int part = at + reach > y_end || last * C + reach > x_end;
            for (ptrdiff_t k = 0; k < C; k += LANES) {
                const ptrdiff_t c = FN(lane_start)(k, C);
                const V sum =
                    FN(sum_pixels)(x + first * C + c, rows.count, cols.count, W, C, part);
                FN(store_lanes)(y + at + c, sum / divisor[oh * OW + ow], part, C);
            }
        }
    }
}

/* y[oh, ow] = sum over taps of x / divisor[oh, ow]. p.divisor holds the reciprocals. */
static void FN(avg_rows_backward)(const pool_t *pool, const void *source, void *target,
                                  int32_t *index, ptrdiff_t ih0, ptrdiff_t ih1)
{
    const pool_t p = *pool;
    const REAL *dy = source, *scale = p.divisor;
    REAL *dx = target;
    const ptrdiff_t C = p.C, W = p.w.size, OW = p.w.out, reach = C < LANES ? LANES : C;
    const ptrdiff_t y_end = p.h.out * OW * C, x_end = ih1 * W * C;
    ptrdiff_t at = ih0 * W * C;
    for (ptrdiff_t ih = ih0; ih < ih1; ih++) {
        const span_t rows = p.h.over[ih];
        for (ptrdiff_t iw = 0; iw < W; iw++, at += C) {
            const span_t cols = p.w.over[iw];
            const ptrdiff_t first = rows.first * OW + cols.first;
            const ptrdiff_t last = first + (rows.count - 1) * OW + cols.count - 1;
            const int part = at + reach > x_end || last * C + reach > y_end;
            for (ptrdiff_t k = 0; k < C; k += LANES) {
                const ptrdiff_t c = FN(lane_start)(k, C);
                V sum = {0};
                for (ptrdiff_t r = 0; r < rows.count; r++) {
                    const ptrdiff_t row = first + r * OW;
                    for (ptrdiff_t q = row; q < row + cols.count; q++)
                        sum += FN(load_lanes)(dy + q * C + c, part, C) * scale[q];
                }
                FN(store_lanes)(dx + at + c, sum, part, C);
            }
        }
    }
}

static const pool_rows_p FN(POOL_ROWS)[POOL_OPS] = {
    FN(max_rows), FN(max_rows_backward), FN(avg_rows), FN(avg_rows_backward)};

#undef V
#undef VU
#undef INDEX
#undef INDEX_OUT
#undef LANES
#undef FN
