/* Philox4x32-10: a counter-based random number generator (Salmon, Moraes, Dror and Shaw 2011,
 * "Parallel random numbers: as easy as 1, 2, 3", SC11). Four 32-bit words are a keyed function of
 * a counter; nothing is carried from one to the next, so any part of the stream can be had alone.
 */
#ifndef FASTNN_PHILOX_H
#define FASTNN_PHILOX_H

#include "vec.h"

#if defined(__SSE2__) && !defined(__clang__)
#include <immintrin.h>
#endif

#define PHILOX_COUNTERS 16 /* counters of one block */
#define PHILOX_BLOCK (4 * PHILOX_COUNTERS)

typedef uint64_t philox_u64 __attribute__((vector_size(VEC_BYTES)));

/* The products of the low halves of the lanes with m. Clang finds the instruction for it; GCC 12
 * multiplies 64 by 64 bits, which takes twice as long in all. */
ALWAYS_INLINE philox_u64 philox_multiply(philox_u64 a, uint32_t m)
{
    const philox_u64 all = (philox_u64){0} + (uint64_t)m;
#if defined(__clang__) || !defined(__SSE2__)
    return (a & 0xffffffffu) * all;
#elif VEC_BYTES == 64
    return (philox_u64)_mm512_mul_epu32((__m512i)a, (__m512i)all);
#elif VEC_BYTES == 32
    return (philox_u64)_mm256_mul_epu32((__m256i)a, (__m256i)all);
#else
    return (philox_u64)_mm_mul_epu32((__m128i)a, (__m128i)all);
#endif
}

/* Ten rounds on counters (c0, c1, 0, 0), a word in the low half of each lane (the high halves hold
 * nothing of use). */
ALWAYS_INLINE void philox_rounds(philox_u64 c0, philox_u64 c1, uint64_t key, philox_u64 *words)
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    philox_u64 c2 = {0}, c3 = {0};
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
        const philox_u64 p0 = philox_multiply(c0, 0xD2511F53u);
        const philox_u64 p1 = philox_multiply(c2, 0xCD9E8D57u);
        c0 = (p1 >> 32) ^ c1 ^ (uint64_t)k0;
        c1 = p1;
        c2 = (p0 >> 32) ^ c3 ^ (uint64_t)k1;
        c3 = p0;
        k0 += 0x9E3779B9u; /* the golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

/* out[16 w + j] = word w of counter 16 block + j (a 64-bit number in the two low words). Even and
 * odd j run side by side, so that the two halves of a lane come from one each. */
static inline void philox_block(uint64_t block, uint64_t key, uint32_t *out)
{
    enum { LANES = VEC_BYTES / 8 };
    for (int j = 0; j < PHILOX_COUNTERS; j += 2 * LANES) {
        const uint64_t first = block * PHILOX_COUNTERS + j;
        philox_u64 counter, even[4], odd[4];
#pragma GCC unroll 8
        for (int i = 0; i < LANES; i++) counter[i] = first + 2 * i;
        philox_rounds(counter, counter >> 32, key, even);
        philox_rounds(counter + 1, (counter + 1) >> 32, key, odd);
#pragma GCC unroll 4
        for (int w = 0; w < 4; w++) {
            const philox_u64 both = (even[w] & 0xffffffffu) | (odd[w] << 32);
            memcpy(out + PHILOX_COUNTERS * w + j, &both, VEC_BYTES);
        }
    }
}

#endif
