"""A short LeNet-5 training run, for the tests of threads, determinism, memory, and interruption."""

import numpy as np

from fastnn import Tensor, functional, manual_seed, models, optim


def batches(count, batch, seed=0, size=28, classes=10):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        x = rng.standard_normal((batch, 1, size, size)).astype(np.float32)
        yield x, rng.integers(0, classes, batch)


def steps(model, optimizer, data):
    """Train on the batches; the losses, as floats."""
    losses = []
    for x, target in data:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(Tensor(x)), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def lenet(seed=0):
    manual_seed(seed)
    model = models.LeNet5()
    return model, optim.Adam(model.parameters(), lr=1e-3)


def train_lenet(count=20, batch=32, seed=0):
    """All parameters and losses after `count` steps, as arrays."""
    model, optimizer = lenet(seed)
    losses = steps(model, optimizer, batches(count, batch, seed))
    assert np.isfinite(losses).all()
    return [*model.state_dict().values(), np.array(losses)]
