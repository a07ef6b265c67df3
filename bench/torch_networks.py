"""The networks that are measured, in plain torch, with fastnn's names for their parameters."""

import torch
import torch.nn.functional as F
from torch import nn


class BasicBlock(nn.Module):
    """shortcut: "projection" or "padding", as in fastnn.models.resnet."""

    def __init__(self, in_channels, channels, stride, shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.stride, self.new_channels = stride, channels - in_channels
        self.downsample = None
        if shortcut == "projection" and (stride != 1 or self.new_channels):
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.downsample is not None:
            x = self.downsample(x)
        elif self.new_channels:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new_channels))
        y += x
        return self.relu(y)


def _stage(depth, in_channels, channels, stride, shortcut):
    first = BasicBlock(in_channels, channels, stride, shortcut)
    return nn.Sequential(
        first, *(BasicBlock(channels, channels, 1, shortcut) for _ in range(1, depth))
    )


class ResNet20(nn.Module):
    """For pictures of 32 x 32."""

    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = _stage(3, 16, 16, 1, "padding")
        self.layer2 = _stage(3, 16, 32, 2, "padding")
        self.layer3 = _stage(3, 32, 64, 2, "padding")
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, classes)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class ResNet18(nn.Module):
    """For pictures of 224 x 224."""

    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.layer1 = _stage(2, 64, 64, 1, "projection")
        self.layer2 = _stage(2, 64, 128, 2, "projection")
        self.layer3 = _stage(2, 128, 256, 2, "projection")
        self.layer4 = _stage(2, 256, 512, 2, "projection")
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class VGG11(nn.Module):
    """Without its dropout."""

    def __init__(self, classes):
        super().__init__()
        layers, channels = [], 3
        for depth, wider in (1, 64), (1, 128), (2, 256), (2, 512), (2, 512):
            for _ in range(depth):
                layers += [nn.Conv2d(channels, wider, 3, padding=1), nn.ReLU(inplace=True)]
                channels = wider
            layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Identity(),
            nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Identity(),
            nn.Linear(4096, classes),
        )  # fmt: skip

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class Captioner(nn.Module):
    """fastnn.models.captioner.Captioner, the LSTM form, without its dropout."""

    def __init__(self, words, units, embedding=128, widths=(32, 64, 96, 128)):
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.convs, self.encoder.norms = nn.ModuleList(), nn.ModuleList()
        channels = 3
        for i, (wider, stride) in enumerate(zip(widths, (2, 2, 1, 2), strict=True)):
            size = 3 if i else 5
            self.encoder.convs.append(
                nn.Conv2d(channels, wider, size, stride, padding=size // 2, bias=False)
            )
            self.encoder.norms.append(nn.BatchNorm2d(wider))
            channels = wider
        self.pool = nn.AdaptiveAvgPool2d(3)
        self.look = nn.Linear(9 * channels, embedding)
        self.embedding = nn.Embedding(words, embedding)
        self.rnn = nn.LSTM(embedding, units, batch_first=True)
        self.linear = nn.Linear(units, words)

    def forward(self, inputs):
        """images (N, C, H, W), words before (N, T) and lengths (N,) -> the logits of all words,
        in the order of the packed sequence."""
        x, before, lengths = inputs
        for conv, norm in zip(self.encoder.convs, self.encoder.norms, strict=True):
            x = F.relu(norm(conv(x)), inplace=True)
        picture = self.look(torch.flatten(self.pool(x), 1))
        steps = torch.cat([picture[:, None], self.embedding(before)], 1)
        packed = nn.utils.rnn.pack_padded_sequence(
            steps, lengths + 1, batch_first=True, enforce_sorted=False
        )
        return self.linear(self.rnn(packed)[0].data[len(before) :])


class LeNet5(nn.Sequential):
    def __init__(self, classes):
        super().__init__()
        for name, layer in {
            "conv1": nn.Conv2d(1, 6, 5, padding=2), "relu1": nn.ReLU(inplace=True),
            "pool1": nn.MaxPool2d(2),
            "conv2": nn.Conv2d(6, 16, 5), "relu2": nn.ReLU(inplace=True),
            "pool2": nn.MaxPool2d(2), "flatten": nn.Flatten(),
            "fc1": nn.Linear(400, 120), "relu3": nn.ReLU(inplace=True),
            "fc2": nn.Linear(120, 84), "relu4": nn.ReLU(inplace=True),
            "fc3": nn.Linear(84, classes),
        }.items():  # fmt: skip
            self.add_module(name, layer)
