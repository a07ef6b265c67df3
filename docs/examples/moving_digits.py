"""What each frame of a video shows: a convolutional network (CNN) on single frames, and the same
one under a recurrent network that remembers the frames before, after Donahue et al. 2015.

The videos are made of MNIST's digits, those of its test images for testing: a digit flies about and
bounces off the border; after a few frames another one takes its place. A grey square hides a part
of it in every frame, another part each time, and noise lies over all. So a single frame often
leaves open which digit it is, and several ones do not: the recurrent network is the surer, the
longer a digit has been seen. A bidirectional one also knows the frames that come. All begin with
the convolutional layers of one network, which has learnt single frames for some epochs.
"""

import time

import numpy as np
from _example import BLUE, GREEN, INK, RED, curves, figure, legend, options, save

import fastnn
from fastnn import optim
from fastnn.models.frame_classifier import FrameClassifier, frame_accuracy, frame_loss
from fastnn.training import fit, predict

SIDE, DIGIT, HIDDEN = 28, 20, 13  # of a frame, of a digit in it, of the square over that
NOISE = 0.25
STAYS = 4, 9  # frames: at least, and less than
MODELS = {
    "CNN on single frames": {"units": 0},
    "CNN and LSTM": {},
    "CNN and bidirectional LSTM": {"bidirectional": True},
}
COLOURS = (RED, BLUE, GREEN)


def bounce(place):
    """A place that has run off to any distance, reflected at 0 and at the other end."""
    room = SIDE - DIGIT
    folded = np.abs(place) % (2 * room)
    return np.rint(np.minimum(folded, 2 * room - folded)).astype(int)


def videos(images, labels, count, steps, rng):
    """frames (count, steps, 1, SIDE, SIDE); what they show, (count, steps); and for how many frames
    that has been there, 0 at first."""
    frames = rng.normal(0, NOISE, (count, steps, 1, SIDE, SIDE)).astype(np.float32)
    shown, ages = np.empty((count, steps), int), np.empty((count, steps), int)
    for n in range(count):
        left = 0
        for t in range(steps):
            if left == 0:
                left, age = rng.integers(*STAYS), 0
                digit = rng.integers(len(labels))
                place, velocity = rng.uniform(0, SIDE - DIGIT, 2), rng.uniform(-2, 2, 2)
            y, x = bounce(place + age * velocity)
            picture = images[digit].copy()
            top, side = rng.integers(0, DIGIT - HIDDEN + 1, 2)
            picture[top : top + HIDDEN, side : side + HIDDEN] = 0.5
            frames[n, t, 0, y : y + DIGIT, x : x + DIGIT] += picture
            shown[n, t], ages[n, t] = labels[digit], age
            left, age = left - 1, age + 1
    return frames, shown, ages


def mnist_videos(train_count, test_count, steps, seed):
    rng = np.random.default_rng(seed)
    crop = slice((SIDE - DIGIT) // 2, (SIDE + DIGIT) // 2)
    for part, count in zip(fastnn.data.load_mnist(), (train_count, test_count), strict=True):
        images, labels = part.arrays
        yield videos(images[:, 0, crop, crop], labels, count, steps, rng)


def train(model, frames, shown, epochs, arguments):
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    fit(
        model, (frames, shown), loss=frame_loss, optimizer=optimizer, metrics=(), epochs=epochs,
        batch_size=8 if arguments.quick else 16, grad_clip=1.0, progress=False,
        scheduler=optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs),
    )  # fmt: skip


def learn(name, start, data, test, arguments):
    """A model that begins with the convolutional layers of `start` -> logits of the test frames"""
    fastnn.manual_seed(arguments.seed)
    model = FrameClassifier(size=SIDE, **MODELS[name])
    model.cnn.load_state_dict(start.cnn.state_dict())
    started = time.process_time()
    train(model, *data[:2], arguments.epochs, arguments)
    logits = predict(model, test[0])
    print(
        f"{name}: {frame_accuracy(logits, test[1]):.2%} of the test frames, "
        f"{time.process_time() - started:.0f} s"
    )
    return logits


def draw_video(panel, frames, shown, answers):
    """One video, with what it shows and what was said of each frame."""
    panel.imshow(np.concatenate(frames[:, 0], axis=1), cmap="gray_r", vmin=-0.5, vmax=1.5)
    panel.set_axis_off()
    rows = {"shown": shown, **answers}
    colours = dict(zip(rows, (INK, *COLOURS), strict=True))
    for i, (name, digits) in enumerate(rows.items()):
        panel.text(-6, 40 + 14 * i, name, ha="right", va="center", fontsize=8, color=INK)
        for t, digit in enumerate(digits):
            panel.text(
                SIDE * (t + 0.5), 40 + 14 * i, str(digit), ha="center", va="center", fontsize=9,
                color=colours[name] if digit == shown[t] else "#b0b6bc",
                fontweight="bold" if digit != shown[t] else None,
            )  # fmt: skip
    panel.set_ylim(40 + 14 * len(rows), 0)


def main(argv=None):
    arguments = options(
        __doc__, argv, videos=(3_000, 500), frames=(16, 12), start=(6, 3), epochs=(8, 3)
    )  # fmt: skip
    count = arguments.videos
    data, test = mnist_videos(count, max(count // 4, 200), arguments.frames, arguments.seed)
    start = FrameClassifier(size=SIDE, units=0)
    train(start, *data[:2], arguments.start, arguments)
    logits = {name: learn(name, start, data, test, arguments) for name in MODELS}

    _, shown, ages = test
    results = {}
    picture = figure(10, 5.2, "Moving digits, half hidden: which one does a frame show?")
    upper, lower = picture.subplots(2, 1, height_ratios=(1, 1.4))
    answers = {name: own.argmax(2) for name, own in logits.items()}
    draw_video(upper, test[0][0], shown[0], {name: own[0] for name, own in answers.items()})
    curves(lower, "test frames right, %", "frames that the digit has been there before")
    for (name, own), color in zip(answers.items(), COLOURS, strict=True):
        right = own == shown
        by_age = [right[ages == age].mean() for age in range(STAYS[1] - 1)]
        results[name] = {"accuracy": right.mean(), "by age": by_age}
        lower.plot(100 * np.array(by_age), color=color, label=f"{name}: {right.mean():.1%}")
    legend(lower, loc="lower right")
    save(picture, arguments.out, "moving_digits.png")
    return results


if __name__ == "__main__":
    main()
