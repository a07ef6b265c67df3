import numpy as np
import pytest
import reference
from kernelcheck import (
    DTYPES,
    SIZES,
    assert_near,
    channels_last,
    draw,
    odd_arrays,
    same_for_any_threads,
)  # fmt: skip

from fastnn import kernels

OPS = ["softmax", "log_softmax"]
# Every row length around the vector widths, many short rows, and every axis of some shapes.
SHAPES = [((3, v), -1) for v in SIZES if v] + [
    ((257, 10), 1), ((5, 1000), 1), ((7,), 0), ((), 0), ((3, 40, 5), 1), ((2, 9, 33), 1),
    ((4, 7, 3), 0), ((2, 5, 3, 4), 1), ((2, 5, 3, 4), 2), ((0, 4), 1), ((4, 0), 1), ((4, 0), 0),
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("op", OPS)
def test_forward_and_backward(op, shape, axis, dtype):
    x = draw(*shape, dtype=dtype) * 3
    x = np.asarray(x, dtype)
    if shape == ():
        expected = np.array(1.0 if op == "softmax" else 0.0)
        assert_near(getattr(kernels, op)(x, axis=axis), expected)
        return
    before = x.copy()
    y = getattr(kernels, op)(x, axis=axis)
    assert y.dtype == dtype
    np.testing.assert_array_equal(x, before)
    if 0 in shape:
        assert y.shape == shape
        return
    assert_near(y, getattr(reference, op)(x, axis=axis))
    dy = draw(*shape, dtype=dtype, seed=1)
    dx = getattr(kernels, op + "_backward")(dy, y, axis=axis)
    assert dx.dtype == dtype
    assert_near(dx, getattr(reference, op + "_backward")(dy, y, axis=axis))
    if len(shape) == 4:
        for other in (channels_last(x), np.asfortranarray(x)):
            assert_near(getattr(kernels, op)(other, axis=axis), y)
        dx_last = getattr(kernels, op + "_backward")(dy, channels_last(y), axis=axis)
        assert_near(dx_last, dx)


@pytest.mark.parametrize("dtype", DTYPES)
def test_relative_accuracy(dtype):
    """Softmax within a few roundings of each value, not just of the largest; rows sum to 1."""
    eps = np.finfo(dtype).eps
    for shape in ((50, 10), (5, 5000)):
        x = (draw(*shape) * 5).astype(dtype)
        y, expected = kernels.softmax(x), reference.softmax(x)
        bound = (6 + np.abs(x - x.max(axis=1, keepdims=True))) * eps * expected
        assert (np.abs(y - expected) <= bound).all()
        assert np.abs(y.sum(axis=1, dtype=np.float64) - 1).max() < 4 * eps
        log_y = kernels.log_softmax(x)
        assert (np.abs(log_y - reference.log_softmax(x)) <= 4 * eps * (1 + np.abs(log_y))).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_large_inputs_do_not_overflow(op, dtype):
    big = np.finfo(dtype).max / 4
    for v in (3, 10, 70):
        x = np.zeros((2, v), dtype)
        x[0, 1], x[1, 2] = big, -big
        y = getattr(kernels, op)(x)
        assert np.isfinite(y if op == "softmax" else y[:, 0]).all()
        assert_near(y, getattr(reference, op)(x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_special_numbers_in_every_lane(op, special, dtype):
    for v in (5, 67):
        for i in range(v):
            x = draw(67, v, dtype=dtype)
            row = (7 * i) % 67
            x[row, i] = special
            y = getattr(kernels, op)(x)
            with np.errstate(invalid="ignore", divide="ignore"):
                expected = getattr(reference, op)(x)
            assert_near(y, expected)
            if special != -np.inf:
                assert np.isnan(y[row]).all()
            dy = draw(67, v, dtype=dtype)
            dx = getattr(kernels, op + "_backward")(x, np.abs(dy), axis=1)
            with np.errstate(invalid="ignore"):
                expected = getattr(reference, op + "_backward")(x, np.abs(dy), axis=1)
            assert_near(dx[np.arange(67) != row], expected[np.arange(67) != row])
            assert np.isnan(dx[row]).any() == np.isnan(expected[row]).any()
    nothing = np.full((2, 9), -np.inf, dtype)
    assert np.isnan(getattr(kernels, op)(nothing)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_odd_arrays(op, dtype):
    for shape, axis in (((6, 1, 7), 2), ((2, 3, 1, 4), 1)):
        x, dy = draw(*shape, dtype=dtype), draw(*shape, dtype=dtype, seed=1)
        y = getattr(reference, op)(x, axis=axis).astype(dtype)
        dx = getattr(reference, op + "_backward")(dy, y, axis=axis)
        for (name, odd), (_, odd_dy), (_, odd_y) in zip(
            odd_arrays(x), odd_arrays(dy), odd_arrays(y), strict=True
        ):
            np.testing.assert_allclose(
                getattr(kernels, op)(odd, axis=axis), y, rtol=1e-5, err_msg=name
            )
            assert_near(getattr(kernels, op + "_backward")(odd_dy, odd_y, axis=axis), dx)


def test_any_number_of_threads():
    x, wide, images = draw(20_000, 10), draw(300, 1000, dtype=np.float32), draw(3, 40, 50, 60)
    target = np.arange(300) % 1000

    def run():
        loss, log_probs = kernels.softmax_cross_entropy(wide, target, label_smoothing=0.1)
        dx = kernels.softmax_cross_entropy_backward(
            np.ones(()), log_probs, target, label_smoothing=0.1
        )
        y = kernels.softmax(x)
        return (
            loss, log_probs, dx, y, kernels.softmax(images, axis=1),
            kernels.softmax_backward(x, y), kernels.log_softmax_backward(wide, log_probs),
        )  # fmt: skip

    same_for_any_threads(run)


def cross_entropy_cases():
    for n, v in ((1, 1), (5, 10), (33, 3), (4, 300), (0, 4)):
        for reduction in ("mean", "sum", "none"):
            for weighted in (False, True):
                for smoothing in (0.0, 0.1, 1.0):
                    for kind in ("int", "ignored", "probs"):
                        yield (
                            n,
                            v,
                            kind,
                            weighted,
                            dict(reduction=reduction, label_smoothing=smoothing),
                        )


def cross_entropy_data(n, v, kind, weighted, dtype):
    rng = np.random.default_rng([n, v])
    logits = (rng.standard_normal((n, v)) * 3).astype(dtype)
    if kind == "probs":
        target = rng.dirichlet(np.ones(v), n).astype(dtype)
    else:
        target = rng.integers(0, v, n)
        if kind == "ignored":
            target[1::3] = -100
    weight = rng.uniform(0.5, 2.0, v).astype(dtype) if weighted else None
    return logits, target, weight


@pytest.mark.parametrize("dtype", DTYPES)
def test_cross_entropy(dtype):
    for n, v, kind, weighted, options in cross_entropy_cases():
        if n == 0 and options["reduction"] == "mean":
            continue
        logits, target, weight = cross_entropy_data(n, v, kind, weighted, dtype)
        loss, log_probs = kernels.softmax_cross_entropy(logits, target, weight=weight, **options)
        expected, _ = reference.softmax_cross_entropy(logits, target, weight=weight, **options)
        assert loss.dtype == log_probs.dtype == dtype
        assert type(loss) is np.ndarray
        assert_near(loss, expected, ulps=32)
        dloss = np.asarray(draw(*loss.shape, dtype=dtype, seed=2))
        dx = kernels.softmax_cross_entropy_backward(
            dloss, log_probs, target, weight=weight, **options
        )
        assert dx.dtype == dtype
        assert_near(
            dx,
            reference.softmax_cross_entropy_backward(
                dloss, log_probs, target, weight=weight, **options
            ),
        )


def test_cross_entropy_against_torch():
    torch = pytest.importorskip("torch")
    for n, v, kind, weighted, options in cross_entropy_cases():
        logits, target, weight = cross_entropy_data(n, v, kind, weighted, np.float32)
        tx = torch.tensor(logits, requires_grad=True)
        loss = torch.nn.functional.cross_entropy(
            tx, torch.tensor(target), None if weight is None else torch.tensor(weight), **options
        )
        got, log_probs = kernels.softmax_cross_entropy(logits, target, weight=weight, **options)
        assert_near(got, loss.detach().numpy(), ulps=64)
        dloss = np.asarray(draw(*got.shape, dtype=np.float32))
        loss.backward(torch.tensor(dloss))
        dx = kernels.softmax_cross_entropy_backward(
            dloss, log_probs, target, weight=weight, **options
        )
        assert_near(dx, tx.grad.numpy(), ulps=64)


def test_nothing_but_ignored_rows():
    """0 / 0, as in PyTorch; its gradient is zero."""
    logits, target = draw(3, 4), np.full(3, -100)
    loss, log_probs = kernels.softmax_cross_entropy(logits, target)
    assert np.isnan(loss)
    dx = kernels.softmax_cross_entropy_backward(np.ones(()), log_probs, target)
    assert (dx == 0).all()
    assert np.isnan(kernels.softmax_cross_entropy(logits[:0], target[:0])[0])


def test_integer_targets_of_any_width_and_layout():
    logits = draw(6, 5)
    target = np.array([0, 4, 2, 3, 1, 1])
    expected, _ = kernels.softmax_cross_entropy(logits, target)
    for dtype in (np.int8, np.uint8, np.int32, np.uint64, ">i4"):
        for layout in (target.astype(dtype), np.repeat(target, 2).astype(dtype)[::2]):
            assert kernels.softmax_cross_entropy(logits, layout)[0] == expected
    fortran = np.asfortranarray(logits)
    assert kernels.softmax_cross_entropy(fortran, list(target))[0] == expected


X = np.zeros((3, 4), np.float32)
T = np.array([0, 1, 2])
ce, ce_backward = kernels.softmax_cross_entropy, kernels.softmax_cross_entropy_backward
ERRORS = [
    (lambda: kernels.softmax(X.astype(int)), TypeError, "softmax: x must be float32 or float64"),
    (lambda: kernels.softmax(X, axis=2), ValueError, "softmax: axis 2 is out of range"),
    (lambda: kernels.softmax(X, axis=1.0), TypeError, "softmax: axis must be an int"),
    (lambda: kernels.softmax_backward(X[:2], X), ValueError, r"dy must have y's shape \(3, 4\)"),
    (lambda: kernels.log_softmax_backward(X.astype(float), X), TypeError, "dy must be float32"),
    (lambda: ce(X[0], T), ValueError, "softmax_cross_entropy: logits must have 2 dimensions"),
    (
        lambda: ce(X, T[:2]),
        ValueError,
        r"target of class numbers must have shape \(3,\), got \(2,\)",
    ),
    (lambda: ce(X, [0, 4, 1]), ValueError, r"target must be in 0\.\.3 .* got 4 at row 1"),
    (lambda: ce(X, [0, 1, -1]), ValueError, r"got -1 at row 2"),
    (lambda: ce(X, T == 0), TypeError, "target must be integers or floats, got bool"),
    (lambda: ce(X, X[:2]), ValueError, r"target of probabilities must have shape \(3, 4\)"),
    (lambda: ce(X, X.astype(float)), TypeError, "target must be float32 like the other arrays"),
    (lambda: ce(X, X, ignore_index=0), ValueError, "ignore_index is for class numbers"),
    (lambda: ce(X, T, weight=X[0, :3]), ValueError, r"weight must have shape \(4,\), got \(3,\)"),
    (lambda: ce(X, T, weight=np.ones(4)), TypeError, "weight must be float32"),
    (lambda: ce(X, T, reduction="max"), ValueError, "reduction must be one of"),
    (lambda: ce(X, T, label_smoothing=1.5), ValueError, r"label_smoothing must be in \[0, 1\]"),
    (lambda: ce_backward(np.ones(3), X, T), ValueError, r"dloss must have shape \(\)"),
    (lambda: ce_backward(1.0, X, [9, 9, 9]), ValueError, "softmax_cross_entropy_backward: target"),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
