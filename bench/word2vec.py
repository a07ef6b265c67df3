"""Skip-gram with negative sampling on the Brown corpus: fastnn.models.Word2Vec against gensim's.

    python bench/word2vec.py [--size 100] [--epochs 5] [--rounds 3] [--threads 1] [--text FILE]

Window 5, 5 negatives, words that are there 5 times, sub-sampling at 0.001, the rate from 0.025 to
0.0001, float32: the same for both. Each learns in turn, A B A B, every round from another seed,
from lists of words to vectors; the quickest run of each counts, and words are those of the text.
Prints words a second, how well cosines agree with WordSim-353 and SimLex-999 (Spearman), and the
ratio. gensim's threads ("workers") write to the same tables without waiting for each other;
fastnn's result is the same on any number. Needs gensim, and the corpus in $FASTNN_DATA/brown.
"""

import argparse
import os
import time

from machine import prepare_environment


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--text", help="a file of sentences, one a line, instead of Brown")
    arguments = parser.parse_args()
    prepare_environment(os.environ, arguments.threads)  # before NumPy is loaded
    import gensim
    import numpy as np

    import fastnn
    from fastnn.models import Word2Vec

    def ours(seed):
        return Word2Vec(arguments.size).fit(texts, epochs=arguments.epochs, seed=seed)

    def theirs(seed):
        """The same settings, and the vectors in a model of ours, to be asked the same questions."""
        made = gensim.models.Word2Vec(
            texts, sg=1, vector_size=arguments.size, epochs=arguments.epochs, seed=seed,
            workers=arguments.threads, window=5, negative=5, min_count=5, sample=1e-3,
            alpha=0.025, min_alpha=1e-4,
        )  # fmt: skip
        model = Word2Vec(arguments.size)
        model.vocabulary = fastnn.data.Vocabulary(made.wv.index_to_key)
        model.vectors = made.wv.vectors
        return model

    fastnn.set_num_threads(arguments.threads)
    if arguments.text:
        texts = [line.split() for line in fastnn.data.read_text(arguments.text).split("\n")]
    else:
        brown, _, _ = fastnn.data.load_brown()
        texts = [[word for word in text if any(map(str.isalpha, word))] for text in brown]
    words = sum(map(len, texts)) * arguments.epochs
    tests = fastnn.data.load_wordsim353(), fastnn.data.load_simlex999()
    print(
        f"{words // arguments.epochs:,} words, {arguments.epochs} epochs, {arguments.size} numbers "
        f"a word, {arguments.threads} thread(s)"
    )
    best, found = {}, {}
    for seed in range(1, arguments.rounds + 1):
        for name, learn in (("fastnn", ours), ("gensim", theirs)):
            started = time.perf_counter()
            model = learn(seed)
            speed = words / (time.perf_counter() - started)
            agrees = [model.evaluate_pairs(pairs)[0] for pairs in tests]
            best[name] = max(speed, best.get(name, 0))
            found.setdefault(name, []).append(agrees)
            print(
                f"{name}, seed {seed}: {speed:10,.0f} words/s, WordSim-353 {agrees[0]:.3f}, "
                f"SimLex-999 {agrees[1]:.3f}",
                flush=True,
            )
    for name, agrees in found.items():
        (wordsim, simlex), spread = np.mean(agrees, 0), np.std(agrees, 0)
        print(
            f"{name}: {best[name]:,.0f} words/s, WordSim-353 {wordsim:.3f} +- {spread[0]:.3f}, "
            f"SimLex-999 {simlex:.3f} +- {spread[1]:.3f}"
        )
    print(f"fastnn is {best['fastnn'] / best['gensim']:.2f} times as fast")


if __name__ == "__main__":
    main()
