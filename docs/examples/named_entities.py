"""Named entities: a bidirectional LSTM tags the words of a sentence, with and without a conditional
random field (CRF), after Huang et al. 2015 and Lample et al. 2016.

Chinese résumés are tagged character by character, English tweets word by word, where a second LSTM
reads how a word is spelt. Without the CRF each word's tag is chosen by itself, so a name may go on
that never began; the CRF weighs which tag follows which, and finds the best tags of the whole
sentence. A name counts as found if its kind, its first and its last word are right. The epoch is
chosen on the development sentences. To compare with, each word gets the tag that it has most often
in the training sentences. No vectors learnt from other texts are used.
"""

import time
from collections import Counter, defaultdict

import numpy as np
from _example import (
    BLUE,
    GREEN,
    GREY,
    curves,
    figure,
    legend,
    options,
    plane,
    save,
)

import fastnn
from fastnn.data import load_resume_ner, load_wnut17
from fastnn.models.ner import TaggedText, Tagger, tag, train_tagger
from fastnn.training import entities, entity_scores

DATA = {"resume-ner-zh": (load_resume_ner, False), "wnut17": (load_wnut17, True)}
COLOURS = {"most frequent tag": GREY, "LSTM": BLUE, "LSTM and CRF": GREEN}


def most_frequent(train, sentences):
    """The baseline: every word's most frequent tag; of new words, O."""
    seen = defaultdict(Counter)
    for words, tags in zip(*train, strict=True):
        for word, own in zip(words, tags, strict=True):
            seen[word][own] += 1
    best = {word: tags.most_common(1)[0][0] for word, tags in seen.items()}
    return [[best.get(word, "O") for word in words] for words in sentences]


def astray(tags):
    """How many tags go on with a name that is not there, or has ended."""
    count = 0
    for own in tags:
        for last, this in zip(["O", *own], own, strict=False):
            goes_on = this[0] in "IME"
            count += goes_on and not (last[0] in "BIM" and last[1:] == this[1:])
    return count


def learn(train, dev, letters, crf, arguments):
    """-> the model and its text."""
    fastnn.manual_seed(arguments.seed)
    text = TaggedText(*train, letters=letters)
    model = Tagger(
        len(text.words), len(text.tags), letters=len(text.letters) if letters else 0,
        units=arguments.units, crf=crf,
    )  # fmt: skip
    started = time.process_time()
    scores = train_tagger(
        model, text, train, dev, epochs=arguments.epochs, batch_size=8 if arguments.quick else 16,
        lr=0.005 if arguments.quick else 0.002,
        report=lambda epoch, loss, f1: print(f"  epoch {epoch}: loss {loss:.3f}, F1 {f1:.2%}"),
    )  # fmt: skip
    print(
        f"  best after epoch {1 + int(np.argmax(scores))}, F1 of the development sentences "
        f"{max(scores):.2%}, {time.process_time() - started:.0f} s"
    )
    return model, text


def show(words, tags, separator):
    """A sentence with its names in brackets."""
    pieces, end = [], 0
    for kind, first, after in entities(tags):
        pieces += [*words[end:first], f"[{separator.join(words[first:after])}|{kind}]"]
        end = after
    return separator.join([*pieces, *words[end:]])


def compare(name, arguments):
    """{way: its tags of the test sentences}, the test sentences and tags, and the CRF's model."""
    load, letters = DATA[name]
    train, dev, test = load()
    if arguments.quick:  # two tweets in three name nothing: those come last
        order = sorted(range(len(train[0])), key=lambda i: set(train[1][i]) == {"O"})
        train = tuple([part[i] for i in order] for part in train)
    train = tuple(part[: arguments.sentences] for part in train)
    print(f"{name}: {len(train[0]):,} sentences, {len(dev[0])} and {len(test[0])} held out")
    found = {"most frequent tag": most_frequent(train, test[0])}
    for way, crf in (("LSTM", False), ("LSTM and CRF", True)):
        print(f" {way}:")
        model, text = learn(train, dev, letters, crf, arguments)
        found[way] = tag(model, text, test[0])
    return found, test, model, text


def draw_transitions(panel, model, text):
    """Which tag follows which, by kind and then as they come in a name."""
    order = sorted(text.tags.symbols, key=lambda own: (own[1:], "OBIMES".index(own[0])))
    rows = [text.tags.number(own) for own in order]
    scores = model.crf.transitions.data[np.ix_(rows, rows)]
    most = np.abs(scores).max()
    panel.imshow(scores, cmap="RdBu", vmin=-most, vmax=most)
    panel.set_xticks(range(len(order)), order, rotation=90)
    panel.set_yticks(range(len(order)), order)
    plane(panel, "learnt scores of a tag (column) after a tag (row)")
    panel.tick_params(labelsize=6)


def draw_scores(panel, name, found, tags):
    """F1 of all names, and of each kind."""
    kinds = sorted({kind for own in tags for kind, _, _ in entities(own)})
    curves(panel, f"{name}: F1 of the test sentences' names, %", "")
    for i, (way, own) in enumerate(found.items()):
        scores = [100 * entity_scores(own, tags, kind)["f1"] for kind in (None, *kinds)]
        places = np.arange(len(scores)) + 0.27 * (i - 1)
        panel.bar(places, scores, 0.25, color=COLOURS[way], label=f"{way}: {scores[0]:.1f} of all")
    panel.set_xticks(range(1 + len(kinds)), ["all", *kinds], rotation=30, ha="right")
    panel.set_ylim(0, 130)  # room for the legend
    panel.set_yticks(range(0, 101, 20))
    legend(panel, loc="upper left")


def main(argv=None):
    arguments = options(
        __doc__, argv, epochs=(10, 6), units=(128, 40), sentences=(10_000, 800)
    )  # fmt: skip
    picture = figure(6 + 4.4 * len(DATA), 5, "Named entities")
    panels = picture.subplots(1, 1 + len(DATA), width_ratios=(1.25, *[1] * len(DATA)))
    results = {}
    for name, panel in zip(DATA, panels[1:], strict=True):
        found, (sentences, tags), model, text = compare(name, arguments)
        results[name] = {}
        for way, own in found.items():
            scores = entity_scores(own, tags)
            results[name][way] = {**scores, "astray": astray(own)}
            print(
                f"{name}, {way}: F1 {scores['f1']:.2%} (precision {scores['precision']:.2%}, "
                f"recall {scores['recall']:.2%}), {astray(own)} tags go on with no name"
            )
        longest = max(range(len(tags)), key=lambda i: len(set(entities(tags[i]))))
        separator = " " if DATA[name][1] else ""
        print(f"given: {show(sentences[longest], tags[longest], separator)}")
        print(f"found: {show(sentences[longest], found['LSTM and CRF'][longest], separator)}")
        draw_scores(panel, name, found, tags)
        if panel is panels[1]:
            draw_transitions(panels[0], model, text)
    save(picture, arguments.out, "named_entities.png")
    return results


if __name__ == "__main__":
    main()
