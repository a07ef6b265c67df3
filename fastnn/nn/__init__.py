"""Modules: torch.nn's names, arguments, defaults, repr and state_dict keys."""

import sys as _sys

from .. import functional
from . import init, utils
from .activation import (
    ELU,
    GELU,
    LeakyReLU,
    LogSoftmax,
    NoisyReLU,
    ReLU,
    ScaledTanh,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from .additive_attention import (
    AdditiveAttention,
    AttentionLSTM,
    DotAttention,
    GeneralAttention,
)
from .attention import MultiheadAttention
from .containers import ModuleDict, ModuleList, Sequential
from .conv import Conv1d, Conv1dMaxOverTime, Conv2d, ConvTranspose1d, ConvTranspose2d
from .crf import CRF
from .dropout import Dropout, Dropout1d, Dropout2d
from .embedding import Embedding
from .linear import Linear, Maxout
from .loss import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss, NLLLoss
from .module import Module, Parameter
from .norm import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    LayerNorm,
    LocalResponseNorm,
)
from .pad import (
    ConstantPad1d,
    ConstantPad2d,
    ReflectionPad1d,
    ReflectionPad2d,
    ReplicationPad1d,
    ReplicationPad2d,
    ZeroPad1d,
    ZeroPad2d,
)
from .pool import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    LPPool1d,
    LPPool2d,
    MaxPool1d,
    MaxPool2d,
)
from .position import LearnedPositions, SinusoidalPositions
from .recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from .resize import Upsample
from .shape import Flatten, Identity
from .transformer import (
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)

# `import fastnn.nn.functional as F`, as PyTorch users write it.
_sys.modules[__name__ + ".functional"] = functional

__all__ = [
    "CRF", "ELU", "GELU", "GRU", "LSTM", "RNN", "AdaptiveAvgPool1d", "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdditiveAttention", "AttentionLSTM", "AvgPool1d",
    "AvgPool2d", "BCELoss", "BCEWithLogitsLoss", "BatchNorm1d", "BatchNorm2d", "ConstantPad1d",
    "ConstantPad2d", "Conv1d", "Conv1dMaxOverTime", "Conv2d", "ConvTranspose1d", "ConvTranspose2d",
    "CrossEntropyLoss", "DotAttention", "Dropout", "Dropout1d", "Dropout2d", "Embedding", "Flatten",
    "GRUCell", "GeneralAttention", "GroupNorm", "Identity", "InstanceNorm1d", "InstanceNorm2d",
    "L1Loss", "LPPool1d", "LPPool2d", "LSTMCell", "LayerNorm", "LeakyReLU", "LearnedPositions",
    "Linear", "LocalResponseNorm", "LogSoftmax", "MSELoss", "MaxPool1d", "MaxPool2d", "Maxout",
    "Module", "ModuleDict", "ModuleList", "MultiheadAttention", "NLLLoss", "NoisyReLU", "Parameter",
    "RNNCell", "ReLU", "ReflectionPad1d", "ReflectionPad2d", "ReplicationPad1d", "ReplicationPad2d",
    "ScaledTanh", "Sequential", "Sigmoid", "SinusoidalPositions", "Softmax", "Softplus", "Tanh",
    "Transformer", "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder",
    "TransformerEncoderLayer", "Upsample", "ZeroPad1d", "ZeroPad2d", "functional", "init", "utils",
]  # fmt: skip
