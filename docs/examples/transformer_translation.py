"""Translation by a Transformer: English captions into German (multi30k), word by word.

Data, vocabularies, training and scores are those of translation.py, whose models read and write by
LSTMs; here every word looks at all words, and nothing is recurrent. Beside the Transformer stands
the translation of the most similar training sentence.
"""

from _example import BLUE, GREY, curves, figure, legend, options, save
from _translation import Retrieval, nats_a_word, train, unigram_nats
from translation import LIMITS, Task

from fastnn.models.transformer_translation import TransformerTranslator, stepper
from fastnn.models.translation_task import PairLoader, bleu_by_length


def main(argv=None):
    arguments = options(
        __doc__, argv, choices={"data": ("multi30k", "tatoeba")},
        epochs=(8, 3), width=(256, 64), layers=(3, 1), beam=(5, 2),
    )  # fmt: skip
    task = Task(arguments)
    model = TransformerTranslator(
        len(task.source), len(task.target), width=arguments.width, layers=arguments.layers,
        hidden=2 * arguments.width,
        dropout=0.1 if arguments.quick else 0.3,
    )  # fmt: skip
    print(f"{sum(p.size for p in model.parameters()):,} parameters")
    sources, references = task.parts[2]
    lengths = [len(numbers) - 2 for numbers in task.test[0]]
    retrieval = Retrieval([tuple(s.tolist()) for s in task.train[0]], task.parts[0][1])
    translations = {"most similar": [retrieval(tuple(s.tolist())) for s in task.test[0]]}

    def validate(model):
        found = task.translate(model, task.validation[0], beam=1, make_step=stepper)
        return task.bleu(found, task.parts[1][1])

    loader = PairLoader(*task.train, 32 if arguments.quick else 64, seed=arguments.seed)
    scores = train(
        "Transformer", model, loader, epochs=arguments.epochs, validate=validate,
        lr=3e-3 if arguments.quick else 1e-3,
    )  # fmt: skip
    found = task.translate(model, task.test[0], beam=arguments.beam, make_step=stepper)
    translations["Transformer"] = found
    results = {name: task.bleu(found, references) for name, found in translations.items()}
    results["nats"] = nats_a_word(model, PairLoader(*task.test, 64, shuffle=False))
    results["unigram nats"] = unigram_nats(task.train[1], task.test[1])
    for name in ("most similar", "Transformer"):
        print(f"{name}: test BLEU {results[name]:.2f}")
    print(f"{results['nats']:.3f} nats a symbol, unigrams {results['unigram nats']:.3f}")
    for i in range(0, len(sources), max(1, len(sources) // 6)):
        print(f"\n{sources[i]}\n  reference: {references[i]}\n  written: {found[i]}")
    draw(scores, translations, references, lengths, task, results, arguments.out)
    return results


def draw(scores, translations, references, lengths, task, results, out):
    picture = figure(9, 3.6, "A Transformer translates into German")
    left, right = picture.subplots(1, 2)
    curves(left, "BLEU of the validation sentences, likeliest word each step", "epoch")
    curves(right, "BLEU of the test sentences, beam search", "words of the source")
    left.plot(range(1, len(scores) + 1), scores, color=BLUE, linewidth=1.6)
    for name, color in (("Transformer", BLUE), ("most similar", GREY)):
        rows = bleu_by_length(
            translations[name], references, lengths, LIMITS, tokenize=task.bleu_tokens
        )
        right.plot(
            range(len(rows)), [row[3] for row in rows], "o-", color=color, linewidth=1.6,
            markersize=4, label=f"{name}: {results[name]:.1f} over all",
        )  # fmt: skip
    right.set_xticks(range(len(rows)), [f"{least}-{most}\n({n})" for least, most, n, _ in rows])
    for panel in (left, right):
        panel.set_ylim(bottom=0)
    legend(right, loc="best")
    save(picture, out, "transformer_translation.png")


if __name__ == "__main__":
    main()
