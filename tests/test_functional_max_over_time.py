"""functional.conv1d_max_over_time: the reference, numeric gradients, and what it stands for."""

import numpy as np
import pytest
import reference
from opcheck import assert_near, check_gradient, draw, run

import fastnn.functional as F
from fastnn import Tensor, nn

LENGTHS = np.array([7, 2, 5])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_matches_the_reference(lengths, dtype):
    arrays = [draw(3, 4, 7), draw(5, 4, 3, seed=1), draw(5, seed=2)]
    sizes = dict(padding=2, lengths=lengths)
    (x, w, b), y, dy, grads = run(lambda *t: F.conv1d_max_over_time(*t, **sizes), arrays, dtype)
    expected, at = reference.conv1d_max_over_time(x, w, b, **sizes)
    assert_near(y, expected)
    expected = reference.conv1d_max_over_time_backward(dy, at, x, w, **sizes)
    for grad, want in zip(grads, expected, strict=True):
        assert_near(grad, want)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_gradients(lengths):
    arrays = [draw(3, 4, 7), draw(5, 4, 3, seed=1), draw(5, seed=2)]
    check_gradient(lambda *t: F.conv1d_max_over_time(*t, padding=1, lengths=lengths), *arrays)
    check_gradient(lambda x, w: F.conv1d_max_over_time(x, w, lengths=[3, 7, 4]), *arrays[:2])


def test_it_is_a_convolution_and_a_maximum():
    arrays = [draw(3, 4, 7), draw(5, 4, 3, seed=1), draw(5, seed=2)]
    results = []
    for op in (
        lambda *t: F.conv1d(*t, padding=2, activation="relu").max(2),
        lambda *t: F.conv1d_max_over_time(*t, padding=2).relu(),
    ):
        leaves = [Tensor(a, requires_grad=True) for a in arrays]
        y = op(*leaves)
        y.backward(draw(*y.shape, seed=9))
        results.append([y.data, *(leaf.grad for leaf in leaves)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_later_changes_of_the_lengths_do_not_reach_the_gradient():
    x, w, lengths = (
        Tensor(draw(3, 4, 7), requires_grad=True), draw(5, 4, 3, seed=1), LENGTHS.copy()
    )  # fmt: skip
    y = F.conv1d_max_over_time(x, w, padding=2, lengths=lengths)
    lengths[:] = 7
    y.sum().backward()
    assert not x.grad[1, :, 2:].any() and x.grad[1, :, :2].any()


def test_module():
    layer = nn.Conv1dMaxOverTime(4, 6, 3, padding=2)
    twin = nn.Conv1d(4, 6, 3, padding=2)
    twin.load_state_dict(layer.state_dict())
    x = draw(3, 4, 7).astype(np.float32)
    np.testing.assert_allclose(layer(x).data, twin(x).data.max(2), rtol=1e-5, atol=1e-6)
    assert layer(x, LENGTHS).shape == (3, 6)
    assert repr(layer) == "Conv1dMaxOverTime(4, 6, kernel_size=3, padding=2)"
    assert "bias=False" in repr(nn.Conv1dMaxOverTime(4, 6, 3, bias=False))
    bound = 1 / np.sqrt(12)
    assert 0.8 * bound < abs(layer.weight.data).max() <= bound
    layer(x, LENGTHS).sum().backward()
    assert layer.weight.grad.strides == layer.weight.data.strides  # the optimiser's quick way
    with pytest.raises(TypeError, match="Conv1dMaxOverTime: kernel_size must be an int"):
        nn.Conv1dMaxOverTime(4, 6, (2, 3))
