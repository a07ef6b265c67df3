/* Pooling, written over REAL (float or double) and DT (f32 or f64); see pool.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VLEN VEC_CAT(VLEN, DT)
#define FN(name) VEC_CAT(name, DT)
#define INDEX VEC_CAT(INDEX, DT)
#define INDEX_OUT VEC_CAT(INDEX_OUT, DT)

/* Where the vector for channels c, c + 1, ... starts: see pool.h. */
ALWAYS_INLINE ptrdiff_t FN(lane_start)(ptrdiff_t c, ptrdiff_t channels)
{
    return c <= channels - VLEN || channels < VLEN ? c : channels - VLEN;
}

ALWAYS_INLINE V FN(load_lanes)(const REAL *x, const int part, ptrdiff_t lanes)
{
    return part ? FN(vec_load_part)(x, lanes) : (V) * (const VU *)x;
}

ALWAYS_INLINE void FN(store_lanes)(REAL *y, V v, const int part, ptrdiff_t lanes)
{
    if (part) FN(vec_store_part)(y, v, lanes);
    else *(VU *)y = v;
}

/* One window, one vector of channels. A NaN beats every number, the last NaN the others; of equal
 * numbers the first wins; a window outside the image has index -1. x: its first tap, at `first`
 * in the image. */
ALWAYS_INLINE void FN(max_window)(const window_t *w, const REAL *x, ptrdiff_t first,
                                  const ptrdiff_t rows, const ptrdiff_t cols, REAL *y,
                                  int32_t *index, const int part)
{
    const ptrdiff_t row_step = w->dil_h * w->W, col_step = w->dil_w, C = w->C;
    V best = FN(vec_all)((REAL)-__builtin_inf());
    INDEX winner = (INDEX){0} + (int32_t)(rows > 0 && cols > 0 ? first : -1);
    for (ptrdiff_t r = 0; r < rows; r++) {
        for (ptrdiff_t s = 0; s < cols; s++) {
            const ptrdiff_t tap = r * row_step + s * col_step;
            const V v = FN(load_lanes)(x + tap * C, part, C);
            const INDEX wins = (INDEX)(v > best) | (INDEX)(v != v);
            best = VEC_SELECT(V, wins, v, best);
            winner = VEC_SELECT(INDEX, wins, (INDEX){0} + (int32_t)(first + tap), winner);
        }
    }
    FN(store_lanes)(y, best, part, C);
    const INDEX_OUT out = __builtin_convertvector(winner, INDEX_OUT);
    if (part) memcpy(index, &out, C * sizeof(int32_t));
    else *(INDEX_OUT *)index = out;
}

static __attribute__((noinline)) void FN(max_pool_rows)(const window_t *window, const REAL *x,
                                                        REAL *y, int32_t *index, ptrdiff_t oh0,
                                                        ptrdiff_t oh1)
{
    const window_t w = *window;
    const ptrdiff_t C = w.C, reach = C < VLEN ? VLEN : C;
    const ptrdiff_t x_end = w.H * w.W * C, y_end = oh1 * w.OW * C;
    ptrdiff_t at = oh0 * w.OW * C;
    for (ptrdiff_t oh = oh0; oh < oh1; oh++) {
        const span_t rows = window_span(oh * w.stride_h - w.pad_h, w.R, w.dil_h, w.H);
        for (ptrdiff_t ow = 0; ow < w.OW; ow++, at += C) {
            const span_t cols = window_span(ow * w.stride_w - w.pad_w, w.S, w.dil_w, w.W);
            const ptrdiff_t first = rows.first * w.W + cols.first;
            const ptrdiff_t last =
                first + (rows.count - 1) * w.dil_h * w.W + (cols.count - 1) * w.dil_w;
            if (at + reach > y_end || last * C + reach > x_end) {
                FN(max_window)(&w, x + first * C, first, rows.count, cols.count, y + at,
                               index + at, 1);
                continue;
            }
            for (ptrdiff_t k = 0; k < C; k += VLEN) {
                const ptrdiff_t c = FN(lane_start)(k, C);
                const REAL *from = x + first * C + c;
                if (rows.count == 2 && cols.count == 2) /* unrolled: twice as fast */
                    FN(max_window)(&w, from, first, 2, 2, y + at + c, index + at + c, 0);
                else
                    FN(max_window)(&w, from, first, rows.count, cols.count, y + at + c,
                                   index + at + c, 0);
            }
        }
    }
}

/* y[oh, ow, c] = x[index[oh, ow, c], c]: every dy goes where its y came from, in order. */
static __attribute__((noinline)) int FN(max_pool_scatter)(const window_t *w, const REAL *dy, const int32_t *index, REAL *dx,
                                ptrdiff_t c0, ptrdiff_t c1)
{
    const ptrdiff_t C = w->C, in_pixels = w->H * w->W, out_pixels = w->OH * w->OW;
    int valid = 1;
    if (c1 - c0 == C) memset(dx, 0, in_pixels * C * sizeof(REAL));
    else
        for (ptrdiff_t p = 0; p < in_pixels; p++)
            for (ptrdiff_t c = c0; c < c1; c++) dx[p * C + c] = 0;
    for (ptrdiff_t p = 0; p < out_pixels; p++) {
        for (ptrdiff_t c = c0; c < c1; c++) {
            const ptrdiff_t from = index[p * C + c];
            if ((size_t)from < (size_t)in_pixels) dx[from * C + c] += dy[p * C + c];
            else valid &= from == -1;
        }
    }
    return valid;
}

ALWAYS_INLINE V FN(sum_pixels)(const REAL *x, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t W,
                               ptrdiff_t C, const int part)
{
    V sum = {0};
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t s = 0; s < cols; s++) sum += FN(load_lanes)(x + (r * W + s) * C, part, C);
    return sum;
}

static __attribute__((noinline)) void FN(avg_pool_rows)(const window_t *window,
                                                        const REAL *divisor, const REAL *x,
                                                        REAL *y, ptrdiff_t oh0, ptrdiff_t oh1)
{
    const window_t w = *window;
    const ptrdiff_t C = w.C, reach = C < VLEN ? VLEN : C;
    const ptrdiff_t x_end = w.H * w.W * C, y_end = oh1 * w.OW * C;
    ptrdiff_t at = oh0 * w.OW * C;
    for (ptrdiff_t oh = oh0; oh < oh1; oh++) {
        const span_t rows = window_span(oh * w.stride_h - w.pad_h, w.R, 1, w.H);
        for (ptrdiff_t ow = 0; ow < w.OW; ow++, at += C) {
            const span_t cols = window_span(ow * w.stride_w - w.pad_w, w.S, 1, w.W);
            const ptrdiff_t first = rows.first * w.W + cols.first;
            const ptrdiff_t last = first + (rows.count - 1) * w.W + cols.count - 1;
            const int part = at + reach > y_end || last * C + reach > x_end;
            for (ptrdiff_t k = 0; k < C; k += VLEN) {
                const ptrdiff_t c = FN(lane_start)(k, C);
                const V sum = FN(sum_pixels)(x + first * C + c, rows.count, cols.count, w.W, C,
                                             part);
                FN(store_lanes)(y + at + c, sum / divisor[oh * w.OW + ow], part, C);
            }
        }
    }
}

/* y[oh, ow] = sum over taps of x / divisor[oh, ow]: every dx gathers from the windows over it, so
 * a row of dx belongs to one thread and its sums run in order. scale = 1 / divisor. */
static __attribute__((noinline)) void FN(avg_pool_rows_backward)(const window_t *window,
                                                                 const REAL *scale, const REAL *dy,
                                                                 REAL *dx, ptrdiff_t ih0,
                                                                 ptrdiff_t ih1)
{
    const window_t w = *window;
    const ptrdiff_t C = w.C, OW = w.OW, reach = C < VLEN ? VLEN : C;
    const ptrdiff_t y_end = w.OH * OW * C, x_end = ih1 * w.W * C;
    ptrdiff_t at = ih0 * w.W * C;
    ptrdiff_t oh_begin = 0, oh_end = 0; /* windows over row ih */
    for (ptrdiff_t ih = ih0; ih < ih1; ih++) {
        while (oh_begin < w.OH && oh_begin * w.stride_h - w.pad_h + w.R <= ih) oh_begin++;
        while (oh_end < w.OH && oh_end * w.stride_h - w.pad_h <= ih) oh_end++;
        ptrdiff_t ow_begin = 0, ow_end = 0;
        for (ptrdiff_t iw = 0; iw < w.W; iw++, at += C) {
            while (ow_begin < OW && ow_begin * w.stride_w - w.pad_w + w.S <= iw) ow_begin++;
            while (ow_end < OW && ow_end * w.stride_w - w.pad_w <= iw) ow_end++;
            const ptrdiff_t last = (oh_end - 1) * OW + ow_end - 1;
            const int part = at + reach > x_end || last * C + reach > y_end;
            for (ptrdiff_t k = 0; k < C; k += VLEN) {
                const ptrdiff_t c = FN(lane_start)(k, C);
                V sum = {0};
                for (ptrdiff_t oh = oh_begin; oh < oh_end; oh++) {
                    for (ptrdiff_t q = oh * OW + ow_begin; q < oh * OW + ow_end; q++)
                        sum += FN(load_lanes)(dy + q * C + c, part, C) * scale[q];
                }
                FN(store_lanes)(dx + at + c, sum, part, C);
            }
        }
    }
}

/* divisor[oh, ow], or its reciprocal. */
static void FN(pool_divisors)(const window_t *w, int count_pad, ptrdiff_t override, REAL *divisor,
                              int reciprocal)
{
    for (ptrdiff_t oh = 0; oh < w->OH; oh++) {
        const ptrdiff_t rows =
            counted(oh * w->stride_h - w->pad_h, w->R, w->H, w->pad_h, count_pad);
        for (ptrdiff_t ow = 0; ow < w->OW; ow++) {
            const ptrdiff_t cols =
                counted(ow * w->stride_w - w->pad_w, w->S, w->W, w->pad_w, count_pad);
            const REAL d = (REAL)(override ? override : rows * cols);
            *divisor++ = reciprocal ? 1 / d : d;
        }
    }
}

#undef V
#undef VU
#undef VLEN
#undef FN
#undef INDEX
#undef INDEX_OUT
