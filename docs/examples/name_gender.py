"""A name's gender, character by character: a recurrent network reads a name of any length and
answers after its last character (many to one), English first names and Chinese whole names.

Beside it stand the more frequent gender, and logistic regression on the n-grams of one to four
characters that a name holds, its two ends marked. Names that are both are left out; every tenth
name tests, of the Chinese ones every tenth given name with whoever has it. The picture shows the
belief after each character: what the network would answer if the name ended there.
"""

from _example import INK, figure, options, save
from _sequences import bars, loader, majority, ngram_regression, train
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

import fastnn
from fastnn.data import Vocabulary, load_chinese_names, load_names_gender
from fastnn.models.sequence_classifier import SequenceClassifier

WOMAN_OR_MAN = LinearSegmentedColormap.from_list("belief", ("#90b8e8", "#f5f5f5", "#f2b36b"))
NETWORKS = {
    "LSTM": {"cell": "lstm"},
    "GRU": {"cell": "gru"},
    "RNN": {"cell": "rnn"},
    "LSTM, both ways": {"cell": "lstm", "bidirectional": True},
}
LANGUAGES = {  # the names, the rarest character that has a number of its own, weight decay
    "English": (load_names_gender, 1, 0.01),
    "Chinese": (load_chinese_names, 2, 0.5),
}
SHOWN = {
    "English": ("alexander", "alexandra", "christine", "christopher", "jo", "joseph", "josephine"),
    "Chinese": ("王志强", "王志芳", "李子轩", "李子萱", "欧阳娜娜"),
}


def compare(language, networks, epochs, seed):
    """{model: test accuracy}, and {name: P(woman) after each character} of the LSTM."""
    load, min_count, weight_decay = LANGUAGES[language]
    (names, labels), (held_out, answers) = load()
    names, held_out = ([name.lower() for name in part] for part in (names, held_out))
    marked = [[f"^{name}$" for name in part] for part in (names, held_out)]
    results = {
        "majority": majority(labels, answers),
        "n-grams": ngram_regression(
            (marked[0], labels), (marked[1], answers), analyzer="char", ngram_range=(1, 4)
        ),
    }
    characters = Vocabulary.of("".join(names), min_count=min_count, unknown="<unknown>")
    batches = loader(characters, names, labels, shuffle=True, seed=seed)
    test = loader(characters, held_out, answers, batch_size=256)
    for name in networks:
        fastnn.manual_seed(seed)
        model = SequenceClassifier(
            len(characters), 2, units=128, embedding=128, dropout=0.4, **NETWORKS[name]
        )
        results[name] = train(model, batches, test, epochs=epochs, weight_decay=weight_decay)
        if name == "LSTM":
            beliefs = {
                shown: model.beliefs(characters.encode(shown))[:, 1] for shown in SHOWN[language]
            }
    for name, accuracy in results.items():
        print(f"{language}: {name} {accuracy:.1%}", flush=True)
    for name, belief in beliefs.items():
        print(f"{name}:", ", ".join(f"{c} {p:.2f}" for c, p in zip(name, belief, strict=True)))
    return results, beliefs


def draw_beliefs(panel, beliefs):
    """A row a name, each character on the colour of what is believed after it."""
    for row, (name, belief) in enumerate(beliefs.items()):
        for place, (character, p) in enumerate(zip(name, belief, strict=True)):
            panel.add_patch(
                Rectangle((place - 0.5, row - 0.42), 1, 0.84, color=WOMAN_OR_MAN(float(p)))
            )
            panel.text(place, row - 0.12, character, ha="center", va="center", fontsize=11,
                       color=INK)  # fmt: skip
            panel.text(place, row + 0.25, f"{p:.2f}", ha="center", va="center", fontsize=6,
                       color=INK)  # fmt: skip
    longest = max(map(len, beliefs))
    panel.set(xlim=(-0.6, longest - 0.4), ylim=(len(beliefs) - 0.5, -0.5), xticks=[], yticks=[])
    panel.set_title("P(woman), if the name ended here (LSTM)", loc="left", fontsize=10, color=INK)
    panel.spines[:].set_visible(False)


def main(argv=None):
    arguments = options(__doc__, argv, epochs=(20, 2), networks=(len(NETWORKS), 1))
    networks = list(NETWORKS)[: arguments.networks]
    results, beliefs = {}, {}
    for language in LANGUAGES:
        results[language], beliefs[language] = compare(
            language, networks, arguments.epochs, arguments.seed
        )

    picture = figure(10, 4.2, "A name's gender, character by character")
    left, right = picture.subplots(1, 2, width_ratios=(3, 2))
    draw_beliefs(left, beliefs["English"])
    bars(right, "test names right, in per cent", results)
    save(picture, arguments.out, "name_gender.png")
    return results


if __name__ == "__main__":
    main()
