/* Written over REAL and DT; see peak.h. */

/* Twelve chains hide the latency of two multiply-adds a cycle. */
static double VEC_CAT(peak, DT)(ptrdiff_t rounds)
{
    VEC_CAT(v, DT) sum[12], a = {0}, b = {0};
    a += (REAL)0.999;
    b += (REAL)1e-3;
    for (int i = 0; i < 12; i++) sum[i] = b * (REAL)i;
    for (ptrdiff_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < 12; i++) sum[i] = sum[i] * a + b;
    }
    for (int i = 1; i < 12; i++) sum[0] += sum[i];
    /* The sums are used, or the compiler would drop the loop. */
    return sum[0][0] < 0 ? 0.0 : 2.0 * 12 * VEC_CAT(VLEN, DT) * (double)rounds;
}
