"""Ready models: pictures' networks, each with the recipe that trains it, and the lectures' systems.

``MODELS[name] = (constructor, recipe)``, the constructor taking num_classes and in_channels: a
model entered here can be trained by ``fastnn train NAME`` and used by ``fastnn predict``.
``FAMILIES`` has the same models by family. Where torchvision has the model, its names, defaults
and state_dict keys are torchvision's.

``TEXT_MODELS[name]`` is (constructor, recipe) of a model of text; its recipe is a `TextRecipe`.

The systems that lectures begin with have a file each: `mcculloch_pitts`, `hebb`, `perceptron`,
`adaline`, `backpropagation`, `computation_graph`, `mlp`, `acyclic`, `universal`, `vanishing`,
`rbm`, `dbn`, `autoencoder`; so have the systems of words, sentences and other sequences, such as
`word2vec`, `seq2seq`, `ner`, `captioner`, `gpt`. docs/lectures.md has a script for each. `decoding`
is how any model of sequences writes: greedily, with beam search, or at random; `translation_task`
makes pairs of sentences ready to train on.
"""

from . import alexnet as _alexnet
from . import (
    alignment,
    backpropagation,
    captioner,
    char_rnn,
    computation_graph,
    decoding,
    frame_classifier,
    handwriting,
    hebb,
    lenet5,
    lenet5_1998,
    mcculloch_pitts,
    ner,
    resnet,
    resnet_cifar,
    seq2seq,
    translation_task,
    universal,
    vanishing,
    vgg,
)
from . import googlenet as _googlenet
from .acyclic import AcyclicNetwork
from .adaline import Adaline
from .alexnet import AlexNet, alexnet
from .alignment import Alignment
from .autoencoder import Autoencoder
from .bengio import Bengio
from .captioner import AttentionCaptioner, Captioner
from .char_rnn import CharRNN, load_char_rnn, write
from .dbn import DBN
from .elman import Elman
from .googlenet import GoogLeNet, GoogLeNetOutputs, googlenet, googlenet_loss
from .handwriting import Handwriting
from .lenet5 import LeNet5
from .lenet5_1998 import LeNet5_1998
from .mlp import MLP
from .ngram import KneserNey
from .perceptron import Perceptron
from .preparation import Preparation
from .rbm import RBM
from .recipe import Defaults, Recipe
from .resnet import (
    ResNet,
    plain18,
    plain34,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
)
from .resnet_cifar import (
    CifarResNet,
    plain20,
    plain32,
    plain44,
    plain56,
    resnet20,
    resnet32,
    resnet44,
    resnet56,
    resnet110,
)
from .seq2seq import Seq2Seq
from .sequence_classifier import SequenceClassifier
from .series import SeriesPredictor, VectorAutoregression
from .text_cnn import TextCNN
from .vgg import VGG, vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn
from .word2vec import Word2Vec

FAMILIES = {
    "LeNet-5": {**lenet5.MODELS, **lenet5_1998.MODELS},
    "AlexNet": _alexnet.MODELS,
    "VGG": vgg.MODELS,
    "GoogLeNet": _googlenet.MODELS,
    "ResNet": resnet.MODELS,
    "ResNet for small pictures": resnet_cifar.MODELS,
}
MODELS = {name: entry for family in FAMILIES.values() for name, entry in family.items()}
TEXT_MODELS = char_rnn.MODELS

__all__ = [
    "DBN", "FAMILIES", "MLP", "MODELS", "RBM", "TEXT_MODELS", "VGG", "AcyclicNetwork", "Adaline",
    "AlexNet", "Alignment", "AttentionCaptioner", "Autoencoder", "Bengio", "Captioner", "CharRNN",
    "CifarResNet", "Defaults", "Elman", "GoogLeNet", "GoogLeNetOutputs", "Handwriting", "KneserNey",
    "LeNet5", "LeNet5_1998", "Perceptron", "Preparation", "Recipe", "ResNet", "Seq2Seq",
    "SequenceClassifier", "SeriesPredictor", "TextCNN", "VectorAutoregression", "Word2Vec",
    "alexnet", "alignment", "backpropagation", "captioner", "computation_graph", "decoding",
    "frame_classifier", "googlenet", "googlenet_loss", "handwriting", "hebb", "load_char_rnn",
    "mcculloch_pitts", "ner", "plain18", "plain20", "plain32", "plain34", "plain44", "plain56",
    "resnet18", "resnet20", "resnet32", "resnet34", "resnet44", "resnet50", "resnet56", "resnet101",
    "resnet110", "resnet152", "seq2seq", "translation_task", "universal", "vanishing", "vgg11",
    "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "write",
]  # fmt: skip
