"""Frames of videos: each is seen alike, and what came before is remembered."""

import numpy as np
import pytest
from opcheck import draw

import fastnn
from fastnn import optim
from fastnn.models.frame_classifier import FrameClassifier, frame_accuracy, frame_loss


def classifier(**options):
    fastnn.manual_seed(0)
    return FrameClassifier(3, 2, 9, features=8, **{"units": 6, **options})


def videos(count, steps):
    return draw(count, steps, 2, 9, 9).astype(np.float32)


def test_each_frame_by_itself():
    model, frames = classifier(units=0).eval(), videos(2, 4)
    logits = model(frames).data
    assert logits.shape == (2, 4, 3)
    for n in range(2):
        for t in range(4):
            alone = model(frames[n : n + 1, t : t + 1]).data[0, 0]
            np.testing.assert_allclose(logits[n, t], alone, atol=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_what_a_frame_is_judged_by(bidirectional):
    """By itself, those before, and, of both directions only, those that follow; by no other
    video."""
    model, frames = classifier(bidirectional=bidirectional).eval(), videos(2, 5)
    before = model(frames).data.copy()
    frames[0, 2] += 1
    changed = (np.abs(model(frames).data - before) > 1e-7).any(2)
    assert changed[0].tolist() == [bidirectional] * 2 + [True] * 3
    assert not changed[1].any()


def test_loss_and_accuracy():
    logits = fastnn.Tensor(draw(2, 3, 4))
    labels = logits.data.argmax(2)
    assert frame_accuracy(logits, labels) == 1
    labels[0, 0] = (labels[0, 0] + 1) % 4
    assert frame_accuracy(logits, labels) == pytest.approx(5 / 6)
    shares = np.exp(logits.data) / np.exp(logits.data).sum(2, keepdims=True)
    own = np.take_along_axis(shares, labels[:, :, None], 2)
    assert frame_loss(logits, labels).item() == pytest.approx(-np.log(own).mean())


def test_remembering():
    """Only the first frame says which of three it is."""
    model = classifier(dropout=0.0)
    labels = np.arange(12) % 3
    frames = np.zeros((12, 4, 2, 9, 9), np.float32)
    for frame, label in zip(frames, labels, strict=True):
        frame[0, :, 3 * label : 3 * label + 3] = 1
    labels = np.repeat(labels[:, None], 4, 1)
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        loss = frame_loss(model(frames), labels)
        loss.backward()
        optimizer.step()
    assert frame_accuracy(model(frames), labels) == 1


def test_errors():
    with pytest.raises(ValueError, match="FrameClassifier: size must be 7 or more, got 6"):
        FrameClassifier(size=6)
    with pytest.raises(ValueError, match=r"frames must have shape \(N, T, 2, 9, 9\)"):
        classifier()(videos(1, 2)[:, :, :1])
