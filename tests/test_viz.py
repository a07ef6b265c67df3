"""fastnn.viz: what the pictures show, read back from the figures' panels, texts and arrays."""

import io
import sys

import numpy as np
import pytest

import fastnn
from fastnn import nn, viz
from fastnn.models import LeNet5
from fastnn.viz._tiles import columns_for, mosaic

pytest.importorskip("matplotlib")


def texts(panel):
    return [text.get_text() for text in panel.texts]


def title(figure):
    return figure.get_suptitle() or figure.texts[0].get_text()


def pixels(figure):
    """What the figure looks like, (H, W, 3) in 0..255; so every test that calls it draws."""
    Image = pytest.importorskip("PIL.Image")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB"))


# -- filters ---------------------------------------------------------------------------------------


def test_filters_are_the_kernels_on_one_scale():
    fastnn.manual_seed(0)
    layer = nn.Conv2d(1, 6, 5)
    figure = viz.filters(layer)
    *panels, bar = figure.axes
    assert [panel.get_title() for panel in panels] == list("012345")
    peak = np.abs(layer.weight.data).max()
    for panel, kernel in zip(panels, layer.weight.data, strict=True):
        (image,) = panel.images
        np.testing.assert_array_equal(image.get_array()[::4, ::4], kernel[0])
        assert image.get_clim() == (-peak, peak)
    assert title(figure) == "6 kernels, 1 x 5 x 5"
    low, high = bar.get_ylim()
    assert (low, high) == pytest.approx((-peak, peak))
    assert len(np.unique(pixels(figure).reshape(-1, 3), axis=0)) > 50


def test_filters_of_several_channels_stand_side_by_side():
    weight = np.arange(2 * 6 * 9.0).reshape(2, 6, 3, 3) - 50
    first, second, _ = viz.filters(fastnn.Tensor(weight)).axes
    array = second.images[0].get_array()
    assert array.shape == (2 * 13 - 1, 3 * 13 - 1)  # 6 channels of 12 x 12 pixels in 2 rows
    np.testing.assert_array_equal(array[13:25:4, 26:38:4], weight[1, 5])
    assert np.ma.getmaskarray(array)[12].all() and np.ma.getmaskarray(array)[:, 25].all()
    assert first.images[0].get_clim() == second.images[0].get_clim() == (-57, 57)


def test_filters_over_three_channels_are_colours_with_grey_for_zero():
    weight = np.zeros((70, 3, 2, 2))
    weight[1, 0, 0, 1], weight[2, 2, 1, 0] = 4, -2
    figure = viz.filters(weight)
    assert len(figure.axes) == 64  # no colour bar
    assert title(figure) == "64 of 70 kernels, 3 x 2 x 2"
    shown = [panel.images[0].get_array() for panel in figure.axes[:3]]
    assert np.all(shown[0] == 0.5)
    np.testing.assert_array_equal(shown[1][0, 1], [1, 0.5, 0.5])
    np.testing.assert_array_equal(shown[2][1, 0], [0.5, 0.5, 0.25])


def test_filters_take_what_went_wrong():
    for weight in (np.zeros((1, 1, 3, 3), int), np.full((2, 2, 3, 3), np.nan)):
        pixels(viz.filters(weight))
    broken = np.ones((1, 1, 2, 2))
    broken[0, 0, 0] = np.nan, np.inf
    assert viz.filters(broken).axes[0].images[0].get_clim() == (-1, 1)


def test_filters_refuse():
    with pytest.raises(
        ValueError, match=r"filters: expected a weight \(K, C, R, S\), got \(3, 4\)"
    ):
        viz.filters(nn.Linear(4, 3))
    with pytest.raises(ValueError, match="filters: ReLU has no weight of its own"):
        viz.filters(nn.ReLU())
    with pytest.raises(TypeError, match="filters: weight must be an array of numbers"):
        viz.filters("conv1")
    with pytest.raises(ValueError, match="filters: limit must be an int >= 1, got 0"):
        viz.filters(np.ones((1, 1, 3, 3)), limit=0)


# -- feature maps ----------------------------------------------------------------------------------


def test_feature_maps_are_the_layers_outputs():
    fastnn.manual_seed(1)
    model = LeNet5()
    image = np.random.default_rng(0).random((1, 28, 28)).astype(np.float32)
    figure = viz.feature_maps(model, image, limit=8)
    labels = ["\n".join(texts(panel)).split("\n")[:2] for panel in figure.axes]
    assert labels == [
        ["image", "1 x 28 x 28"],
        ["conv1 (Conv2d)", "6 x 28 x 28"],
        ["relu1 (ReLU)", "6 x 28 x 28"],
        ["pool1 (MaxPool2d)", "6 x 14 x 14"],
        ["conv2 (Conv2d)", "16 x 10 x 10, first 8"],
        ["relu2 (ReLU)", "16 x 10 x 10, first 8"],
        ["pool2 (MaxPool2d)", "16 x 5 x 5, first 8"],
    ]
    assert [len(panel.images) for panel in figure.axes] == [1, 6, 6, 6, 8, 8, 8]
    np.testing.assert_allclose(
        figure.axes[0].images[0].get_array(), (image[0] - image.min()) / np.ptp(image), rtol=1e-6
    )
    x = fastnn.no_grad()(model.conv1)(image[None]).data
    for k, drawn in enumerate(figure.axes[1].images):
        np.testing.assert_array_equal(drawn.get_array(), x[0, k])  # before the activation
        assert drawn.get_clim() == (x.min(), x.max())
    np.testing.assert_array_equal(figure.axes[2].images[3].get_array(), np.maximum(x[0, 3], 0))
    assert title(figure) == "What LeNet5 makes of one image"
    assert len(np.unique(pixels(figure).reshape(-1, 3), axis=0)) > 100


class Twice(nn.Module):
    """A block called twice, a layer that gives no map, and batch norm, which has two modes."""

    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 6, 2))

    def forward(self, x):
        return self.head(self.block(self.block(x)))


def test_feature_maps_of_chosen_layers_and_of_repeated_calls():
    model = Twice().double()
    image = np.random.default_rng(0).integers(0, 255, (1, 3, 4, 6))
    figure = viz.feature_maps(model, image, layers="block", title="two times")
    names = [texts(panel)[0].split("\n")[0] for panel in figure.axes]
    assert names == ["image", "block (Sequential)", "block (Sequential)"]
    assert figure.axes[0].images[0].get_array().shape == (4, 6, 3)
    assert title(figure) == "two times"
    names = [texts(panel)[0].split(" ")[0] for panel in viz.feature_maps(model, image).axes]
    assert names == ["image\n3", "block.0", "block.1", "block.0", "block.1"]
    assert model.training and model.block[1].training
    assert not np.any(model.block[1].running_mean)  # the picture was no training step
    assert not any(module._forward_hooks for module in model.modules())


def test_feature_maps_refuse():
    model = Twice()
    image = np.zeros((3, 4, 6), np.float32)
    with pytest.raises(TypeError, match="feature_maps: model must be a Module, got str"):
        viz.feature_maps("lenet5", image)
    with pytest.raises(ValueError, match=r"image must be \(C, H, W\) or .*, got \(2, 3, 4, 6\)"):
        viz.feature_maps(model, np.stack([image, image]))
    with pytest.raises(ValueError, match=r"no layers \['conv9'\]; the model has block, block\.0,"):
        viz.feature_maps(model, image, layers=["block", "conv9"])
    with pytest.raises(ValueError, match=r"no layer gave maps \(N, C, H, W\)"):
        viz.feature_maps(model, image, layers=["head"])
    with pytest.raises(ValueError, match="conv2d"):  # the model's own error, the hooks gone
        viz.feature_maps(model, image[:2])
    assert not any(module._forward_hooks for module in model.modules())


# -- confusion matrix ------------------------------------------------------------------------------

TARGET = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2])
PREDICTED = np.array([0, 0, 0, 1, 1, 1, 2, 0, 0])


def cells(figure):
    """{(row, column): text} of a confusion matrix."""
    return {(t.get_position()[1], t.get_position()[0]): t.get_text() for t in figure.axes[0].texts}


def test_confusion_matrix_counts_and_rates():
    figure = viz.confusion_matrix(PREDICTED, TARGET)
    assert cells(figure) == {
        (0, 0): "3\n75.0%", (0, 1): "1\n25.0%", (1, 1): "2\n100%", (2, 0): "2\n66.7%",
        (2, 2): "1\n33.3%",
    }  # fmt: skip
    (panel,) = figure.axes
    assert title(figure) == "6 of 9 right (66.67%)"
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("predicted", "right answer")
    errors, right = (image.get_array() for image in panel.images)
    np.testing.assert_allclose(errors.filled(-1), [[-1, 0.25, 0], [0, -1, 0], [2 / 3, 0, -1]])
    np.testing.assert_allclose(np.diag(right), [0.75, 1, 1 / 3])
    assert len(np.unique(pixels(figure).reshape(-1, 3), axis=0)) > 20


def test_confusion_matrix_of_scores_and_names():
    scores = fastnn.Tensor(np.eye(4)[PREDICTED])  # a fourth class that never comes
    figure = viz.confusion_matrix(scores, TARGET, classes=["cat", "dog", "a stoat", "newt"])
    (panel,) = figure.axes
    assert [label.get_text() for label in panel.get_yticklabels()][2:] == ["a stoat", "newt"]
    assert cells(figure) == cells(viz.confusion_matrix(PREDICTED, TARGET))
    assert panel.images[0].get_array().shape == (4, 4)
    pixels(figure)


def test_confusion_matrix_without_errors_and_of_many_classes():
    figure = viz.confusion_matrix(TARGET, TARGET)
    assert title(figure) == "9 of 9 right (100.00%)" and len(cells(figure)) == 3
    many = np.arange(50)
    figure = viz.confusion_matrix(many, many[::-1])
    assert not cells(figure)
    pixels(figure)


def misclassified_of_nothing(*answers, **options):
    return viz.misclassified(None, *answers, **options)


@pytest.mark.parametrize("draw", [viz.confusion_matrix, misclassified_of_nothing])
def test_answers_are_checked(draw):
    with pytest.raises(ValueError, match=r"outputs \(N, classes\) or .* got \(9,\) and \(8,\)"):
        draw(PREDICTED, TARGET[1:])
    with pytest.raises(ValueError, match="there are no samples"):
        draw(np.zeros(0, int), np.zeros(0, int))
    with pytest.raises(TypeError, match="output must hold class numbers, got dtype float64"):
        draw(PREDICTED * 1.0, TARGET)
    with pytest.raises(ValueError, match="target has the class number -1"):
        draw(PREDICTED, TARGET - 1)
    with pytest.raises(ValueError, match="2 classes are named, but there are 3"):
        draw(PREDICTED, TARGET, classes=["a", "b"])


# -- misclassified ---------------------------------------------------------------------------------


def images(*shape):
    return np.random.default_rng(5).integers(0, 255, (len(TARGET), *shape)).astype(np.uint8)


def test_misclassified_shows_each_wrong_image_with_both_answers():
    x = images(1, 5, 4)
    figure = viz.misclassified(x, PREDICTED, TARGET, classes=["cat", "dog", "newt"])
    assert title(figure) == "3 of 9 wrong"
    assert [texts(panel) for panel in figure.axes] == [
        ["right: cat", "predicted: dog"],
        ["right: newt", "predicted: cat"],
        ["right: newt", "predicted: cat"],
    ]
    for panel, i in zip(figure.axes, (3, 7, 8), strict=True):
        shown = panel.images[0].get_array()
        np.testing.assert_allclose(shown, (x[i, 0] - x[i].min() * 1.0) / np.ptp(x[i]))
    colours = {tuple(c) for c in pixels(figure).reshape(-1, 3)}
    assert {(0x15, 0x65, 0xC0), (0xC6, 0x28, 0x28)} <= colours


def test_misclassified_begins_with_the_worst():
    scores = np.eye(3)[PREDICTED]
    scores[8] *= 5  # wrong by more than sample 7 and 3
    figure = viz.misclassified(images(3, 4, 4), scores, TARGET, limit=2)
    assert title(figure) == "3 of 9 wrong, 2 shown"
    assert [texts(panel)[0] for panel in figure.axes] == ["right: 2", "right: 0"]
    x = images(3, 4, 4)[8].transpose(1, 2, 0)
    np.testing.assert_allclose(
        figure.axes[0].images[0].get_array(), (x - x.min() * 1.0) / np.ptp(x)
    )


def test_misclassified_when_all_is_right():
    figure = viz.misclassified(np.zeros((9, 2, 2)), TARGET, TARGET)
    assert not figure.axes and title(figure) == "0 of 9 wrong"
    pixels(figure)
    assert len(viz.misclassified(np.zeros((9, 2, 2)), PREDICTED, TARGET).axes) == 3  # all black


def test_misclassified_refuses():
    for x in (images(2, 4, 4), images(4), images(1, 4, 4)[1:]):
        with pytest.raises(ValueError, match=r"misclassified: expected 9 images \(N, C, H, W\)"):
            viz.misclassified(x, PREDICTED, TARGET)
    with pytest.raises(ValueError, match="misclassified: limit must be an int >= 1, got True"):
        viz.misclassified(images(1, 4, 4), PREDICTED, TARGET, limit=True)


# -- all of them -----------------------------------------------------------------------------------


PICTURES = {
    "filters": lambda **how: viz.filters(np.ones((2, 1, 3, 3)), **how),
    "feature_maps": lambda **how: viz.feature_maps(nn.Conv2d(1, 2, 3), np.ones((1, 5, 5)), **how),
    "confusion_matrix": lambda **how: viz.confusion_matrix(PREDICTED, TARGET, **how),
    "misclassified": lambda **how: viz.misclassified(images(4, 4), PREDICTED, TARGET, **how),
}


def test_every_picture_is_tested():
    assert sorted(PICTURES) == viz.__all__


@pytest.mark.parametrize("name", PICTURES)
def test_size_title_and_no_pyplot(name):
    before = "matplotlib.pyplot" in sys.modules
    figure = PICTURES[name](title="my words", figsize=(4, 3))
    assert title(figure) == "my words" and tuple(figure.get_size_inches()) == (4, 3)
    assert pixels(figure).shape == (432, 576, 3)
    assert ("matplotlib.pyplot" in sys.modules) == before


@pytest.mark.parametrize("name", PICTURES)
def test_without_matplotlib_it_says_what_to_install(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=rf"^{name} needs matplotlib: pip install 'fastnn\[plot"):
        PICTURES[name]()


def test_inputs_are_left_alone():
    weight, x = np.ones((2, 1, 3, 3)), images(4, 4)
    for array in (weight, x, PREDICTED, TARGET):
        array.flags.writeable = False
    viz.filters(weight)
    viz.misclassified(x, PREDICTED, TARGET)


def test_grids_leave_few_places_empty():
    assert [columns_for(n) for n in (0, 1, 2, 6, 7, 16, 25, 64)] == [1, 1, 2, 3, 4, 4, 5, 8]
    for n in range(1, 200):
        columns = columns_for(n)
        rows = -(-n // columns)
        assert rows <= columns <= 2.5 * rows + 1


def test_mosaic():
    tiles = np.arange(12.0).reshape(3, 2, 2)
    nan = np.nan
    np.testing.assert_array_equal(
        mosaic(tiles, 2),
        [
            [0, 1, nan, 4, 5],
            [2, 3, nan, 6, 7],
            [nan, nan, nan, nan, nan],
            [8, 9, nan, nan, nan],
            [10, 11, nan, nan, nan],
        ],
    )
