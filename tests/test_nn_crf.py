"""nn.CRF: its two layouts, masks and lengths, decoding; that it learns which tag follows which."""

import numpy as np
import pytest
from opcheck import draw

import fastnn
from fastnn import nn, optim

T, N, K = 6, 3, 5
E = draw(T, N, K)
TAGS = np.random.default_rng(1).integers(0, K, (T, N))
LENGTHS = np.array([6, 1, 4])
MASK = np.arange(T)[:, None] < LENGTHS


@pytest.fixture
def crf():
    fastnn.manual_seed(0)
    return nn.CRF(K).double()


def test_parameters(crf):
    shapes = {key: value.shape for key, value in crf.state_dict().items()}
    assert shapes == {"start_transitions": (K,), "end_transitions": (K,), "transitions": (K, K)}
    assert all(0.01 < np.abs(p.data).max() <= 0.1 for p in crf.parameters())
    assert nn.CRF(K).transitions.dtype == np.float32
    assert repr(nn.CRF(5, batch_first=True)) == "CRF(num_tags=5, batch_first=True)"


def test_layouts_mask_and_lengths_agree(crf):
    expected = crf(E, TAGS, reduction="none", lengths=LENGTHS).data
    assert expected.shape == (N,) and np.unique(expected).size == N
    for mask in (MASK, MASK.astype(np.uint8), MASK.astype(np.float32)):
        np.testing.assert_array_equal(crf(E, TAGS, mask, "none").data, expected)
    first = nn.CRF(K, batch_first=True).double()
    first.load_state_dict(crf.state_dict())
    turned = E.swapaxes(0, 1), TAGS.T
    np.testing.assert_array_equal(first(*turned, MASK.T, "none").data, expected)
    assert crf(E, TAGS, MASK).item() == pytest.approx(expected.sum())

    best = crf.decode(E, MASK)
    assert [len(tags) for tags in best] == LENGTHS.tolist()
    assert best == crf.decode(E, lengths=LENGTHS) == first.decode(turned[0], MASK.T)
    assert [len(tags) for tags in crf.decode(E)] == [T] * N


def test_the_decoded_tags_are_the_likeliest(crf):
    crf.transitions.data[...] = draw(K, K)
    best = np.array(crf.decode(E)).T
    most = crf(E, best, reduction="none").data
    rng = np.random.default_rng(2)
    for _ in range(50):
        other = np.where(rng.random((T, N)) < 0.3, rng.integers(0, K, (T, N)), best)
        assert (crf(E, other, reduction="none").data <= most + 1e-12).all()


def test_it_learns_what_follows_what(crf):
    """Tags count up; the emissions say only where the first one is."""
    tags = (np.arange(T)[:, None] + np.arange(N)) % K
    emissions = np.zeros((T, N, K))
    emissions[0, np.arange(N), tags[0]] = 1.0
    optimizer = optim.Adam(crf.parameters(), lr=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        loss = -crf(emissions, tags, reduction="mean")
        loss.backward()
        optimizer.step()
    assert loss.item() < 1.5
    assert np.array(crf.decode(emissions)).T.tolist() == tags.tolist()


def test_errors(crf):
    with pytest.raises(ValueError, match="CRF: num_tags must be positive, got 0"):
        nn.CRF(0)
    with pytest.raises(ValueError, match="emissions must have 3 dimensions, the last of size 5"):
        crf(E[..., :4], TAGS)
    with pytest.raises(ValueError, match="mask must have shape"):
        crf(E, TAGS, MASK[:3])
    with pytest.raises(ValueError, match="true at the first positions"):
        crf(E, TAGS, MASK[::-1])
    with pytest.raises(ValueError, match="give one of them"):
        crf.decode(E, MASK, lengths=LENGTHS)
    with pytest.raises(ValueError, match="CRF: expected"):
        nn.CRF(K, batch_first=True)(E[0], TAGS)
