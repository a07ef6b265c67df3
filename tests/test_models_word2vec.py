"""Word2Vec: what it finds in texts whose structure is known, evaluation, files."""

import gzip

import numpy as np
import pytest
from kernelcheck import same_for_any_threads

import fastnn
from fastnn.models import Word2Vec, word2vec

WAYS = [(cbow, loss) for cbow in (False, True) for loss in word2vec.LOSSES]


def sentences(count=1500, seed=0):
    """Animals do what animals do, and fruit what fruit does."""
    rng = np.random.default_rng(seed)
    groups = [
        (["cat", "dog", "horse", "cow"], ["runs", "sleeps", "eats", "drinks"]),
        (["apple", "pear", "plum", "fig"], ["ripens", "falls", "rots", "tastes"]),
    ]
    for _ in range(count):
        nouns, verbs = groups[rng.integers(2)]
        yield ["the", rng.choice(nouns), rng.choice(verbs), "there"]


@pytest.mark.parametrize(("cbow", "loss"), WAYS)
def test_words_that_are_used_alike_come_to_lie_near(cbow, loss):
    losses = []
    model = Word2Vec(12, cbow=cbow, loss=loss, sample=0, lr=0.1, block=8)
    few = 400 if loss == "softmax" else 1500
    model.fit(sentences(few), epochs=8, seed=1, report=lambda _, loss: losses.append(loss))
    assert losses[-1] < 0.95 * losses[0]
    for word, alike in (("cat", {"dog", "horse", "cow"}), ("plum", {"apple", "pear", "fig"})):
        nearest = [w for w, _ in model.most_similar(word, count=3)]
        assert set(nearest) == alike
    assert model.similarity("cat", "dog") > model.similarity("cat", "plum")


def test_the_same_bits_on_any_number_of_threads_and_with_a_report():
    texts = list(sentences(400))

    def run():
        model = Word2Vec(150, min_count=1).fit(texts, epochs=2, seed=3)
        return model.vectors, model.outputs

    first = same_for_any_threads(run)
    told = Word2Vec(150, min_count=1).fit(texts, epochs=2, seed=3, report=lambda *_: None)
    np.testing.assert_array_equal(told.vectors, first[0])
    assert (Word2Vec(150, min_count=1).fit(texts, epochs=2, seed=4).vectors != first[0]).any()


def test_manual_seed_decides_where_no_seed_is_given():
    runs = []
    for seed in (1, 1, 2):
        fastnn.manual_seed(seed)
        runs.append(Word2Vec(8).fit(sentences(50), epochs=1).vectors)
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()


def test_vocabulary_is_by_frequency_and_cut():
    text = [["b"] * 5 + ["a"] * 5 + ["c"] * 9 + ["d"] * 2, ["e"]]
    model = Word2Vec(4, min_count=2).fit(text, epochs=1, seed=0)
    assert model.vocabulary.symbols == ["c", "a", "b", "d"]
    assert model.counts.tolist() == [9, 5, 5, 2] and model.vectors.shape == (4, 4)
    assert Word2Vec(4, max_size=2, min_count=1).fit(text, seed=0).vocabulary.symbols == ["c", "a"]
    assert "c" in model and "e" not in model and "c" not in Word2Vec()
    with pytest.raises(ValueError, match="no word of 22 is there 10 times"):
        Word2Vec(min_count=10).fit(text)
    with pytest.raises(ValueError, match="no word of 0 is there 5 times"):
        Word2Vec().fit([])
    with pytest.raises(TypeError, match="a sentence must be a list of words, got 'a b'"):
        Word2Vec().fit(["a b"])


def test_frequent_words_are_left_out_as_often_as_they_should():
    words = np.repeat([0, 1], [90_000, 10_000])
    model = Word2Vec(sample=0.01, min_count=1)
    model.counts = np.bincount(words)
    shares = np.sqrt(0.01 / np.array([0.9, 0.1])) + 0.01 / np.array([0.9, 0.1])
    np.testing.assert_allclose(model._kept_shares(), shares, rtol=1e-6)
    some, bounds = word2vec._subsample(
        words, np.array([0, 90_000, 100_000]), model._kept_shares(), 5
    )
    np.testing.assert_allclose(np.bincount(some) / [90_000, 10_000], shares, atol=0.02)
    assert bounds.tolist() == [0, (some == 0).sum(), len(some)]


def test_blocks_are_smaller_where_many_windows_use_a_row():
    model = Word2Vec(sample=0)
    model.counts = np.ones(100_000)
    assert model._block(np.ones(100_000)) == 128
    model.counts = np.array([50, 50])  # a row is told by half of 6 contexts, drawn 5 times in 2
    assert model._block(np.ones(2)) == int(2 / (0.025 * 6 * 3))
    for loss in ("hierarchical", "softmax"):
        model = Word2Vec(loss=loss)
        model.counts = np.ones(1000)
        assert model._block(np.ones(1000)) == int(2 / (0.025 * 6))


@pytest.mark.parametrize("loss", word2vec.LOSSES)
def test_a_frequent_row_does_not_diverge(loss):
    """Every window uses a tree's root, or one of few rows: steps from one snapshot add up."""
    words = np.random.default_rng(0).integers(0, 12, (60, 50)).astype(str)
    model = Word2Vec(16, loss=loss, sample=0, lr=0.05).fit(words, epochs=10, seed=0)
    assert np.abs(model.vectors).max() < 10 and np.abs(model.outputs).max() < 10


def test_long_texts_are_taken_in_parts(monkeypatch):
    monkeypatch.setattr(word2vec, "CHUNK", 10)
    bounds = np.array([0, 4, 8, 8, 40, 45, 50])
    assert list(word2vec._chunks(bounds)) == [(0, 3), (3, 4), (4, 6)]
    model = Word2Vec(8, lr=0.1, block=8, sample=0).fit(sentences(200), epochs=10, seed=0)
    assert model.similarity("cat", "dog") > model.similarity("cat", "plum")


def test_a_file_is_read_by_lines(tmp_path):
    lines = "\n".join(" ".join(words) for words in sentences(100)) + "\n"
    (tmp_path / "text.txt").write_text(lines)
    (tmp_path / "text.gz").write_bytes(gzip.compress(lines.encode()))
    expected = Word2Vec(8).fit(sentences(100), seed=2).vectors
    for name in ("text.txt", "text.gz"):
        model = Word2Vec(8).fit(tmp_path / name, seed=2)
        np.testing.assert_array_equal(model.vectors, expected)


# ---- asking --------------------------------------------------------------------------------------


@pytest.fixture
def known():
    """A model whose vectors are given: royalty along one axis, sex along another."""
    model = Word2Vec(3)
    names = {
        "the": (0, 0, 1), "man": (0, 1, 0.1), "woman": (0, -1, 0.1), "king": (2, 1, 0.1),
        "queen": (2, -1, 0.1), "prince": (1.5, 1, 0.3),
    }  # fmt: skip
    model.vocabulary = fastnn.data.Vocabulary(list(names))
    model.vectors = model.outputs = np.array(list(names.values()), np.float32)
    model.counts = np.arange(6, 0, -1)
    return model


def test_neighbours_and_analogies(known):
    assert known.analogy("man", "king", "woman")[0][0] == "queen"
    names = [word for word, _ in known.most_similar("king")]
    assert names[0] == "prince" and len(names) == 5 and "king" not in names
    cosines = [cosine for _, cosine in known.most_similar("king")]
    assert cosines == sorted(cosines, reverse=True)
    assert cosines[0] == pytest.approx(known.similarity("king", "prince"))
    assert [w for w, _ in known.most_similar("king", count=9, among=2)] == ["man", "the"]
    np.testing.assert_array_equal(known["queen"], np.float32((2, -1, 0.1)))
    for ask in (known.__getitem__, known.most_similar, lambda w: known.similarity("man", w)):
        with pytest.raises(KeyError, match="no vector of 'duke'"):
            ask("duke")


def test_analogies_are_counted(known):
    sections = {
        "family": [("man", "king", "Woman", "queen"), ("woman", "queen", "man", "king")],
        "unknown": [("man", "duke", "woman", "duchess")],
    }
    assert known.evaluate_analogies(sections) == {"family": (1, 2), "unknown": (0, 0)}
    assert known.evaluate_analogies(sections, among=4)["family"] == (0, 0)


def test_correlation_is_spearmans(known):
    pairs = [("man", "woman", 3.0), ("king", "queen", 5.0), ("king", "prince", 9.5),
             ("the", "King", 5.0), ("man", "duke", 1.0)]  # fmt: skip
    rho, used = known.evaluate_pairs(pairs)
    cosines = [known.similarity(a, b.lower()) for a, b, _ in pairs[:4]]
    assert used == 4
    expected = np.corrcoef(np.argsort(np.argsort(cosines)), [0, 1.5, 3, 1.5])[0, 1]
    assert rho == pytest.approx(expected)
    assert np.isnan(known.evaluate_pairs(pairs[4:])[0])
    np.testing.assert_array_equal(word2vec._ranks(np.array([5, 1, 5, 9])), [2.5, 1, 2.5, 4])


# ---- on disk -------------------------------------------------------------------------------------


def test_saved_and_loaded(tmp_path):
    model = Word2Vec(10, cbow=True, loss="hierarchical", min_count=2)
    model.fit(sentences(60), epochs=1, seed=0).save(tmp_path / "words.safetensors")
    other = Word2Vec.load(tmp_path / "words.safetensors")
    assert other.config == model.config and other.vocabulary == model.vocabulary
    for name in ("vectors", "outputs", "counts"):
        np.testing.assert_array_equal(getattr(other, name), getattr(model, name))
    assert other.most_similar("cat") == model.most_similar("cat")
    with pytest.raises(ValueError, match="nothing to save before fit"):
        Word2Vec().save(tmp_path / "other.safetensors")
    fastnn.save({"x": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"other\.safetensors is no word2vec model"):
        Word2Vec.load(tmp_path / "other.safetensors")


@pytest.mark.parametrize("options", [{"loss": "hinge"}, {"size": 0}, {"sample": -1.0}])
def test_errors(options):
    with pytest.raises(ValueError, match=r"Word2Vec: (loss|size) must be"):
        Word2Vec(**options)
