"""Whole training steps (zero_grad, forward, loss, backward, step), and single tiny operations
recorded on the tape, by every implementation."""

import numpy as np
import numpy_impl as plain
from cases import FORMATS, Case, f64, images, normal, torch, torch_format, torch_images
from shapes import LENET5, MLP

import fastnn
from fastnn import nn

# Too small to learn the batch by heart: gradients stay of ordinary size, however many steps.
LR = 1e-6


def lenet5(batch=64):
    x = images(batch, 1, 28, 28)
    target = labels(batch)
    weights = _weights(LENET5)
    nchw = np.ascontiguousarray(x)
    impls = {
        "fastnn": _fastnn_step(fastnn.models.LeNet5(), weights, x, target),
        "numpy": _numpy_step(weights, nchw, target),
    }
    for layout in FORMATS if torch else ():
        import torch_networks

        for fused in (False, True):
            model = torch_networks.LeNet5(10).to(memory_format=torch_format(layout))
            impls[f"torch {layout}{', fused Adam' * fused}"] = _torch_step(
                model, weights, torch_images(x, layout), target, fused
            )

    def expected():
        return _numpy_step([f64(w) for w in weights], f64(nchw), target)()

    return Case(f"LeNet-5, batch {batch}", impls, expected, batch, unit="images/s")


def mlp(batch=128):
    x = normal(batch, 784)
    target = labels(batch)
    weights = _weights(MLP)
    impls = {"fastnn": _fastnn_step(_mlp(nn), weights, x, target)}
    for fused in (False, True) if torch else ():
        impls[f"torch{', fused Adam' * fused}"] = _torch_step(
            _mlp(torch.nn), weights, torch.from_numpy(x), target, fused
        )
    label = f"MLP 784-1024-1024-10, batch {batch}"
    return Case(label, impls, lambda: _mlp_expected(weights, x, target), batch, unit="rows/s")


def training_step(model, optimizer, cross_entropy, x, target):
    """By fastnn or torch: a call that returns the loss and the gradient of the first weight."""
    first = next(iter(model.parameters()))

    def step():
        optimizer.zero_grad()
        loss = cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        return loss, first.grad

    return step


def labels(batch, classes=10):
    return np.random.default_rng(5).integers(0, classes, batch)


def _weights(shapes):
    scales = [np.prod(s[1:]) ** -0.5 if len(s) > 1 else 0.1 for s in shapes]
    return [np.float32(c) * normal(*s, seed=9) for c, s in zip(scales, shapes, strict=True)]


def _load(model, weights):
    """Set the parameters, in order, keeping their storage."""
    for p, w in zip(model.parameters(), weights, strict=True):
        p.data[...] = w
    return model


def _fastnn_step(model, weights, x, target):
    optimizer = fastnn.optim.Adam(_load(model, weights).parameters(), lr=LR)
    return training_step(model, optimizer, fastnn.functional.cross_entropy, x, target)


def _torch_step(model, weights, x, target, fused):
    _load(model, map(torch.from_numpy, weights))
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=fused)
    cross_entropy = torch.nn.functional.cross_entropy
    return training_step(model, optimizer, cross_entropy, x, torch.from_numpy(target))


def _numpy_step(weights, x, target):
    model = plain.LeNet5([w.copy() for w in weights], LR)
    return lambda: model.step(x, target)


def _mlp(library):
    """library: fastnn.nn or torch.nn"""
    linear, relu = library.Linear, library.ReLU
    return library.Sequential(
        linear(784, 1024), relu(), linear(1024, 1024), relu(), linear(1024, 10)
    )


def _mlp_expected(weights, x, target):
    """-> loss, gradient of the first weight"""
    w1, b1, w2, b2, w3, b3 = (f64(w) for w in weights)
    h1 = np.maximum(f64(x) @ w1.T + b1, 0)
    h2 = np.maximum(h1 @ w2.T + b2, 0)
    loss, log_probs = plain.cross_entropy(h2 @ w3.T + b3, target)
    d2 = plain.cross_entropy_backward(log_probs, target) @ w3 * (h2 > 0)
    d1 = d2 @ w2 * (h1 > 0)
    return loss, d1.T @ f64(x)


# ---- tiny operations --------------------------------------------------------------------------

# One statement for both libraries; x, y (3, 4) and w (4, 3) require gradients.
OPS = {
    "add": "x + y",
    "sub": "x - y",
    "mul": "x * y",
    "div": "x / y",
    "matmul": "x @ w",
    "relu": "x.relu()",
    "exp": "x.exp()",
    "sum": "x.sum()",
    "mean": "x.mean()",
    "reshape": "x.reshape(4, 3)",
    "transpose": "x.transpose(0, 1)",
    "getitem": "x[1]",
}


def tiny_operands():
    """{implementation: the names that the statements of OPS use}"""
    arrays = {"x": normal(3, 4), "y": 2 + np.abs(normal(3, 4, seed=1)), "w": normal(4, 3)}
    operands = {"fastnn": {k: fastnn.Tensor(a, requires_grad=True) for k, a in arrays.items()}}
    if torch:
        operands["torch"] = {k: torch.from_numpy(a).requires_grad_() for k, a in arrays.items()}
    return operands
