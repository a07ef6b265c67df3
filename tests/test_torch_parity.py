"""The same names, arguments, values, gradients, state dicts and text as PyTorch's."""

import inspect

import numpy as np
import pytest
from opcheck import draw

import fastnn.functional as F
from fastnn import Tensor, nn

torch = pytest.importorskip("torch")
TF = torch.nn.functional

IMAGES = (3, 4, 9, 8)
ROWS = (3, 4, 9)
CLASSES = np.array([1, 4, 0, 2, 2, 3, 1])
WEIGHT = np.array([1.0, 2.0, 0.5, 1.5, 0.2])


def probabilities(*shape):
    return np.random.default_rng(1).uniform(0.05, 0.95, shape)


# name, shapes or arrays that are differentiated, further arguments (arrays are constants)
CALLS = [
    ("relu", [(3, 5)], {}),
    ("sigmoid", [(3, 5)], {}),
    ("tanh", [(3, 5)], {}),
    ("softplus", [(3, 5)], {"beta": 2, "threshold": 1}),
    ("leaky_relu", [(3, 5)], {"negative_slope": 0.2}),
    ("elu", [(3, 5)], {"alpha": 0.7}),
    ("softmax", [(3, 5)], {"dim": 0}),
    ("log_softmax", [(3, 5, 2)], {"dim": -2}),
    ("linear", [(2, 3, 5), (4, 5), (4,)], {}),
    ("linear", [(5,), (4, 5)], {}),
    ("conv2d", [IMAGES, (6, 4, 3, 3), (6,)], {}),
    ("conv2d", [IMAGES, (6, 4, 3, 2)], {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}),
    ("conv2d", [IMAGES, (6, 4, 2, 3), (6,)], {"padding": "same"}),
    ("conv2d", [IMAGES, (6, 4, 4, 2)], {"padding": "same", "dilation": (1, 3)}),
    ("conv2d", [IMAGES[1:], (6, 4, 3, 3)], {"padding": "valid"}),
    ("conv1d", [ROWS, (6, 4, 3), (6,)], {"stride": 2, "padding": 3, "dilation": 2}),
    ("conv1d", [ROWS, (6, 4, 4)], {"padding": "same", "dilation": 2}),
    ("conv1d", [ROWS[1:], (6, 4, 2), (6,)], {"padding": "valid"}),
    ("conv_transpose2d", [IMAGES, (4, 6, 3, 3), (6,)], {}),
    (
        "conv_transpose2d", [IMAGES, (4, 6, 3, 2), (6,)],
        {"stride": (2, 1), "padding": (1, 0), "output_padding": (1, 0), "dilation": (1, 2)},
    ),
    ("conv_transpose2d", [IMAGES[1:], (4, 1, 4, 4)], {"stride": 2, "padding": 1}),
    ("conv_transpose1d", [ROWS, (4, 6, 4), (6,)], {"stride": 3, "padding": 2, "output_padding": 1}),
    ("conv_transpose1d", [ROWS[1:], (4, 6, 3)], {"dilation": 2, "output_padding": 1}),
    ("conv2d", [IMAGES, (6, 2, 3, 3), (6,)], {"groups": 2, "stride": 2, "padding": 1}),
    ("conv2d", [IMAGES, (8, 1, 3, 2), (8,)], {"groups": 4, "padding": "same"}),
    ("max_pool2d", [IMAGES], {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    ("max_pool2d", [IMAGES[1:]], {"kernel_size": (2, 3), "dilation": (2, 1)}),
    ("avg_pool2d", [IMAGES], {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    ("avg_pool2d", [IMAGES], {"kernel_size": (3, 2), "padding": 1, "count_include_pad": False}),
    ("avg_pool2d", [IMAGES[1:]], {"kernel_size": 2, "divisor_override": 3}),
    ("max_pool1d", [ROWS], {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2}),
    ("max_pool1d", [ROWS[1:]], {"kernel_size": 2, "ceil_mode": True}),
    ("avg_pool1d", [ROWS], {"kernel_size": 3, "padding": 1, "count_include_pad": False}),
    ("avg_pool1d", [ROWS[1:]], {"kernel_size": 4, "stride": 2, "ceil_mode": True}),
    ("adaptive_avg_pool2d", [IMAGES], {"output_size": (4, None)}),
    ("adaptive_avg_pool2d", [IMAGES[1:]], {"output_size": 1}),
    ("adaptive_max_pool2d", [IMAGES], {"output_size": (2, 5)}),
    ("adaptive_max_pool2d", [IMAGES[1:]], {"output_size": 3}),
    ("adaptive_avg_pool1d", [ROWS], {"output_size": 3}),
    ("adaptive_max_pool1d", [ROWS[1:]], {"output_size": 1}),
    ("lp_pool2d", [IMAGES], {"norm_type": 2, "kernel_size": (3, 2), "ceil_mode": True}),
    ("lp_pool1d", [probabilities(*ROWS)], {"norm_type": 3, "kernel_size": 2, "stride": 1}),
    ("interpolate", [IMAGES], {"scale_factor": 2}),
    ("interpolate", [IMAGES], {"size": (5, 13), "mode": "bilinear"}),
    ("interpolate", [IMAGES], {"scale_factor": 1.7, "mode": "bilinear", "align_corners": True}),
    ("interpolate", [IMAGES], {"scale_factor": (1.7, 0.6), "recompute_scale_factor": True}),
    ("interpolate", [ROWS], {"size": 5, "mode": "linear"}),
    ("pad", [IMAGES], {"pad": (1, 2, 0, 3)}),
    ("pad", [IMAGES], {"pad": (1, -2), "value": 2.0}),
    ("pad", [(5, 4)], {"pad": (1, 2, 1, 0)}),
    ("pad", [IMAGES[1:]], {"pad": (1, 2, 0, 3), "mode": "reflect"}),
    ("pad", [ROWS], {"pad": (3, 1), "mode": "replicate"}),
    ("batch_norm", [IMAGES], {"running_mean": None, "running_var": None, "training": True}),
    (
        "batch_norm", [IMAGES[:2]],
        {"running_mean": probabilities(4), "running_var": probabilities(4), "eps": 0.1},
    ),
    ("instance_norm", [IMAGES], {}),
    ("group_norm", [IMAGES], {"num_groups": 2, "weight": probabilities(4)}),
    ("layer_norm", [IMAGES], {"normalized_shape": [9, 8], "bias": probabilities(9, 8)}),
    ("local_response_norm", [IMAGES[:3]], {"size": 3, "alpha": 0.5}),
    ("unfold", [IMAGES], {"kernel_size": (3, 2), "dilation": 2, "padding": 1, "stride": (1, 2)}),
    ("fold", [(2, 12, 20)], {"output_size": (5, 6), "kernel_size": 2}),
    ("mse_loss", [(3, 5), (3, 5)], {}),
    ("mse_loss", [(3, 5), (3, 5)], {"weight": probabilities(3, 5)}),
    ("l1_loss", [(3, 5), (3, 5)], {"reduction": "sum"}),
    ("l1_loss", [(3, 5), (3, 5)], {"weight": probabilities(3, 5)}),
    ("cross_entropy", [(7, 5)], {"target": CLASSES}),
    ("cross_entropy", [(7, 5)], {"target": CLASSES, "weight": WEIGHT, "label_smoothing": 0.2}),
    (
        "cross_entropy", [(7, 5)],
        {"target": CLASSES, "weight": WEIGHT, "label_smoothing": 0.2, "ignore_index": 2},
    ),
    ("cross_entropy", [(7, 5)], {"target": probabilities(7, 5), "weight": WEIGHT}),
    ("cross_entropy", [(7, 5)], {"target": probabilities(7, 5), "label_smoothing": 0.2}),
    ("cross_entropy", [(2, 5, 3)], {"target": CLASSES[:6].reshape(2, 3), "reduction": "none"}),
    ("cross_entropy", [(2, 5, 3)], {"target": probabilities(2, 5, 3), "weight": WEIGHT}),
    ("cross_entropy", [(5,)], {"target": np.array(3), "weight": WEIGHT}),
    ("nll_loss", [(7, 5)], {"target": CLASSES, "weight": WEIGHT, "ignore_index": 2}),
    ("nll_loss", [(2, 5, 3)], {"target": CLASSES[:6].reshape(2, 3), "reduction": "none"}),
    ("binary_cross_entropy", [probabilities(3, 5), probabilities(3, 5) ** 2], {"weight": WEIGHT}),
    (
        "binary_cross_entropy_with_logits", [(3, 5), probabilities(3, 5)],
        {"weight": WEIGHT, "pos_weight": 3 * WEIGHT},
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding_idx": 4},
        {"padding_idx": -1, "scale_grad_by_freq": True},
        {"max_norm": 1.0},
        {"max_norm": 0.7, "norm_type": 1.0},
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_embedding(dtype, options):
    weight, index = draw(5, 4).astype(dtype), np.array([[0, 4, 2, 4], [1, 1, 4, 0]])
    mine = nn.Embedding(5, 4, **options, _weight=weight.copy())
    theirs = torch.nn.Embedding(5, 4, **options, _weight=torch.tensor(weight))
    y, expected = mine(index), theirs(torch.tensor(index))
    y.backward(draw(2, 4, 4).astype(dtype))
    expected.backward(torch.tensor(draw(2, 4, 4).astype(dtype)))
    for a, b in (y.data, expected), (mine.weight.data, theirs.weight), (
        mine.weight.grad, theirs.weight.grad
    ):  # fmt: skip
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-6, atol=1e-6)
    mine.load_state_dict(theirs.state_dict())
    one_hot = TF.one_hot(torch.tensor(index), 7)
    np.testing.assert_array_equal(F.one_hot(index, 7).data, one_hot.numpy())


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("name", "inputs", "options"), CALLS, ids=lambda c: c if isinstance(c, str) else ""
)
def test_function(name, inputs, options, dtype):
    arrays = [
        (draw(*a, seed=i) if isinstance(a, tuple) else a).astype(dtype)
        for i, a in enumerate(inputs)
    ]
    options = {
        k: v.astype(dtype) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v
        for k, v in options.items()
    }
    mine = [Tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y = getattr(F, name)(*mine, **options)
    expected = getattr(TF, name)(
        *theirs,
        **{k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()},
    )
    dy = draw(*y.shape, seed=9).astype(dtype)
    y.backward(dy)
    expected.backward(torch.tensor(dy))
    tolerance = 2e-5 if dtype == np.float32 else 1e-12
    for a, b in [
        (y.data, expected.detach()),
        *((m.grad, t.grad) for m, t in zip(mine, theirs, strict=True)),
    ]:
        assert a.shape == tuple(b.shape)
        np.testing.assert_allclose(a, b.numpy(), rtol=tolerance, atol=tolerance * 5)


def arguments(function):
    """(name, default) in order, without what only one of the two has."""
    dropped = {"self", "size_average", "reduce", "_stacklevel", "device", "dtype"}
    # Only fastnn's: batch_norm does the first two at no cost, the next are kinds of LSTM and GRU;
    # attention does not look at the keys beyond a sequence's length.
    dropped |= {"residual", "activation", "peephole", "coupled", "reset_after", "lengths"}
    return [
        (name, p.default)
        for name, p in inspect.signature(function).parameters.items()
        if name not in dropped and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]


# What torch does not have.
OURS = {
    "CRF", "AdditiveAttention", "AttentionLSTM", "Conv1dMaxOverTime", "DotAttention",
    "GeneralAttention", "LearnedPositions", "Maxout", "NoisyReLU", "ScaledTanh",
    "SinusoidalPositions", "additive_attention", "attention_lstm", "conv1d_max_over_time",
    "crf_log_likelihood", "dot_attention", "maxout", "noisy_relu", "scaled_tanh",
}  # fmt: skip
RECURRENT = {"gru", "gru_cell", "lstm", "lstm_cell", "rnn", "rnn_cell"}  # torch's tell no signature
FUNCTIONS = sorted(set(F.__all__) - {"flatten", "one_hot"} - RECURRENT - OURS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_arguments(name):
    theirs = getattr(TF, name)
    if "max_pool" in name:  # torch picks one of two functions by return_indices
        theirs = getattr(TF, f"{name}_with_indices")
    if inspect.isbuiltin(theirs):  # the signature is the first line of its documentation
        signature, namespace = theirs.__doc__.strip().split(" ->")[0], {}
        exec(f"def {signature}: ...", namespace)
        theirs = namespace[name]
    assert arguments(getattr(F, name)) == arguments(theirs)


MODULES = [
    n for n in nn.__all__
    if isinstance(getattr(nn, n), type) and n not in OURS
    and n not in ("Module", "Parameter", "Sequential", "ModuleList", "ModuleDict", "Identity")
    and n not in ("GRU", "LSTM", "RNN")  # see test_torch_recurrent.py
]  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_module_arguments(name):
    assert arguments(getattr(nn, name)) == arguments(getattr(torch.nn, name))


def networks(package):
    return package.Sequential(
        package.Conv2d(1, 6, 5, padding=2),
        package.Conv2d(6, 4, (3, 2), (2, 1), (1, 0), (1, 2), bias=False),
        package.ReLU(),
        package.ReLU(inplace=True),
        package.MaxPool2d(2),
        package.AvgPool2d((2, 1), padding=(1, 0)),
        package.Flatten(),
        package.Dropout(0.3),
        package.Sequential(package.Linear(12, 5), package.Tanh(), package.Linear(5, 3, bias=False)),
        package.ModuleList([package.Linear(2, 2), package.Linear(2, 2), package.ReLU()]),
        package.ModuleList(),
        package.ModuleDict({"a": package.Sigmoid(), "b": package.Softmax(dim=1)}),
        package.Identity(),
        package.Softplus(),
        package.LeakyReLU(0.2, True),
        package.ELU(),
        package.LogSoftmax(-1),
        package.Conv2d(4, 4, 3, padding="same", groups=2),
        package.Conv1d(4, 6, 3, 2, "valid", bias=False),
        package.Conv2d(4, 6, 3, padding=(1, 0), bias=False, padding_mode="reflect"),
        package.Conv1d(4, 6, (3,), padding=1, dilation=2, groups=2),
        package.ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, False, (2, 1)),
        package.ConvTranspose1d(4, 6, 3, 2, 1, output_padding=(1,)),
        package.MaxPool1d(2),
        package.AvgPool1d(3, 2, 1),
        package.LPPool1d(2, 3),
        package.LPPool2d(2.0, (3, 2), 2, True),
        package.AdaptiveAvgPool1d(4),
        package.AdaptiveAvgPool2d((None, 7)),
        package.AdaptiveMaxPool1d(4, return_indices=True),
        package.AdaptiveMaxPool2d(1),
        package.Upsample(scale_factor=2),
        package.Upsample((7, 9), mode="bilinear", align_corners=True),
        package.ZeroPad2d(1),
        package.ConstantPad1d((1, 2), 3.5),
        package.ReflectionPad2d((1, 2, 3, 4)),
        package.ReplicationPad1d(2),
        package.Dropout1d(),
        package.Dropout2d(0.2, inplace=True),
        package.MSELoss(),
        package.CrossEntropyLoss(label_smoothing=0.1),
        package.BCEWithLogitsLoss(),
        package.BatchNorm1d(5, momentum=None, affine=False),
        package.BatchNorm2d(4, eps=1e-3, track_running_stats=False, bias=False),
        package.InstanceNorm1d(3),
        package.InstanceNorm2d(3, affine=True, track_running_stats=True),
        package.LayerNorm((4, 5), elementwise_affine=False),
        package.LayerNorm(7, bias=False),
        package.GroupNorm(2, 6),
        package.LocalResponseNorm(5, alpha=1e-3, k=2),
        package.Embedding(10, 3),
        package.Embedding(10, 3, -1, 2.0, 1.0, True),
    )


def test_repr():
    assert repr(networks(nn)) == repr(networks(torch.nn))
    assert repr(nn.Sequential()) == repr(torch.nn.Sequential())


PADDED = [
    ("Conv2d", IMAGES, dict(kernel_size=3, padding=2)),
    ("Conv2d", IMAGES, dict(kernel_size=(4, 3), stride=(2, 1), padding=(3, 1), bias=False)),
    ("Conv2d", IMAGES, dict(kernel_size=(4, 2), dilation=(1, 3), padding="same", groups=2)),
    ("Conv2d", IMAGES[1:], dict(kernel_size=3, padding=(0, 2))),
    ("Conv2d", IMAGES, dict(kernel_size=3, padding="valid")),
    ("Conv1d", ROWS, dict(kernel_size=3, stride=2, padding=4)),
    ("Conv1d", ROWS[1:], dict(kernel_size=4, dilation=2, padding="same")),
]


@pytest.mark.parametrize("mode", ["reflect", "replicate"])
@pytest.mark.parametrize(("name", "shape", "options"), PADDED, ids=str)
def test_padding_of_convolutions(name, shape, options, mode):
    mine, theirs = (
        getattr(package, name)(4, 6, **options, padding_mode=mode) for package in (nn, torch.nn)
    )
    mine.double().load_state_dict(theirs.double().state_dict())
    x = draw(*shape)
    leaf, tensor = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, expected = mine(leaf), theirs(tensor)
    dy = draw(*y.shape, seed=1)
    y.backward(dy)
    expected.backward(torch.tensor(dy))
    np.testing.assert_allclose(y.data, expected.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(leaf.grad, tensor.grad.numpy(), atol=1e-12)
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(a.grad, b.grad.numpy(), atol=1e-11)
    assert mine.float()(x).dtype == np.float32


def lenet(package):
    return package.Sequential(
        package.Conv2d(1, 6, 5, padding=2), package.Tanh(), package.AvgPool2d(2),
        package.Conv2d(6, 16, 5), package.Tanh(), package.AvgPool2d(2), package.Flatten(),
        package.Linear(400, 120), package.Tanh(), package.Linear(120, 84), package.Tanh(),
        package.Linear(84, 10),
    )  # fmt: skip


def test_state_dict_moves_over_both_ways():
    mine, theirs = lenet(nn), lenet(torch.nn)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    x = draw(4, 1, 28, 28).astype(np.float32)
    mine.load_state_dict(theirs.state_dict())
    expected = theirs(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(mine(x).data, expected, rtol=1e-4, atol=1e-5)
    other = lenet(nn)
    theirs.load_state_dict({k: torch.from_numpy(a) for k, a in other.state_dict().items()})
    expected = theirs(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(other(x).data, expected, rtol=1e-4, atol=1e-5)


NORMS = [
    ("BatchNorm1d", (5, 4), dict(num_features=4)),
    ("BatchNorm1d", (5, 4, 3), dict(num_features=4, momentum=None)),
    ("BatchNorm2d", IMAGES, dict(num_features=4, momentum=0.3, affine=False)),
    ("BatchNorm2d", IMAGES, dict(num_features=4, track_running_stats=False)),
    ("BatchNorm2d", IMAGES, dict(num_features=4, bias=False)),
    ("InstanceNorm1d", IMAGES[:3], dict(num_features=4, affine=True)),
    ("InstanceNorm1d", IMAGES[1:3], dict(num_features=4)),
    ("InstanceNorm2d", IMAGES, dict(num_features=4, affine=True, track_running_stats=True)),
    ("InstanceNorm2d", IMAGES, dict(num_features=4, track_running_stats=True, momentum=None)),
    ("LayerNorm", IMAGES, dict(normalized_shape=IMAGES[2:])),
    ("GroupNorm", IMAGES, dict(num_groups=2, num_channels=4)),
    ("LocalResponseNorm", IMAGES, dict(size=3)),
]


@pytest.mark.parametrize(("name", "shape", "options"), NORMS)
def test_normalisation(name, shape, options):
    """Outputs and state over some steps of training, then in evaluation."""
    mine, theirs = getattr(nn, name)(**options), getattr(torch.nn, name)(**options)
    for step in range(5):
        if step == 3:
            mine.eval(), theirs.eval()
        x = (draw(*shape, seed=step) * 2 + 1).astype(np.float32)
        expected = theirs(torch.tensor(x)).detach().numpy()
        np.testing.assert_allclose(mine(x).data, expected, rtol=1e-5, atol=1e-5)
    state = theirs.state_dict()
    assert list(mine.state_dict()) == list(state)
    for key, value in mine.state_dict().items():
        assert value.dtype == state[key].numpy().dtype and value.shape == tuple(state[key].shape)
        np.testing.assert_allclose(value, state[key].numpy(), rtol=1e-5, atol=1e-6)
    mine.load_state_dict(state)


@pytest.mark.parametrize("transpose", [False, True])
def test_fuse_conv_bn_weights(transpose):
    w, (b, mean, bn_w, bn_b) = draw(4, 4, 3, 3), draw(4, 4)
    arrays = w, b, mean, mean**2, 1e-3, bn_w, bn_b
    mine = nn.utils.fuse_conv_bn_weights(*arrays, transpose)
    tensors = (torch.tensor(a) if isinstance(a, np.ndarray) else a for a in arrays)
    theirs = torch.nn.utils.fusion.fuse_conv_bn_weights(*tensors, transpose)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-12, atol=1e-14)


def test_training_gradients():
    mine, theirs = lenet(nn), lenet(torch.nn)
    mine.load_state_dict(theirs.state_dict())
    x, t = draw(5, 1, 28, 28).astype(np.float32), np.array([0, 9, 3, 3, 7])
    nn.CrossEntropyLoss()(mine(x), t).backward()
    torch.nn.CrossEntropyLoss()(theirs(torch.tensor(x)), torch.tensor(t)).backward()
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("norm_type", [2.0, 1.0, float("inf")])
def test_clip_grad_norm(norm_type):
    arrays, grads = [draw(3, 4), draw(5)], [draw(3, 4, seed=1), draw(5, seed=2)]
    mine, theirs = (
        [nn.Parameter(a) for a in arrays],
        [torch.nn.Parameter(torch.tensor(a)) for a in arrays],
    )
    for m, t, g in zip(mine, theirs, grads, strict=True):
        m.grad, t.grad = g.copy(), torch.tensor(g)
    norm = nn.utils.clip_grad_norm_(mine, 0.7, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, 0.7, norm_type)
    np.testing.assert_allclose(norm.item(), expected.item(), rtol=1e-12)
    for m, t in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(m.grad, t.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    "name", [n for n in dir(nn.init) if n.endswith("_") and not n.startswith("_")]
)
def test_init_arguments(name):
    if name not in ("default_", "forget_gate_bias_", "irnn_"):  # which torch has not
        assert arguments(getattr(nn.init, name)) == arguments(getattr(torch.nn.init, name))


@pytest.mark.parametrize(
    "name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
)
def test_gains(name):
    assert nn.init.calculate_gain(name) == pytest.approx(
        torch.nn.init.calculate_gain(name), rel=1e-15
    )
