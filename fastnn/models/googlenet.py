"""GoogLeNet with its auxiliary heads, and the recipe that trains it."""

from collections import namedtuple

from .. import functional as F
from .. import nn
from ..autograd import cat
from ..nn.fusion import conv_bn
from .initial import he_normal_
from .recipe import Defaults, cosine_recipe, sgd

GoogLeNetOutputs = namedtuple("GoogLeNetOutputs", ["logits", "aux_logits2", "aux_logits1"])


class BasicConv2d(nn.Module):
    """y = relu(bn(conv(x)))."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x):
        return conv_bn(self.conv, self.bn, x, activation="relu")


class Inception(nn.Module):
    """Four branches side by side: (N, C, H, W) -> (N, the sum of their channels, H, W).

    channels     of the 1 x 1 branch, of the second branch's reduction and convolution, of the
                 third's, and of the branch that pools
    third        window of the third branch: 5 in the paper, 3 in torchvision
    """

    def __init__(self, in_channels, channels, third=3):
        super().__init__()
        ch1, ch2_reduce, ch2, ch3_reduce, ch3, ch4 = channels
        self.branch1 = BasicConv2d(in_channels, ch1, 1)
        self.branch2 = nn.Sequential(
            BasicConv2d(in_channels, ch2_reduce, 1), BasicConv2d(ch2_reduce, ch2, 3, padding=1)
        )
        self.branch3 = nn.Sequential(
            BasicConv2d(in_channels, ch3_reduce, 1),
            BasicConv2d(ch3_reduce, ch3, third, padding=third // 2),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, 1, padding=1, ceil_mode=True), BasicConv2d(in_channels, ch4, 1)
        )

    def forward(self, x):
        return cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):
    """An auxiliary head: (N, C, H, W) -> (N, V), after pooling to 4 x 4."""

    def __init__(self, in_channels, num_classes, dropout=0.7):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d((4, 4))
        self.conv = BasicConv2d(in_channels, 128, 1)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.dropout = nn.Dropout(dropout)
        self.fc2 = nn.Linear(1024, num_classes)

    def forward(self, x):
        x = self.conv(self.avgpool(x))
        x = self.fc1(x.flatten(1), activation="relu")
        return self.fc2(self.dropout(x))


class GoogLeNet(nn.Module):
    """Nine inception blocks, 22 layers deep: (N, C, H, W) -> (N, V), H, W >= 15.

    In training with aux_logits the output is GoogLeNetOutputs(logits, aux_logits2, aux_logits1),
    the latter two from heads after blocks 4d and 4a; `googlenet_loss` weighs them.

    With 1000 classes of colour pictures 13,004,888 parameters, 6,624,904 of them without the
    heads; state_dict keys as torchvision's.

    Szegedy et al., "Going deeper with convolutions", 2015, arXiv:1409.4842. As torchvision's, this
    net differs from the paper's: batch normalisation after every convolution instead of local
    response normalisation after two, 3 x 3 windows where the paper has 5 x 5, heads that pool to
    4 x 4 whatever the picture's size.
    """

    def __init__(
        self, num_classes=1000, in_channels=3, aux_logits=True, dropout=0.2, dropout_aux=0.7
    ):
        super().__init__()
        self.aux_logits = aux_logits
        self.conv1 = BasicConv2d(in_channels, 64, 7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2 = BasicConv2d(64, 64, 1)
        self.conv3 = BasicConv2d(64, 192, 3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception3a = Inception(192, (64, 96, 128, 16, 32, 32))
        self.inception3b = Inception(256, (128, 128, 192, 32, 96, 64))
        self.maxpool3 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception4a = Inception(480, (192, 96, 208, 16, 48, 64))
        self.inception4b = Inception(512, (160, 112, 224, 24, 64, 64))
        self.inception4c = Inception(512, (128, 128, 256, 24, 64, 64))
        self.inception4d = Inception(512, (112, 144, 288, 32, 64, 64))
        self.inception4e = Inception(528, (256, 160, 320, 32, 128, 128))
        self.maxpool4 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.inception5a = Inception(832, (256, 160, 320, 32, 128, 128))
        self.inception5b = Inception(832, (384, 192, 384, 48, 128, 128))
        if aux_logits:
            self.aux1 = InceptionAux(512, num_classes, dropout_aux)
            self.aux2 = InceptionAux(528, num_classes, dropout_aux)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, num_classes)
        he_normal_(self)

    def forward(self, x):
        heads = self.training and self.aux_logits
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4a(x)
        aux1 = self.aux1(x) if heads else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        aux2 = self.aux2(x) if heads else None
        x = self.maxpool4(self.inception4e(x))
        x = self.avgpool(self.inception5b(self.inception5a(x)))
        logits = self.fc(self.dropout(x.flatten(1)))
        return GoogLeNetOutputs(logits, aux2, aux1) if heads else logits


def googlenet(num_classes=1000, in_channels=3, aux_logits=True):
    """GoogLeNet; 13,004,888 parameters, 6,624,904 without the auxiliary heads."""
    return GoogLeNet(num_classes, in_channels, aux_logits)


def googlenet_loss(output, target):
    """Cross-entropy; in training the heads' count 0.3 each (section 5 of the paper)."""
    if not isinstance(output, GoogLeNetOutputs):
        return F.cross_entropy(output, target)
    main, aux2, aux1 = (F.cross_entropy(logits, target) for logits in output)
    return main + 0.3 * (aux1 + aux2)


RECIPE = cosine_recipe(
    "GoogLeNet",
    "SGD with momentum",
    sgd(weight_decay=1e-4),
    size=224,
    defaults={
        "digits": Defaults(epochs=20, batch_size=32, lr=0.02, size=64),
        "mnist": Defaults(epochs=5, batch_size=64, lr=0.05, size=64),
        "folder": Defaults(epochs=60, batch_size=32, lr=0.02),
    },
    loss=googlenet_loss,
)

MODELS = {"googlenet": (googlenet, RECIPE)}
