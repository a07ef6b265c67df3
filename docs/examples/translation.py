"""Translation by an encoder and a decoder, with and without attention: English captions into
German (multi30k), or an English course into Chinese (--data tatoeba).

Both models are the same but for the attention: an LSTM reads the sentence in both directions, one
writes the translation. Without attention it has the last state alone to go by, and the longer the
sentence, the more that is asked of it: BLEU by length shows how far it falls. The maps show where
the attention was as each word was written; nothing but the translations taught it to align. Its
scores are those of a small network (--attention additive), or products (dot, general); dot needs
what was read to be as wide as the writer's state, so with it both models read forwards alone.

Words as they are in German, in small letters in English; characters in Chinese. Beam search with
five hypotheses. BLEU is sacrebleu's, of cased and detokenised text, its default tokenization 13a
(for Chinese "zh"). Beside them stands the translation of the most similar training sentence.

--only trains one of the models, and leaves it in the folder --out, where the whole script with the
same options then finds it: so both can be trained at once.
"""

import numpy as np
from _example import BLUE, GREY, INK, RED, curves, figure, legend, options, save
from _translation import Retrieval, nats_a_word, train, unigram_nats

import fastnn
from fastnn.data import load_multi30k, load_tatoeba_cmn, tokenize
from fastnn.models import seq2seq
from fastnn.models.translation_task import PairLoader, Side, bleu, bleu_by_length

COLOURS = {"with attention": BLUE, "without": RED}
LIMITS = [0, 9, 12, 15, 18, 22]  # words of the source
SHOWN = 4  # attention maps


class Task:
    """The sentences of one of the two data sets, as strings and as numbers."""

    def __init__(self, arguments):
        small = arguments.quick
        if arguments.data == "multi30k":
            parts = load_multi30k()
            self.bleu_tokens, target = "13a", {"min_count": 2}
        else:
            parts = load_tatoeba_cmn()
            self.bleu_tokens = "zh"
            target = {"tokenize": list, "detokenize": "".join, "min_count": 2}
        if small:  # the shortest sentences
            parts = [shortest(part, n) for part, n in zip(parts, (2000, 100, 40), strict=True)]
        self.parts = parts
        self.source = Side.of(parts[0][0], tokenize=small_words, min_count=2)
        self.target = Side.of(parts[0][1], **target)
        self.train, self.validation, self.test = (
            ([self.source.encode(s) for s in sources], [self.target.encode(t) for t in targets])
            for sources, targets in parts
        )

    def translate(self, model, sources, **options):
        found = seq2seq.translate(model, sources, **options)
        return [self.target.decode(numbers) for numbers in found]

    def bleu(self, hypotheses, references):
        return bleu(hypotheses, references, tokenize=self.bleu_tokens)


def small_words(text):
    return tokenize(text.lower())


def shortest(part, count):
    rows = sorted(range(len(part[0])), key=lambda i: len(part[0][i]))[:count]
    return tuple([side[i] for i in rows] for side in part)


def weights_file(name, arguments):
    """Where a model is kept, by all the options that its weights depend on."""
    return arguments.out / (
        f"translation-{arguments.data}-{arguments.attention}-{name.replace(' ', '-')}"
        f"-{arguments.units}-units-{arguments.epochs}-epochs-seed-{arguments.seed}.safetensors"
    )


def trained(name, task, arguments):
    """(model, BLEU of validation by epoch); from the folder, where it has been trained already."""
    attention = arguments.attention if name == "with attention" else None
    fastnn.manual_seed(arguments.seed)
    model = seq2seq.Seq2Seq(
        len(task.source), len(task.target), embedding=arguments.units, units=arguments.units,
        bidirectional=arguments.attention != "dot", attention=attention,
        dropout=0.1 if arguments.quick else 0.4, tied=True,
    )  # fmt: skip
    path = weights_file(name, arguments)
    if not arguments.quick and path.exists():
        state = fastnn.load(path)
        scores = state.pop("scores").tolist()
        model.load_state_dict(state)
        return model, scores
    loader = PairLoader(*task.train, 32 if arguments.quick else 64, seed=arguments.seed)

    def validate(model):
        found = task.translate(model, task.validation[0], beam=1)
        return task.bleu(found, task.parts[1][1])

    lr = 1e-2 if arguments.quick else 2e-3
    scores = train(name, model, loader, epochs=arguments.epochs, validate=validate, lr=lr)
    if not arguments.quick:
        fastnn.save({**model.state_dict(), "scores": np.array(scores)}, path)
    return model, scores


def main(argv=None):
    arguments = options(
        __doc__, argv,
        choices={"data": ("multi30k", "tatoeba"), "only": ("both", "with", "without"),
                 "attention": seq2seq.ATTENTION},
        epochs=(8, 5), units=(256, 64), beam=(5, 2),
    )  # fmt: skip
    task = Task(arguments)
    print(f"{len(task.train[0]):,} training pairs; {len(task.source):,} and {len(task.target):,} "
          "symbols")  # fmt: skip
    if arguments.only != "both":
        name = "with attention" if arguments.only == "with" else "without"
        return {name: trained(name, task, arguments)[1]}

    sources, references = task.parts[2]
    lengths = [len(numbers) - 2 for numbers in task.test[0]]
    retrieval = Retrieval([tuple(s.tolist()) for s in task.train[0]], task.parts[0][1])
    translations = {"nearest": [retrieval(tuple(s.tolist())) for s in task.test[0]]}
    held_out = PairLoader(*task.test, 64, shuffle=False)
    results = {
        "unigram nats": unigram_nats(task.train[1], task.test[1]),
        "nearest": task.bleu(translations["nearest"], references),
    }
    print(f"most similar training sentence: BLEU {results['nearest']:.2f}; unigrams: "
          f"{results['unigram nats']:.3f} nats a symbol")  # fmt: skip
    models, histories = {}, {}
    for name in COLOURS:
        models[name], histories[name] = trained(name, task, arguments)
        translations[name] = task.translate(models[name], task.test[0], beam=arguments.beam)
        results[name] = task.bleu(translations[name], references)
        results[f"{name} nats"] = nats_a_word(models[name], held_out)
        print(f"{name}: test BLEU {results[name]:.2f}, {results[f'{name} nats']:.3f} nats a symbol")
    by_length = {
        name: bleu_by_length(found, references, lengths, LIMITS, tokenize=task.bleu_tokens)
        for name, found in translations.items()
    }
    for name, rows in by_length.items():
        row = ", ".join(f"{least}-{most}: {score:.1f}" for least, most, _, score in rows)
        print(f"BLEU by length, {name}: {row}")
    for i in range(0, len(sources), max(1, len(sources) // 6)):
        print(f"\n{sources[i]}\n  reference: {references[i]}")
        for name in COLOURS:
            print(f"  {name}: {translations[name][i]}")
    if arguments.data == "multi30k":
        draw_scores(histories, by_length, results, arguments.out)
        draw_maps(models["with attention"], task, arguments.out)
    return {**results, "by_length": by_length}


def draw_scores(histories, by_length, results, out):
    picture = figure(9, 3.6, "Translation into German with and without attention")
    left, right = picture.subplots(1, 2)
    curves(left, "BLEU of the validation sentences, likeliest word each step", "epoch")
    curves(right, "BLEU of the test sentences, beam search", "words of the source")
    for name, color in COLOURS.items():
        left.plot(range(1, len(histories[name]) + 1), histories[name], color=color, linewidth=1.6,
                  label=name)  # fmt: skip
    for name, color in {**COLOURS, "nearest": GREY}.items():
        rows = by_length[name]
        label = "most similar training sentence's" if name == "nearest" else name
        right.plot(range(len(rows)), [row[3] for row in rows], "o-", color=color, linewidth=1.6,
                   markersize=4, label=f"{label}: {results[name]:.1f} over all")  # fmt: skip
    right.set_xticks(range(len(rows)), [f"{least}-{most}\n({n})" for least, most, n, _ in rows])
    for panel in (left, right):
        panel.set_ylim(bottom=0)
        legend(panel, loc="best")
    save(picture, out, "translation.png")


def draw_maps(model, task, out):
    """Where the attention was as each word was written: short sentences of the test set."""
    short = [i for i, numbers in enumerate(task.test[0]) if 8 <= len(numbers) <= 15]
    order = short[:: len(short) // SHOWN][:SHOWN]
    picture = figure(11, 3.5, "Attention: a row a written word, a column a read one")
    found = seq2seq.translate(model, [task.test[0][i] for i in order])
    for panel, i, numbers in zip(picture.subplots(1, SHOWN), order, found, strict=True):
        target = np.array([0, *numbers, 1])
        weights = seq2seq.attention_map(model, task.test[0][i], target)
        panel.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        read, written = (
            [side.vocabulary.symbols[number] for number in row]
            for side, row in ((task.source, task.test[0][i]), (task.target, target[1:]))
        )
        panel.set_xticks(range(len(read)), read, rotation=90)
        panel.set_yticks(range(len(written)), written)
        panel.tick_params(length=0, colors=INK, labelsize=7)
        panel.spines[:].set_visible(False)
    save(picture, out, "translation_attention.png")


if __name__ == "__main__":
    main()
