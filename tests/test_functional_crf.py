"""crf_log_likelihood on the tape."""

import numpy as np
import pytest
import reference
from opcheck import assert_near, check_gradient, draw, run

from fastnn import Tensor
from fastnn import functional as F

T, N, K = 5, 3, 4
ARRAYS = draw(T, N, K), draw(K, K), draw(K), draw(K, seed=1)
TAGS = np.random.default_rng(0).integers(0, K, (T, N))
LENGTHS = [5, 2, 0]


def op(lengths=None, reduction="none"):
    return lambda e, *scores: F.crf_log_likelihood(
        e, TAGS, *scores, lengths=lengths, reduction=reduction
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_against_reference(dtype, lengths):
    (e, *others), y, dy, gradients = run(op(lengths), ARRAYS, dtype)
    expected, saved = reference.crf_log_likelihood(e, TAGS, *others, lengths=lengths)
    assert_near(y, expected)
    expected = reference.crf_log_likelihood_backward(dy, e, TAGS, *others, saved, lengths=lengths)
    for actual, wanted in zip(gradients, expected, strict=True):
        assert_near(actual, wanted)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean", "token_mean"])
def test_gradients(reduction):
    check_gradient(op(LENGTHS, reduction), *ARRAYS)


def test_reductions():
    each = op(LENGTHS)(*ARRAYS).data
    assert op(LENGTHS, "sum")(*ARRAYS).item() == pytest.approx(each.sum())
    assert op(LENGTHS, "mean")(*ARRAYS).item() == pytest.approx(each.sum() / 3)
    assert op(LENGTHS, "token_mean")(*ARRAYS).item() == pytest.approx(each.sum() / 7)
    assert op(None, "token_mean")(*ARRAYS).item() == pytest.approx(
        op()(*ARRAYS).data.sum() / (T * N)
    )


def test_tags_may_change_before_the_backward():
    tags, leaf = TAGS.copy(), Tensor(ARRAYS[0], requires_grad=True)
    ll = F.crf_log_likelihood(leaf, tags, *ARRAYS[1:])
    tags[...] = 0
    ll.sum().backward()
    assert leaf.grad[0, 0, TAGS[0, 0]] > 0 > np.delete(leaf.grad[0, 0], TAGS[0, 0]).max()


def test_an_unknown_reduction():
    with pytest.raises(ValueError, match="crf_log_likelihood: reduction must be one of"):
        op(reduction="max")(*ARRAYS)
