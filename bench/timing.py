"""Timing implementations side by side.

Each gets a burst in turn, A B A B, and the quickest call of all bursts counts. A burst begins
with calls that are not measured. With several threads there is a pause between bursts: the idle
threads of the implementation before (OpenBLAS's spin for about 20 ms, OpenMP's for a while too)
would compete with the one measured.
"""

import time
from timeit import Timer

WARM_UP = 0.02  # seconds of calls before the measured ones: sleeping threads wake, and settle
LONG = 0.2  # a call of so many seconds needs no warm-up
BURST = 0.02  # seconds of measured calls; at least one
GRAIN = 20e-6  # seconds timed at once: calls that are shorter are timed in groups
PAUSE = 0.05  # seconds between implementations: OpenBLAS threads spin for 2**26 clock ticks


def side_by_side(timers, seconds, threads):
    """{name: seconds a call}, of the `timeit.Timer`s {name: timer}, in about `seconds` in all."""
    plans = {name: _plan(timer) for name, timer in timers.items()}
    best = dict.fromkeys(timers, float("inf"))
    rounds, end = 0, time.perf_counter() + seconds
    while rounds < 3 or time.perf_counter() < end:
        rounds += 1
        for name, timer in timers.items():
            warm_up, grain, grains = plans[name]
            if threads > 1:
                time.sleep(PAUSE)
            timer.timeit(warm_up)
            for _ in range(grains):
                best[name] = min(best[name], timer.timeit(grain) / grain)
    return best


def _plan(timer):
    """(calls of the warm-up, calls timed at once, how many times that)"""
    calls, spent = 1, timer.timeit(1)
    if spent > LONG:
        return 0, 1, 1
    spent = timer.timeit(1)  # the first call made what later ones reuse
    while spent < 1e-4:
        calls *= 4
        spent = timer.timeit(calls)
    one = spent / calls
    grain = max(1, int(GRAIN / one))
    return max(1, int(WARM_UP / one)), grain, max(1, int(BURST / (one * grain)))


def calls(functions):
    """Timers of functions without arguments."""
    return {name: Timer(function) for name, function in functions.items()}
