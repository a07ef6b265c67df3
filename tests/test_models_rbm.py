"""The restricted Boltzmann machine against enumeration of its states, and what is built of it."""

from itertools import product

import numpy as np
import pytest

import fastnn
from fastnn.models.autoencoder import Autoencoder, gaussian_noise, masking_noise, squared_error
from fastnn.models.dbn import DBN
from fastnn.models.rbm import RBM, train_rbm


def states(n):
    return np.array(list(product([0.0, 1.0], repeat=n)))


def small(n_visible=5, n_hidden=4, visible="binary", hidden="binary", scale=1.0, dtype=np.float64):
    rbm = RBM(n_visible, n_hidden, visible, hidden, dtype=dtype)
    rng = np.random.default_rng(3)
    for p in rbm.parameters():
        p.data[...] = scale * rng.standard_normal(p.shape)
    return rbm


def all_energies(rbm, v, h):
    """(len(v), len(h))"""
    rows = [rbm.energy(np.repeat(row[None], len(h), 0), h) for row in v]
    return np.array(rows)


def bars_and_stripes(n=3):
    rows = np.repeat(states(n)[:, :, None], n, 2)
    return np.unique(np.concatenate([rows, rows.transpose(0, 2, 1)]).reshape(-1, n * n), axis=0)


# -- energies --------------------------------------------------------------------------------------


def test_energy_of_one_pair_by_hand():
    rbm = RBM(2, 1, dtype=np.float64)
    rbm.weight.data[...], rbm.visible_bias.data[...], rbm.hidden_bias.data[...] = (
        [[2, -3]],
        [5, 7],
        11,
    )
    v, h = np.array([[1.0, 1.0]]), np.array([[1.0]])
    assert rbm.energy(v, h) == -(5 + 7) - 11 - (2 - 3)
    rbm.visible = "gaussian"
    assert rbm.energy(v, h) == ((1 - 5) ** 2 + (1 - 7) ** 2) / 2 - 11 - (2 - 3)


@pytest.mark.parametrize("shape", [(5, 4), (3, 7)])
def test_likelihood_of_binary_units_is_that_of_enumeration(shape):
    rbm = small(*shape)
    v, h = states(shape[0]), states(shape[1])
    energies = all_energies(rbm, v, h)
    z = np.exp(-energies).sum()
    assert rbm.log_partition() == pytest.approx(np.log(z), rel=1e-12)
    np.testing.assert_allclose(rbm.free_energy(v), -np.log(np.exp(-energies).sum(1)), rtol=1e-10)
    np.testing.assert_allclose(rbm.log_likelihood(v), np.log(np.exp(-energies).sum(1) / z))
    assert np.exp(rbm.log_likelihood(v)).sum() == pytest.approx(1)
    joint = np.exp(-energies)
    np.testing.assert_allclose(rbm.hidden_mean(v), joint @ h / joint.sum(1, keepdims=True))
    np.testing.assert_allclose(rbm.visible_mean(h), joint.T @ v / joint.T.sum(1, keepdims=True))


def test_likelihood_of_gaussian_units_integrates_to_one():
    """One Gaussian unit on a fine grid, the other layer enumerated."""
    grid = np.linspace(-25, 25, 20001)[:, None]
    step = grid[1, 0] - grid[0, 0]
    of_visible = small(1, 4, visible="gaussian")
    assert np.exp(of_visible.log_likelihood(grid)).sum() * step == pytest.approx(1)
    of_hidden = small(4, 1, hidden="gaussian")
    v = states(4)
    z = np.exp(-all_energies(of_hidden, v, grid)).sum() * step
    assert of_hidden.log_partition() == pytest.approx(np.log(z))
    assert np.exp(of_hidden.log_likelihood(v)).sum() == pytest.approx(1)


def test_many_states_are_enumerated_in_parts():
    """14 units are four parts; without weights the units are independent."""
    rbm = small(14, 15)
    rbm.weight.data[...] = 0
    biases = np.concatenate([rbm.visible_bias.data, rbm.hidden_bias.data])
    assert rbm.log_partition() == pytest.approx(np.logaddexp(0, biases).sum())


@pytest.mark.parametrize("visible", ["binary", "gaussian"])
def test_start_at_gives_the_mean_of_the_data(visible):
    x = np.random.default_rng(0).random((50, 6))
    x[:, 0] = 1  # a certain one is not taken to infinity
    rbm = RBM(6, 3, visible=visible, dtype=np.float64).start_at(x)
    expected = np.minimum(x.mean(0), 0.999 if visible == "binary" else 1)
    np.testing.assert_allclose(rbm.visible_mean(np.zeros((1, 3)))[0], expected)


def test_too_many_states():
    with pytest.raises(ValueError, match=r"log_partition: 2\^30 states are too many, at most 24"):
        RBM(30, 40).log_partition()


@pytest.mark.parametrize("kinds", [("gaussian", "gaussian"), ("softmax", "binary")])
def test_other_kinds_of_units(kinds):
    with pytest.raises(ValueError, match="must be 'binary' or 'gaussian', and not both"):
        RBM(3, 2, *kinds)


# -- sampling and learning -------------------------------------------------------------------------


def test_gibbs_sampling_reaches_the_models_distribution():
    fastnn.manual_seed(0)
    rbm = small(3, 2, scale=0.8)
    v = states(3)
    exact = np.exp(rbm.log_likelihood(v))
    samples = rbm.gibbs(np.zeros((20_000, 3)), 20)
    seen = np.bincount((samples @ [4, 2, 1]).astype(int), minlength=8) / len(samples)
    np.testing.assert_allclose(seen, exact, atol=5 * np.sqrt(0.25 / len(samples)))


def test_gaussian_samples_have_their_mean_and_variance():
    fastnn.manual_seed(0)
    rbm = small(3, 2, visible="gaussian")
    h = np.ones((40_000, 2))
    v = rbm.sample_visible(h)
    np.testing.assert_allclose(v.mean(0), rbm.visible_mean(h[:1])[0], atol=0.03)
    np.testing.assert_allclose(v.std(0), 1, atol=0.03)


def test_one_step_of_contrastive_divergence_by_hand():
    """Hidden units that are certain, so that nothing is random: dW = -(h v - h1 v1)."""
    rbm = RBM(2, 2, dtype=np.float64)
    rbm.weight.data[...] = [[200, -100], [-200, 0]]
    rbm.visible_bias.data[...] = -0.5, 0.5
    rbm.hidden_bias.data[...] = 50, 100
    v = np.array([[1.0, 0.0]])
    h = np.array([[1.0, 0.0]])  # b + W v = 250, -100
    v1 = 1 / (1 + np.exp(-np.array([[199.5, -99.5]])))  # a + h W: nearly 1, 0
    h1 = 1 / (1 + np.exp(-(np.array([[50.0, 100.0]]) + v1 @ rbm.weight.data.T)))
    error = rbm.contrastive_divergence(v)
    np.testing.assert_allclose(rbm.weight.grad, h1.T @ v1 - h.T @ v, atol=1e-12)
    np.testing.assert_allclose(rbm.visible_bias.grad, (v1 - v)[0], atol=1e-12)
    np.testing.assert_allclose(rbm.hidden_bias.grad, (h1 - h)[0], atol=1e-12)
    assert error == pytest.approx(np.sum((v - v1) ** 2), abs=1e-12)
    rbm.weight.data[0, 0] = -200  # now b + W v = -150: h = 0, v1 = sigmoid(a)
    rbm.contrastive_divergence(v)
    v1 = 1 / (1 + np.exp(-rbm.visible_bias.data))
    np.testing.assert_allclose(rbm.visible_bias.grad, v1 - v[0], rtol=1e-12)


def test_long_persistent_chains_give_the_gradient_of_the_likelihood():
    """After many steps the model's side is a sample of the model."""
    fastnn.manual_seed(0)
    rbm = small(4, 3, scale=0.7)
    data = np.repeat(states(4)[[3, 9, 12]], 7000, 0)
    chain = states(4)[np.arange(len(data)) % 16]
    rbm.contrastive_divergence(data, k=20, chain=chain)
    for p in rbm.parameters():
        numeric = np.zeros(p.shape)
        for i in np.ndindex(p.shape):
            saved = p.data[i]
            for sign in (1, -1):
                p.data[i] = saved + sign * 1e-5
                numeric[i] -= sign * rbm.log_likelihood(data[::7000]).mean() / 2e-5
            p.data[i] = saved
        np.testing.assert_allclose(p.grad, numeric, atol=0.02)
    seen = np.bincount((chain @ [8, 4, 2, 1]).astype(int), minlength=16) / len(chain)
    np.testing.assert_allclose(seen, np.exp(rbm.log_likelihood(states(4))), atol=0.02)


@pytest.mark.parametrize(
    "options",
    [{"k": 1}, {"k": 5}, {"k": 5, "persistent": True, "momentum": 0.5, "epochs": 400}],
)
def test_learning_raises_the_exact_likelihood(options):
    fastnn.manual_seed(0)
    patterns = bars_and_stripes()
    rbm = RBM(9, 8)
    untrained = rbm.log_likelihood(patterns).mean()
    x = np.repeat(patterns, 10, 0).astype(np.float32)
    errors = train_rbm(
        rbm, x, **{"epochs": 150, "batch_size": 20, "lr": 0.05, "weight_decay": 0.0, **options}
    )
    assert untrained == pytest.approx(-9 * np.log(2), abs=0.02)  # all 512 pictures alike
    assert rbm.log_likelihood(patterns).mean() > -4.2  # the best: -log 14 = -2.64
    assert errors[-1] < 0.5 * errors[0]
    assert all(p.grad is None for p in rbm.parameters())


def test_gaussian_visibles_learn_two_clusters():
    fastnn.manual_seed(0)
    rng = np.random.default_rng(0)
    centres = 3 * np.array([[1, 1, -1, -1], [-1, -1, 1, 1]])
    x = (centres[rng.integers(0, 2, 400)] + rng.standard_normal((400, 4))).astype(np.float32)
    rbm = RBM(4, 2, visible="gaussian")
    before = rbm.log_likelihood(x).mean()
    train_rbm(rbm, x, epochs=60, batch_size=20, lr=0.01)
    assert rbm.log_likelihood(x).mean() > before + 8
    reconstruction = rbm.visible_mean(rbm.hidden_mean(centres.astype(np.float32)))
    np.testing.assert_allclose(reconstruction, centres, atol=1)


def test_weights_out_of_bounds_are_noticed():
    fastnn.manual_seed(0)
    x = np.full((20, 3), 1e3, np.float32)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="lower lr=1000"):
        train_rbm(RBM(3, 2, visible="gaussian"), x, epochs=20, lr=1000)


def test_the_same_seed_gives_the_same_machine_on_any_number_of_threads():
    x = bars_and_stripes(4).astype(np.float32)

    def weights(threads):
        fastnn.manual_seed(5)
        with fastnn.num_threads(threads):
            rbm = RBM(16, 300)
            train_rbm(rbm, np.tile(x, (20, 1)), epochs=2, k=2)
        return rbm.weight.data

    np.testing.assert_array_equal(weights(1), weights(3))


# -- deep belief networks and auto-encoders --------------------------------------------------------


def test_dbn_learns_layer_by_layer_and_starts_a_classifier():
    fastnn.manual_seed(0)
    x = np.tile(bars_and_stripes(4), (20, 1)).astype(np.float32)
    dbn = DBN([16, 12, 7])
    told = []
    errors = dbn.pretrain(x, epochs=4, batch_size=50, report=lambda *layer: told.append(layer))
    assert [row[:2] for row in told] == [(i, e) for i in (1, 2) for e in (1, 2, 3, 4)]
    assert [row[2] for row in told] == [*errors[0], *errors[1]]
    assert all(history[-1] < history[0] for history in errors)
    model = dbn.classifier(2, dropout=0.5, input_dropout=0.2).eval()
    hidden = dbn.rbms[1].hidden_mean(dbn.rbms[0].hidden_mean(x))
    np.testing.assert_array_equal(dbn(x).data, hidden)
    np.testing.assert_allclose(model[:-1](x).data, hidden, rtol=1e-6)
    before = dbn.rbms[0].weight.data.copy()
    model[1].weight.data[...] = 0
    np.testing.assert_array_equal(dbn.rbms[0].weight.data, before)  # copies


@pytest.mark.parametrize(("visible", "code"), [("binary", "gaussian"), ("gaussian", "binary")])
def test_an_unrolled_stack_codes_and_decodes_like_its_rbms(visible, code):
    dbn = DBN([6, 5, 3], visible=visible, code=code)
    rng = np.random.default_rng(0)
    for p in dbn.parameters():
        p.data[...] = rng.standard_normal(p.shape)
    model = Autoencoder.from_rbms(dbn.rbms)
    first, second = dbn.rbms
    x = rng.random((7, 6), np.float32)
    h = second.hidden_mean(first.hidden_mean(x))
    np.testing.assert_allclose(model.encoder(x).data, h, rtol=1e-5, atol=1e-6)
    y = first.visible_mean(second.visible_mean(h))
    np.testing.assert_allclose(model(x).data, y, rtol=1e-5, atol=1e-6)


def test_autoencoders_have_the_layers_asked_for():
    from fastnn import nn

    model = Autoencoder([784, 1000, 500, 250, 2])
    assert [p.shape for p in model.encoder.parameters()][::2] == [
        (1000, 784), (500, 1000), (250, 500), (2, 250),
    ]  # fmt: skip
    assert isinstance(model.decoder[-1], nn.Sigmoid) and isinstance(model.encoder[-1], nn.Linear)
    linear = Autoencoder([4, 2], output=None)
    assert [type(layer) for layer in linear.decoder] == [nn.Linear]
    for short in (Autoencoder, DBN):
        with pytest.raises(ValueError, match="sizes must have two entries or more"):
            short([4])


def test_a_linear_autoencoder_finds_the_principal_components():
    fastnn.manual_seed(0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 6)) * [3, 2, 1, 0.5, 0.5, 0.5]
    x = (x @ np.linalg.qr(rng.standard_normal((6, 6)))[0]).astype(np.float32)
    x -= x.mean(0)
    _, s, _ = np.linalg.svd(x, full_matrices=False)
    best = np.sum(s[2:] ** 2) / len(x)
    model = Autoencoder([6, 2], output=None)
    optimizer = fastnn.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(1500):
        optimizer.zero_grad()
        loss = squared_error(model(x), x)
        loss.backward()
        optimizer.step()
    assert best * 0.999 < loss.item() < best * 1.01


def test_noise_spoils_inputs_and_spares_targets():
    x = np.ones((200, 300), np.float32)
    masked, target = masking_noise(0.3)((x, x), np.random.default_rng(0))
    assert target is x and set(np.unique(masked)) == {0, 1}
    assert masked.mean() == pytest.approx(0.7, abs=0.01) and masked.dtype == x.dtype
    noisy, target = gaussian_noise(0.5)((x, x), np.random.default_rng(0))
    assert target is x and noisy.std() == pytest.approx(0.5, abs=0.01)
    assert noisy.dtype == x.dtype
    with pytest.raises(ValueError, match=r"masking_noise: p must be in \[0, 1\), got 1"):
        masking_noise(1)
    with pytest.raises(ValueError, match="gaussian_noise: std must be >= 0, got -1"):
        gaussian_noise(-1)
