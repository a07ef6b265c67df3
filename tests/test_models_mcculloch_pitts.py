"""Threshold units and Hebb's rule: truth tables, and the textbooks' numbers."""

import numpy as np
import pytest

import fastnn
from fastnn.models.hebb import HebbianAssociator, oja
from fastnn.models.mcculloch_pitts import (
    AND,
    AND_NOT,
    NOT,
    OR,
    XOR_AND_NOT,
    XOR_OR_AND,
    ThresholdUnit,
)

INPUTS = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
BIPOLAR = 2 * INPUTS - 1


@pytest.mark.parametrize(
    ("function", "table"),
    [
        (AND, [0, 0, 0, 1]),
        (OR, [0, 1, 1, 1]),
        (AND_NOT, [0, 0, 1, 0]),
        (XOR_OR_AND, [0, 1, 1, 0]),
        (XOR_AND_NOT, [0, 1, 1, 0]),
    ],
)
def test_truth_tables(function, table):
    assert function(*INPUTS.T).tolist() == table
    assert [function(a, b) for a, b in INPUTS.tolist()] == table


def test_not():
    assert (NOT(0), NOT(1)) == (1, 0)


def test_a_unit_fires_at_its_threshold():
    assert ThresholdUnit((1, 1), 2)(*INPUTS.T).tolist() == [0, 0, 0, 1]
    assert repr(AND) == "ThresholdUnit([1.0, 1.0], 1.5)"


def test_inhibition_that_nothing_outvotes():
    unit = ThresholdUnit((1, 1, -3), 1)
    assert unit(1, 1, 0) == 1 and unit(1, 1, 1) == 0


def test_errors_of_a_unit():
    with pytest.raises(ValueError, match="2 weights need as many inputs, got 3"):
        AND(0, 1, 1)
    with pytest.raises(ValueError, match="weights must be a row of numbers"):
        ThresholdUnit([[1, 2]], 0)


def test_hebbs_rule_learns_and_of_bipolar_inputs():
    """Weights 2 and 2, bias -2 (Fausett 1994, section 2.2)."""
    model = HebbianAssociator(bias=True).fit(BIPOLAR, [-1, -1, -1, 1])
    assert model.weight.tolist() == [[-2, 2, 2]]
    assert model.predict(BIPOLAR).tolist() == [-1, -1, -1, 1]


def test_hebbs_rule_fails_at_and_of_zeros_and_ones():
    """Weights 1 and 1, bias 1: where input or target is 0 nothing is learnt (ditto)."""
    model = HebbianAssociator(bias=True).fit(INPUTS, [0, 0, 0, 1])
    assert model.weight.tolist() == [[1, 1, 1]]
    assert model.predict(INPUTS).tolist() == [1, 1, 1, 1]


def test_orthogonal_patterns_are_recalled_exactly():
    x = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1]])
    t = np.array([[1, 0.5], [-2, 1], [0.25, -3]])
    model = HebbianAssociator(lr=1 / 4)
    for row in range(3):  # one at a time, as together
        model.fit(x[row : row + 1], t[row : row + 1])
    np.testing.assert_array_equal(model.decision_function(x), t)
    assert model.predict(x).tolist() == [[1, 1], [-1, 1], [1, -1]]


def test_errors_of_the_associator():
    with pytest.raises(ValueError, match="nothing was learnt yet"):
        HebbianAssociator().predict(INPUTS)
    with pytest.raises(ValueError, match=r"x must be \(N, D\), got shape \(2,\)"):
        HebbianAssociator().fit([1, 2], [1, 1])
    with pytest.raises(ValueError, match="4 samples need as many t, got 3"):
        HebbianAssociator().fit(INPUTS, [1, 0, 1])


def test_ojas_rule_finds_the_first_principal_component():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3)) * [0.3, 2.0, 0.7] @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    x -= x.mean(0)
    fastnn.manual_seed(0)
    w = oja(x, lr=1e-3)
    first = np.linalg.svd(x)[2][0]
    assert abs(w @ first) / np.linalg.norm(w) > 0.999
    assert np.linalg.norm(w) == pytest.approx(1, abs=0.02)


def test_oja_says_when_the_rate_is_too_large():
    with pytest.raises(FloatingPointError, match=r"lr=1\.0 is too large"):
        oja(10 * BIPOLAR, lr=1.0, w=[1, 0.5])
