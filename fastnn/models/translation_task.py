"""Pairs of sentences, ready to train on: vocabularies, batches by length, and BLEU.

A sentence is a list of tokens (words, characters); as numbers it is START, its tokens, END. START
is number 0 and END number 1 of every vocabulary. START is never what comes next, so 0 also fills up
the shorter sentences of a batch, and `cross_entropy(..., ignore_index=0)` passes over them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

import numpy as np

from ..data import DataLoader, Vocabulary, detokenize, pad_sequences, tokenize

START, END, UNKNOWN = "<start>", "<end>", "<unk>"
START_NUMBER, END_NUMBER, UNKNOWN_NUMBER = 0, 1, 2


def sentence_vocabulary(sentences, *, min_count=1, max_size=None):
    """The tokens of `sentences`, lists of tokens, after START, END and UNKNOWN: see
    `Vocabulary.of`."""
    return Vocabulary.of(
        chain.from_iterable(sentences), min_count=min_count, max_size=max_size,
        special=(START, END), unknown=UNKNOWN,
    )  # fmt: skip


def encode_sentence(vocabulary, tokens):
    """The numbers of START, the tokens, END: int64 (T + 2,)."""
    return vocabulary.encode([START, *tokens, END])


def decode_sentence(vocabulary, numbers):
    """The tokens of numbers, as far as the first END; START is left out."""
    tokens = []
    for number in np.asarray(numbers).tolist():
        if number == END_NUMBER:
            break
        if number != START_NUMBER:
            tokens.append(vocabulary.symbols[number])
    return tokens


@dataclass(frozen=True)
class Side:
    """One of the two languages: how a sentence becomes tokens and numbers, and back."""

    vocabulary: Vocabulary
    tokenize: Callable
    detokenize: Callable

    @classmethod
    def of(cls, sentences, *, tokenize=tokenize, detokenize=detokenize, min_count=1, max_size=None):
        """The side whose vocabulary is that of `sentences`, strings."""
        tokens = map(tokenize, sentences)
        vocabulary = sentence_vocabulary(tokens, min_count=min_count, max_size=max_size)
        return cls(vocabulary, tokenize, detokenize)

    def __len__(self):
        return len(self.vocabulary)

    def encode(self, sentence):
        """A string's numbers, START and END among them: int64 (T + 2,)."""
        return encode_sentence(self.vocabulary, self.tokenize(sentence))

    def decode(self, numbers):
        """The string of numbers, as far as the first END."""
        return self.detokenize(decode_sentence(self.vocabulary, numbers))


class PairLoader(DataLoader):
    """Batches of pairs of sentences as numbers, those of about one length together.

    sources, targets   lists of int64 arrays, as `Side.encode` gives them
    batch_size, seed   as DataLoader's; shuffle: the order of training

    A batch is (source (S, N), source_lengths (N,), before (T, N), lengths (N,), after (T, N)):
    source with START and END; before the target from START to the last token, after from the first
    token to END, filled up with 0; lengths of both.
    """

    def __init__(self, sources, targets, batch_size=64, shuffle=True, *, seed=None):
        if len(sources) != len(targets):
            raise ValueError(
                f"PairLoader: {len(sources)} sources, {len(targets)} targets: expected as many"
            )
        lengths = np.array([len(t) for t in targets]) if shuffle else None
        super().__init__(
            list(zip(sources, targets, strict=True)), batch_size, shuffle, seed=seed,
            collate_fn=pair_batch, lengths=lengths,
        )  # fmt: skip


def pair_batch(pairs):
    """The batch of [(source, target), ...] that `PairLoader` gives."""
    source, source_lengths = pad_sequences([source for source, _ in pairs])
    target, lengths = pad_sequences([target for _, target in pairs])
    after = target[1:]
    before = np.where(after == START_NUMBER, START_NUMBER, target[:-1])  # without END
    return source, source_lengths, before, lengths - 1, after


def bleu(hypotheses, references, *, tokenize="13a", lowercase=False):
    """Corpus BLEU, 0 to 100, of strings against one reference each, by sacrebleu, whose tokenizer
    `tokenize` names: "13a" (its default), "zh" for Chinese, "char".

    Papineni et al. 2002; Post 2018, arXiv:1804.08771. Raises ImportError without sacrebleu.
    """
    try:
        import sacrebleu
    except ImportError as error:
        raise ImportError(
            'bleu needs sacrebleu: pip install "fastnn[translation]", or pip install sacrebleu'
        ) from error
    score = sacrebleu.corpus_bleu(
        list(hypotheses), [list(references)], tokenize=tokenize, lowercase=lowercase
    )
    return score.score


def bleu_by_length(hypotheses, references, lengths, limits, **options):
    """BLEU of the sentences with a length from each of `limits` (ascending) up to below the next:
    [(least, most, sentences, bleu)], empty ranges left out. lengths: of the sources, in tokens."""
    lengths, rows = np.asarray(lengths), []
    for least, above in zip(limits, [*limits[1:], lengths.max(initial=0) + 1], strict=True):
        inside = np.flatnonzero((lengths >= least) & (lengths < above))
        if len(inside):
            score = bleu(
                [hypotheses[i] for i in inside], [references[i] for i in inside], **options
            )
            rows.append((int(least), int(above) - 1, len(inside), score))
    return rows
