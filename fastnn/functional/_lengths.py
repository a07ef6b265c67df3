"""Until the kernels take lengths= and reverse=: row by row, for what is not the plain case."""

from types import SimpleNamespace

import numpy as np

from .. import kernels as _plain


def _rows(lengths, T, N):
    return [T] * N if lengths is None else list(lengths)


def _cut(a, n, length, reverse):
    if a is None:
        return None
    part = a[:length, n : n + 1]
    return part[::-1] if reverse else part


def _forward(name, states):
    kernel = getattr(_plain, name)

    def call(x, *args, lengths=None, reverse=False, **options):
        if lengths is None and not reverse:
            return kernel(x, *args, **options)
        T, N = x.shape[:2]
        firsts, weights = args[:states], args[states:]
        units = weights[1].shape[1]
        y = np.zeros((T, N, units), x.dtype)
        last = [np.zeros((N, units), x.dtype) for _ in range(states)]
        saved = []
        for n, length in enumerate(_rows(lengths, T, N)):
            h = [None if f is None else f[n : n + 1] for f in firsts]
            out, *ends, keep = kernel(_cut(x, n, length, reverse), *h, *weights, **options)
            y[:length, n] = (out[::-1] if reverse else out)[:, 0]
            for a, b in zip(last, ends):
                a[n] = b[0]
            saved.append(keep)
        return y, *last, saved

    return call


def _backward(name, states):
    kernel = getattr(_plain, name + "_backward")

    def call(dy, *args, lengths=None, reverse=False, needs, **options):
        if lengths is None and not reverse:
            return kernel(dy, *args, needs=needs, **options)
        lasts, (x, w_ih, w_hh, saved) = args[:states], args[states:]
        T, N = x.shape[:2]
        total = None
        dx = np.zeros_like(x)
        dstates = [[] for _ in range(states)]
        for n, length in enumerate(_rows(lengths, T, N)):
            d = [None if f is None else f[n : n + 1] for f in lasts]
            rx, *rest = kernel(
                _cut(dy, n, length, reverse),
                *d,
                _cut(x, n, length, reverse),
                w_ih,
                w_hh,
                saved[n],
                **options,
            )
            dx[:length, n] = (rx[::-1] if reverse else rx)[:, 0]
            for a, b in zip(dstates, rest):
                a.append(b)
            rest = rest[states:]
            total = (
                rest
                if total is None
                else [None if a is None else a + b for a, b in zip(total, rest)]
            )
        return dx, *(np.concatenate(d) for d in dstates), *total

    return call


kernels = SimpleNamespace()
for _name, _states in ("rnn", 1), ("gru", 1), ("lstm", 2):
    setattr(kernels, _name, _forward(_name, _states))
    setattr(kernels, _name + "_backward", _backward(_name, _states))
