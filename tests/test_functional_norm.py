"""functional: normalisation against the references and numeric gradients; running statistics."""

import numpy as np
import pytest
import reference
from opcheck import assert_near, check_gradient, draw, run

import fastnn.functional as F
from fastnn import Tensor, kernels

DTYPES = [np.float32, np.float64]
SHAPES = [(5, 3), (4, 3, 6), (3, 4, 5, 2), (2, 3, 2, 2, 2)]
FUSED = [(residual, activation) for residual in (False, True) for activation in (None, "relu")]


def operands(shape, residual=False):
    """x, weight, bias and perhaps a residual."""
    x, w, b = draw(*shape) + 1, draw(shape[1], seed=1), draw(shape[1], seed=2)
    return [x, w, b, *([draw(*shape, seed=3)] if residual else [])]


def batch_norm(activation=None, training=True, statistics=(None, None)):
    """batch_norm of x, weight, bias and perhaps a residual."""

    def op(x, w, b, residual=None):
        return F.batch_norm(
            x, *statistics, w, b, training, eps=1e-3, residual=residual, activation=activation
        )

    return op


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("residual", "activation"), FUSED)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_norm_matches_the_reference(shape, residual, activation, dtype):
    options = dict(eps=1e-3, activation=activation)
    arrays, y, dy, gradients = run(batch_norm(activation), operands(shape, residual), dtype)
    x, w, b, r = (*arrays, None)[:4]
    expected, mean, var = reference.batch_norm(x, w, b, residual=r, **options)
    assert_near(y, expected)
    expected = reference.batch_norm_backward(dy, x, mean, var, w, b, **options, y=y)
    if residual and activation is None:
        expected = (*expected[:3], dy)
    for gradient, e in zip(gradients, expected, strict=False):
        assert_near(gradient, e)


@pytest.mark.parametrize(("residual", "activation"), FUSED)
def test_batch_norm_gradients(residual, activation):
    arrays = operands((3, 2, 2, 3), residual)
    check_gradient(batch_norm(activation), *arrays)
    statistics = np.array([0.5, 1.0]), np.array([2.0, 0.5])
    check_gradient(batch_norm(activation, False, statistics), *arrays)


def test_fusion_changes_nothing():
    x, w, b, r = (a.astype(np.float32) for a in operands((8, 5, 6, 6), True))
    results = []
    for fused in (True, False):
        leaves = [Tensor(a, requires_grad=True) for a in (x, w, b, r)]
        if fused:
            y = batch_norm("relu")(*leaves)
        else:
            y = F.relu(batch_norm()(*leaves[:3]) + leaves[3])
        y.backward(draw(*x.shape, seed=9))
        results.append([y.data, *(t.grad for t in leaves)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-5)


@pytest.mark.parametrize("momentum", [0.1, 1.0, 0.0])
def test_running_statistics(momentum):
    x = draw(4, 3, 5, 2) * 2 + 1
    start = np.array([1.0, 2.0, 3.0], np.float32)
    mean, var = Tensor(start.copy()), start.copy()  # Tensors or arrays, updated in place
    F.batch_norm(x, mean, var, training=True, momentum=momentum)
    by_channel = x.transpose(1, 0, 2, 3).reshape(3, -1)
    new = by_channel.mean(1), by_channel.var(1, ddof=1)
    for running, value in zip((mean.data, var), new, strict=True):
        np.testing.assert_allclose(running, (1 - momentum) * start + momentum * value, rtol=1e-6)
    F.batch_norm(x, mean, var)  # in evaluation they stay
    np.testing.assert_allclose(var, (1 - momentum) * start + momentum * new[1], rtol=1e-6)
    F.batch_norm(x[:0], mean, var, training=True)  # and with no batch at all
    np.testing.assert_allclose(var, (1 - momentum) * start + momentum * new[1], rtol=1e-6)


def test_running_statistics_of_instance_norm():
    x = draw(4, 3, 5, 2) * 2 + 1
    mean, var = np.zeros(3), np.ones(3)
    F.instance_norm(x, mean, var, momentum=0.2)
    by_image = x.reshape(4, 3, 10)
    np.testing.assert_allclose(mean, 0.2 * by_image.mean(2).mean(0), rtol=1e-12)
    np.testing.assert_allclose(var, 0.8 + 0.2 * by_image.var(2, ddof=1).mean(0), rtol=1e-12)
    y = F.instance_norm(x, mean, var, use_input_stats=False)
    np.testing.assert_array_equal(y.data, F.batch_norm(x, mean, var).data)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(5, 6), *SHAPES[1:]], ids=str)
def test_group_norm_matches_the_reference(shape, dtype):
    for groups in {1, shape[1]} if len(shape) > 2 else {1, 2}:
        (x, w, b), y, dy, gradients = run(
            lambda *t, groups=groups: F.group_norm(t[0], groups, *t[1:]), operands(shape), dtype
        )
        expected, mean, var = reference.group_norm(x, groups, w, b)
        assert_near(y, expected)
        expected = reference.group_norm_backward(dy, x, mean, var, w)
        for gradient, e in zip(gradients, expected, strict=True):
            assert_near(gradient, e)


def test_group_and_instance_norm_gradients():
    arrays = operands((2, 4, 3, 2))
    check_gradient(lambda x, w, b: F.group_norm(x, 2, w, b), *arrays)
    check_gradient(lambda x, b: F.group_norm(x, 2, None, b), arrays[0], arrays[2])
    check_gradient(lambda x, w, b: F.instance_norm(x, None, None, w, b), *arrays)
    same = F.group_norm(arrays[0], 4, *arrays[1:])
    np.testing.assert_array_equal(
        F.instance_norm(arrays[0], None, None, *arrays[1:]).data, same.data
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5)], ids=str)
def test_layer_norm(shape, dtype):
    arrays = [draw(4, 2, 3, 5)[(0,) * (3 - len(shape))], draw(*shape, seed=1), draw(*shape, seed=2)]
    (x, w, b), y, dy, gradients = run(lambda x, w, b: F.layer_norm(x, shape, w, b), arrays, dtype)
    expected, mean, var = reference.layer_norm(x, shape, w, b)
    assert_near(y, expected)
    expected = reference.layer_norm_backward(dy, x, mean, var, w)
    for gradient, e in zip(gradients, expected, strict=True):
        assert_near(gradient, e)
    if dtype == np.float64:
        check_gradient(lambda x, w, b: F.layer_norm(x, shape, w, b), *arrays)
        check_gradient(lambda x: F.layer_norm(x, shape), arrays[0])


@pytest.mark.parametrize("shape", [(2, 7, 3), (2, 5, 2, 3)], ids=str)
@pytest.mark.parametrize("size", [1, 2, 3, 20])
def test_local_response_norm(size, shape):
    def op(x):
        return F.local_response_norm(x, size, alpha=2.0, beta=0.6, k=1.5)

    (x,), y, dy, (dx,) = run(op, [draw(*shape)], np.float32)
    options = dict(alpha=2.0, beta=0.6, k=1.5)
    assert_near(y, reference.local_response_norm(x, size, **options))
    assert_near(dx, reference.local_response_norm_backward(dy, x, size, **options))
    check_gradient(op, draw(*shape))


@pytest.mark.parametrize("required", [(0, 1, 1, 0), (1, 0, 0, 1), (0, 0, 1, 1), (0, 0, 0, 1)])
def test_only_required_gradients_are_computed(required, monkeypatch):
    asked = []
    real = kernels.batch_norm_backward

    def spy(*args, **keywords):
        asked.append(tuple(map(int, keywords["needs"])))
        return real(*args, **keywords)

    monkeypatch.setattr(kernels, "batch_norm_backward", spy)
    arrays = operands((2, 3, 4, 4), True)
    leaves = [Tensor(a, requires_grad=bool(r)) for a, r in zip(arrays, required, strict=True)]
    batch_norm("relu")(*leaves).sum().backward()
    assert asked == [required[:3]]
    assert tuple(int(t.grad is not None) for t in leaves) == required


def test_plain_inputs_are_cast_to_the_parameters_dtype():
    images = np.arange(48).reshape(2, 3, 4, 2)
    w = np.ones(3, np.float32)
    for y in (
        F.batch_norm(images, None, None, w, training=True),
        F.batch_norm(images, Tensor(w), Tensor(w)),
        F.instance_norm(images, weight=w),
        F.group_norm(images, 3, bias=w),
        F.layer_norm(images, 2, w[:2]),
    ):
        assert y.dtype == np.float32


X, S = np.zeros((1, 4, 1, 1)), np.ones(4)
ERRORS = [
    (lambda: F.batch_norm(X, None, None, training=True), r"batch_norm: more than 1 value per chan"),
    (lambda: F.batch_norm(X, S, None), "batch_norm: running_mean and running_var must be given"),
    (lambda: F.instance_norm(X), r"instance_norm: more than 1 spatial element .* \(1, 4, 1, 1\)"),
    (lambda: F.instance_norm(X, use_input_stats=False), "running_mean and running_var must be giv"),
    (lambda: F.group_norm(X, 4), "group_norm: more than 1 value per channel"),
    (lambda: F.group_norm(X, 3), "group_norm: num_groups 3 must divide"),
    (lambda: F.layer_norm(X, 2), "layer_norm: x must have shape"),
    (lambda: F.local_response_norm(X[0, 0], 2), "local_response_norm: input must have at least 3"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
