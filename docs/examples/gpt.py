"""A small GPT on Shakespeare: a Transformer that reads 128 characters and says, of each, which one
comes next.

Four layers of 128 units and four heads learn from nine tenths of the text, cut into overlapping
windows; the last tenth is never learnt from. How well it is predicted, in nats a character, stands
beside what interpolated Kneser-Ney n-grams make of it, which know no more than the characters right
before. The second panel shows what a longer context is worth: the loss of a character by how many
stand before it in the window. Then the model writes, with cached keys and values.
"""

import os
import time
from pathlib import Path

import numpy as np
from _example import BLUE, GREY, ORANGE, curves, figure, legend, options, save

from fastnn import fit, no_grad, optim
from fastnn.data import Vocabulary, read_text, split_text
from fastnn.functional import cross_entropy
from fastnn.models.char_rnn import next_character_loss
from fastnn.models.gpt import GPT, write
from fastnn.models.ngram import KneserNey

BATCH = 32


def windows(numbers, size, apart):
    """Inputs and targets (n, size), a character later: of windows so far apart."""
    rows = np.lib.stride_tricks.sliding_window_view(numbers, size + 1)[::apart]
    return rows[:, :-1], rows[:, 1:]


def losses(model, numbers, size):
    """Nats of each character of windows that overlap by half: (n, size)."""
    model.eval()
    found = []
    parts = (np.array_split(a, -(-len(a) // 64)) for a in windows(numbers, size, size // 2))
    for x, y in zip(*parts, strict=True):
        with no_grad():
            logits = model(x)
            loss = cross_entropy(
                logits.reshape(-1, logits.shape[-1]), y.reshape(-1), reduction="none"
            )
        found.append(loss.data.reshape(y.shape))
    return np.concatenate(found)


def main(argv=None):
    arguments = options(
        __doc__, argv, epochs=(10, 2), context=(128, 32), layers=(4, 1), width=(128, 64),
        characters=(10**7, 150_000),
    )  # fmt: skip
    text = read_text(Path(os.environ["FASTNN_DATA"], "tinyshakespeare", "input.txt"))
    vocabulary = Vocabulary.of(text)
    train, held_out = split_text(vocabulary.encode(text[: arguments.characters]))

    grams = {}
    for order in (2, 4, 6):
        model = KneserNey(len(vocabulary), order).fit(train)
        grams[order] = float(-np.log(model.probabilities(held_out)).mean())
        print(f"Kneser-Ney, {order} characters: {grams[order]:.3f} nats")

    size = arguments.context
    model = GPT(
        len(vocabulary), context=size, layers=arguments.layers, width=arguments.width, dropout=0.1
    )
    print(f"GPT: {sum(p.size for p in model.parameters()):,} parameters")
    rule = optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.99), weight_decay=0.1)
    began = time.process_time()
    history = fit(
        model, windows(train, size, size // 2), validation=windows(held_out, size, size),
        epochs=arguments.epochs, batch_size=BATCH, loss=next_character_loss, optimizer=rule,
        scheduler=optim.lr_scheduler.CosineAnnealingLR(rule, arguments.epochs), metrics=(),
        grad_clip=1.0, progress=False,
    )  # fmt: skip
    by_place = losses(model, held_out, size)
    nats = float(by_place[:, size // 2 :].mean())
    print(
        f"GPT, {size // 2} to {size} characters: {nats:.3f} nats, {nats / np.log(2):.3f} bits, "
        f"after {time.process_time() - began:.0f} s of processor time"
    )

    title = f"A GPT of {arguments.layers} layers of {arguments.width} on Shakespeare"
    picture = figure(8, 3.6, title)
    panels = picture.subplots(1, 2)
    epochs = range(1, arguments.epochs + 1)
    curves(panels[0], "loss of the held-out tenth", "epoch", "nats a character")
    panels[0].plot(
        epochs, history["loss"], color=ORANGE, linewidth=1.6, label="training, with dropout"
    )
    panels[0].plot(epochs, history["val_loss"], color=BLUE, linewidth=1.6, label="held out")
    for order, loss in grams.items():
        panels[0].axhline(loss, color=GREY, linewidth=1, linestyle="--")
        panels[0].annotate(
            f"{order}-grams", (epochs[-1], loss), ha="right", va="bottom", fontsize=8, color=GREY
        )
    legend(panels[0], loc="upper right")
    curves(panels[1], "by the characters before it", "characters of context")
    panels[1].plot(range(1, size + 1), by_place.mean(0), color=BLUE, linewidth=1.6)
    panels[1].set_xscale("log", base=2)
    save(picture, arguments.out, "gpt.png")

    rng = np.random.default_rng(arguments.seed)
    sample = "".join(
        write(
            model, vocabulary, "ROMEO:\n", 100 if arguments.quick else 600, temperature=0.8, rng=rng
        )
    )
    print(f"\nROMEO:\n{sample}")
    return {"nats": nats, "grams": grams, "by_place": by_place.mean(0), "sample": sample}


if __name__ == "__main__":
    main()
