"""word2vec: words as vectors, learnt from the words around them.

T. Mikolov, K. Chen, G. Corrado, J. Dean, "Efficient estimation of word representations in vector
space", 2013, arXiv:1301.3781, and T. Mikolov, I. Sutskever, K. Chen, G. Corrado, J. Dean,
"Distributed representations of words and phrases and their compositionality", 2013,
arXiv:1310.4546.
"""

import json
import os

import numpy as np

from .. import checkpoint, kernels, random
from ..data import Vocabulary, read_text

LOSSES = ("negative", "hierarchical", "softmax")
CHUNK = 1 << 24  # words that are sub-sampled together
MOST_WINDOWS = 128  # in a block
BEARABLE = 2  # see Word2Vec._block
QUESTIONS = 512  # analogies answered together


class Word2Vec:
    """Vectors of the words of a text.

    size       numbers in a vector
    window     contexts are up to so many places away; how many is drawn anew for every word
    cbow       the contexts' mean tells the word; False (skip-gram): each context does
    loss       "negative": the word is to be told from `negatives` drawn ones, whose probability is
               proportional to count ** power; "hierarchical": its way down a Huffman tree is to be
               found; "softmax": it is to be told from all words, which takes V times as long
    sample     t: a word whose share of the text is f is left out, each time anew, unless a number
               in [0, 1) is below sqrt(t / f) + t / f; 0: none is
    min_count  rarer words are left out of the text before everything else;
    max_size   and so are all but so many of the most frequent words
    lr         falls linearly to min_lr; None: 0.025, with CBOW 0.1 (a context's gradient is that
               of the mean, as it should be: Irsoy, Benton and Stratos 2021, arXiv:2012.15332)
    block      windows that share one snapshot of the tables for their errors: see
               `kernels.word2vec`. None: 128, or fewer where some row is used so often that the
               steps from one snapshot would overshoot: about 13 with "hierarchical" and
               "softmax", where all windows use the tree's root, or all rows

    After `fit` or `load`: vocabulary (the most frequent word first), counts (V,), vectors (V, size)
    and outputs, what the loss sets vectors against.
    """

    def __init__(
        self, size=100, *, window=5, cbow=False, loss="negative", negatives=5, power=0.75,
        sample=1e-3, min_count=5, max_size=None, lr=None, min_lr=1e-4, block=None,
    ):  # fmt: skip
        if loss not in LOSSES:
            raise ValueError(f"Word2Vec: loss must be one of {', '.join(LOSSES)}, got {loss!r}")
        if size < 1 or not sample >= 0:
            raise ValueError(
                f"Word2Vec: size must be >= 1 and sample >= 0, got {size} and {sample}"
            )
        self.config = {
            "size": size, "window": window, "cbow": cbow, "loss": loss, "negatives": negatives,
            "power": power, "sample": sample, "min_count": min_count, "max_size": max_size,
            "lr": (0.1 if cbow else 0.025) if lr is None else lr, "min_lr": min_lr, "block": block,
        }  # fmt: skip
        self.vocabulary = self.counts = self.vectors = self.outputs = self._unit = None

    # ---- learning ----

    def fit(self, sentences, *, epochs=5, seed=None, report=None):
        """Learn from `sentences`, lists of words, gone through once; or from a text file, plain or
        gzipped, whose lines are sentences and whose words have white space in between.

        seed    an int >= 0; None: fastnn's, which `manual_seed` sets. With a seed the result is the
                same, bit by bit, on any number of threads
        report  called with (epoch, mean loss of a window) after each epoch, from 1; the loss takes
                time, which is spared where nobody asks

        Returns self. Raises TypeError for a sentence that is a string, ValueError where no word is
        frequent enough.
        """
        if isinstance(sentences, (str, os.PathLike)):
            sentences = map(str.split, read_text(sentences).split("\n"))
        words, bounds = self._read(sentences)
        seed = random.next_seed() if seed is None else seed
        config, size = self.config, self.config["size"]
        targets = self._targets()
        rows = len(self.vocabulary)
        inputs = kernels.word_table(rows, size)
        rng = np.random.default_rng(seed)
        inputs[:, :size] = (rng.random((rows, size), np.float32) - 0.5) / size
        outputs = kernels.word_table(rows - (config["loss"] == "hierarchical"), size)
        kept = self._kept_shares()
        block = self._block(kept) if config["block"] is None else config["block"]
        for epoch in range(epochs):
            total = windows = 0
            for part, (begin, end) in enumerate(_chunks(bounds)):
                keys = np.random.SeedSequence([seed, epoch, part]).generate_state(2, np.uint64)
                some, ends = _subsample(words, bounds[begin : end + 1], kept, int(keys[0] >> 1))
                done = epoch + np.array([bounds[begin], bounds[end]]) / bounds[-1]
                rates = config["lr"] + (config["min_lr"] - config["lr"]) * done / epochs
                losses = kernels.word2vec(
                    inputs, outputs, some, ends, targets, window=config["window"],
                    cbow=config["cbow"], lr=tuple(rates.tolist()), seed=int(keys[1]),
                    block=block, losses=report is not None,
                )  # fmt: skip
                windows += len(some)
                total += 0 if losses is None else losses.sum()
            if report is not None:
                report(epoch + 1, total / max(windows, 1))
        self.vectors, self.outputs, self._unit = inputs[:, :size], outputs[:, :size], None
        return self

    def _read(self, sentences):
        """Find the vocabulary; the text as the words' numbers, and where its sentences end."""
        known, parts = {}, []
        for sentence in sentences:
            if isinstance(sentence, str):
                raise TypeError(f"Word2Vec: a sentence must be a list of words, got {sentence!r}")
            parts.append(np.array([known.setdefault(w, len(known)) for w in sentence], np.int32))
        words = np.concatenate(parts) if parts else np.zeros(0, np.int32)
        counts = np.bincount(words, minlength=len(known))
        names = list(known)
        order = sorted(range(len(names)), key=lambda i: (-counts[i], names[i]))
        order = [i for i in order if counts[i] >= self.config["min_count"]]
        order = order[: self.config["max_size"]]
        if not order:
            raise ValueError(
                f"Word2Vec: no word of {len(words):,} is there {self.config['min_count']} times"
            )
        self.vocabulary, self.counts = Vocabulary([names[i] for i in order]), counts[order]
        number = np.full(len(names), -1)
        number[order] = np.arange(len(order))
        words = number[words]
        there = words >= 0
        ends = np.cumsum([0, *map(len, parts)])
        return words[there], np.concatenate([[0], np.cumsum(there)])[ends]

    def _targets(self):
        config = self.config
        if config["loss"] == "softmax":
            return None
        if config["loss"] == "hierarchical":
            return kernels.huffman_tree(self.counts)
        return kernels.negative_sampling(self.counts, config["negatives"], power=config["power"])

    def _kept_shares(self):
        """The probability with which each word stays in the text."""
        share = self.counts / self.counts.sum()
        rare = self.config["sample"] / share
        stays = np.sqrt(rare) + rare if self.config["sample"] else np.ones(len(share))
        return np.minimum(stays, 1).astype(np.float32)

    def _block(self, kept):
        """As many windows as the rows that are used most can bear: where lr times the pairs of
        rows that one is in, all judged from one snapshot, is much more than 2, steps overshoot."""
        config, contexts = self.config, self.config["window"] + 1  # of a window, on average
        told = self.counts * kept / (self.counts * kept).sum()
        if config["loss"] == "negative":
            drawn = self.counts ** float(config["power"])
            outputs = (told + config["negatives"] * drawn / drawn.sum()).max()
            targets = 1 + config["negatives"]
        else:  # all windows use the tree's root, or all rows
            outputs, targets = 1, np.log2(1 + len(told))
        pairs = max(outputs, told.max() * targets) * (1 if config["cbow"] else contexts)
        return int(np.clip(BEARABLE / (config["lr"] * pairs), 1, MOST_WINDOWS))

    # ---- asking ----

    def __contains__(self, word):
        return self.vocabulary is not None and word in self.vocabulary

    def __getitem__(self, word):
        """The word's vector. Raises KeyError for a word that is not in the vocabulary."""
        return self.vectors[self._number(word)]

    @property
    def unit(self):
        """The vectors, each of length 1."""
        if self._unit is None:
            length = np.linalg.norm(self.vectors, axis=1, keepdims=True)
            self._unit = self.vectors / np.maximum(length, np.finfo(np.float32).tiny)
        return self._unit

    def similarity(self, first, second):
        """The cosine of two words' vectors."""
        return float(self.unit[self._number(first)] @ self.unit[self._number(second)])

    def most_similar(self, positive, negative=(), *, count=10, among=None):
        """The words nearest to the sum of unit vectors of `positive` words less those of `negative`
        ones, a list of (word, cosine); these words themselves are left out.

        A word or several; among: only so many of the most frequent words are looked at.
        """
        groups = [(w,) if isinstance(w, str) else tuple(w) for w in (positive, negative)]
        plus, minus = ([self._number(word) for word in words] for words in groups)
        wanted = self.unit[plus].sum(0) - self.unit[minus].sum(0)
        cosines = self.unit[:among] @ (wanted / max(np.linalg.norm(wanted), 1e-30))
        cosines[[number for number in plus + minus if number < len(cosines)]] = -np.inf
        best = np.argsort(-cosines, kind="stable")[:count]
        symbols = self.vocabulary.symbols
        return [(symbols[i], float(cosines[i])) for i in best if cosines[i] > -np.inf]

    def analogy(self, a, b, c, **options):
        """What is to c as b is to a: the words nearest to b - a + c. Options of `most_similar`."""
        return self.most_similar([b, c], [a], **options)

    def evaluate_pairs(self, pairs):
        """(Spearman's correlation of cosines with scores, pairs that it is of) for pairs
        (word, word, score); those with an unknown word are left out. A word with capitals that is
        unknown is looked up without."""
        known = [(self._find(a), self._find(b), score) for a, b, score in pairs]
        known = [(a, b, score) for a, b, score in known if a is not None and b is not None]
        if len(known) < 2:
            return float("nan"), len(known)
        first, second, scores = (np.array(column) for column in zip(*known, strict=True))
        cosines = (self.unit[first] * self.unit[second]).sum(1)
        return float(np.corrcoef(_ranks(cosines), _ranks(scores))[0, 1]), len(known)

    def evaluate_analogies(self, sections, *, among=30_000):
        """{section: (right, asked)} for {section: [(a, b, c, d), ...]}: whether d is the nearest of
        the `among` most frequent words to b - a + c. Questions with a word that is not among them
        are not asked. Capitals as of `evaluate_pairs`."""
        unit, results = self.unit[:among], {}
        for name, questions in sections.items():
            found = [[self._find(word) for word in question] for question in questions]
            asked = [q for q in found if None not in q and max(q) < len(unit)]
            right = 0
            for at in range(0, len(asked), QUESTIONS):
                some = np.array(asked[at : at + QUESTIONS])
                a, b, c, d = some.T
                cosines = kernels.gemm(unit[b] - unit[a] + unit[c], unit, trans_b=True)
                np.put_along_axis(cosines, some[:, :3], -np.inf, 1)
                right += int((cosines.argmax(1) == d).sum())
            results[name] = right, len(asked)
        return results

    def _find(self, word):
        """The word's number, or None."""
        for form in (word, word.lower()):
            if form in self:
                return self.vocabulary.number(form)
        return None

    def _number(self, word):
        if word not in self:
            raise KeyError(f"Word2Vec: no vector of {word!r}")
        return self.vocabulary.number(word)

    # ---- on disk ----

    def save(self, path):
        """Write a checkpoint (`fastnn.save`): arrays, words and settings. Raises ValueError before
        `fit`."""
        if self.vectors is None:
            raise ValueError("Word2Vec: there is nothing to save before fit")
        arrays = {"vectors": self.vectors, "outputs": self.outputs, "counts": self.counts}
        metadata = {
            "model": "word2vec",
            "config": json.dumps(self.config),
            "vocabulary": self.vocabulary.to_json(),
        }
        checkpoint.save(arrays, path, metadata)

    @classmethod
    def load(cls, path):
        """What `save` wrote. Raises ValueError, naming the file, for another kind of checkpoint."""
        arrays, metadata = checkpoint.load(path, with_metadata=True)
        if metadata.get("model") != "word2vec":
            raise ValueError(f"{os.fsdecode(path)} is no word2vec model that `save` wrote")
        model = cls(**json.loads(metadata["config"]))
        model.vocabulary = Vocabulary.from_json(metadata["vocabulary"])
        model.vectors, model.outputs = arrays["vectors"], arrays["outputs"]
        model.counts = arrays["counts"]
        return model


def _chunks(bounds):
    """Pairs (begin, end) of sentences of about CHUNK words together."""
    begin = 0
    while begin < len(bounds) - 1:
        end = int(np.searchsorted(bounds, bounds[begin] + CHUNK, "right")) - 1
        end = min(max(end, begin + 1), len(bounds) - 1)
        yield begin, end
        begin = end


def _subsample(words, bounds, kept, seed):
    """The words from bounds[0] to bounds[-1] that stay in the text, and their sentences' bounds."""
    some = words[bounds[0] : bounds[-1]]
    stays = kernels.bernoulli(kept[some], seed=seed) > 0
    return some[stays], np.concatenate([[0], np.cumsum(stays)])[bounds - bounds[0]]


def _ranks(values):
    """1, 2, ... by size; equal values share the mean of theirs."""
    _, group, size = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(size) - (size - 1) / 2)[group]
