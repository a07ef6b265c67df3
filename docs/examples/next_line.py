"""The next line of a Tang poem, written by an encoder and a decoder with attention, a character
after the other.

The odd lines of a poem and the even ones that answer them are pairs: couplets, of five or seven
characters a line, often parallel in grammar and opposite in meaning. Every twentieth poem
validates, and as many are for testing. A line has countless good answers, and the poet's is one of
them: so the models are compared by the cross-entropy of the poets' characters, and beside them
stands that by the characters' frequencies. Of the lines that are written it is counted how many are
as long as their lines, and how many of the poet's characters they have; beside them stands the
answer to the most similar line of the training poems.

Printed: lines of test poems with the answers that beam search finds, and with drawn ones.
"""

import numpy as np
from _example import BLUE, GREY, INK, RED, curves, figure, legend, options, save
from _translation import Retrieval, nats_a_word, train, unigram_nats

import fastnn
from fastnn.data import read_poems
from fastnn.models import decoding, seq2seq
from fastnn.models.translation_task import PairLoader, Side

COLOURS = {"with attention": BLUE, "without": RED}


def couplets(poems):
    """(lines, the lines that answer them), all of five or all of seven characters."""
    sources, targets = [], []
    for poem in poems:
        for sentence in poem.text.split("。")[:-1]:
            first, comma, second = sentence.partition("，")
            if comma and len(first) == len(second) in (5, 7) and "，" not in second:
                sources.append(first)
                targets.append(second)
    return sources, targets


def thinned(part, count):
    """At most so many couplets, equally far apart."""
    return tuple(side[:: max(1, len(side) // count)][:count] for side in part)


def shared(answer, line):
    """How much of a line's characters an answer has."""
    return len(set(answer) & set(line)) / len(set(line))


def main(argv=None):
    arguments = options(__doc__, argv, pairs=(60_000, 2_000), epochs=(6, 3), units=(256, 64))
    parts = [[], [], []]
    for i, poem in enumerate(read_poems()):
        parts[{0: 2, 10: 1}.get(i % 20, 0)].append(poem)
    counts = arguments.pairs, arguments.pairs // 50, arguments.pairs // 20
    parts = [thinned(couplets(part), count) for part, count in zip(parts, counts, strict=True)]
    side = Side.of(
        (line for lines in parts[0] for line in lines), tokenize=list, detokenize="".join,
        min_count=2,
    )  # fmt: skip
    numbers = [[[side.encode(line) for line in lines] for lines in part] for part in parts]
    print(f"{len(parts[0][0]):,} couplets, {len(parts[2][0]):,} for testing; {len(side):,} symbols")

    held_out = PairLoader(*numbers[2], 64, shuffle=False)
    validation = PairLoader(*numbers[1], 64, shuffle=False)
    results = {"unigrams": unigram_nats(numbers[0][1], numbers[2][1])}
    print(f"frequencies: {results['unigrams']:.3f} nats a character")
    models, histories = {}, {}
    for name in COLOURS:
        fastnn.manual_seed(arguments.seed)
        models[name] = seq2seq.Seq2Seq(
            len(side), len(side), embedding=arguments.units, units=arguments.units,
            bidirectional=True, attention="additive" if name == "with attention" else None,
            dropout=0.1 if arguments.quick else 0.3, tied=True,
        )  # fmt: skip
        loader = PairLoader(*numbers[0], 32 if arguments.quick else 128, seed=arguments.seed)
        histories[name] = train(
            name, models[name], loader, epochs=arguments.epochs, smoothing=0.0,
            lr=1e-2 if arguments.quick else 2e-3,
            validate=lambda model: -nats_a_word(model, validation),
        )  # fmt: skip
        results[name] = nats_a_word(models[name], held_out)
        print(f"{name}: {results[name]:.3f} nats a character of the test couplets")

    asked = list(range(0, len(parts[2][0]), max(1, len(parts[2][0]) // 200)))
    model, retrieval = models["with attention"], Retrieval(*parts[0])
    lines, answers = ([lines[i] for i in asked] for lines in parts[2])
    sources = [numbers[2][0][i] for i in asked]
    written = {
        "beam search": [side.decode(n) for n in seq2seq.translate(model, sources)],
        "drawn": drawn(model, sources, side, arguments.seed),
        "most similar line's": [retrieval(line) for line in lines],
    }
    for name, found in written.items():
        whole = np.mean([len(a) == len(b) for a, b in zip(found, lines, strict=True)])
        same = np.mean([shared(a, b) for a, b in zip(found, answers, strict=True)])
        results[f"{name} length"], results[f"{name} shared"] = whole, same
        print(f"{name}: {whole:.0%} as long as the line, {same:.1%} of the poet's characters")
    print("\nline / the poet's / beam search / drawn / most similar line's")
    for i in range(0, len(lines), max(1, len(lines) // 10)):
        print(" / ".join([lines[i], answers[i], *(found[i] for found in written.values())]))
    draw(histories, results, arguments.out)
    return results


def drawn(model, sources, side, seed):
    """An answer to each, drawn from the model at a temperature of 0.7."""
    with fastnn.no_grad():
        model.eval()
        step, state = seq2seq.stepper(model, sources)
        found = decoding.sample(
            step, state, len(sources), start=0, end=1, limit=20, temperature=0.7, never=(0, 2),
            rng=np.random.default_rng(seed),
        )  # fmt: skip
    return [side.decode(numbers) for numbers in found]


def draw(histories, results, out):
    picture = figure(5.5, 3.6, "The next line of a Tang poem")
    panel = curves(picture.subplots(), "nats a character of the validation couplets", "epoch")
    panel.axhline(results["unigrams"], color=GREY, linestyle="--", linewidth=1.2,
                  label=f"frequencies: test {results['unigrams']:.2f}")  # fmt: skip
    for name, color in COLOURS.items():
        nats = [-score for score in histories[name]]
        panel.plot(range(1, len(nats) + 1), nats, color=color, linewidth=1.6,
                   label=f"{name}: test {results[name]:.2f}")  # fmt: skip
    panel.tick_params(colors=INK)
    legend(panel, loc="best")
    save(picture, out, "next_line.png")


if __name__ == "__main__":
    main()
