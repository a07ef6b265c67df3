"""The deep belief network: RBMs stacked, each on the one below, as a start for a classifier."""

from functools import partial
from itertools import pairwise

from .. import nn
from .rbm import RBM, train_rbm


class DBN(nn.Module):
    """RBMs one upon the other: the hidden units of each are the visible ones of the next.

        dbn = DBN([784, 500, 500, 2000])
        dbn.pretrain(x)                     # without labels
        fit(dbn.classifier(10), (x, labels))

    visible  kind of the lowest units, "binary" or "gaussian"
    code     kind of the uppermost: "binary", or "gaussian" for an auto-encoder's linear code

    `rbms` is a ModuleList. Raises ValueError for fewer than two sizes.

    G. Hinton, S. Osindero, Y. Teh, "A fast learning algorithm for deep belief nets", Neural
    Computation 18 (2006).
    """

    def __init__(self, sizes, visible="binary", code="binary"):
        super().__init__()
        if len(sizes) < 2:
            raise ValueError(f"DBN: sizes must have two entries or more, got {sizes}")
        last = len(sizes) - 2
        self.rbms = nn.ModuleList(
            RBM(d, k, visible if i == 0 else "binary", code if i == last else "binary")
            for i, (d, k) in enumerate(pairwise(sizes))
        )

    def forward(self, input):
        for rbm in self.rbms:
            input = rbm(input)
        return input

    def pretrain(self, x, *, gaussian_lr=0.001, report=None, **options):
        """Greedy: each RBM learns by `train_rbm(**options)` what the trained ones below make of x
        (their means), with the rate gaussian_lr where it has Gaussian units.

        report(layer, epoch, error) is called after each epoch. -> the errors by layer and epoch.
        """
        histories = []
        for layer, rbm in enumerate(self.rbms):
            own = {"lr": gaussian_lr} if "gaussian" in (rbm.visible, rbm.hidden) else {}
            tell = report and partial(report, layer + 1)
            histories.append(train_rbm(rbm, x, **{**options, **own}, report=tell))
            if rbm is not self.rbms[-1]:
                x = rbm.hidden_mean(x)
        return histories

    def classifier(self, num_classes, dropout=0.0, input_dropout=0.0):
        """A network of sigmoids that starts with these weights, and a new linear layer upon it:
        x (N, D) -> logits (N, num_classes). The weights are copied; dropout of the inputs and of
        every hidden layer is for the fine-tuning."""
        layers = [nn.Dropout(input_dropout)] if input_dropout else []
        for rbm in self.rbms:
            linear = nn.Linear(rbm.n_visible, rbm.n_hidden)
            linear.weight.data[...] = rbm.weight.data
            linear.bias.data[...] = rbm.hidden_bias.data
            layers += [linear] + ([nn.Sigmoid()] if rbm.hidden == "binary" else [])
            layers += [nn.Dropout(dropout)] if dropout else []
        return nn.Sequential(*layers, nn.Linear(self.rbms[-1].n_hidden, num_classes))
