"""The references themselves, against torch: what every kernel is measured by must be right."""

from itertools import product

import numpy as np
import pytest
import reference
from opcheck import draw

torch = pytest.importorskip("torch")
F = torch.nn.functional


def leaf(a):
    return torch.tensor(a, requires_grad=True)


def near(ours, theirs):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-10, atol=1e-12)


def differentiate(y, *leaves):
    """Random dy -> dy as an array, and torch's gradients."""
    dy = draw(*y.shape, seed=7)
    return dy, torch.autograd.grad(y, leaves, torch.tensor(dy))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dilation", [1, (2, 1)])
@pytest.mark.parametrize("padding", [0, 1, (2, 0)])
@pytest.mark.parametrize("stride", [1, 2, (2, 1)])
def test_conv2d(stride, padding, dilation, groups):
    x, w, b = draw(2, 4, 9, 8), draw(6, 4 // groups, 3, 2), draw(6)
    window = dict(stride=stride, padding=padding, dilation=dilation)
    leaves = tx, tw, tb = leaf(x), leaf(w), leaf(b)
    y = F.conv2d(tx, tw, tb, groups=groups, **window)
    dy, gradients = differentiate(y, *leaves)
    near(reference.conv2d(x, w, b, groups=groups, **window), y)
    ours = reference.conv2d_backward(dy, x, w, groups=groups, **window)
    for a, g in zip(ours, gradients, strict=True):
        near(a, g)
    cols = F.unfold(tx, (3, 2), **window)
    near(reference.im2col(x, (3, 2), **window), cols)
    image = F.fold(cols, (9, 8), (3, 2), **window)
    near(reference.col2im(cols.detach().numpy(), (9, 8), (3, 2), **window), image)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    "sizes",
    [dict(), dict(stride=2, padding=1), dict(dilation=3), dict(stride=3, padding=2, dilation=2)],
)
def test_conv1d(sizes, groups):
    leaves = x, w, b = leaf(draw(2, 4, 9)), leaf(draw(6, 4 // groups, 3)), leaf(draw(6))
    y = F.conv1d(x, w, b, groups=groups, **sizes)
    dy, gradients = differentiate(y, *leaves)
    x, w, b = (t.detach().numpy() for t in leaves)
    near(reference.conv1d(x, w, b, groups=groups, **sizes), y)
    ours = reference.conv1d_backward(dy, x, w, groups=groups, **sizes)
    for a, g in zip(ours, gradients, strict=True):
        near(a, g)


@pytest.mark.parametrize("lengths", [None, np.array([9, 3])])
def test_conv1d_max_over_time(lengths):
    leaves = x, w, b = leaf(draw(2, 4, 9)), leaf(draw(6, 4, 3)), leaf(draw(6))
    alone = x if lengths is None else [row[:, :n] for row, n in zip(x, lengths, strict=True)]
    y = torch.stack([F.conv1d(row, w, b, padding=1).amax(1) for row in alone])
    dy, gradients = differentiate(y, *leaves)
    x, w, b = (t.detach().numpy() for t in leaves)
    sizes = dict(padding=1, lengths=lengths)
    ours, at = reference.conv1d_max_over_time(x, w, b, **sizes)
    near(ours, y)
    ours = reference.conv1d_max_over_time_backward(dy, at, x, w, **sizes)
    for a, g in zip(ours, gradients, strict=True):
        near(a, g)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    "sizes",
    [
        dict(),
        dict(stride=2, padding=1, output_padding=1),
        dict(dilation=3, output_padding=2),
        dict(stride=3, padding=2, dilation=2, output_padding=2),
    ],
)
@pytest.mark.parametrize("axes", [1, 2])
def test_conv_transpose(axes, sizes, groups):
    name = f"conv_transpose{axes}d"
    x, w, b = draw(2, 4, *(5, 6)[:axes]), draw(4, 6 // groups, *(3, 4)[:axes]), draw(6)
    leaves = leaf(x), leaf(w), leaf(b)
    y = getattr(F, name)(*leaves, groups=groups, **sizes)
    dy, gradients = differentiate(y, *leaves)
    near(getattr(reference, name)(x, w, b, groups=groups, **sizes), y)
    ours = getattr(reference, f"{name}_backward")(dy, x, w, groups=groups, **sizes)
    for a, g in zip(ours, gradients, strict=True):
        near(a, g)


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("stride", [None, 1, 2, (3, 2)])
@pytest.mark.parametrize("kernel_size", [2, (3, 2)])
def test_max_pool2d(kernel_size, stride, padding, dilation, ceil_mode):
    x = np.round(draw(2, 3, 9, 8))  # with ties
    x[0, 0, 2, 2] = x[0, 0, 3, 3] = np.nan
    x[1, 0] = -np.inf
    options = dict(stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    tx = leaf(x)
    y, indices = F.max_pool2d(tx, kernel_size, return_indices=True, **options)
    dy, (dx,) = differentiate(y, tx)
    our_y, our_indices = reference.max_pool2d(x, kernel_size, **options)
    near(our_y, y)
    near(our_indices, indices)
    near(reference.max_pool2d_backward(dy, our_indices, (9, 8), kernel_size, **options), dx)


@pytest.mark.parametrize(
    "divisor", [dict(), dict(count_include_pad=False), dict(divisor_override=3)]
)
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("stride", [None, 1, 2, (3, 2)])
@pytest.mark.parametrize("kernel_size", [2, (3, 2)])
def test_avg_pool2d(kernel_size, stride, padding, ceil_mode, divisor):
    x = draw(2, 3, 9, 8)
    options = dict(stride=stride, padding=padding, ceil_mode=ceil_mode, **divisor)
    tx = leaf(x)
    y = F.avg_pool2d(tx, kernel_size, **options)
    dy, (dx,) = differentiate(y, tx)
    near(reference.avg_pool2d(x, kernel_size, **options), y)
    near(reference.avg_pool2d_backward(dy, (9, 8), kernel_size, **options), dx)


@pytest.mark.parametrize(
    ("kernel_size", "options"),
    [(2, dict()), (3, dict(stride=2, padding=1)), (3, dict(stride=2, ceil_mode=True))],
)
def test_pooling_of_sequences(kernel_size, options):
    x = np.round(draw(2, 3, 10))
    tx = leaf(x)
    y, indices = F.max_pool1d(tx, kernel_size, return_indices=True, **options)
    dy, (dx,) = differentiate(y, tx)
    our_y, our_indices = reference.max_pool1d(x, kernel_size, **options)
    near(our_y, y)
    near(our_indices, indices)
    near(reference.max_pool1d_backward(dy, our_indices, 10, kernel_size, **options), dx)
    y = F.avg_pool1d(tx, kernel_size, **options)
    dy, (dx,) = differentiate(y, tx)
    near(reference.avg_pool1d(x, kernel_size, **options), y)
    near(reference.avg_pool1d_backward(dy, 10, kernel_size, **options), dx)


@pytest.mark.parametrize("output_size", [1, 4, (3, None), (5, 11)])
def test_adaptive_pooling(output_size):
    x = draw(2, 3, 9, 8)
    x[0, 0, 2, 2] = x[0, 0, 3, 3] = np.nan
    tx = leaf(x)
    y, indices = F.adaptive_max_pool2d(tx, output_size, return_indices=True)
    dy, (dx,) = differentiate(y, tx)
    our_y, our_indices = reference.adaptive_max_pool2d(x, output_size)
    near(our_y, y)
    near(our_indices, indices)
    near(reference.adaptive_max_pool2d_backward(dy, our_indices, (9, 8)), dx)
    y = F.adaptive_avg_pool2d(tx, output_size)
    dy, (dx,) = differentiate(y, tx)
    near(reference.adaptive_avg_pool2d(x, output_size), y)
    near(reference.adaptive_avg_pool2d_backward(dy, (9, 8)), dx)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [dict(size=(4, 13)), dict(scale_factor=(2, 0.7))])
def test_interpolate(size, align_corners, mode):
    x = draw(2, 3, 9, 8)
    tx = leaf(x)
    theirs = size if mode == "nearest" else size | dict(align_corners=align_corners)
    y = F.interpolate(tx, mode=mode, **theirs)
    dy, (dx,) = differentiate(y, tx)
    how = dict(mode=mode, align_corners=align_corners)
    near(reference.interpolate(x, **size, **how), y)
    how["scale_factor"] = size.get("scale_factor")
    near(reference.interpolate_backward(dy, (9, 8), **how), dx)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate"])
@pytest.mark.parametrize("pad", [(1, 2, 3, 4), (0, 3, -2, 1)])
def test_pad(pad, mode):
    x = draw(2, 3, 9, 8)
    tx = leaf(x)
    y = F.pad(tx, pad, mode)
    dy, (dx,) = differentiate(y, tx)
    near(reference.pad(x, pad, mode=mode), y)
    near(reference.pad_backward(dy, pad, mode=mode), dx)


@pytest.mark.parametrize(
    ("name", "theirs", "keeps", "options"),
    [
        ("relu", F.relu, "y", {}),
        ("sigmoid", torch.sigmoid, "y", {}),
        ("tanh", torch.tanh, "y", {}),
        ("exp", torch.exp, "y", {}),
        ("softplus", F.softplus, "x", {}),
        ("softplus", F.softplus, "x", dict(beta=2.0, threshold=3.0)),
        ("leaky_relu", F.leaky_relu, "x", dict(negative_slope=0.3)),
        ("elu", F.elu, "x", dict(alpha=0.7)),
        ("softmax", lambda x: F.softmax(x, -1), "y", {}),
        ("log_softmax", lambda x: F.log_softmax(x, -1), "y", {}),
    ],
)
def test_activations(name, theirs, keeps, options):
    x = 10 * draw(5, 4)
    tx = leaf(x)
    y = theirs(tx, **options)
    dy, (dx,) = differentiate(y, tx)
    our_y = getattr(reference, name)(x, **options)
    near(our_y, y)
    kept = x if keeps == "x" else our_y
    near(getattr(reference, f"{name}_backward")(dy, kept, **options), dx)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("shape", [(6, 5), (3, 5, 4), (3, 5, 4, 2)])
def test_batch_norm(shape, fused, training):
    leaves = x, w, b, r = [leaf(draw(*s)) for s in (shape, shape[1:2], shape[1:2], shape)]
    mean, var = (None, None) if training else (draw(5, seed=1), draw(5, seed=2) ** 2)
    given = [None if a is None else torch.tensor(a) for a in (mean, var)]
    y = F.batch_norm(x, *given, w, b, training, eps=0.1)
    if fused:
        y = F.relu(y + r)
    leaves = leaves if fused else leaves[:3]
    dy, gradients = differentiate(y, *leaves)
    arrays = [t.detach().numpy() for t in (x, w, b, r)]
    options = dict(eps=0.1, activation="relu" if fused else None)
    our_y, our_mean, our_var = reference.batch_norm(
        *arrays[:3], mean=mean, var=var, residual=arrays[3] if fused else None, **options
    )
    near(our_y, y)
    ours = reference.batch_norm_backward(
        dy, arrays[0], our_mean, our_var, *arrays[1:3], training=training, y=our_y, **options
    )
    for a, g in zip(ours, gradients, strict=False):
        near(a, g)


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("shape", [(3, 6, 4), (2, 6, 3, 5)])
def test_group_norm(shape, groups):
    leaves = x, w, b = [leaf(draw(*s)) for s in (shape, shape[1:2], shape[1:2])]
    y = F.group_norm(x, groups, w, b)
    dy, gradients = differentiate(y, *leaves)
    x, w, b = (t.detach().numpy() for t in leaves)
    our_y, mean, var = reference.group_norm(x, groups, w, b)
    near(our_y, y)
    for a, g in zip(reference.group_norm_backward(dy, x, mean, var, w), gradients, strict=True):
        near(a, g)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_layer_norm(ndim):
    shape = (3, 4, 5)[3 - ndim :]
    leaves = x, w, b = [leaf(draw(*s)) for s in ((3, 4, 5), shape, shape)]
    y = F.layer_norm(x, shape, w, b)
    dy, gradients = differentiate(y, *leaves)
    x, w, b = (t.detach().numpy() for t in leaves)
    our_y, mean, var = reference.layer_norm(x, shape, w, b)
    near(our_y, y)
    for a, g in zip(reference.layer_norm_backward(dy, x, mean, var, w), gradients, strict=True):
        near(a, g)


@pytest.mark.parametrize("options", [dict(), dict(alpha=2.0, beta=0.5, k=1.5)])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 9])
def test_local_response_norm(size, options):
    x = draw(2, 6, 3, 4)
    tx = leaf(x)
    y = F.local_response_norm(tx, size, **options)
    dy, (dx,) = differentiate(y, tx)
    near(reference.local_response_norm(x, size, **options), y)
    near(reference.local_response_norm_backward(dy, x, size, **options), dx)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("kind", ["classes", "probabilities"])
def test_softmax_cross_entropy(kind, reduction, weighted, label_smoothing):
    logits, weight = draw(6, 5), np.abs(draw(5)) if weighted else None
    target = np.abs(draw(6, 5, seed=1))
    if kind == "classes":
        target = target.argmax(axis=1)
        target[2] = -100
    options = dict(reduction=reduction, label_smoothing=label_smoothing)
    x = leaf(logits)
    their_weight = torch.tensor(weight) if weighted else None
    loss = F.cross_entropy(x, torch.tensor(target), weight=their_weight, **options)
    dloss, (dx,) = differentiate(loss, x)
    options["weight"] = weight
    our_loss, log_probs = reference.softmax_cross_entropy(logits, target, **options)
    near(our_loss, loss)
    near(
        reference.softmax_cross_entropy_backward(dloss, log_probs, target, **options),
        dx,
    )


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), (0, 1, 2)])
def test_max(axis, keepdims):
    x = np.round(draw(3, 4, 5))  # with ties
    tx = leaf(x)
    y = torch.amax(tx, dim=axis, keepdim=keepdims)
    dy, (dx,) = differentiate(y, tx)
    our_y = reference.max(x, axis, keepdims)
    near(our_y, y)
    near(reference.max_backward(dy, x, our_y, axis, keepdims), dx)


@pytest.mark.parametrize("shape", [(3, 4, 5), (4, 5), (5,), (), (3, 1, 5), (1, 1), (1, 4, 1)])
def test_sum_to(shape):
    x = leaf(draw(*shape))
    dy, (dx,) = differentiate(x.expand(3, 4, 5), x)
    near(reference.sum_to(dy, shape), dx)


@pytest.mark.parametrize(
    "options",
    [
        dict(),
        dict(weight_decay=0.1),
        dict(momentum=0.9),
        dict(momentum=0.9, nesterov=True, weight_decay=0.1),
        dict(momentum=0.9, dampening=0.3, maximize=True),
    ],
)
def test_sgd_step(options):
    p, buffer = draw(3, 2), np.full((3, 2), np.nan)
    theirs = torch.nn.Parameter(torch.tensor(p))
    optimizer = torch.optim.SGD([theirs], lr=0.1, **options)
    for step in range(4):
        g = draw(3, 2, seed=step)
        theirs.grad = torch.tensor(g) / 2
        optimizer.step()
        reference.sgd_step([p], [g], [buffer], lr=0.1, grad_scale=0.5, first=[step == 0], **options)
        near(p, theirs)


@pytest.mark.parametrize(
    ("decoupled", "amsgrad", "maximize", "weight_decay"),
    list(product([False, True], [False, True], [False, True], [0.0, 0.1])),
)
def test_adam_step(decoupled, amsgrad, maximize, weight_decay):
    p, m, v, largest = draw(3, 2), *np.zeros((3, 3, 2))
    theirs = torch.nn.Parameter(torch.tensor(p))
    options = dict(lr=0.1, maximize=maximize, weight_decay=weight_decay)
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    optimizer = kind([theirs], amsgrad=amsgrad, **options)
    options.update(decoupled=decoupled, max_exp_avg_sqs=[largest] if amsgrad else None)
    for step in range(1, 5):
        g = draw(3, 2, seed=step)
        theirs.grad = torch.tensor(g) / 2
        optimizer.step()
        reference.adam_step([p], [g], [m], [v], steps=[step], grad_scale=0.5, **options)
        near(p, theirs)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Adagrad", dict(lr=0.1)),
        ("Adagrad", dict(lr=0.1, lr_decay=0.2, weight_decay=0.1, eps=0.01, maximize=True)),
        ("Adadelta", dict()),
        ("Adadelta", dict(lr=0.5, rho=0.7, eps=0.01, weight_decay=0.1, maximize=True)),
        ("RMSprop", dict(lr=0.1)),
        ("RMSprop", dict(lr=0.1, alpha=0.7, eps=0.01, weight_decay=0.1, momentum=0.9)),
        ("RMSprop", dict(lr=0.1, centered=True, maximize=True)),
        ("RMSprop", dict(lr=0.1, alpha=0.7, momentum=0.5, centered=True)),
    ],
)
def test_adaptive_steps(name, options):
    p, v, m, b = draw(3, 2), *np.zeros((3, 3, 2))
    theirs = torch.nn.Parameter(torch.tensor(p))
    optimizer = getattr(torch.optim, name)([theirs], **options)
    if name == "RMSprop":
        centered = options.get("centered", False)
        options = {k: o for k, o in options.items() if k != "centered"}
        options.update(grad_avgs=[m] if centered else None, momentum_buffers=[b])
    for step in range(1, 5):
        g = draw(3, 2, seed=step)
        theirs.grad = torch.tensor(g) / 2
        optimizer.step()
        if name == "Adagrad":
            reference.adagrad_step([p], [g], [v], steps=[step], grad_scale=0.5, **options)
        elif name == "Adadelta":
            reference.adadelta_step([p], [g], [v], [m], grad_scale=0.5, **options)
        else:
            reference.rmsprop_step([p], [g], [v], grad_scale=0.5, **options)
        near(p, theirs)


@pytest.mark.parametrize(
    "options", [dict(), dict(padding_idx=2), dict(padding_idx=-1, scale_grad_by_freq=True)]
)
def test_embedding(options):
    weight, index = draw(6, 3), np.array([[0, 2, 5, 2], [3, 3, 2, 5]])
    tw = leaf(weight)
    y = F.embedding(torch.tensor(index), tw, **options)
    dy, (dw,) = differentiate(y, tw)
    near(reference.embedding(index, weight), y)
    near(reference.embedding_backward(dy, index, 6, **options), dw)


def test_dropout():
    x = np.ones((100, 100))
    y = reference.dropout(x, 0.3, seed=5)
    assert set(np.unique(y)) == {0, 1 / 0.7}
    assert abs(np.mean(y == 0) - 0.3) < 0.02
    np.testing.assert_array_equal(reference.dropout_backward(x, 0.3, seed=5), y)
    assert not reference.dropout(x, 1.0, seed=5).any()


@pytest.mark.parametrize(
    "op, name, options",
    [
        ("rnn", "RNN", {}),
        ("rnn", "RNN", {"nonlinearity": "relu"}),
        ("lstm", "LSTM", {}),
        ("gru", "GRU", {}),
    ],
)
def test_recurrent(op, name, options):
    layer = getattr(torch.nn, name)(3, 4, dtype=torch.float64, **options)
    weights = list(layer.parameters())
    x, *first = leaves = [leaf(draw(*s)) for s in [(5, 2, 3), *[(2, 4)] * (1 + (op == "lstm"))]]
    stacked = tuple(s[None] for s in first)
    y, last = layer(x, stacked if op == "lstm" else stacked[0])
    last = list(last) if op == "lstm" else [last]
    results = [y, *(s[0] for s in last)]
    arrays = [a.detach().numpy() for a in (*leaves, *weights)]
    *ours, saved = getattr(reference, op)(*arrays, **options)
    for a, b in zip(ours, results, strict=True):
        near(a, b)
    gradients_of = [draw(*r.shape, seed=9) for r in results]
    loss = sum((r * torch.tensor(d)).sum() for r, d in zip(results, gradients_of, strict=True))
    theirs = torch.autograd.grad(loss, [*leaves, *weights])
    backward = getattr(reference, f"{op}_backward")
    ours = backward(*gradients_of, arrays[0], *arrays[-4:-2], saved, **options)
    for a, b in zip(ours, theirs, strict=False):
        near(a, b)
