"""Recurrent layers: a loop over time, one line an equation."""

import numpy as np

from .activation import f64, relu_backward


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


_ACT = {
    "tanh": np.tanh, "relu": lambda a: np.maximum(a, 0), "identity": lambda a: a,
    "sigmoid": _sigmoid,
}  # fmt: skip
_ACT_BACKWARD = {  # from h = act(a)
    "tanh": lambda dh, h: dh * (1 - h**2), "relu": relu_backward, "identity": lambda dh, h: dh,
    "sigmoid": lambda dh, h: dh * h * (1 - h),
}  # fmt: skip


def _start(x, state, w_hh):
    shape = (x.shape[1], w_hh.shape[1])
    return np.zeros(shape) if state is None else f64(state)


def _bias(b, w):
    return np.zeros(w.shape[0]) if b is None else f64(b)


def _steps(arrays, shape):
    return np.stack(arrays) if arrays else np.zeros(shape)


def _save(*arrays):
    """(steps, N, width) -> (steps N, width)"""
    return tuple(a.reshape(a.shape[0] * a.shape[1], a.shape[2]) for a in arrays)


def _saved_gates(a, x):
    return f64(a).reshape(*x.shape[:2], a.shape[1])


def _saved_states(a, x):
    return f64(a).reshape(x.shape[0] + 1, x.shape[1], a.shape[1])


def _wanted(gradients, needs):
    return tuple(a if need else None for a, need in zip(gradients, needs, strict=True))


def rnn(x, h0, w_ih, w_hh, b_ih=None, b_hh=None, *, nonlinearity="tanh"):
    x, w_ih, w_hh = f64(x), f64(w_ih), f64(w_hh)
    b_ih, b_hh = _bias(b_ih, w_ih), _bias(b_hh, w_hh)
    h = [_start(x, h0, w_hh)]
    for xt in x:
        h.append(_ACT[nonlinearity](xt @ w_ih.T + b_ih + h[-1] @ w_hh.T + b_hh))
    h = np.stack(h)
    return h[1:], h[-1], _save(h)


def rnn_backward(dy, dh, x, w_ih, w_hh, saved, *, nonlinearity="tanh", needs=(True,) * 6):
    x, w_ih, w_hh, h = f64(x), f64(w_ih), f64(w_hh), _saved_states(saved[0], x)
    dy = np.zeros(h[1:].shape) if dy is None else f64(dy)
    dh = _start(x, dh, w_hh)
    dx, dw_ih, dw_hh = np.zeros(x.shape), np.zeros(w_ih.shape), np.zeros(w_hh.shape)
    db = np.zeros(w_hh.shape[0])
    for t in reversed(range(len(x))):  # h[t + 1] = act(w_ih x[t] + b_ih + w_hh h[t] + b_hh)
        da = _ACT_BACKWARD[nonlinearity](dh + dy[t], h[t + 1])
        dx[t] = da @ w_ih
        dw_ih += da.T @ x[t]
        dw_hh += da.T @ h[t]
        db += da.sum(0)
        dh = da @ w_hh
    return _wanted((dx, dh, dw_ih, dw_hh, db, db), needs)


def _peepholes(peephole, w_hh, coupled):
    """For i, f and o; coupled, i's are not used."""
    units = w_hh.shape[1]
    if peephole is None:
        return np.zeros((3, units))
    p = f64(peephole)
    return np.concatenate([np.zeros((1, units)), p]) if coupled else p


def lstm(x, h0, c0, w_ih, w_hh, b_ih=None, b_hh=None, *, peephole=None, coupled=False):
    x, w_ih, w_hh = f64(x), f64(w_ih), f64(w_hh)
    b_ih, b_hh = _bias(b_ih, w_ih), _bias(b_hh, w_hh)
    p_i, p_f, p_o = _peepholes(peephole, w_hh, coupled)
    h, c, gates = [_start(x, h0, w_hh)], [_start(x, c0, w_hh)], []
    for xt in x:
        a = np.split(xt @ w_ih.T + b_ih + h[-1] @ w_hh.T + b_hh, 3 if coupled else 4, axis=1)
        f = _sigmoid(a[-3] + p_f * c[-1])
        i = 1 - f if coupled else _sigmoid(a[0] + p_i * c[-1])
        g = np.tanh(a[-2])
        c.append(f * c[-1] + i * g)
        o = _sigmoid(a[-1] + p_o * c[-1])
        h.append(o * np.tanh(c[-1]))
        gates.append(np.concatenate([f, g, o] if coupled else [i, f, g, o], axis=1))
    h, c = np.stack(h), np.stack(c)
    gates = _steps(gates, (0, x.shape[1], len(w_hh)))
    return h[1:], h[-1], c[-1], _save(gates, h, c)


def lstm_backward(
    dy, dh, dc, x, w_ih, w_hh, saved, *, peephole=None, coupled=False, needs=(True,) * 8
):
    x, w_ih, w_hh, gates = f64(x), f64(w_ih), f64(w_hh), _saved_gates(saved[0], x)
    h, c = _saved_states(saved[1], x), _saved_states(saved[2], x)
    p_i, p_f, p_o = _peepholes(peephole, w_hh, coupled)
    dy = np.zeros(h[1:].shape) if dy is None else f64(dy)
    dh, dc = _start(x, dh, w_hh), _start(x, dc, w_hh)
    dx, dw_ih, dw_hh = np.zeros(x.shape), np.zeros(w_ih.shape), np.zeros(w_hh.shape)
    db, dp = np.zeros(len(w_hh)), np.zeros((3, w_hh.shape[1]))
    for t in reversed(range(len(x))):
        f, g, o = np.split(gates[t], 3 if coupled else 4, axis=1)[-3:]
        i = 1 - f if coupled else gates[t][:, : w_hh.shape[1]]
        dh = dh + dy[t]
        # h[t + 1] = o tanh(c[t + 1]), o = sigmoid(a_o + p_o c[t + 1])
        da_o = dh * np.tanh(c[t + 1]) * o * (1 - o)
        dc = dc + dh * o * (1 - np.tanh(c[t + 1]) ** 2) + da_o * p_o
        # c[t + 1] = f c[t] + i g
        di, df, da_g = dc * g, dc * c[t], dc * i * (1 - g**2)
        if coupled:  # i = 1 - f
            df, di = df - di, np.zeros_like(di)
        da_i, da_f = di * i * (1 - i), df * f * (1 - f)
        dc = dc * f + da_i * p_i + da_f * p_f
        da = np.concatenate([da_f, da_g, da_o] if coupled else [da_i, da_f, da_g, da_o], axis=1)
        dx[t] = da @ w_ih
        dw_ih += da.T @ x[t]
        dw_hh += da.T @ h[t]
        db += da.sum(0)
        dp += [(da_i * c[t]).sum(0), (da_f * c[t]).sum(0), (da_o * c[t + 1]).sum(0)]
        dh = da @ w_hh
    dp = None if peephole is None else dp[1:] if coupled else dp
    return _wanted((dx, dh, dc, dw_ih, dw_hh, db, db, dp), needs)


def gru(x, h0, w_ih, w_hh, b_ih=None, b_hh=None, *, reset_after=True):
    x, w_ih, w_hh = f64(x), f64(w_ih), f64(w_hh)
    b_ih, b_hh = _bias(b_ih, w_ih), _bias(b_hh, w_hh)
    w_hr, w_hz, w_hn = np.split(w_hh, 3)
    b_hr, b_hz, b_hn = np.split(b_hh, 3)
    h, gates = [_start(x, h0, w_hh)], []
    for xt in x:
        a_r, a_z, a_n = np.split(xt @ w_ih.T + b_ih, 3, axis=1)
        r = _sigmoid(a_r + h[-1] @ w_hr.T + b_hr)
        z = _sigmoid(a_z + h[-1] @ w_hz.T + b_hz)
        if reset_after:
            q = h[-1] @ w_hn.T + b_hn
            n = np.tanh(a_n + r * q)
        else:
            q = r * h[-1]
            n = np.tanh(a_n + q @ w_hn.T + b_hn)
        h.append((1 - z) * n + z * h[-1])
        gates.append(np.concatenate([r, z, n, q], axis=1))
    h = np.stack(h)
    gates = _steps(gates, (0, x.shape[1], 4 * w_hh.shape[1]))
    return h[1:], h[-1], _save(gates, h)


def gru_backward(dy, dh, x, w_ih, w_hh, saved, *, reset_after=True, needs=(True,) * 6):
    x, w_ih, w_hh, gates = f64(x), f64(w_ih), f64(w_hh), _saved_gates(saved[0], x)
    h = _saved_states(saved[1], x)
    w_hr, w_hz, w_hn = np.split(w_hh, 3)
    dy = np.zeros(h[1:].shape) if dy is None else f64(dy)
    dh = _start(x, dh, w_hh)
    dx, dw_ih, dw_hh = np.zeros(x.shape), np.zeros(w_ih.shape), np.zeros(w_hh.shape)
    db_ih, db_hh = np.zeros(len(w_ih)), np.zeros(len(w_hh))
    for t in reversed(range(len(x))):
        r, z, n, q = np.split(gates[t], 4, axis=1)
        dh = dh + dy[t]
        # h[t + 1] = (1 - z) n + z h[t]
        da_n, da_z = dh * (1 - z) * (1 - n**2), dh * (h[t] - n) * z * (1 - z)
        dh = dh * z
        if reset_after:  # n = tanh(a_n + r q), q = w_hn h[t] + b_hn
            dr, db_n = da_n * q, da_n * r
            dw_n = db_n.T @ h[t]
            dh = dh + db_n @ w_hn
        else:  # n = tanh(a_n + w_hn q + b_hn), q = r h[t]
            dr, db_n = da_n @ w_hn * h[t], da_n
            dw_n = db_n.T @ q
            dh = dh + da_n @ w_hn * r
        da_r = dr * r * (1 - r)
        dh = dh + da_r @ w_hr + da_z @ w_hz
        da = np.concatenate([da_r, da_z, da_n], axis=1)
        dx[t] = da @ w_ih
        dw_ih += da.T @ x[t]
        dw_hh += np.concatenate([da_r.T @ h[t], da_z.T @ h[t], dw_n])
        db_ih += da.sum(0)
        db_hh += np.concatenate([da_r, da_z, db_n], axis=1).sum(0)
    return _wanted((dx, dh, dw_ih, dw_hh, db_ih, db_hh), needs)


# ---- one step: a sequence of one ----------------------------------------------------------------


def _step(sequence):
    def step(x, *arguments, **options):
        _, *states_and_saved = sequence(f64(x)[None], *arguments, **options)
        return tuple(states_and_saved)

    return step


def _step_backward(sequence_backward, states):
    def step_backward(*arguments, **options):
        last, (x, *others) = arguments[:states], arguments[states:]
        dx, *gradients = sequence_backward(None, *last, f64(x)[None], *others, **options)
        return dx[0], *gradients

    return step_backward


rnn_step, rnn_step_backward = _step(rnn), _step_backward(rnn_backward, 1)
lstm_step, lstm_step_backward = _step(lstm), _step_backward(lstm_backward, 2)
gru_step, gru_step_backward = _step(gru), _step_backward(gru_backward, 1)
