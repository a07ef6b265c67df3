/* Loads and stores of a pixel's channels, written over REAL, DT and BYTES; see lanes.h. */

#define FN(name) VEC_CAT(name, VEC_CAT(DT, BYTES))
#define V FN(lanes_v)
#define VU FN(lanes_vu)
#define LANES ((ptrdiff_t)(BYTES / sizeof(REAL)))

typedef REAL V __attribute__((vector_size(BYTES)));
typedef REAL VU __attribute__((vector_size(BYTES), aligned(__alignof__(REAL)), may_alias));

/* Where the vector for channels c, c + 1, ... starts. */
ALWAYS_INLINE ptrdiff_t FN(lane_start)(ptrdiff_t c, ptrdiff_t channels)
{
    return c <= channels - LANES || channels < LANES ? c : channels - LANES;
}

ALWAYS_INLINE size_t FN(used_lanes)(ptrdiff_t channels)
{
    return channels < LANES ? channels : LANES;
}

/* part: only the channels of one pixel. */
ALWAYS_INLINE V FN(load_lanes)(const REAL *x, const int part, ptrdiff_t channels)
{
    V v = {0};
    if (part) memcpy(&v, x, FN(used_lanes)(channels) * sizeof(REAL));
    else v = (V) * (const VU *)x;
    return v;
}

ALWAYS_INLINE void FN(store_lanes)(REAL *y, V v, const int part, ptrdiff_t channels)
{
    if (part) memcpy(y, &v, FN(used_lanes)(channels) * sizeof(REAL));
    else *(VU *)y = v;
}

#undef LANES
#undef VU
#undef V
#undef FN
