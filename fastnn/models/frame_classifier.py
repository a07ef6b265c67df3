"""What is seen in each frame of a video: a convolutional network looks at the frame, a recurrent
one remembers those before.

J. Donahue et al., "Long-term recurrent convolutional networks", 2015, arXiv:1411.4389.
"""

import numpy as np

from .. import functional as F
from .. import nn


class FrameClassifier(nn.Module):
    """The same convolutional network on every frame -> LSTM over the frames -> Linear.

    num_classes    K
    in_channels    C of a frame
    size           H and W, 7 or more
    features       what the convolutional network makes of a frame
    units          of the LSTM; 0: there is none, and each frame is judged by itself
    bidirectional  whether a second LSTM comes from the video's end
    dropout        of features, in training

    forward(frames (N, T, C, H, W)) -> logits (N, T, K). Raises ValueError for other shapes.
    """

    def __init__(
        self, num_classes=10, in_channels=1, size=28, *, features=64, units=64,
        bidirectional=False, dropout=0.2,
    ):  # fmt: skip
        super().__init__()
        self.shape = in_channels, size, size
        side = (size + 1) // 2 // 2 // 2
        if side < 1:
            raise ValueError(f"FrameClassifier: size must be 7 or more, got {size}")
        self.cnn = nn.Sequential(
            nn.Conv2d(in_channels, 8, 5, stride=2, padding=2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * side * side, features),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.lstm = None
        if units:
            self.lstm = nn.LSTM(features, units, bidirectional=bidirectional)
            features = units * (1 + bidirectional)
        self.linear = nn.Linear(features, num_classes)

    def forward(self, frames):
        if len(frames.shape) != 5 or frames.shape[2:] != self.shape:
            sizes = ", ".join(map(str, self.shape))
            raise ValueError(
                f"FrameClassifier: frames must have shape (N, T, {sizes}), got {frames.shape}"
            )
        batch, steps = frames.shape[:2]
        y = self.cnn(frames.reshape(-1, *self.shape)).reshape(batch, steps, -1)
        if self.lstm is not None:
            y = self.lstm(y.transpose(0, 1))[0].transpose(0, 1)
        return self.linear(y)


def frame_loss(logits, labels):
    """The mean cross-entropy over frames; logits (N, T, K), labels (N, T)."""
    return F.cross_entropy(logits.reshape(-1, logits.shape[2]), labels.reshape(-1))


def frame_accuracy(logits, labels):
    """The share of frames whose largest logit is their label's."""
    return float((np.asarray(logits).argmax(2) == labels).mean())
