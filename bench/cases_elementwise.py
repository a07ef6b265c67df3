"""What is measured, continued (see cases.py): elementwise operations, reductions, softmax and its
loss, optimisers."""

from math import prod

import numpy as np
import numpy_impl as plain
from cases import TF, Case, f64, label_of, normal, torch, torch_leaf, with_tape

import fastnn
from fastnn import kernels

# ---- elementwise ------------------------------------------------------------------------------

# Their backward starts from x, others' from y.
SAVES_INPUT = ("softplus", "leaky_relu", "gelu", "elu")


def activation(name, shape):
    """Forward and backward."""
    x, dy = normal(*shape), normal(*shape, seed=1)
    forward, backward = getattr(kernels, name), getattr(kernels, f"{name}_backward")
    np_forward, np_backward = plain.ACTIVATIONS[name]

    def by_fastnn():
        y = forward(x)
        return y, backward(dy, x if name in SAVES_INPUT else y)

    def by_numpy(x, dy):
        y = np_forward(x)
        return y, np_backward(dy, x, y)

    impls = {"fastnn": by_fastnn, "numpy": lambda: by_numpy(x, dy)}
    if torch:
        op = getattr(torch, name, None) or getattr(TF, name)
        impls["torch"] = with_tape(op, [torch_leaf(x)], torch.from_numpy(dy))
    label = f"{name} {label_of(shape)}"
    return Case(label, impls, lambda: by_numpy(f64(x), f64(dy)), 4 * 5 * x.size, "GB/s")


def arithmetic(name, shape):
    """name: add, subtract, multiply, divide. Half the second operand's axes are broadcast."""
    x = normal(*shape)
    y = 2 + np.abs(normal(*shape[len(shape) // 2 :], seed=1))
    impls = {
        "fastnn": lambda: getattr(kernels, name)(x, y),
        "numpy": lambda: getattr(np, name)(x, y),
    }
    if torch:
        tx, ty = torch.from_numpy(x), torch.from_numpy(y)
        impls["torch"] = lambda: getattr(torch, name)(tx, ty)
    expected = lambda: getattr(np, name)(f64(x), f64(y))  # noqa: E731
    return Case(f"{name} {label_of(shape)}", impls, expected, 4 * (2 * x.size + y.size), "GB/s")


def reduction(name, axis, shape):
    """name: sum, mean, max."""
    x = normal(*shape)
    impls = {
        "fastnn": lambda: getattr(kernels, name)(x, axis=axis),
        "numpy": lambda: getattr(np, name)(x, axis=axis),
    }
    if torch:
        t, op = torch.from_numpy(x), {"max": "amax"}.get(name, name)
        impls["torch"] = lambda: getattr(torch, op)(t, dim=axis)
    return Case(
        f"{name} of axis {axis}, {label_of(shape)}", impls,
        lambda: getattr(np, name)(f64(x), axis=axis), 4 * x.size, "GB/s",
    )  # fmt: skip


def dropout(shape, p=0.3):
    """Masks differ: compared are the share of ones that are kept, and what they become."""
    x = np.ones(shape, np.float32)
    rng = np.random.default_rng(0)

    def moments(y):
        y = np.asarray(y)
        kept = y != 0
        return np.array([kept.mean(), y[kept].mean()])

    draws = {
        "fastnn": lambda: kernels.dropout(x, p, seed=7),
        "numpy": lambda: plain.dropout(x, p, rng),
    }
    if torch:
        t = torch.from_numpy(x)
        draws["torch"] = lambda: TF.dropout(t, p)
    return Case(
        label_of(shape), draws, lambda: np.array([1 - p, 1 / (1 - p)]), 4 * 2 * x.size, "GB/s",
        tolerance=0.05, summary=moments,
    )  # fmt: skip


# ---- loss and optimisers ----------------------------------------------------------------------


def softmax(name, shape):
    """name: softmax, log_softmax"""
    x, by_numpy = normal(*shape), getattr(plain, name)
    impls = {"fastnn": lambda: getattr(kernels, name)(x), "numpy": lambda: by_numpy(x)}
    if torch:
        t = torch.from_numpy(x)
        impls["torch"] = lambda: getattr(torch, name)(t, 1)
    label = f"{name} {label_of(shape)}"
    return Case(label, impls, lambda: by_numpy(f64(x)), 4 * 2 * x.size, "GB/s")


def global_norm(model, parameters):
    """Of all gradients together, as clipping asks for it."""
    gradients = [normal(*shape, seed=i) for i, shape in enumerate(parameters)]

    def by_numpy(*arrays):
        return np.sqrt(sum(np.vdot(a, a) for a in arrays))

    impls = {
        "fastnn": lambda: kernels.global_norm(gradients),
        "numpy": lambda: by_numpy(*gradients),
    }
    if torch:
        tensors = [torch.from_numpy(a) for a in gradients]
        impls["torch"] = lambda: torch.nn.utils.get_total_norm(tensors)
    nbytes = 4 * sum(a.size for a in gradients)
    return Case(model, impls, lambda: by_numpy(*map(f64, gradients)), nbytes, "GB/s")


def cross_entropy(shape):
    """Softmax cross-entropy, forward and backward."""
    x = normal(*shape)
    target = np.random.default_rng(1).integers(0, shape[1], shape[0])
    one = np.float32(1)

    def by_fastnn():
        loss, log_probs = kernels.softmax_cross_entropy(x, target)
        return loss, kernels.softmax_cross_entropy_backward(one, log_probs, target)

    def by_numpy(x):
        loss, log_probs = plain.cross_entropy(x, target)
        return loss, plain.cross_entropy_backward(log_probs, target)

    impls = {"fastnn": by_fastnn, "numpy": lambda: by_numpy(x)}
    if torch:
        t_target = torch.from_numpy(target)
        impls["torch"] = with_tape(lambda t: TF.cross_entropy(t, t_target), [torch_leaf(x)], None)
    return Case(label_of(shape), impls, lambda: by_numpy(f64(x)), 4 * 3 * x.size, "GB/s")


def optimizer(name, model, shapes):
    """One step of SGD with momentum, or of Adam, over all of a model's parameters."""
    lr, momentum = 1e-3, 0.9

    def draw(dtype):
        lists = [[normal(*s, seed=i).astype(dtype) for s in shapes] for i in range(3)]
        return *lists, [np.abs(normal(*s, seed=3)).astype(dtype) for s in shapes]

    def by_fastnn(params, grads, ms, vs):
        if name == "SGD":
            return lambda: kernels.sgd_step(params, grads, ms, lr=lr, momentum=momentum)
        steps = [10] * len(params)
        return lambda: kernels.adam_step(params, grads, ms, vs, steps=steps, lr=lr)

    def by_numpy(params, grads, ms, vs):
        if name == "SGD":
            return lambda: plain.sgd_step(params, grads, ms, lr, momentum)
        return lambda: plain.adam_step(params, grads, ms, vs, 10, lr)

    def by_torch(params, grads, ms, vs, fused):
        leaves = [torch.from_numpy(p).requires_grad_() for p in params]
        for leaf, g in zip(leaves, grads, strict=True):
            leaf.grad = torch.from_numpy(g)
        if name == "SGD":
            rule = torch.optim.SGD(leaves, lr, momentum, fused=fused)
            for leaf, m in zip(leaves, ms, strict=True):
                rule.state[leaf]["momentum_buffer"] = torch.from_numpy(m)
        else:
            rule = torch.optim.Adam(leaves, lr, fused=fused)
            for leaf, m, v in zip(leaves, ms, vs, strict=True):
                rule.state[leaf].update(
                    step=torch.tensor(9.0),
                    exp_avg=torch.from_numpy(m),
                    exp_avg_sq=torch.from_numpy(v),
                )
        return rule.step

    def stepping(params, step):
        def run():
            step()
            return params

        return run

    impls = {}
    for impl, make in {"fastnn": by_fastnn, "numpy": by_numpy}.items():
        state = draw(np.float32)
        impls[impl] = stepping(state[0], make(*state))
    for fused in (False, True) if torch else ():
        state = draw(np.float32)
        impls["torch fused" if fused else "torch"] = stepping(state[0], by_torch(*state, fused))

    def expected():
        state = draw(np.float64)
        by_numpy(*state)()
        return state[0]

    arrays = 5 if name == "SGD" else 7  # read and written: p, m (and v); read: g
    nbytes = 4 * arrays * sum(prod(s) for s in shapes)
    return Case(f"{name}, {model}", impls, expected, nbytes, "GB/s")


def adaptive_optimizer(name, model, shapes):
    """A step of Adagrad, Adadelta or RMSprop with its defaults over all of a model's parameters:
    compared after the first, whose state is zeros."""
    states = 2 if name == "Adadelta" else 1
    by_numpy = getattr(plain, f"{name.lower()}_step")

    def draw(dtype):
        return [[normal(*s, seed=i).astype(dtype) for s in shapes] for i in range(2)]

    def numpy_step(dtype):
        params, grads = draw(dtype)
        buffers = [[np.zeros_like(p) for p in params] for _ in range(states)]

        def run():
            by_numpy(params, grads, *buffers)
            return params

        return run

    def class_step(rule, leaf):
        params, grads = draw(np.float32)
        leaves = [leaf(p, g) for p, g in zip(params, grads, strict=True)]
        optimizer = rule(leaves)

        def run():
            optimizer.step()
            return params

        return run

    def leaf_of_fastnn(p, g):
        tensor = fastnn.Tensor(p, requires_grad=True)
        tensor.grad = g
        return tensor

    def leaf_of_torch(p, g):
        tensor = torch.from_numpy(p).requires_grad_()
        tensor.grad = torch.from_numpy(g)
        return tensor

    impls = {
        "fastnn": class_step(getattr(fastnn.optim, name), leaf_of_fastnn),
        "numpy": numpy_step(np.float32),
    }
    if torch:
        impls["torch"] = class_step(getattr(torch.optim, name), leaf_of_torch)
    arrays = 3 + 2 * states
    nbytes = 4 * arrays * sum(prod(s) for s in shapes)
    return Case(f"{name}, {model}", impls, numpy_step(np.float64), nbytes, "GB/s")
