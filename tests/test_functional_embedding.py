"""functional.embedding: values, gradients, options; one_hot."""

import numpy as np
import pytest
import reference
from opcheck import assert_near, check_gradient, draw, run

import fastnn.functional as F
from fastnn import Tensor

INDEX = np.array([[0, 4, 2], [4, 4, 1]])  # of 6 rows: 3 and 5 are not looked up


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("index", [INDEX, INDEX[0], np.array(3), INDEX[:0]], ids=np.shape)
@pytest.mark.parametrize("options", [{}, {"padding_idx": -2, "scale_grad_by_freq": True}])
def test_matches_the_reference(options, index, dtype):
    (w,), y, dy, (dw,) = run(lambda w: F.embedding(index, w, **options), [draw(6, 5)], dtype)
    np.testing.assert_array_equal(y, reference.embedding(index, w))
    assert_near(dw, reference.embedding_backward(dy, index, 6, **options))


def test_gradients():
    check_gradient(lambda w: F.embedding(INDEX, w), draw(6, 5))
    check_gradient(lambda w: F.embedding(Tensor(INDEX), w.T), draw(5, 6))


def test_is_a_product_with_one_hot_rows():
    weight = draw(6, 5)
    x = F.one_hot(INDEX, 6).data.astype(float)
    np.testing.assert_array_equal(F.embedding(INDEX, weight).data, x @ weight)
    np.testing.assert_array_equal(
        F.embedding(INDEX, draw(5, 6).T).data, F.linear(x, draw(5, 6)).data
    )


def test_padding_gets_no_gradient():
    w = Tensor(draw(6, 5), requires_grad=True)
    F.embedding(INDEX, w, padding_idx=4).sum().backward()
    np.testing.assert_array_equal(w.grad, np.array([1.0, 1, 1, 0, 0, 0])[:, None] * np.ones(5))


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, np.inf])
def test_max_norm(norm_type):
    """Of the rows that are looked up, those that are too long become max_norm long, in place."""
    before = draw(6, 5)
    before[1] *= 1e-3
    w = Tensor(before.copy(), requires_grad=True)
    y = F.embedding(INDEX, w, max_norm=0.5, norm_type=norm_type)
    y.sum().backward()
    np.testing.assert_array_equal(y.data, w.data[INDEX])
    np.testing.assert_array_equal(w.data[[1, 3, 5]], before[[1, 3, 5]])
    norms = np.linalg.norm(w.data[[0, 2, 4]], norm_type, axis=1)
    np.testing.assert_allclose(norms, 0.5, rtol=1e-6)
    directions = w.data / before
    np.testing.assert_allclose(directions, directions[:, :1].repeat(5, 1), rtol=1e-12)
    np.testing.assert_array_equal(w.grad[:, 0], [1, 1, 1, 0, 3, 0])  # not through the norm


@pytest.mark.parametrize(
    ("index", "options", "error", "message"),
    [
        (INDEX + 2, {}, ValueError, r"embedding: index must be in 0\.\.5 .*got 6 at \(0, 1\)"),
        (INDEX - 1, {}, ValueError, r"got -1 at \(0, 0\)"),
        (INDEX / 1, {}, TypeError, "embedding: index must be integers, got float64"),
        (INDEX, {"padding_idx": 6}, ValueError, r"padding_idx must be in -6\.\.5, got 6"),
        (INDEX, {"sparse": True}, ValueError, "embedding: sparse must be False, .* got True"),
    ],
)
def test_errors_come_before_anything_is_written(index, options, error, message):
    w = draw(6, 5)
    with pytest.raises(error, match=message):
        F.embedding(index, w, max_norm=0.5, **options)
    np.testing.assert_array_equal(w, draw(6, 5))


def test_one_hot():
    y = F.one_hot([[0, 2], [1, 1]])
    assert y.dtype == np.int64
    assert y.tolist() == [[[1, 0, 0], [0, 0, 1]], [[0, 1, 0], [0, 1, 0]]]
    assert F.one_hot(np.array([1], np.uint8), 4).tolist() == [[0, 1, 0, 0]]
    assert F.one_hot(np.empty((0,), int), 4).shape == (0, 4)


@pytest.mark.parametrize(
    ("classes", "count", "error", "message"),
    [
        ([0.5], -1, TypeError, "one_hot: classes must be integers, got dtype float"),
        ([0, 3], 3, ValueError, r"one_hot: classes must lie in \[0, 3\), got 0 to 3"),
        ([-1, 2], -1, ValueError, r"one_hot: classes must lie in \[0, 3\), got -1 to 2"),
        ([0], 0, ValueError, "one_hot: num_classes must be positive or -1, got 0"),
        (np.empty(0, int), -1, ValueError, "one_hot: num_classes must be given"),
    ],
)
def test_one_hot_errors(classes, count, error, message):
    with pytest.raises(error, match=message):
        F.one_hot(np.asarray(classes), count)
