"""The package's one source of randomness: a NumPy generator seeded by `manual_seed`.

Initialisers and shuffles draw from `generator()`. Kernels that need random numbers inside a
parallel loop (dropout) take a key from `next_seed()` and derive element i's number from
(key, i), so that the result does not depend on the number of threads.
"""

_generator = None


def manual_seed(seed):
    """Seed every random choice that fastnn makes from here on. `seed`: a non-negative int."""
    global _generator
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise TypeError(f"manual_seed: seed must be an int, got {type(seed).__name__}")
    if seed < 0:
        raise ValueError(f"manual_seed: seed must be >= 0, got {seed}")
    from numpy.random import PCG64, Generator  # costs milliseconds: not at import

    _generator = Generator(PCG64(int(seed)))


def generator():
    """The global ``numpy.random.Generator``; seeded from the operating system at first use."""
    global _generator
    if _generator is None:
        from numpy.random import PCG64, Generator

        _generator = Generator(PCG64())
    return _generator


def next_seed():
    """A fresh 63-bit key for a counter-based random kernel."""
    return int(generator().integers(0, 2**63 - 1))


def get_state():
    """The generator's state as nested dicts of str and int (JSON-friendly), for exact resume."""
    return generator().bit_generator.state


def set_state(state):
    """Restore what `get_state` returned."""
    generator().bit_generator.state = state
