"""Captions for pictures: a convolutional network looks, a recurrent one writes, after Vinyals et al.
2015 ("Show and tell"), Karpathy and Fei-Fei 2015, and Xu et al. 2015 ("Show, attend and tell").

Emoji and their names, "woman farmer: medium skin tone". The networks train on Twitter's drawings
and name Google's, which they never saw: the hand is another one, flags wave, and whoever looked to
the left may look to the right. So the training pictures are bent, turned, scaled and recoloured,
anew each time. In the picture: Google's drawings with what was written about them, and where the
third network looked for each word.

The baseline answers with the name of the nearest training picture. The names are compared as they
stand (exact match) and by BLEU-4 of their words. A captioner gives every name a likelihood too:
that of the true picture's should be above another's.
"""

import numpy as np
from _emoji import Emoji, differently, learn, nearest, plain, standardized
from _example import GREEN, GREY, INK, RED, figure, options, save

import fastnn
from fastnn.models.captioner import Captioner, caption_loss, describe, log_likelihood
from fastnn.models.translation_task import bleu

FORMS = {"picture as first word, LSTM": "lstm", "picture in the first step, RNN": "rnn"}
SHOWN = 12


def loss(model, images, before, lengths, after):
    return caption_loss(model(images, before, lengths), after)


def measure(title, written, names):
    right = [a == b for a, b in zip(written, names, strict=True)]
    score = bleu(map(plain, written), map(plain, names), tokenize="none")
    print(f"{title}: exact {np.mean(right):.1%}, BLEU-4 {score:.1f}", flush=True)
    return {"exact": float(np.mean(right)), "bleu": score}


def main(argv=None):
    arguments = options(__doc__, argv, epochs=(30, 4), beam=(3, 1))
    emoji = Emoji(every=10 if arguments.quick else 1)
    names, numbers, test = emoji.names, emoji.numbers, standardized(emoji.test)
    print(f"{len(names):,} names of {len(emoji.vocabulary):,} words")
    answers = [names[i] for i in nearest(emoji.train, emoji.test)[:, 0]]
    results = {"nearest": measure("nearest neighbour", answers, names)}
    other = np.random.default_rng(0).permutation(len(names))
    for title, cell in FORMS.items():
        fastnn.manual_seed(arguments.seed)
        model = Captioner(len(emoji.vocabulary), cell=cell)
        learn(title, model, (emoji.train, *numbers), loss, epochs=arguments.epochs)
        written = describe(model, emoji.vocabulary, test, beam=arguments.beam)
        results[cell] = measure(title, written, names)
        true, shuffled = (log_likelihood(model, x, *numbers) for x in (test, test[other]))
        results[cell] |= {"true": true.mean(), "shuffled": shuffled.mean()}
        print(f"{title}: log-likelihood of a name, true picture {true.mean():.2f}, another "
              f"{shuffled.mean():.2f}; the true one's is larger for {(true > shuffled).mean():.1%}")
    return results


if __name__ == "__main__":
    main()
