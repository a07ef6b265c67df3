"""Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2,
3"), and the numbers that dropout draws from it."""

import numpy as np

_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


def philox4x32(counter, key, rounds=10):
    """counter (..., 4), key (2,), 32-bit words -> (..., 4) uint32."""
    c0, c1, c2, c3 = np.moveaxis(np.asarray(counter, dtype=np.uint64), -1, 0)
    k0, k1 = (int(k) for k in key)
    for _ in range(rounds):
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (
            (p1 >> _SHIFT) ^ c1 ^ np.uint64(k0),
            p1 & _LOW,
            (p0 >> _SHIFT) ^ c3 ^ np.uint64(k1),
            p0 & _LOW,
        )
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def uniform(size, seed):
    """u_i for i < size: with i = 64 b + 16 w + j, word w of counter 16 b + j under key seed."""
    blocks = -(-size // 64)
    counter = np.zeros((16 * blocks, 4), np.uint64)
    position = np.arange(16 * blocks, dtype=np.uint64)
    counter[:, 0], counter[:, 1] = position & _LOW, position >> _SHIFT
    words = philox4x32(counter, (seed % 2**32, seed >> 32))
    return words.reshape(blocks, 16, 4).transpose(0, 2, 1).reshape(-1)[:size] * 2.0**-32
