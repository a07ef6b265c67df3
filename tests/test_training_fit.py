"""`fit`, `evaluate`, `predict`: what they compute, and the modes they leave behind."""

import numpy as np
import pytest

from fastnn import Tensor, data, functional, manual_seed, nn, optim, training
from fastnn.training import Callback, evaluate, fit, predict


@pytest.fixture(scope="module")
def digits():
    """300 training and 100 test digits, as float32 arrays."""
    train, test = data.load_digits()
    return train[:300], test[:100]


def small_net(dropout=0.0):
    manual_seed(7)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(dropout), nn.Linear(32, 10)
    )


def parameters(model):
    return {name: value.copy() for name, value in model.state_dict().items()}


def assert_same_parameters(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].tobytes() == b[name].tobytes(), name


def test_learns_digits_and_records_every_epoch(digits):
    train, test = digits
    model = small_net()
    history = fit(
        model, train, validation=test, optimizer=optim.Adam(model.parameters(), lr=5e-3),
        epochs=12, batch_size=32, seed=0, progress=False,
    )  # fmt: skip
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy", "lr"]
    assert all(len(values) == 12 for values in history.values())
    assert history.epochs == len(history.seconds) == 12
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    assert history["val_accuracy"][-1] > 0.85
    assert history["val_accuracy"][-1] == evaluate(model, test)["accuracy"]
    assert history["lr"] == [5e-3] * 12


def test_the_same_seed_gives_the_same_bits_however_the_data_comes(digits):
    train, _ = digits
    results = []
    for source in (train, data.ArrayDataset(*train), "loader"):
        model = small_net(dropout=0.3)
        manual_seed(3)
        if source == "loader":
            source = data.DataLoader(train, 32, shuffle=True, prefetch=2)
        history = fit(model, source, epochs=2, batch_size=32, progress=False)
        results.append((history, parameters(model)))
    for history, weights in results[1:]:
        assert history == results[0][0]
        assert_same_parameters(weights, results[0][1])


def test_one_epoch_is_the_plain_loop(digits):
    train, _ = digits
    x, t = train
    by_hand, fitted = small_net(), small_net()
    optimizer = optim.Adam(by_hand.parameters(), lr=1e-3)
    losses = []
    for start in range(0, 300, 50):
        optimizer.zero_grad()
        loss = functional.cross_entropy(by_hand(x[start : start + 50]), t[start : start + 50])
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    history = fit(fitted, data.DataLoader(train, 50), epochs=1, progress=False)
    assert_same_parameters(parameters(by_hand), parameters(fitted))
    assert history["loss"] == [pytest.approx(np.mean(losses), rel=1e-12)]


def test_means_weigh_the_last_smaller_batch_by_its_size(digits):
    _, (x, t) = digits
    model = small_net()
    whole = evaluate(model, (x, t), batch_size=100)
    cut = evaluate(model, (x, t), batch_size=33)
    assert cut["accuracy"] == pytest.approx(whole["accuracy"], abs=1e-12)
    assert cut["loss"] == pytest.approx(whole["loss"], rel=1e-6)


def test_evaluate_and_predict_agree_with_the_model(digits):
    _, (x, t) = digits
    model = small_net(dropout=0.5)
    expected = np.asarray(model.eval()(x))
    model.train()
    output = predict(model, x, batch_size=17)
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)
    measured = evaluate(model, (x, t))
    assert measured["accuracy"] == pytest.approx((expected.argmax(1) == t).mean())
    assert measured["loss"] == pytest.approx(functional.cross_entropy(expected, t).item(), rel=1e-5)


def test_every_module_returns_to_its_own_mode(digits):
    _, (x, t) = digits
    model = small_net(dropout=0.5)
    model[3].eval()  # a layer frozen by hand stays so
    predict(model, x)
    evaluate(model, (x, t))
    assert model.training and not model[3].training
    model.eval()
    with pytest.raises(ValueError, match="linear"):
        predict(model, x[:, :, :4])
    assert not model.training


def test_predict_of_nothing_and_of_bad_inputs(digits):
    _, (x, _) = digits
    model = small_net()
    assert predict(model, x[:0]).shape == (0, 10)
    with pytest.raises(ValueError, match="batch_size must be >= 1, got 0"):
        predict(model, x, batch_size=0)
    with pytest.raises(ValueError, match="common first axis"):
        predict(model, (x, x[:3]))


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(32, 10), nn.Linear(32, 10)

    def forward(self, a, b):
        return self.left(a) + self.right(b)


def test_models_of_two_inputs(digits):
    (x, t), _ = digits
    flat = x.reshape(-1, 64)
    model = TwoInputs()
    arrays = (flat[:, :32], flat[:, 32:], t)
    history = fit(model, arrays, validation=arrays, epochs=2, progress=False)
    assert history["loss"][1] < history["loss"][0]
    assert predict(model, arrays[:2]).shape == (300, 10)


def test_regression_with_its_own_loss_and_metric():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 3)).astype(np.float32)
    y = x @ np.float32([[1.0], [-2.0], [0.5]])
    model = nn.Linear(3, 1)

    def mean_absolute_error(output, target):
        return np.abs(output - target).mean()

    history = fit(
        model, (x, y), validation=(x, y), loss=nn.MSELoss(), metrics=mean_absolute_error,
        optimizer=optim.SGD(model.parameters(), lr=0.1), epochs=20, progress=False,
    )  # fmt: skip
    assert history["val_mean_absolute_error"][-1] < 1e-2
    with pytest.raises(ValueError, match=r"accuracy: expected .*targets \(N,\).*metrics=\(\)"):
        fit(model, (x, y[:, :, None]), loss=lambda o, t: o.sum(), progress=False)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_names_epoch_and_batch(digits, bad):
    (x, t), _ = digits
    x = x.copy()
    x[130] = bad
    model = small_net()
    loader = data.DataLoader((x, t), 32)
    with pytest.raises(FloatingPointError, match=r"epoch 1, batch 5 \(learning rate 0.001\)"):
        fit(model, loader, progress=False)
    assert all(np.isfinite(v).all() for v in model.state_dict().values())


def test_scheduler_steps_once_an_epoch(digits):
    train, test = digits
    model = small_net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    halving = optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    history = fit(model, train, optimizer=optimizer, scheduler=halving, epochs=3, progress=False)
    assert history["lr"] == pytest.approx([0.1, 0.05, 0.025])

    optimizer = optim.SGD(model.parameters(), lr=1e-9)  # nothing improves
    plateau = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=0.5, eps=0)
    history = fit(
        model, train, validation=test, optimizer=optimizer, scheduler=plateau, epochs=3,
        progress=False,
    )  # fmt: skip
    assert history["lr"] == pytest.approx([1e-9, 1e-9, 1e-10])


def test_grad_clip_bounds_the_step(digits):
    train, _ = digits
    model = small_net()
    before = parameters(model)
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    fit(model, train, optimizer=optimizer, epochs=1, batch_size=300, grad_clip=0.01, progress=False)
    after = parameters(model)
    moved = np.sqrt(sum(np.sum((after[n] - before[n]).astype(np.float64) ** 2) for n in after))
    assert moved == pytest.approx(0.01, rel=1e-3)


def test_transform_reaches_training_batches_only(digits):
    train, test = digits
    seen = []

    def transform(batch, rng):
        seen.append(len(batch[0]))
        return batch

    fit(small_net(), train, validation=test, transform=transform, epochs=1, batch_size=100,
        progress=False)  # fmt: skip
    assert seen == [100, 100, 100]
    with pytest.raises(ValueError, match="give the transform to the DataLoader"):
        fit(small_net(), data.DataLoader(train, 10), transform=transform, progress=False)


class Recorder(Callback):
    def __init__(self, name, events):
        self.name, self.events = name, events

    def on_fit_begin(self, run):
        self.events.append((self.name, "fit begin", run.epoch))

    def on_epoch_begin(self, run):
        assert run.model.training and run.batch == 0 and run.logs == {}
        self.events.append((self.name, "epoch begin", run.epoch))

    def on_batch_end(self, run):
        assert set(run.logs) == {"loss", "accuracy"}
        self.events.append((self.name, "batch end", run.batch))

    def on_epoch_end(self, run):
        assert run.logs == run.history.row(-1)
        self.events.append((self.name, "epoch end", run.epoch))

    def on_fit_end(self, run):
        self.events.append((self.name, "fit end", run.completed))


def test_callbacks_are_called_in_order(digits):
    train, _ = digits
    events = []
    callbacks = [Recorder("a", events), Recorder("b", events)]
    fit(small_net(), train, epochs=2, batch_size=150, callbacks=callbacks, progress=False)
    one = [("fit begin", 0)]
    for epoch in (1, 2):
        one += [("epoch begin", epoch), ("batch end", 1), ("batch end", 2), ("epoch end", epoch)]
    one += [("fit end", True)]
    assert events == [(name, *event) for event in one for name in "ab"]


def test_on_fit_end_comes_after_an_error_too(digits):
    train, _ = digits
    events = []

    class Failing(Callback):
        def on_batch_end(self, run):
            raise RuntimeError("stop here")

    with pytest.raises(RuntimeError, match="stop here"):
        fit(small_net(), train, callbacks=[Recorder("a", events), Failing()], progress=False)
    assert events[-1] == ("a", "fit end", False)


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"epochs": 0}, ValueError, "fit: epochs must be an int >= 1, got 0"),
        ({"batch_size": 2.5}, ValueError, "fit: batch_size must be an int >= 1, got 2.5"),
        ({"grad_clip": -1}, ValueError, "fit: grad_clip must be a number > 0 or None, got -1"),
        ({"metrics": "acuracy"}, ValueError, "unknown metric 'acuracy'; known: accuracy"),
        ({"loss": "mse"}, TypeError, "loss: expected a function .* got str"),
        ({"callbacks": [print]}, TypeError, "callbacks must be Callback objects"),
        ({"validation": 3}, TypeError, "fit: validation: expected a DataLoader.* got int"),
    ],
)
def test_wrong_arguments_are_named(digits, arguments, error, message):
    with pytest.raises(error, match=message):
        fit(small_net(), digits[0], progress=False, **arguments)


def test_wrong_data_is_named(digits):
    x, _ = digits[0]
    with pytest.raises(ValueError, match=r"batch must be \(input, ..., target\), got ndarray"):
        fit(small_net(), x, progress=False)
    with pytest.raises(ValueError, match="no samples"):
        evaluate(small_net(), (x[:0], np.zeros(0, np.int64)))
    with pytest.raises(ValueError, match="no batch"):
        fit(small_net(), (x[:0], np.zeros(0, np.int64)), progress=False)


def test_accuracy_of_class_numbers_and_of_probabilities():
    output = np.float32([[2, 1], [0, 3], [1, 0], [0, 1]])
    assert training.accuracy(output, np.array([0, 1, 1, 1])) == 0.75
    assert training.accuracy(Tensor(output), np.float32([[1, 0]] * 4)) == 0.5
