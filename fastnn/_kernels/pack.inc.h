/* Written over REAL and DT; see pack.h. */

#define V VEC_CAT(v, DT)
#define VU VEC_CAT(VEC_CAT(v, DT), u)
#define VLEN VEC_CAT(VLEN, DT)
#define PACK_PANEL VEC_CAT(pack_panel, DT)
#define PACK_PANELS VEC_CAT(pack_panels, DT)
#define PACK_WHOLE VEC_CAT(pack_whole, DT)
#define PACK_ROWS VEC_CAT(pack_rows, DT)
#define PACK_TRANSPOSED VEC_CAT(pack_transposed, DT)
#define COPY_HALF VEC_CAT(copy_half, DT)
#define TRANSPOSE_HALF VEC_CAT(transpose_half, DT)
#define LOAD_PART VEC_CAT(load_part, DT)
#define STORE_COLUMNS VEC_CAT(store_columns, DT)

ALWAYS_INLINE void COPY_HALF(const REAL *in, REAL *out) { memcpy(out, in, VEC_BYTES / 2); }

/* The first n <= VLEN values at p, then zeros. */
ALWAYS_INLINE V LOAD_PART(const REAL *p, ptrdiff_t n)
{
    if (n >= VLEN) return *(const VU *)p;
    V v = {0};
    memcpy(&v, p, (size_t)n * sizeof(REAL));
    return v;
}

/* A vector, or its first half where a panel has no more columns. */
ALWAYS_INLINE void STORE_COLUMNS(V v, REAL *p, ptrdiff_t columns)
{
    if (columns >= VLEN) *(VU *)p = v;
    else memcpy(p, &v, VEC_BYTES / 2);
}

/* Whole panels of 2 VLEN columns, panel_size values apart, each out[p, j] = in[p * stride + j]: a row
 * of all of them is read before the next row, for rows may be pages apart, and lie in the same set
 * of the first-level cache (so few are fetched ahead). */
static void PACK_WHOLE(const REAL *in, ptrdiff_t stride, ptrdiff_t k, ptrdiff_t panels,
                       ptrdiff_t panel_size, REAL *out)
{
    for (ptrdiff_t p = 0; p < k; p++, in += stride, out += 2 * VLEN) {
        for (ptrdiff_t i = 0; i < panels; i++) {
            const REAL *from = in + i * 2 * VLEN;
            REAL *to = out + i * panel_size;
            __builtin_prefetch(from + PACK_AHEAD * stride);
            __builtin_prefetch(from + PACK_AHEAD * stride + 2 * VLEN - 1);
            *(VU *)to = *(const VU *)from;
            *(VU *)(to + VLEN) = *(const VU *)(from + VLEN);
        }
    }
}

/* out[p, j] = in[p * stride + j] for j < columns; anything for columns <= j < width (whole vectors,
 * or half of one). */
static void PACK_ROWS(const REAL *in, ptrdiff_t stride, ptrdiff_t k, ptrdiff_t columns,
                      ptrdiff_t width, REAL *out)
{
    const ptrdiff_t end = (k - 1) * stride + columns;
    for (ptrdiff_t p = 0; p < k; p++, out += width) {
        for (ptrdiff_t j = 0; j < width; j += VLEN) {
            /* Whole vectors are read where `in` has values to come. */
            const ptrdiff_t at = p * stride + j, rest = at + VLEN <= end ? VLEN : columns - j;
            STORE_COLUMNS(LOAD_PART(in + at, rest > 0 ? rest : 0), out + j, width - j);
        }
    }
}

/* out[p * out_stride + j] = in[j * stride + p] for p < k and j < columns, 0 for columns <= j <
 * width (whole vectors, or half of one): VLEN x VLEN blocks are transposed in registers by
 * log2(VLEN) rounds of interleaving row i with row i + VLEN / 2. */
static void PACK_TRANSPOSED(const REAL *in, ptrdiff_t stride, ptrdiff_t k, ptrdiff_t columns,
                            ptrdiff_t width, REAL *out, ptrdiff_t out_stride)
{
    for (ptrdiff_t j = 0; j < width; j += VLEN) {
        const ptrdiff_t rows = columns - j < VLEN ? columns - j : VLEN;
        for (ptrdiff_t p = 0; p < k; p += VLEN) {
            V a[VLEN], b[VLEN];
#pragma GCC unroll 16
            for (int i = 0; i < VLEN; i++) {
                /* So many rows at once are more than the hardware follows. */
                __builtin_prefetch(in + (j + i) * stride + p + 8 * VLEN);
                a[i] = i < rows ? LOAD_PART(in + (j + i) * stride + p, k - p) : (V){0};
            }
#pragma GCC unroll 4
            for (int round = 1; round < VLEN; round *= 2) {
#pragma GCC unroll 16
                for (int i = 0; i < VLEN / 2; i++) {
                    b[2 * i] = INTERLEAVE(DT, LOW, a[i], a[i + VLEN / 2]);
                    b[2 * i + 1] = INTERLEAVE(DT, HIGH, a[i], a[i + VLEN / 2]);
                }
#pragma GCC unroll 16
                for (int i = 0; i < VLEN; i++) a[i] = b[i];
            }
            const ptrdiff_t steps = k - p < VLEN ? k - p : VLEN;
#pragma GCC unroll 16
            for (int i = 0; i < VLEN; i++)
                if (i < steps) STORE_COLUMNS(a[i], out + (p + i) * out_stride + j, width - j);
        }
    }
}

/* out[p * VLEN / 2 + r] = in[r * stride + p] for r < VLEN / 2 and p < VLEN: half the rows, and a
 * round less, than above; two columns come out in one vector. */
static inline void TRANSPOSE_HALF(const REAL *in, ptrdiff_t stride, REAL *out)
{
    V a[VLEN / 2], b[VLEN / 2];
    UNROLL(8) for (int i = 0; i < VLEN / 2; i++) a[i] = *(const VU *)(in + i * stride);
    UNROLL(4) for (int round = 2; round < VLEN; round *= 2) {
        UNROLL(8) for (int i = 0; i < VLEN / 4; i++) {
            b[2 * i] = INTERLEAVE(DT, LOW, a[i], a[i + VLEN / 4]);
            b[2 * i + 1] = INTERLEAVE(DT, HIGH, a[i], a[i + VLEN / 4]);
        }
        UNROLL(8) for (int i = 0; i < VLEN / 2; i++) a[i] = b[i];
    }
    UNROLL(8) for (int i = 0; i < VLEN / 2; i++) *(VU *)(out + i * VLEN) = a[i];
}

/* One panel: out[p, j] = in[p * k_stride + j * stride]; anything for columns <= j < width. */
static void PACK_PANEL(const REAL *in, ptrdiff_t k_stride, ptrdiff_t stride, ptrdiff_t k,
                       ptrdiff_t columns, ptrdiff_t width, REAL *out)
{
    if (stride == 1 && columns == 2 * VLEN && width == columns) {
        PACK_WHOLE(in, k_stride, k, 1, 0, out);
    } else if (stride == 1) {
        PACK_ROWS(in, k_stride, k, columns, width, out);
    } else if (k_stride == 1) {
        PACK_TRANSPOSED(in, stride, k, columns, width, out, width);
    } else {
        for (ptrdiff_t p = 0; p < k; p++)
            for (ptrdiff_t j = 0; j < width; j++)
                out[p * width + j] = j < columns ? in[p * k_stride + j * stride] : 0;
    }
}

/* Whole panels, panel_size values apart. */
static void PACK_PANELS(const REAL *in, ptrdiff_t k_stride, ptrdiff_t stride, ptrdiff_t k,
                        ptrdiff_t panels, ptrdiff_t panel_size, REAL *out)
{
    const ptrdiff_t wide = 2 * VLEN;
    if (stride == 1) {
        PACK_WHOLE(in, k_stride, k, panels, panel_size, out);
        return;
    }
    for (ptrdiff_t i = 0; i < panels; i++)
        PACK_PANEL(in + i * wide * stride, k_stride, stride, k, wide, wide, out + i * panel_size);
}

#undef V
#undef VU
#undef VLEN
#undef PACK_PANEL
#undef PACK_PANELS
#undef PACK_WHOLE
#undef PACK_ROWS
#undef PACK_TRANSPOSED
#undef COPY_HALF
#undef TRANSPOSE_HALF
#undef LOAD_PART
#undef STORE_COLUMNS
