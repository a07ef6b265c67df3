"""docs/examples: every script runs with --quick and shows what it says it shows."""

import argparse
import importlib.util
import os
import re
import sys
from pathlib import Path

import flickr8k_folder
import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "examples"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("[!_]*.py"))

needs_mnist = pytest.mark.skipif(
    not Path(os.environ.get("FASTNN_DATA", "nowhere"), "mnist").is_dir(),
    reason="MNIST is not in $FASTNN_DATA/mnist; fastnn.data.load_mnist() downloads it (pooch)",
)


def needs(name):
    return pytest.mark.skipif(
        not Path(os.environ.get("FASTNN_DATA", "nowhere"), name).is_dir(),
        reason=f"{name} is not in $FASTNN_DATA; it may not be passed on",
    )


@pytest.fixture
def example(tmp_path, monkeypatch):
    """example(name): run the script's main with --quick, check its pictures; its results.
    example.module(name): the script itself."""
    pytest.importorskip("matplotlib")
    Image = pytest.importorskip("PIL.Image")
    monkeypatch.syspath_prepend(str(FOLDER))
    for helper in FOLDER.glob("_*.py"):
        monkeypatch.delitem(sys.modules, helper.stem, raising=False)

    def load(name):
        spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def run(name, *options):
        results = load(name).main(["--quick", "--out", str(tmp_path), *options])
        drawn = sorted(path.name for path in tmp_path.iterdir())
        assert drawn == pictures_of(name)
        for picture in drawn:
            with Image.open(tmp_path / picture) as image:
                assert min(image.size) > 200 and len(image.convert("RGB").getcolors(1 << 20)) > 20
        return results

    run.module = load
    return run


def pictures_of(name):
    """Those that begin with the script's name, and with no longer script's."""
    longer = tuple(script for script in SCRIPTS if script.startswith(name) and script != name)
    found = sorted(path.name for path in FOLDER.glob(f"{name}*.png"))
    return [picture for picture in found if not (longer and picture.startswith(longer))]


# -- the folder ------------------------------------------------------------------------------------


def test_every_script_has_a_row_in_the_table_and_small_pictures():
    rows = re.findall(r"^\| \[(\w+)\.py\]\(\w+\.py\) \|", (FOLDER / "README.md").read_text(), re.M)
    assert sorted(rows) == SCRIPTS
    for name in SCRIPTS:
        assert pictures_of(name)
    for picture in FOLDER.glob("*.png"):
        assert picture.stat().st_size < 150_000


def test_every_lecture_has_a_row_with_a_command_that_is_there():
    """| item | topic | script | data | command | seconds | measured | compare with |"""
    rows = re.findall(r"^\| (\d+) \|(.*)\|$", (FOLDER.parent / "lectures.md").read_text(), re.M)
    assert [int(item) for item, _ in rows] == sorted(int(item) for item, _ in rows) != []
    scripts = set()
    for _, row in rows:
        _, script, _, command, seconds, *measured = (cell.strip() for cell in row.split("|"))
        path = re.fullmatch(r"\[\w+\.py\]\((.+\.py)\)", script)[1]
        scripts.add(Path(path).stem)
        assert (FOLDER.parent / path).is_file()
        assert re.fullmatch(rf"`python docs/{path}( --\w+( \w+)?)*`", command)
        assert float(seconds) > 0 and len(measured) == 2 and all(measured)
    assert scripts == set(SCRIPTS)


def test_every_script_is_tested():
    assert {f"test_{name}" for name in SCRIPTS} <= set(globals())


# -- the scripts -----------------------------------------------------------------------------------


def test_activations_and_losses(example):
    results = example("activations_and_losses")
    assert len(results) == 15
    for name, result in results.items():
        assert name == "noisy ReLU" or result["difference"] < 1e-8
        assert result.get("accuracy") is None or result["accuracy"] > 0.85


def test_adaline(example):
    results = example("adaline")
    assert min(results[2, 5].values()) > 0.97  # a line separates them
    overlapping = results[1, 9]
    assert overlapping["Adaline, batch"] > overlapping["nearest mean"]
    for errors in results["errors"].values():
        assert errors[-1] < 0.4 * errors[0]


def test_backpropagation_by_hand(example, capsys):
    results = example("backpropagation_by_hand")
    for worked in results.values():
        assert worked["before"] == pytest.approx(-0.19, abs=5e-4)
        assert worked["after"] == pytest.approx(-0.18205, abs=5e-5)
    assert capsys.readouterr().out.count("digraph {") == 2


@needs_mnist
def test_autoencoder(example):
    results = example("autoencoder")
    clean, spoiled = zip(*(results[name] for name in ("complete", "denoising")), strict=True)
    assert clean[0] < clean[1] and spoiled[1] < spoiled[0]
    assert clean[0] < results["under-complete"][0] < 53  # what the mean image leaves


@needs_mnist
def test_batch_norm_mnist(example):
    results = example("batch_norm_mnist")
    assert results["with"]["accuracy"] > 0.85 > results["without"]["accuracy"]
    assert results["with"]["travel"] < results["without"]["travel"] / 2


@needs("emoji-captions")
def test_captions(example):
    """A taste of training: names are already far likelier given their own pictures."""
    pytest.importorskip("sacrebleu")
    results = example("captions")
    assert 0.1 < results["nearest"]["exact"] < 0.9
    assert set(results) == {"nearest", "lstm", "rnn", "attention"}
    for form, least in (("lstm", 0.6), ("rnn", 2), ("attention", 3)):
        assert results[form]["true"] > results[form]["shuffled"] + least
        assert results[form]["own"] > 0.75
    for form in ("rnn", "attention"):
        assert results[form]["exact"] > 0.03  # by chance one in 158


@needs("emoji-captions")
def test_captions_of_drawings_kept_from_training(example):
    pytest.importorskip("sacrebleu")
    results = example("captions", "--test", "twitter")
    for form in ("lstm", "rnn", "attention"):
        assert results[form]["true"] > results[form]["shuffled"] + 0.6


def test_convolution_arithmetic(example, capsys):
    results = example("convolution_arithmetic")
    shapes = [shape for shape, _ in results["layers"]]
    # 7x7 with 3x3 -> 5x5, with stride 2 -> 3x3; 10x10 -> 8x8; 32x32x3 with six 5x5 -> 28x28x6
    assert {(1, 5, 5), (1, 3, 3), (1, 8, 8), (6, 28, 28)} <= set(shapes)
    assert results["fields"] == [3, 5, 7, 7, 7, 15, 16]
    assert re.search(r"32x32x3 +6 of 5x5x3 +1 +0 +28x28x6 +456\n", capsys.readouterr().out)


def test_convolution_kernels(example):
    pytest.importorskip("sklearn")
    results = example("convolution_kernels")
    photo = results.pop("photo")["mean"]
    contrast = {name: result["std"] for name, result in results.items()}
    for name, result in results.items():
        keeps_brightness = "edges" not in name
        assert result["sum"] == pytest.approx(1.0 if keeps_brightness else 0.0)
        assert result["mean"] == pytest.approx(photo if keeps_brightness else 0, abs=0.05)
    assert contrast["box blur, 5 x 5"] < contrast["identity"] < contrast["sharpen"]
    assert contrast["box blur, 5 x 5"] < contrast["Gaussian blur, 5 x 5"] < contrast["identity"]


@needs("creditcard-fraud")
def test_credit_card_fraud(example):
    pytest.importorskip("sklearn")
    results = example("credit_card_fraud")
    network = results["network"]
    assert network["auc"] > 0.97 and network["ap"] > 0.9
    assert network["auc"] > results["logistic regression"]["auc"] - 0.005
    assert network["precision"] > 0.9 and network["recall"] > 0.7


@needs_mnist
def test_deep_autoencoder(example):
    results = example("deep_autoencoder")
    assert max(results["ReLU"], results["sigmoid, pre-trained"]) < results["sigmoid"]


@needs("brown")
def test_deep_autoencoder_text(example):
    results = example("deep_autoencoder_text")
    assert results["pre-trained"] < results["mean"]


@needs_mnist
def test_deep_belief_network(example):
    results = example("deep_belief_network")
    assert results["pre-trained"] < 20
    assert results["pre-trained"] < results["from random weights"] - 2


@needs_mnist
def test_dropout_mnist(example):
    results = example("dropout_mnist")
    for width in (64, 512):
        assert results[width, False]["train"] < results[width, True]["train"]
    assert results[512, True]["test"] < results[512, False]["test"]


def test_flickr8k(example, tmp_path_factory, monkeypatch):
    """On a made folder: 80 crops of two photos to train on, 20 to test, of five scenes."""
    pytest.importorskip("sklearn")
    pytest.importorskip("sacrebleu")
    folder = tmp_path_factory.mktemp("data")
    flickr8k_folder.make(folder / "flickr8k")
    monkeypatch.setenv("FASTNN_DATA", str(folder))
    results = example("flickr8k")
    assert set(results) == {"nearest", "lstm", "rnn", "attention"}
    for form in ("lstm", "rnn", "attention"):
        assert results[form]["bleu"][0] > 55
        assert results[form]["true"] > results[form]["shuffled"] + 2
        assert results[form]["own"] > 0.7  # for one in five the other is of the same scene


def test_flickr8k_without_its_files(example, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTNN_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match=r"(?s)no Flickr8k.token.txt.*https://forms.illinois.edu"):
        example("flickr8k")


@needs("emoji-captions")
def test_image_sentence_retrieval(example):
    results = example("image_sentence_retrieval")
    chance = results["chance"]["median rank"]
    for name in ("36 regions and the whole", "the whole picture", "nearest picture"):
        assert results[name]["median rank"] < 0.9 * chance
        assert results[name]["R@1"] <= results[name]["R@5"] <= results[name]["R@10"]


@needs_mnist
def test_look_inside_lenet5(example):
    assert example("look_inside_lenet5")["accuracy"] > 0.85


def test_mcculloch_pitts(example):
    results = example("mcculloch_pitts")
    assert results["functions of one unit"] == 14  # all but XOR and its opposite
    assert 0.8 < results["accuracy"] < results["baseline"]


def test_multilayer_perceptron(example):
    results = example("multilayer_perceptron")
    assert results["two hidden units"]["learnt"] + results["one, with shortcuts"]["learnt"] == 4
    assert results["plane, 50 hidden units"] > results["plane, nearest mean"]
    assert results["pixels, 50 hidden units"] > 0.95 > results["pixels, nearest mean"]


def test_perceptron(example):
    results = example("perceptron")
    assert results["corrections"][-1] == [-6, 2, 2] and len(results["corrections"]) == 7
    assert results["train"] == 1 and results["test"] > 0.97
    assert not results["xor converged"]


@needs_mnist
def test_mlp_mnist(example):
    results = example("mlp_mnist")
    assert results["error"] < 10 and results["training"] > results["error"]


@needs_mnist
@needs("rt-polarity")
def test_optimizers(example):
    results = example("optimizers")
    assert max(results["saddle"].values()) < -0.9  # all leave it, for the valley at -1
    assert results["ravine"]["Adam"] < 1e-4 < results["ravine"]["SGD"] < 0.02
    losses = {rule: loss for rule, (_, loss) in results["MNIST"].items()}
    assert all(loss < 0.5 for loss in losses.values())
    losses = {rule: loss for rule, (_, loss) in results["reviews"].items()}
    for rule in ("Adagrad", "RMSprop", "Adam"):  # steps of their own for rare words
        assert losses[rule] < losses["Nesterov"] < 0.69


@needs_mnist
def test_moving_digits(example):
    single, forward, both = example("moving_digits").values()
    assert both["accuracy"] > single["accuracy"] + 0.02 > 0.3
    gain = np.subtract(forward["by age"], single["by age"])
    assert gain[-4:].mean() > max(0.02, gain[0] + 0.05)  # it comes with what has been seen


@needs("resume-ner-zh")
@needs("wnut17")
def test_named_entities(example, capsys):
    results = example("named_entities")
    baseline, plain, field = results["wnut17"].values()
    assert min(plain["f1"], field["f1"]) > baseline["f1"] + 0.02 and field["astray"] < 5
    baseline, plain, field = results["resume-ner-zh"].values()
    assert field["f1"] > plain["f1"] + 0.05 > baseline["f1"] + 0.3
    assert field["astray"] < plain["astray"] / 2
    assert capsys.readouterr().out.count("|ORG]") > 3


@needs_mnist
def test_rbm(example):
    results = example("rbm")
    cd1, cd10, persistent = results["likelihood"].values()
    assert cd10[-1] > cd1.max() + 1 and cd10.max() < -3.4
    assert persistent[-1] > persistent[0]
    assert results["error"] < 0.9 * results["baseline"]


@needs_mnist
def test_residual_depth(example):
    errors = example("residual_depth")
    assert errors["plain-34"] > 1.2 * errors["plain-18"]
    assert errors["residual-34"] < 0.75 * errors["plain-34"]
    assert errors["residual-18"] < errors["plain-18"]


def test_gradients_through_time(example):
    results = example("gradients_through_time")
    k = np.arange(1, 51)
    for norm in (0.9, 1, 1.1):  # the bound |W|^k is met by what keeps all lengths
        np.testing.assert_allclose(results[f"orthogonal, |W| = {norm}"], norm**k, rtol=1e-8)
    assert np.all(results["random, |W| = 1.1"] < 1.1**k)
    vanishes, explodes = (
        results[f"RNN, {name} weights"] for name in ("PyTorch's initial", "large random")
    )
    assert vanishes[-1] < 1e-10 and explodes[-1] > 1e3
    assert 0.1 < results["IRNN"][-1] < 1.5
    plain, biased = results["LSTM, PyTorch's initial weights"], results[
        "LSTM, forget gates biased by 2"
    ]  # fmt: skip
    assert vanishes[-1] < plain[-1] < 1e-6 < 1e-4 < biased[-1]


@needs_mnist
def test_handwriting(example):
    results = example("handwriting")
    assert results["LSTM"] > results["mixture"] + 0.2 > results["one Gaussian"] + 1.5
    assert results["true strokes"] > 0.8


@needs("names-gender")
@needs("names-gender-zh")
def test_name_gender(example):
    pytest.importorskip("sklearn")
    results = example("name_gender")
    for language in ("English", "Chinese"):
        accuracy = results[language]
        assert accuracy["LSTM"] > accuracy["majority"] + 0.1
        assert accuracy["n-grams"] > accuracy["majority"] + 0.2


@needs("timeseries")
def test_pm25(example):
    results = example("pm25")
    after = dict(zip((1, 3, 6, 12, 24), zip(*results.values(), strict=True), strict=True))
    for persistence, regression, network, _ in (after[12], after[24]):
        assert regression < 0.97 * persistence and network < 0.99 * persistence


def test_scikit_learn(example):
    pytest.importorskip("sklearn")
    results = example("scikit_learn")
    assert results["accuracy"] > 0.95 and results["theirs"] > 0.95
    pixels, hidden = results["pixels"], results["RBM's hidden units"]
    assert hidden[0] > pixels[0] and hidden[-1] > 0.95


@needs("tinyshakespeare")
def test_gpt(example):
    results = example("gpt")
    assert results["nats"] < results["grams"][2]
    early, late = results["by_place"][0], results["by_place"][16:].mean()
    assert late < early - 0.1
    assert len(results["sample"]) == 100


@needs("multi30k")
def test_transformer_translation(example):
    pytest.importorskip("sacrebleu")
    results = example("transformer_translation")
    assert results["nats"] < results["unigram nats"] - 1.3  # four seeds: 1.45 to 1.53


@needs("rt-polarity")
def test_sentiment(example):
    pytest.importorskip("sklearn")
    results = example("sentiment")
    assert 0.49 < results["majority"] < 0.51
    assert results["LSTM, max"] > 0.57
    assert results["words"] > 0.65 and results["characters"] > 0.65


@needs("hurdat2")
def test_storm_tracks(example):
    results = example("storm_tracks")
    for name in ("vector autoregression", "LSTM", "LSTM on autoregression"):
        six, twelve, _, day = results[name] / results["persistence"]
        assert twelve < 0.93 and day < 0.9 and six < 1


@needs_mnist
def test_seeds_repeat_and_differ(example):
    first, again, other = (
        example("residual_depth", "--steps", "3", "--width", "4", "--seed", seed)
        for seed in ("1", "1", "2")
    )
    assert first == again != other


@needs("brown")
def test_word_language_models(example):
    results = example("word_language_models")
    ngrams = results["Kneser-Ney"]["test"]
    assert ngrams < results["1-grams"]["test"]
    for name in ("Bengio", "Elman", "LSTM"):
        assert results[name]["test"] < results["1-grams"]["test"]
        assert results[name]["mixture"] < min(ngrams, results[name]["test"])


def test_universal_approximation(example):
    results = example("universal_approximation")
    assert results["lecture"] < 0.51
    for name in ("tanh", "sigmoid", "ReLU", "constructed"):
        errors = results[name]
        assert errors[64] < errors[8] < errors[2]
    assert results["tanh"][64] < 0.1 * results["tanh"][2]


@needs("rt-polarity")
def test_text_cnn(example):
    pytest.importorskip("sklearn")
    results = example("text_cnn")
    for variant in ("rand", "non-static", "multichannel"):  # half of the sentences, few filters
        assert results[f"CNN-{variant}"] > 58
    assert results["CNN-static"] > 55.5  # chance is 50, of 533 sentences +- 2.2
    assert results["naive Bayes"] > 70 and results["logistic regression"] > 65


@needs_mnist
def test_vanishing_gradients(example):
    results = example("vanishing_gradients")
    assert results["sigmoid", 20] < 1e-9 < results["sigmoid", 10] < 1e-3 < results["sigmoid", 5]
    assert results["tanh", 20] > 0.3 and results["ReLU", 20] > 0.3
    chance = results["sigmoid", "plain"]["accuracy"]
    assert chance < 0.15
    for kind in ("batch norm", "residual"):
        assert results["sigmoid", kind]["ratio"] > 0.03
        assert results["sigmoid", kind]["accuracy"] > 2 * chance


@needs("multi30k")
def test_translation(example):
    pytest.importorskip("sacrebleu")
    results = example("translation")
    for name in ("with attention", "without"):
        assert results[f"{name} nats"] < results["unigram nats"] - 0.8
        assert results[name] > 0.5
    assert results["with attention nats"] < results["without nats"] - 0.05
    assert 5 < results["nearest"] < 30
    assert set(results["by_length"]) == {"nearest", "with attention", "without"}
    for name, rows in results["by_length"].items():
        assert sum(count for _, _, count, _ in rows) == 40 and rows[0][3] > 0.5, name


@needs("multi30k")
def test_translation_trains_again_with_other_options(example, tmp_path):
    """A model is found again by what its weights depend on; another seed is another model."""
    pytest.importorskip("sacrebleu")
    translation = example.module("translation")
    arguments = argparse.Namespace(
        quick=True, data="multi30k", attention="additive", epochs=1, units=8, seed=0, out=tmp_path
    )
    task = translation.Task(arguments)
    arguments.quick = False  # or nothing is kept

    def train(**changes):
        changed = argparse.Namespace(**{**vars(arguments), **changes})
        model, _ = translation.trained("with attention", task, changed)
        return model.state_dict()["source_embedding.weight"], len(list(tmp_path.iterdir()))

    first, kept = train()
    assert kept == 1
    again, kept = train()
    assert kept == 1
    np.testing.assert_array_equal(again, first)
    for place, changes in enumerate(({"seed": 1}, {"attention": "general"}, {"epochs": 2}), 2):
        other, kept = train(**changes)
        assert kept == place and not np.array_equal(other, first)
    files = {
        translation.weights_file(name, argparse.Namespace(**{**vars(arguments), **changes}))
        for name in translation.COLOURS
        for changes in ({}, {"data": "tatoeba"}, {"units": 16}, {"attention": "dot"})
    }
    assert len(files) == 8


@needs("tang-poems")
def test_next_line(example):
    results = example("next_line")
    for name in ("with attention", "without"):
        assert results[name] < results["unigrams"] - 0.16  # four seeds: 0.19 to 0.23
    assert results["drawn length"] > 0.25  # of drawn lines, 0.41 to 0.52 end where they should
    assert 0 < results["most similar line's shared"] < 0.1


@needs("brown")
@needs("wordvec-eval")
def test_word2vec(example):
    results = example("word2vec")
    for model, least in (("skip-gram", 0.15), ("CBOW", 0.06)):
        for loss in ("negative", "hierarchical"):
            judged = results[f"{model}, {loss}"]
            assert judged["WordSim-353"] > least  # 274 pairs: by chance 0 +- 0.06
            assert judged["right"] > 0.01 * judged["asked"]  # by chance one in 13,974
    assert results["losses"][-1] < 0.95 * results["losses"][0]
    assert list(results["cost"]) == ["negative", "hierarchical", "softmax"]
