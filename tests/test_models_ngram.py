"""models.ngram: Kneser-Ney against counts made by hand, sums of probabilities, and a plain
implementation with dictionaries."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from fastnn.models.decoding import sample
from fastnn.models.ngram import KneserNey, perplexity

TEXT = np.array([0, 1, 0, 1, 2, 0, 2, 1, 0, 1])  # of 4 words; 3 never comes


def test_unigrams_by_hand():
    """Counts 4, 4, 2: none of 1, so D = 1/2; 3 D / 10 = 0.15 are left to 1/4 each."""
    model = KneserNey(4, order=1).fit(TEXT)
    assert model.discounts == [0.5]
    expected = np.array([3.5, 3.5, 1.5, 0]) / 10 + 0.15 / 4
    np.testing.assert_allclose(model.distribution([]), expected)
    np.testing.assert_allclose(model.probabilities(TEXT), expected[TEXT])


def test_bigrams_by_hand():
    """Pairs: 01 3, 10 2, 12 1, 20 1, 02 1, 21 1. What stands before 0: 1, 2; before 1: 0, 2; before
    2: 0, 1: continuation counts 2, 2, 2, and D_1 = 0 / 0 -> 1/2. n1 = 4, n2 = 1: D_2 = 4 / 6."""
    model = KneserNey(4, order=2).fit(TEXT)
    assert model.discounts == [0.5, pytest.approx(2 / 3)]
    lower = np.array([1.5, 1.5, 1.5, 0]) / 6 + 0.5 * 3 / 6 / 4
    np.testing.assert_allclose(model.distribution([]), lower)
    discount = 2 / 3
    after_0 = np.array([0, 3 - discount, 1 - discount, 0]) / 4 + discount * 2 / 4 * lower
    np.testing.assert_allclose(model.distribution([0]), after_0)
    np.testing.assert_allclose(model.distribution([2, 3, 0]), after_0)  # the last word counts
    np.testing.assert_allclose(model.distribution([3]), lower)  # never came
    np.testing.assert_allclose(model.probabilities([0, 2]), [lower[0], after_0[2]])


def plain(text, words, order):
    """P(word | context) with dictionaries, straight from the definition."""
    kinds = [
        Counter(tuple(text[i : i + m]) for i in range(len(text) - m + 1))
        for m in range(1, order + 1)
    ]
    counts = []
    for m in range(1, order + 1):
        if m == order:
            counts.append(dict(kinds[-1]))
            continue
        before = defaultdict(set)
        for gram in kinds[m]:
            before[gram[1:]].add(gram[0])
        counts.append({gram: len(words) for gram, words in before.items()})

    def p(word, context):
        m = len(context) + 1
        lower = p(word, context[1:]) if context else 1 / words
        level = counts[m - 1]
        follow = {gram: n for gram, n in level.items() if gram[:-1] == context}
        total = sum(follow.values())
        if not total:
            return lower
        ones, twos = (sum(n == k for n in level.values()) for k in (1, 2))
        discount = ones / (ones + 2 * twos) if ones else 0.5
        own = max(level.get((*context, word), 0) - discount, 0) / total
        return own + discount * len(follow) / total * lower

    return p


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_the_definition(order):
    rng = np.random.default_rng(order)
    text, other = (7 * rng.random(n) ** 2 for n in (120, 60))
    text, other = text.astype(int), other.astype(int)
    model, p = KneserNey(8, order).fit(text), plain(text.tolist(), 8, order)
    found = model.probabilities(other)
    for t, word in enumerate(other.tolist()):
        context = tuple(other[max(0, t - order + 1) : t].tolist())
        assert found[t] == pytest.approx(p(word, context), rel=1e-12)
        distribution = model.distribution(other[:t])
        assert distribution[word] == pytest.approx(found[t], rel=1e-12)
        assert distribution.sum() == pytest.approx(1, rel=1e-12) and distribution.min() > 0


def test_short_texts():
    model = KneserNey(5, order=4).fit([1, 2, 3, 4])
    assert model.probabilities([]).shape == (0,)
    assert model.probabilities([2]).shape == (1,)
    for context in ([], [1], [4], [2, 3, 4], [1, 2, 3]):
        assert model.distribution(context).sum() == pytest.approx(1)
    with pytest.raises(ValueError, match="KneserNey: a text of 3 words has no 4 in a row"):
        model.fit([1, 2, 3])


def test_longer_contexts_help_where_words_follow_from_them():
    """A word that the two before it decide, seven times out of eight."""
    rng = np.random.default_rng(0)
    text = [0, 1]
    for _ in range(4000):
        text.append((text[-1] + text[-2]) % 5 if rng.random() < 0.875 else int(rng.integers(5)))
    train, test = np.array(text[:3000]), np.array(text[3000:])
    one, two, three = (
        perplexity(KneserNey(5, order).fit(train).probabilities(test)) for order in (1, 2, 3)
    )
    assert three < 2.1 < 4.5 < two < 5.1 and one < 5.1


def test_it_writes():
    text = np.tile([0, 1, 2, 3, 4], 30)
    model = KneserNey(5, order=3).fit(text)
    contexts = np.array([[3, 4], [3, 4]])
    found = sample(model.step, contexts, 2, start=0, end=4, temperature=0.0)
    assert [row.tolist() for row in found] == [[1, 2, 3]] * 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: KneserNey(0), "KneserNey: words must be >= 1, got 0"),
        (lambda: KneserNey(5, 0), "KneserNey: order must be >= 1, got 0"),
        (lambda: KneserNey(4, 2).fit([0, 4]), r"words must be in 0\.\.3, got 0 to 4"),
        (lambda: KneserNey(4, 2).fit(TEXT).distribution([-1]), "got -1 to -1"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_perplexity():
    assert perplexity([0.5, 0.125]) == pytest.approx(4)
