"""The same operations in plain NumPy: what one writes without a library.

Each keeps the dtype of its arguments, so that float64 arguments give the values that every
implementation is compared with. Letters as in shapes.py.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# ---- windows ----------------------------------------------------------------------------------


def pad(x, padding, value=0):
    if not padding:
        return x
    border = (padding, padding)
    return np.pad(x, ((0, 0), (0, 0), border, border), constant_values=value)


def windows(x, kernel, stride, padding, value=0):
    """A view of the padded x: (N, C, OH, OW, R, R)."""
    view = sliding_window_view(pad(x, padding, value), (kernel, kernel), axis=(2, 3))
    return view[:, :, ::stride, ::stride]


def add_windows(parts, x_shape, kernel, stride, padding):
    """The adjoint of `windows`: parts[r][s] (N, C, OH, OW) summed into an x."""
    n, c, h, w = x_shape
    oh, ow = parts[0][0].shape[2:]
    x = np.zeros((n, c, h + 2 * padding, w + 2 * padding), parts[0][0].dtype)
    for r in range(kernel):
        for s in range(kernel):
            rows = slice(r, r + (oh - 1) * stride + 1, stride)
            columns = slice(s, s + (ow - 1) * stride + 1, stride)
            x[:, :, rows, columns] += parts[r][s]
    return x[:, :, padding : padding + h, padding : padding + w]


def im2col(x, kernel, stride, padding):
    """(N, C R R, OH OW), in the order of torch's unfold."""
    view = windows(x, kernel, stride, padding)
    n, c, oh, ow = view.shape[:4]
    return view.transpose(0, 1, 4, 5, 2, 3).reshape(n, c * kernel**2, oh * ow)


def col2im(cols, x_shape, kernel, stride, padding):
    n, c, h, w = x_shape
    oh = (h + 2 * padding - kernel) // stride + 1
    ow = (w + 2 * padding - kernel) // stride + 1
    taps = cols.reshape(n, c, kernel, kernel, oh, ow).transpose(2, 3, 0, 1, 4, 5)
    return add_windows(taps, x_shape, kernel, stride, padding)


# ---- convolution and pooling ------------------------------------------------------------------


def patches(x, kernel, stride, padding):
    """im2col with a row for every output pixel: (N OH OW, C R R)."""
    view = windows(x, kernel, stride, padding)
    n, c, oh, ow = view.shape[:4]
    return view.transpose(0, 2, 3, 1, 4, 5).reshape(n * oh * ow, c * kernel**2), (n, oh, ow)


def conv2d(x, w, b, stride, padding):
    """-> y (N, K, OH, OW), and the patches for the backward pass"""
    rows, (n, oh, ow) = patches(x, w.shape[2], stride, padding)
    y = rows @ w.reshape(len(w), -1).T + b
    return y.reshape(n, oh, ow, len(w)).transpose(0, 3, 1, 2), rows


def conv2d_backward(dy, rows, x_shape, w, stride, padding, needs_dx=True):  # y = rows w' + b
    n, k, oh, ow = dy.shape
    kernel = w.shape[2]
    flat = dy.transpose(0, 2, 3, 1).reshape(-1, k)
    dw = (flat.T @ rows).reshape(w.shape)
    db = flat.sum(0)
    if not needs_dx:
        return None, dw, db
    taps = (flat @ w.reshape(k, -1)).reshape(n, oh, ow, x_shape[1], kernel, kernel)
    taps = taps.transpose(4, 5, 0, 3, 1, 2)
    return add_windows(taps, x_shape, kernel, stride, padding), dw, db


def conv2d_both(x, w, b, dy, stride, padding, groups=1):
    """-> y, dx, dw, db, group by group"""
    if groups == 1:
        y, rows = conv2d(x, w, b, stride, padding)
        return y, *conv2d_backward(dy, rows, x.shape, w, stride, padding)
    axes = (1, 0, 0, 1)
    of_groups = zip(
        *(np.split(a, groups, axis) for a, axis in zip((x, w, b, dy), axes, strict=True)),
        strict=True,
    )
    results = zip(*(conv2d_both(*arrays, stride, padding) for arrays in of_groups), strict=True)
    return tuple(
        np.concatenate(parts, axis) for parts, axis in zip(results, (1, 1, 0, 0), strict=True)
    )


def conv1d(x, w, b, stride, padding):
    """-> y (N, K, OL), and the windows for the backward pass; x (N, C, L)"""
    if padding:
        x = np.pad(x, ((0, 0), (0, 0), (padding, padding)))
    view = sliding_window_view(x, w.shape[2], axis=2)[:, :, ::stride]
    rows = view.transpose(0, 2, 1, 3).reshape(-1, w[0].size)
    y = rows @ w.reshape(len(w), -1).T + b
    return y.reshape(len(x), -1, len(w)).transpose(0, 2, 1), rows


def conv1d_input_gradient(dy, w, length, stride, padding):
    """dx (N, C, L)"""
    taps = np.tensordot(dy, w, (1, 0)).transpose(3, 0, 2, 1)
    return add_taps(taps, length + 2 * padding, stride)[:, :, padding : padding + length]


def add_taps(taps, length, stride):
    """taps[s] (N, C, OL), each for every stride-th place from s on, summed into (N, C, L)."""
    x = np.zeros((*taps[0].shape[:2], length), taps[0].dtype)
    for s, tap in enumerate(taps):
        x[:, :, s : s + (tap.shape[2] - 1) * stride + 1 : stride] += tap
    return x


def conv1d_both(x, w, b, dy, stride, padding):
    """-> y, dx, dw, db; x (N, C, L): im2col"""
    y, rows = conv1d(x, w, b, stride, padding)
    return y, *_conv1d_gradients(dy, rows, x, w, stride, padding)


def _conv1d_gradients(dy, rows, x, w, stride, padding):
    flat = dy.transpose(0, 2, 1).reshape(-1, len(w))
    dx = conv1d_input_gradient(dy, w, x.shape[2], stride, padding)
    return dx, (flat.T @ rows).reshape(w.shape), flat.sum(0)


def conv1d_max_over_time(x, w, b, dy, padding):
    """-> y (N, K), dx, dw, db; dy (N, K)"""
    convolved, rows = conv1d(x, w, b, 1, padding)
    y, d = max_over_time(convolved, dy[:, :, None])
    return y[:, :, 0], *_conv1d_gradients(d, rows, x, w, 1, padding)


def conv_transpose1d_both(x, w, b, dy, stride, padding):
    """-> y, dx, dw, db; w (C, K, S)"""
    dx, rows = conv1d(dy, w, x.dtype.type(0), stride, padding)
    dw = x.transpose(0, 2, 1).reshape(-1, len(w)).T @ rows
    y = conv1d_input_gradient(x, w, dy.shape[2], stride, padding) + b[:, None]
    return y, dx, dw.reshape(w.shape), dy.sum((0, 2))


def conv_transpose2d(x, w, b, stride, padding):
    """y (N, K, OH, OW): every pixel's window of w, summed"""
    n, c, h, width = x.shape
    k, kernel = w.shape[1:3]
    rows = x.transpose(0, 2, 3, 1).reshape(-1, c)
    taps = (rows @ w.reshape(c, -1)).reshape(n, h, width, k, kernel, kernel)
    size = [(m - 1) * stride - 2 * padding + kernel for m in (h, width)]
    taps = taps.transpose(4, 5, 0, 3, 1, 2)
    return add_windows(taps, (n, k, *size), kernel, stride, padding) + b[:, None, None]


def conv_transpose2d_both(x, w, b, dy, stride, padding):
    """-> y, dx, dw, db"""
    dx, rows = conv2d(dy, w, x.dtype.type(0), stride, padding)
    dw = x.transpose(0, 2, 3, 1).reshape(-1, len(w)).T @ rows
    y = conv_transpose2d(x, w, b, stride, padding)
    return y, dx, dw.reshape(w.shape), dy.sum((0, 2, 3))


def max_pool2d(x, kernel, stride, padding=0):
    """-> y, and which element of its window won"""
    view = windows(x, kernel, stride, padding, -np.inf)
    y, winner = view[..., 0, 0], np.zeros(view.shape[:4], np.int8)
    for tap in range(1, kernel**2):  # quicker than argmax along so short an axis
        value = view[..., tap // kernel, tap % kernel]
        better = value > y
        y = np.where(better, value, y)
        winner[better] = tap
    return y, winner


def max_pool2d_backward(dy, winner, x_shape, kernel, stride, padding=0):  # y = max of the window
    parts = [
        [np.where(winner == r * kernel + s, dy, 0) for s in range(kernel)] for r in range(kernel)
    ]
    return add_windows(parts, x_shape, kernel, stride, padding)


def avg_pool2d(x, kernel, stride, padding=0):
    return windows(x, kernel, stride, padding).mean((4, 5), dtype=x.dtype)


def avg_pool2d_backward(dy, x_shape, kernel, stride, padding=0):  # y = mean of the window
    share = dy / kernel**2
    return add_windows([[share] * kernel] * kernel, x_shape, kernel, stride, padding)


def max_pool1d_both(x, dy, kernel, stride):
    """x (N, C, L) -> y (N, C, OL), dx"""
    view = sliding_window_view(x, kernel, axis=2)[:, :, ::stride]
    winner = view.argmax(3)
    taps = [np.where(winner == s, dy, 0) for s in range(kernel)]
    return view.max(3), add_taps(taps, x.shape[2], stride)


def avg_pool1d_both(x, dy, kernel, stride):
    """x (N, C, L) -> y (N, C, OL), dx"""
    view = sliding_window_view(x, kernel, axis=2)[:, :, ::stride]
    return view.mean(3), add_taps([dy / kernel] * kernel, x.shape[2], stride)


def max_over_time(x, dy):
    """x (N, C, L) -> y (N, C, 1), dx"""
    at = x.argmax(2, keepdims=True)
    dx = np.zeros_like(x)
    np.put_along_axis(dx, at, dy, 2)
    return np.take_along_axis(x, at, 2), dx


# ---- resizing and padding ---------------------------------------------------------------------


def upsample(mode, x, dy):
    """To twice the size -> y, dx: the matrices of both directions"""
    a, b = (_doubled(mode, n).astype(x.dtype) for n in x.shape[2:])
    return a @ x @ b.T, a.T @ dy @ b


def _doubled(mode, n):
    """(2n, n): the shares of n pixels in 2n"""
    if mode == "nearest":
        return np.repeat(np.eye(n), 2, 0)
    at = np.clip((np.arange(2 * n) + 0.5) / 2 - 0.5, 0, n - 1)
    return np.maximum(1 - np.abs(at[:, None] - np.arange(n)), 0)


def pad_both(mode, x, dy, border):
    """-> y, dx; border: on each side"""
    inside = slice(border, -border)
    y = np.pad(x, ((0, 0), (0, 0), (border, border), (border, border)), mode)
    for axis in (2, 3) if mode == "reflect" else ():
        dy = np.moveaxis(dy, axis, 0).copy()  # what is outside is a copy of what is inside
        dy[border + 1 : 2 * border + 1] += dy[border - 1 :: -1]
        dy[-2 * border - 1 : -border - 1] += dy[: -border - 1 : -1]
        dy = np.moveaxis(dy, 0, axis)
    return y, dy[:, :, inside, inside]


# ---- normalisation ----------------------------------------------------------------------------


def normalize(x, w, b, axes, eps=1e-5):
    """-> y = w xhat + b, and xhat and the scale for the backward pass; axes: those of a mean"""
    scale = 1 / np.sqrt(x.var(axes, keepdims=True) + eps)
    xhat = (x - x.mean(axes, keepdims=True)) * scale
    return w * xhat + b, xhat, scale


def normalize_backward(dy, xhat, scale, w, axes):  # y = w xhat + b
    """-> dx, dw, db"""
    d = dy * w
    shared = d.mean(axes, keepdims=True) + xhat * (d * xhat).mean(axes, keepdims=True)
    summed = tuple(i for i, n in enumerate(w.shape) if n == 1)
    db = dy.sum(summed, keepdims=True)
    return (d - shared) * scale, (dy * xhat).sum(summed, keepdims=True), db


def batch_norm_fold(mean, var, w, b, conv_bias, eps=1e-5):
    """-> scale, shift"""
    scale = w / np.sqrt(var + eps)
    return scale, (conv_bias - mean) * scale + b


def local_response_norm(x, size, alpha, beta, k):
    """-> y = x / d^beta, and d; size is odd"""
    d = k + alpha / size * neighbours(x * x, size)
    return x * d**-beta, d


def local_response_norm_backward(dy, x, y, d, size, alpha, beta):  # y[c] = x[c] / d[c]^beta
    return dy * d**-beta - 2 * alpha * beta / size * x * neighbours(dy * y / d, size)


def neighbours(x, size):
    """The sum over the `size` channels around each."""
    reach = size // 2
    padded = np.pad(x, ((0, 0), (reach, reach), (0, 0), (0, 0)))
    return sum(padded[:, i : i + x.shape[1]] for i in range(size))


# ---- activations: forward(x) -> y, backward(dy, x, y) -> dx -----------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def erf(x):
    """Within 1.5e-7: Abramowitz and Stegun 1964, 7.1.26. NumPy has none."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    series = 1.421413741 + t * (-1.453152027 + t * 1.061405429)
    series = t * (0.254829592 + t * (-0.284496736 + t * series))
    return np.sign(x) * (1 - series * np.exp(-x * x))


def normal_share(x):
    """The normal distribution function."""
    return (1 + erf(x * 0.5**0.5)) / 2


def elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


ACTIVATIONS = {
    "relu": (lambda x: np.maximum(x, 0), lambda dy, x, y: dy * (y > 0)),
    "sigmoid": (sigmoid, lambda dy, x, y: dy * y * (1 - y)),
    "tanh": (np.tanh, lambda dy, x, y: dy * (1 - y * y)),
    "exp": (np.exp, lambda dy, x, y: dy * y),
    "softplus": (lambda x: np.logaddexp(x, 0), lambda dy, x, y: dy * sigmoid(x)),
    "leaky_relu": (
        lambda x: np.where(x > 0, x, x * x.dtype.type(0.01)),
        lambda dy, x, y: np.where(x > 0, dy, dy * dy.dtype.type(0.01)),
    ),
    "gelu": (
        lambda x: x * normal_share(x),
        lambda dy, x, y: dy * (normal_share(x) + x * np.exp(-x * x / 2) * (2 * np.pi) ** -0.5),
    ),
    "elu": (elu, lambda dy, x, y: np.where(x > 0, dy, dy * (y + 1))),
}


# ---- embedding --------------------------------------------------------------------------------


def embedding(weight, index, dy):
    """-> y, dweight"""
    dweight = np.zeros_like(weight)
    np.add.at(dweight, index, dy)
    return weight[index], dweight


# ---- loss, dropout, optimisers ----------------------------------------------------------------


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def log_softmax(x):
    shifted = x - x.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def cross_entropy(logits, target):
    """-> mean loss, log-probabilities"""
    log_probs = log_softmax(logits)
    return -log_probs[np.arange(len(target)), target].mean(), log_probs


def cross_entropy_backward(log_probs, target):  # loss = -mean(log_probs[n, target[n]])
    d = np.exp(log_probs)
    d[np.arange(len(target)), target] -= 1
    d /= len(target)
    return d


def dropout(x, p, rng):
    mask = rng.random(x.shape, np.float32) >= p
    return x * mask * x.dtype.type(1 / (1 - p))


def dropout2d(x, p, rng):
    keep = rng.random((*x.shape[:2], 1, 1), np.float32) >= p
    return x * (keep / np.float32(1 - p))


def sgd_step(params, grads, buffers, lr, momentum):
    for p, g, buf in zip(params, grads, buffers, strict=True):
        buf *= momentum
        buf += g
        p -= lr * buf


def adam_step(params, grads, ms, vs, step, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    for p, g, m, v in zip(params, grads, ms, vs, strict=True):
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * g * g
        p -= lr / (1 - beta1**step) * m / (np.sqrt(v / (1 - beta2**step)) + eps)


def adagrad_step(params, grads, sums, lr=1e-2, eps=1e-10):
    for p, g, s in zip(params, grads, sums, strict=True):
        s += g * g
        p -= lr * g / (np.sqrt(s) + eps)


def adadelta_step(params, grads, vs, us, lr=1.0, rho=0.9, eps=1e-6):
    for p, g, v, u in zip(params, grads, vs, us, strict=True):
        v *= rho
        v += (1 - rho) * g * g
        delta = np.sqrt(u + eps) / np.sqrt(v + eps) * g
        u *= rho
        u += (1 - rho) * delta * delta
        p -= lr * delta


def rmsprop_step(params, grads, vs, lr=1e-2, alpha=0.99, eps=1e-8):
    for p, g, v in zip(params, grads, vs, strict=True):
        v *= alpha
        v += (1 - alpha) * g * g
        p -= lr * g / (np.sqrt(v) + eps)


# ---- a training step of LeNet-5 ---------------------------------------------------------------


class LeNet5:
    """LeNet-5 with its Adam step, as in fastnn.models: weights is a list of ten arrays in the
    order of `shapes.LENET5`, which is updated in place."""

    def __init__(self, weights, lr):
        self.weights, self.lr, self.steps = weights, lr, 0
        self.m = [np.zeros_like(w) for w in weights]
        self.v = [np.zeros_like(w) for w in weights]

    def gradients(self, x, target):
        """-> loss, the gradients of the ten weights"""
        w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = self.weights
        c1, rows1 = conv2d(x, w1, b1, 1, 2)
        a1 = np.maximum(c1, 0)
        p1, won1 = max_pool2d(a1, 2, 2)
        c2, rows2 = conv2d(p1, w2, b2, 1, 0)
        a2 = np.maximum(c2, 0)
        p2, won2 = max_pool2d(a2, 2, 2)
        h2 = p2.reshape(len(x), -1)
        h3 = np.maximum(h2 @ w3.T + b3, 0)
        h4 = np.maximum(h3 @ w4.T + b4, 0)
        loss, log_probs = cross_entropy(h4 @ w5.T + b5, target)

        d5 = cross_entropy_backward(log_probs, target)
        d4 = d5 @ w5 * (h4 > 0)
        d3 = d4 @ w4 * (h3 > 0)
        d2 = (d3 @ w3).reshape(p2.shape)
        d2 = max_pool2d_backward(d2, won2, a2.shape, 2, 2) * (a2 > 0)
        d1, dw2, db2 = conv2d_backward(d2, rows2, p1.shape, w2, 1, 0)
        d1 = max_pool2d_backward(d1, won1, a1.shape, 2, 2) * (a1 > 0)
        _, dw1, db1 = conv2d_backward(d1, rows1, x.shape, w1, 1, 2, needs_dx=False)
        return loss, [
            dw1, db1, dw2, db2, d3.T @ h2, d3.sum(0), d4.T @ h3, d4.sum(0), d5.T @ h4, d5.sum(0),
        ]  # fmt: skip

    def step(self, x, target):
        """-> loss, gradient of the first weight"""
        loss, grads = self.gradients(x, target)
        self.steps += 1
        adam_step(self.weights, grads, self.m, self.v, self.steps, self.lr)
        return loss, grads[0]


# ---- recurrent layers: x (T, N, D), dy (T, N, U) -> y, dx, dw_ih, dw_hh, db_ih, db_hh -----------


def rnn(x, w_ih, w_hh, b_ih, b_hh, dy):
    h = np.zeros((len(x) + 1, *dy.shape[1:]), x.dtype)
    sums = x @ w_ih.T + (b_ih + b_hh)
    for t, a in enumerate(sums):
        h[t + 1] = np.tanh(a + h[t] @ w_hh.T)
    da, dh = np.empty_like(sums), np.zeros_like(h[0])
    for t in reversed(range(len(x))):
        da[t] = (dh + dy[t]) * (1 - h[t + 1] ** 2)
        dh = da[t] @ w_hh
    return h[1:], *_layer_gradients(x, h[:-1], w_ih, da, da)


def lstm(x, w_ih, w_hh, b_ih, b_hh, dy):
    h, c = (np.zeros((len(x) + 1, *dy.shape[1:]), x.dtype) for _ in range(2))
    gates = x @ w_ih.T + (b_ih + b_hh)
    for t, a in enumerate(gates):
        a += h[t] @ w_hh.T
        h[t + 1], c[t + 1] = lstm_step(a, c[t])
    da = np.empty_like(gates)
    dh, dc = np.zeros_like(h[0]), np.zeros_like(c[0])
    for t in reversed(range(len(x))):
        da[t], dc = lstm_step_backward(dh + dy[t], dc, gates[t], c[t], c[t + 1])
        dh = da[t] @ w_hh
    return h[1:], *_layer_gradients(x, h[:-1], w_ih, da, da)


def lstm_step(a, c):
    """a (N, 4 U), which becomes the gates i, f, g, o; c before -> h, c"""
    i, f, g, o = np.split(a, 4, axis=1)  # views
    i[...], f[...], g[...], o[...] = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    c = f * c + i * g
    return o * np.tanh(c), c


def lstm_step_backward(dh, dc, gates, before, c):
    """before, c: the cells before and after the step -> da (N, 4 U), dbefore"""
    i, f, g, o = np.split(gates, 4, axis=1)
    tanh_c = np.tanh(c)
    dc = dc + dh * o * (1 - tanh_c**2)
    da = np.concatenate([
        dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g**2),
        dh * tanh_c * o * (1 - o),
    ], axis=1)  # fmt: skip
    return da, dc * f


def gru(x, w_ih, w_hh, b_ih, b_hh, dy):
    """torch's form: the reset gate r after the product with w_hh."""
    h = np.zeros((len(x) + 1, *dy.shape[1:]), x.dtype)
    saved = []
    for t, a in enumerate(x @ w_ih.T + b_ih):
        (ar, az, an), (sr, sz, q) = (np.split(s, 3, axis=1) for s in (a, h[t] @ w_hh.T + b_hh))
        r, z = sigmoid(ar + sr), sigmoid(az + sz)
        n = np.tanh(an + r * q)
        h[t + 1] = (1 - z) * n + z * h[t]
        saved.append((r, z, n, q))
    da_ih, da_hh = (np.empty((*x.shape[:2], len(w_hh)), x.dtype) for _ in range(2))
    dh = np.zeros_like(h[0])
    for t, (r, z, n, q) in reversed(list(enumerate(saved))):
        dh = dh + dy[t]
        dn = dh * (1 - z) * (1 - n**2)
        dz = dh * (h[t] - n) * z * (1 - z)
        dr = dn * q * r * (1 - r)
        da_ih[t] = np.concatenate([dr, dz, dn], axis=1)
        da_hh[t] = np.concatenate([dr, dz, dn * r], axis=1)
        dh = dh * z + da_hh[t] @ w_hh
    return h[1:], *_layer_gradients(x, h[:-1], w_ih, da_ih, da_hh)


def _layer_gradients(x, h, w_ih, da_ih, da_hh):
    """h: before each step; da_ih, da_hh (T, N, gates U): of what the inputs and the states give."""
    d_ih, d_hh = (da.reshape(-1, da.shape[2]) for da in (da_ih, da_hh))
    dw_ih, dw_hh = d_ih.T @ x.reshape(len(d_ih), -1), d_hh.T @ h.reshape(len(d_hh), -1)
    return da_ih @ w_ih, dw_ih, dw_hh, d_ih.sum(0), d_hh.sum(0)


# ---- attention --------------------------------------------------------------------------------


def attention_both(q, k, v, dy, causal):
    """o = softmax(q k' / sqrt(E)) v, (N, H, L, E) each -> o, dq, dk, dv"""
    scale = q.dtype.type(q.shape[3] ** -0.5)
    s = q @ k.swapaxes(2, 3) * scale
    if causal:
        s[..., ~np.tri(*s.shape[2:], dtype=bool)] = -np.inf
    w = np.exp(s - s.max(3, keepdims=True))
    w /= w.sum(3, keepdims=True)
    dw = dy @ v.swapaxes(2, 3)
    ds = w * (dw - (dw * w).sum(3, keepdims=True)) * scale
    return w @ v, ds @ k, ds.swapaxes(2, 3) @ q, w.swapaxes(2, 3) @ dy


def attend_heads_both(source, dy, heads):
    """source (N, T, 3 D): query, key and value side by side; causal -> y (N, T, D), dsource"""

    def split(x):
        return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)

    def merge(x):
        return x.swapaxes(1, 2).reshape(*dy.shape)

    parts = map(split, (*np.split(source, 3, axis=2), dy))
    y, *gradients = map(merge, attention_both(*parts, True))
    return y, np.concatenate(gradients, axis=2)


def additive_attention(query, keys, values, v):
    """query (T, N, A), keys (S, N, A), values (S, N, M), v (A,) -> context (T, N, M), and what
    backward needs: tanh(keys + query) (T, S, N, A) and the weights (T, S, N)."""
    tanh = np.tanh(keys + query[:, None])
    e = tanh @ v
    w = np.exp(e - e.max(1, keepdims=True))
    w /= w.sum(1, keepdims=True)
    return np.einsum("tsn,snm->tnm", w, values), (tanh, w)


def additive_attention_backward(dcontext, values, v, saved):  # context = softmax(tanh v) values
    """-> dquery, dkeys, dvalues, dv"""
    tanh, w = saved
    dw = np.einsum("tnm,snm->tsn", dcontext, values)
    de = w * (dw - (dw * w).sum(1, keepdims=True))
    da = de[..., None] * v * (1 - tanh**2)
    dvalues = np.einsum("tsn,tnm->snm", w, dcontext)
    return da.sum(1), da.sum(0), dvalues, np.tensordot(de, tanh, 3)


def attention_lstm_both(x, keys, values, w_ih, w_hh, b, w_query, v, dy):
    """Each step's input is x[t] and the context of the query w_query h[t-1] -> y, and the gradients
    of all but dy"""
    T, U = len(x), w_hh.shape[1]
    h, c = (np.zeros((T + 1, *dy.shape[1:]), x.dtype) for _ in range(2))
    inputs, gates, saved = [], [], []
    for t in range(T):
        (context,), state = additive_attention((h[t] @ w_query.T)[None], keys, values, v)
        inputs.append(np.concatenate([x[t], context], axis=1))
        gates.append(inputs[t] @ w_ih.T + h[t] @ w_hh.T + b)
        h[t + 1], c[t + 1] = lstm_step(gates[t], c[t])
        saved.append(state)
    da, dquery = np.empty((T, x.shape[1], 4 * U), x.dtype), [None] * T
    of_source = [np.zeros_like(a) for a in (keys, values, v)]
    dh, dc = np.zeros_like(h[0]), np.zeros_like(c[0])
    for t in reversed(range(T)):
        da[t], dc = lstm_step_backward(dh + dy[t], dc, gates[t], c[t], c[t + 1])
        dcontext = da[t] @ w_ih[:, x.shape[2] :]
        (dquery[t],), *parts = additive_attention_backward(dcontext[None], values, v, saved[t])
        for total, part in zip(of_source, parts, strict=True):
            total += part
        dh = da[t] @ w_hh + dquery[t] @ w_query
    dinputs, dw_ih, dw_hh, db, _ = _layer_gradients(np.stack(inputs), h[:-1], w_ih, da, da)
    dkeys, dvalues, dv = of_source
    dw_query = np.tensordot(np.stack(dquery), h[:-1], ((0, 1), (0, 1)))
    return h[1:], dinputs[..., : x.shape[2]], dkeys, dvalues, dw_ih, dw_hh, db, dw_query, dv


# ---- conditional random fields ----------------------------------------------------------------


def log_sum_exp(x, axis):
    most = x.max(axis, keepdims=True)
    return np.log(np.exp(x - most).sum(axis)) + most.squeeze(axis)


def crf_both(emissions, transitions, start, end, tags):
    """emissions (T, N, K), tags (T, N) -> the mean log-likelihood, and the gradients of all but the
    tags: the forward-backward algorithm, a step for all sequences at once"""
    batch, kinds = emissions.shape[1:]
    upto, behind = [start + emissions[0]], [np.tile(end, (batch, 1))]
    for e in emissions[1:]:
        upto.append(log_sum_exp(upto[-1][:, :, None] + transitions, 1) + e)
    for e in emissions[:0:-1]:
        behind.insert(0, log_sum_exp(transitions + (e + behind[0])[:, None], 2))
    upto, behind = np.stack(upto), np.stack(behind)
    log_z = log_sum_exp(upto[-1] + end, 1)[:, None]
    after = (emissions + behind - log_z)[1:]
    pairs = np.exp(upto[:-1, :, :, None] + transitions + after[:, :, None])
    given = tags[:, :, None] == np.arange(kinds)
    d = (given - np.exp(upto + behind - log_z)) / emissions.dtype.type(batch)
    dtransitions = -pairs.sum((0, 1))
    np.add.at(dtransitions, (tags[:-1], tags[1:]), 1)
    score = (emissions * given).sum((0, 2)) + transitions[tags[:-1], tags[1:]].sum(0)
    score += start[tags[0]] + end[tags[-1]]
    return (score - log_z[:, 0]).mean(), d, dtransitions / batch, d[0].sum(0), d[-1].sum(0)


def crf_decode(emissions, transitions, start, end):
    """-> the likeliest tags (T, N), by Viterbi's algorithm, and their scores (N,)"""
    best, pointers = start + emissions[0], []
    for e in emissions[1:]:
        through = best[:, :, None] + transitions
        pointers.append(through.argmax(1))
        best = through.max(1) + e
    tags = [(best + end).argmax(1)]
    for pointer in reversed(pointers):
        tags.insert(0, pointer[np.arange(len(best)), tags[0]])
    return np.stack(tags), (best + end).max(1)


# ---- word2vec ---------------------------------------------------------------------------------


def word2vec(inputs, outputs, words, shares, window, negatives, lr, block, rng):
    """A pass of skip-gram with negative sampling over words (N,): the errors of a block of windows
    at once, then its steps; both tables (V, D) are changed in place -> the loss of every window.
    Weight 0 has a context beyond the text, and a negative that is the window's word."""
    losses = np.empty(len(words))
    for begin in range(0, len(words), block):
        at = np.arange(begin, min(begin + block, len(words)))
        reach = rng.integers(1, window + 1, (len(at), 1))
        offsets = np.delete(np.arange(-window, window + 1), window)
        near = at[:, None] + offsets
        there = (np.abs(offsets) <= reach) & (near >= 0) & (near < len(words))
        contexts = words[np.where(there, near, 0)]
        drawn = rng.choice(len(shares), (len(at), negatives), p=shares)
        rows = np.concatenate([words[at, None], drawn], axis=1)
        label = np.arange(negatives + 1) == 0
        weight = there[:, :, None] * (label | (rows != words[at, None]))[:, None]
        scores = inputs[contexts] @ outputs[rows].swapaxes(1, 2)
        losses[at] = (weight * (np.logaddexp(0, scores) - label * scores)).sum((1, 2))
        errors = (weight * (sigmoid(scores) - label) * lr).astype(scores.dtype)
        for c, r, e in zip(contexts, rows, errors, strict=True):  # each from the rows as they are
            h, y = inputs[c], outputs[r]
            np.subtract.at(inputs, c, e @ y)
            np.subtract.at(outputs, r, e.T @ h)
    return losses
