import numpy as np
import pytest
import reference
from kernelcheck import (
    DTYPES,
    assert_near,
    channels_last,
    draw,
    is_channels_last,
    odd_arrays,
    same_for_any_threads,
)  # fmt: skip

from fastnn import kernels

CHANNELS = [1, 2, 3, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 67, 100, 257]
SHAPES = [
    *((3, c, 5, 7) for c in CHANNELS),
    *((9, c) for c in (1, 5, 64, 100)),
    (2, 6, 11),
    (4, 3, 1, 1),
    (2, 5, 3, 2, 4),
    (3, 7, 90, 70),  # several items a batch and an image, with rests
    (17, 3, 160, 160),  # images in runs, several items each
    (3, 129, 80, 80),  # too large for the caches: rows one by one
]
FUSED = [(residual, activation) for residual in (False, True) for activation in (None, "relu")]


def parameters(c, dtype):
    return draw(c, dtype=dtype, seed=1), draw(c, dtype=dtype, seed=2)


def deviating(*shape, dtype, seed=0):
    """Normal numbers with a mean and a deviation of their own in every channel."""
    x = draw(*shape, seed=seed)
    c = np.arange(shape[1]).reshape(-1, *[1] * (len(shape) - 2))
    return (x * (1 + c % 3) + c % 5 - 2).astype(dtype)


def assert_all_near(actual, expected, ulps=32):
    for a, e in zip(actual, expected, strict=True):
        assert (a is None) == (e is None)
        if a is not None:
            assert_near(a, e, ulps)


# ---- batch norm ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("residual", "activation"), FUSED)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_norm(shape, residual, activation, dtype):
    x, (w, b) = deviating(*shape, dtype=dtype), parameters(shape[1], dtype)
    r = draw(*shape, dtype=dtype, seed=3) if residual else None
    options = dict(eps=1e-3, activation=activation)
    y, mean, var = kernels.batch_norm(x, w, b, residual=r, **options)
    expected = reference.batch_norm(x, w, b, residual=r, **options)
    assert y.dtype == dtype and mean.dtype == var.dtype == np.float64
    assert x.ndim != 4 or is_channels_last(y)
    assert_near(y, expected[0])
    assert_statistics((mean, var), expected[1:], x)

    dy = draw(*shape, dtype=dtype, seed=4)
    given = dict(y=y) if residual else {}
    gradients = kernels.batch_norm_backward(dy, x, mean, var, w, b, **options, **given)
    # The reference takes the mask from our y, where rounding may decide on which side of zero it is
    expected = reference.batch_norm_backward(dy, x, mean, var, w, b, **options, y=y)
    assert gradients[0].dtype == dtype and (x.ndim != 4 or is_channels_last(gradients[0]))
    assert_all_near(gradients[:3], expected[:3], 64)
    if residual and activation:
        np.testing.assert_array_equal(gradients[3], np.where(y > 0, dy, 0))
    else:
        assert gradients[3] is None


def assert_statistics(actual, expected, x, ulps=8):
    """Within roundings of x's dtype: of the deviation, not of the mean (but for float64's)."""
    ulp = ulps * np.finfo(x.dtype).eps
    (mean, var), (true_mean, true_var) = actual, expected
    assert mean.shape == true_mean.shape and var.shape == true_var.shape
    std, rounding = np.sqrt(true_var), 1e-15 * np.abs(true_mean)
    assert (np.abs(mean - true_mean) <= ulp * std + rounding).all()
    assert (np.abs(var - true_var) <= ulp * true_var + rounding * std).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("shape", [(3, 5, 4, 6), (2, 33, 5, 5), (7, 16), (2, 129, 3)], ids=str)
def test_batch_norm_with_given_statistics(shape, activation, dtype):
    x, (w, b) = deviating(*shape, dtype=dtype), parameters(shape[1], dtype)
    mean, var = draw(shape[1], dtype=dtype, seed=5), draw(shape[1], dtype=dtype, seed=6) ** 2
    options = dict(eps=1e-2, activation=activation)
    y, used_mean, used_var = kernels.batch_norm(x, w, b, mean=mean, var=var, **options)
    assert_near(y, reference.batch_norm(x, w, b, mean=mean, var=var, **options)[0])
    np.testing.assert_array_equal(used_mean, mean)
    np.testing.assert_array_equal(used_var, var)
    dy = draw(*shape, dtype=dtype, seed=4)
    options["training"] = False
    gradients = kernels.batch_norm_backward(dy, x, mean, var, w, b, **options)
    expected = reference.batch_norm_backward(dy, x, mean, var, w, b, **options, y=y)
    assert_all_near(gradients[:3], expected[:3], 64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("c", [1, 5, 64])
@pytest.mark.parametrize("left_out", [(), ("weight",), ("bias",), ("conv_bias",)], ids=str)
def test_batch_norm_folds_into_the_convolution_before_it(left_out, c, dtype):
    weight, bias = parameters(c, dtype)
    mean, var = draw(c, dtype=dtype, seed=5), draw(2 * c, dtype=dtype, seed=6)[::2] ** 2
    given = {"weight": weight, "bias": bias, "conv_bias": draw(c, dtype=dtype, seed=7)}
    given |= dict.fromkeys(left_out)
    scale, shift = kernels.batch_norm_fold(mean, var, **given, eps=1e-2)
    assert scale.dtype == shift.dtype == dtype
    expected = reference.batch_norm_fold(mean, var, **given, eps=1e-2)
    assert_all_near((scale, shift), expected)
    x = draw(4, c, dtype=dtype, seed=8)
    before = x if given["conv_bias"] is None else x + given["conv_bias"]
    y, _, _ = reference.batch_norm(
        before, given["weight"], given["bias"], mean=mean, var=var, eps=1e-2
    )
    assert_near(x * scale + shift, y, 64)


def test_parameters_may_be_left_out():
    x, dy = draw(4, 6, 3, 3), draw(4, 6, 3, 3, seed=1)
    w, b = parameters(6, np.float64)
    for weight, bias in ((w, None), (None, b), (None, None)):
        y, mean, var = kernels.batch_norm(x, weight, bias, activation="relu")
        assert_near(y, reference.batch_norm(x, weight, bias, activation="relu")[0])
        options = dict(activation="relu", needs=(False, True, False))
        gradients = kernels.batch_norm_backward(dy, x, mean, var, weight, bias, **options)
        expected = reference.batch_norm_backward(dy, x, mean, var, weight, bias, **options)
        assert_all_near(gradients, expected)


@pytest.mark.parametrize("mean", [1e3, -1e4, 1e6])
@pytest.mark.parametrize("channels", [3, 16, 100])
def test_a_mean_much_larger_than_the_deviation(channels, mean):
    """Nothing cancels, wherever the mean of the first pixels is."""
    near = (draw(8, 40, 40, channels) + mean).astype(np.float32).transpose(0, 3, 1, 2)
    far = near.copy()
    far[0, :, :20] = 0
    for x in (near, far):
        y, mu, var = kernels.batch_norm(x)
        expected = reference.batch_norm(x)
        assert_near(y, expected[0], 32)
        assert_statistics((mu, var), expected[1:], x, 32)
        dy = draw(*x.shape, dtype=np.float32)
        gradients = kernels.batch_norm_backward(dy, x, mu, var)
        assert_all_near(gradients, reference.batch_norm_backward(dy, x, mu, var), 64)


@pytest.mark.parametrize("dtype", DTYPES)
def test_constant_channels(dtype):
    x = np.full((4, 5, 30, 30), 1 / 3, dtype)
    w, b = parameters(5, dtype)
    y, mean, var = kernels.batch_norm(x, w, b)
    assert (mean == x[0, 0, 0, 0]).all() and (var == 0).all()
    assert (y == b[:, None, None]).all()


# ---- group norm ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_group_norm(shape, dtype):
    x, (w, b) = deviating(*shape, dtype=dtype), parameters(shape[1], dtype)
    dy = draw(*shape, dtype=dtype, seed=4)
    fitting = {g for g in (1, 2, 3, shape[1]) if shape[1] % g == 0 and x[0].size > g}
    for groups in fitting:
        y, mean, var = kernels.group_norm(x, groups, w, b, eps=1e-3)
        expected = reference.group_norm(x, groups, w, b, eps=1e-3)
        assert y.dtype == dtype and (x.ndim != 4 or is_channels_last(y))
        assert_near(y, expected[0], 32)
        assert_statistics((mean, var), expected[1:], x)
        gradients = kernels.group_norm_backward(dy, x, mean, var, w, eps=1e-3)
        expected = reference.group_norm_backward(dy, x, mean, var, w, eps=1e-3)
        assert_all_near(gradients, expected, 64)
    assert_near(kernels.group_norm(x, 1)[0], reference.group_norm(x, 1)[0], 32)


# ---- layer norm ---------------------------------------------------------------------------------

LENGTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 100, 257, 1000, 3001]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", LENGTHS)
def test_layer_norm(n, dtype):
    w, b = parameters(n, dtype)
    for rows in (1, 2, 3, 4, 5, 37, 70):
        x = draw(rows, n, dtype=dtype) * 2 + 1
        y, mean, var = kernels.layer_norm(x, n, w, b, eps=0.1)
        expected = reference.layer_norm(x, n, w, b, eps=0.1)
        assert y.dtype == dtype
        assert_near(y, expected[0])
        assert_statistics((mean, var), expected[1:], x)
        dy = draw(rows, n, dtype=dtype, seed=4)
        for weight in (w, None):
            gradients = kernels.layer_norm_backward(dy, x, mean, var, weight, eps=0.1)
            expected = reference.layer_norm_backward(dy, x, mean, var, weight, eps=0.1)
            assert_all_near(gradients, expected)


@pytest.mark.parametrize("ndim", [1, 2, 3, 4])
def test_layer_norm_over_several_axes(ndim):
    x, dy = draw(3, 6, 4, 5), draw(3, 6, 4, 5, seed=1)
    shape = x.shape[4 - ndim :]
    w, b = draw(*shape, seed=2), draw(*shape, seed=3)
    for turn in (np.ascontiguousarray, channels_last):
        y, mean, var = kernels.layer_norm(turn(x), shape, w, b)
        assert_all_near((y, mean, var), reference.layer_norm(x, shape, w, b))
        gradients = kernels.layer_norm_backward(dy, turn(x), mean, var, w)
        assert_all_near(gradients, reference.layer_norm_backward(dy, x, mean, var, w))
        if ndim == 3:
            assert y.strides == gradients[0].strides == turn(x).strides


def test_layer_norm_with_a_large_mean():
    x = (draw(20, 300) + 1e4).astype(np.float32)
    y, mean, var = kernels.layer_norm(x, 300)
    expected = reference.layer_norm(x, 300)
    assert_near(y, expected[0])
    assert_statistics((mean, var), expected[1:], x)


# ---- local response norm ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 1000])
@pytest.mark.parametrize("channels", CHANNELS)
def test_local_response_norm(channels, size, dtype):
    x, dy = draw(2, channels, 3, 5, dtype=dtype), draw(2, channels, 3, 5, dtype=dtype, seed=1)
    for options in ({}, dict(alpha=3.0, beta=0.5, k=2.0), dict(alpha=0.1, beta=-1.2, k=0.5)):
        y = kernels.local_response_norm(x, size, **options)
        assert y.dtype == dtype and is_channels_last(y)
        assert_near(y, reference.local_response_norm(x, size, **options), 32)
        dx = kernels.local_response_norm_backward(dy, x, size, **options)
        assert_near(dx, reference.local_response_norm_backward(dy, x, size, **options), 64)


def test_local_response_norm_of_zeros_without_k():
    """0 / 0 is NaN in its own window only."""
    for channels in (3, 40):
        x, dy = draw(2, channels, 4, 4), np.ones((2, channels, 4, 4))
        x[0, 0, 1, 1] = 0
        with np.errstate(all="ignore"):
            for size in (1, 3):
                y = kernels.local_response_norm(x, size, k=0)
                np.testing.assert_allclose(y, reference.local_response_norm(x, size, k=0))
                dx = kernels.local_response_norm_backward(dy, x, size, k=0)
                expected = reference.local_response_norm_backward(dy, x, size, k=0)
                np.testing.assert_allclose(dx, expected, atol=1e-12)


# ---- all of them --------------------------------------------------------------------------------


def forward(module, x):
    """Every result of every operation on x (N, C, H, W), in its dtype."""
    c, shape = x.shape[1], x.shape[1:]
    w, b = parameters(c, x.dtype)
    batch = module.batch_norm(x, w, b, residual=x, activation="relu")
    given = module.batch_norm(x, w, b, mean=draw(c), var=draw(c) ** 2, activation="relu")
    group, layer = module.group_norm(x, c, w, b), module.layer_norm(x, shape)
    results = [*batch, given[0], *group, *layer, module.local_response_norm(x, 3)]
    return [a.astype(x.dtype.newbyteorder("=")) for a in results]


def backward(module, dy, x):
    """Every gradient, for finite x; with statistics that do not depend on who computes."""
    c = x.shape[1]
    w, b = parameters(c, x.dtype)
    y, mean, var = reference.batch_norm(x, w, b, residual=x)
    y = y.astype(x.dtype)
    _, group_mean, group_var = reference.group_norm(x, c)
    _, layer_mean, layer_var = reference.layer_norm(x, x.shape[1:])
    return [
        *module.batch_norm_backward(dy, x, mean, var, w, b, activation="relu", y=y),
        *module.batch_norm_backward(dy, x, mean, var, w, b, training=False)[:3],
        *module.group_norm_backward(dy, x, group_mean, group_var, w),
        *module.layer_norm_backward(dy, x, layer_mean, layer_var),
        module.local_response_norm_backward(dy, x, 3),
    ]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channels", [6, 67])
def test_special_numbers_stay_in_their_lane(channels, special, dtype):
    clean = draw(2, channels, 3, 3, dtype=dtype)
    for c in range(channels):
        x = clean.copy()
        x[c % 2, c, c % 3, 1] = special
        with np.errstate(all="ignore"):
            for actual, expected in zip(forward(kernels, x), forward(reference, x), strict=True):
                assert_near(actual, expected, 64)
            gradients = zip(backward(kernels, x, clean), backward(reference, x, clean), strict=True)
            for actual, expected in gradients:
                assert_near(actual, expected, 128)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 5])
def test_odd_arrays(channels, dtype):
    x, dy = draw(2, channels, 6, 7, dtype=dtype), draw(2, channels, 6, 7, dtype=dtype, seed=1)
    results, gradients = forward(reference, x), backward(reference, dy, x)
    for (name, odd), (_, odd_dy) in zip(odd_arrays(x), odd_arrays(dy), strict=True):
        before = odd.tobytes(), odd_dy.tobytes()
        for actual, expected in zip(forward(kernels, odd), results, strict=True):
            assert_near(actual, expected, 32)
        for actual, expected in zip(backward(kernels, odd_dy, odd), gradients, strict=True):
            assert_near(actual, expected, 64)
        assert (odd.tobytes(), odd_dy.tobytes()) == before, name


@pytest.mark.parametrize(
    "shape", [(16, 24, 48, 48), (1, 40, 200, 200), (300, 6, 20, 20), (20, 3, 170, 170)], ids=str
)
def test_any_number_of_threads(shape):
    x = channels_last(draw(*shape, dtype=np.float32))
    statistics = kernels.batch_norm(x)[1:], kernels.group_norm(x, 2 - shape[1] % 2)[1:]
    rows = x.reshape(shape[0], -1).reshape(-1, shape[1])
    rows_statistics = kernels.layer_norm(rows, shape[1])[1:]
    w, b = parameters(shape[1], np.float32)

    def run():
        y, _, _ = batch = kernels.batch_norm(x, w, b, residual=x, activation="relu")
        groups = len(statistics[1][0][0])
        return (
            *batch,
            *kernels.batch_norm_backward(x, x, *statistics[0], w, b, activation="relu", y=y),
            *kernels.batch_norm_backward(x, x, *statistics[0], w, b, activation="relu")[:3],
            *kernels.group_norm(x, groups, w, b),
            *kernels.group_norm_backward(x, x, *statistics[1], w),
            *kernels.layer_norm(rows, shape[1], w, b),
            *kernels.layer_norm_backward(rows, rows, *rows_statistics, w),
            kernels.local_response_norm(x, 5),
            kernels.local_response_norm_backward(x, x, 5),
        )

    same_for_any_threads(run)


def test_nothing():
    for shape in ((0, 3, 4, 4), (2, 0, 4, 4), (2, 3, 0, 4), (0, 3), (2, 3, 0)):
        x = np.zeros(shape, np.float32)
        y, mean, var = kernels.batch_norm(x, activation="relu")
        assert y.shape == shape and mean.shape == (shape[1],) and np.isnan(var).all()
        dx, dw, db, _ = kernels.batch_norm_backward(x, x, mean, var)
        assert dx.shape == shape and (dw == 0).all() and (db == 0).all() and dw.dtype == x.dtype
        y, mean, var = kernels.group_norm(x, 1)
        assert y.shape == shape and mean.shape == (shape[0], 1)
        assert kernels.group_norm_backward(x, x, mean, var)[0].shape == shape
        y, mean, var = kernels.layer_norm(x, shape[1:])
        assert y.shape == shape and mean.shape == shape[:1]
        assert kernels.layer_norm_backward(x, x, mean, var)[1].shape == shape[1:]
        assert kernels.local_response_norm(x, 3).shape == shape


X, C = np.zeros((2, 6, 4, 4), np.float32), np.zeros(6, np.float32)
S, G = np.zeros(6), np.zeros((2, 3))
ERRORS = [
    (
        lambda: kernels.batch_norm_fold(C, C[1:]),
        ValueError,
        r"batch_norm_fold: var must have shape \(6,\), got \(5,\)",
    ),
    (lambda: kernels.batch_norm_fold(C, S), TypeError, r"batch_norm_fold: var must be float32"),
    (
        lambda: kernels.batch_norm(C),
        ValueError,
        r"batch_norm: x must have shape \(N, C, \.\.\.\), ",
    ),
    (lambda: kernels.batch_norm(X.astype(int)), TypeError, r"batch_norm: x must be float32 or"),
    (
        lambda: kernels.batch_norm(X, C[1:]),
        ValueError,
        r"batch_norm: weight must have shape \(6,\), got \(5,\)",
    ),
    (lambda: kernels.batch_norm(X, C, S), TypeError, r"batch_norm: bias must be float32 like the"),
    (lambda: kernels.batch_norm(X, mean=S), ValueError, r"mean and var must be given both or ne"),
    (lambda: kernels.batch_norm(X, mean=S, var=G), ValueError, r"var must have shape \(6,\), got"),
    (lambda: kernels.batch_norm(X, eps=None), TypeError, "batch_norm: eps must be a number"),
    (
        lambda: kernels.batch_norm(X, activation="tanh"),
        ValueError,
        "batch_norm: activation must be None or 'relu', got 'tanh'",
    ),
    (
        lambda: kernels.batch_norm(X, residual=X[:1]),
        ValueError,
        r"batch_norm: residual must have x's shape \(2, 6, 4, 4\), got \(1, 6, 4, 4\)",
    ),
    (
        lambda: kernels.batch_norm_backward(X[1:], X, S, S),
        ValueError,
        r"batch_norm_backward: dy must have x's shape",
    ),
    (lambda: kernels.batch_norm_backward(X, X, S, S[1:]), ValueError, r"var must have shape"),
    (lambda: kernels.group_norm(X, 4), ValueError, r"group_norm: num_groups 4 must divide x's ch"),
    (lambda: kernels.group_norm(X, 0), ValueError, r"group_norm: num_groups must be >= 1, got 0"),
    (lambda: kernels.group_norm(X, 2.0), TypeError, r"group_norm: num_groups must be an int, got"),
    (
        lambda: kernels.group_norm_backward(X, X, G[:, :2].repeat(2, 1), G),
        ValueError,
        r"group_norm_backward: mean must have shape \(N, groups\)",
    ),
    (lambda: kernels.group_norm_backward(X, X, G, S), ValueError, r"var must have shape \(2, 3\)"),
    (
        lambda: kernels.layer_norm(X, (3, 4)),
        ValueError,
        r"layer_norm: x must have shape \(\.\.\., 3, 4\), got \(2, 6, 4, 4\)",
    ),
    (lambda: kernels.layer_norm(C, (1, 6)), ValueError, r"x must have shape \(\.\.\., 1, 6\), got"),
    (lambda: kernels.layer_norm(X, ()), TypeError, r"normalized_shape must be an int or ints"),
    (lambda: kernels.layer_norm(X, 4.0), TypeError, r"normalized_shape must be an int or ints"),
    (lambda: kernels.layer_norm(X, 4, C), ValueError, r"layer_norm: weight must have shape \(4,\)"),
    (lambda: kernels.layer_norm_backward(X, X, X, X), ValueError, r"mean must have fewer axes th"),
    (lambda: kernels.local_response_norm(X, 0), ValueError, r"norm: size must be >= 1, got 0"),
    (lambda: kernels.local_response_norm(X, 3, k=None), TypeError, r"norm: k must be a number"),
    (
        lambda: kernels.local_response_norm_backward(X[1:], X, 3),
        ValueError,
        r"local_response_norm_backward: dy must have x's shape",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
