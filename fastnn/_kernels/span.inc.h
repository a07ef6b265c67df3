/* Written over REAL and DT; see span.h. */

#define ADD_SPAN VEC_CAT(add_span, DT)
#define COPY_SPAN VEC_CAT(copy_span, DT)
#define LANES(n) VEC_CAT(VEC_CAT(lanes, n), DT)

#define DEFINE_LANES(n) \
    typedef REAL LANES(n) __attribute__((vector_size(n * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
DEFINE_LANES(16)
DEFINE_LANES(8)
DEFINE_LANES(4)
DEFINE_LANES(2)

#define ADD_LANES(n)                            \
    {                                           \
        *(LANES(n) *)y += *(const LANES(n) *)x; \
        x += n;                                 \
        y += n;                                 \
    }

/* y[i] += x[i] for i < n: sixteen at a time, then the bits of what is left. */
ALWAYS_INLINE void ADD_SPAN(const REAL *x, REAL *y, ptrdiff_t n)
{
    for (; n >= 16; n -= 16) ADD_LANES(16)
    if (n & 8) ADD_LANES(8)
    if (n & 4) ADD_LANES(4)
    if (n & 2) ADD_LANES(2)
    if (n & 1) *y += *x;
}

#define COPY_LANES(n)                          \
    {                                           \
        *(LANES(n) *)y = *(const LANES(n) *)x;  \
        x += n;                                 \
        y += n;                                 \
    }

/* y[i] = x[i] for i < n. */
ALWAYS_INLINE void COPY_SPAN(const REAL *x, REAL *y, ptrdiff_t n)
{
    for (; n >= 16; n -= 16) COPY_LANES(16)
    if (n & 8) COPY_LANES(8)
    if (n & 4) COPY_LANES(4)
    if (n & 2) COPY_LANES(2)
    if (n & 1) *y = *x;
}

#undef ADD_SPAN
#undef COPY_SPAN
#undef LANES
#undef DEFINE_LANES
#undef ADD_LANES
#undef COPY_LANES
