"""Texts as bags of words: which words are there, without their order."""

from collections import Counter

import numpy as np


class BagOfWords:
    """Rows of word counts or presences, made as they are asked for.

    texts   lists of words, or strings, which are cut at white space
    words   the columns' words; None: the `size` most frequent words of the texts (the more texts
            hold a word, the more frequent; ties in alphabetical order)
    binary  1 for a word that is there, else its count

    `bag[rows]`, rows an int array or slice, is a float32 array (len(rows), len(words)), `len(bag)`
    the number of texts. Other words are left out. Only the words' numbers are kept, so that 10,000
    columns cost no memory until a batch is asked for.
    """

    def __init__(self, texts, words=None, *, size=10_000, binary=True):
        texts = [text.split() if isinstance(text, str) else text for text in texts]
        if words is None:
            seen = Counter(word for text in texts for word in set(text))
            ranked = sorted(seen.items(), key=lambda entry: (-entry[1], entry[0]))
            words = [word for word, _ in ranked[:size]]
        self.words = list(words)
        self.binary = binary
        self.index = {word: i for i, word in enumerate(self.words)}
        self._columns = [
            np.array([self.index[word] for word in text if word in self.index], np.int64)
            for text in texts
        ]

    def __len__(self):
        return len(self._columns)

    def __getitem__(self, rows):
        rows = np.arange(len(self))[rows]
        out = np.zeros((len(rows), len(self.words)), np.float32)
        for line, row in zip(out, rows, strict=True):
            if self.binary:
                line[self._columns[row]] = 1
            else:
                np.add.at(line, self._columns[row], 1)
        return out
