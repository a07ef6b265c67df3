"""Pictures with captions: emoji, Flickr8k; drawings made different."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fastnn.data import (
    Captioned,
    DataLoader,
    load_emoji_captions,
    load_flickr8k,
    random_colour,
    random_warp,
    read_image,
)

EMOJI = Path(os.environ.get("FASTNN_DATA", "nowhere"), "emoji-captions")


def png(colour, size=(5, 4)):
    Image = pytest.importorskip("PIL.Image")
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "png")
    return file.getvalue()


# -- emoji -----------------------------------------------------------------------------------------


def write_emoji(folder):
    rows = ["set\tfile\tcaption\tcategory\tsubcategory"]
    with zipfile.ZipFile(folder / "emoji48.zip", "w") as archive:
        for i, style in enumerate(("twitter", "google")):
            for j, name in enumerate(('the "here" button', "flag: Åland Islands")):
                rows.append(f"{style}\t{j}.png\t{name}\tKind {j}\tother")
                archive.writestr(f"{style}/{j}.png", png((100 * i, 10 * j, 7)))
    (folder / "captions.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_emoji_of_two_styles(tmp_path):
    write_emoji(tmp_path)
    train, test = load_emoji_captions(tmp_path)
    assert repr(train) == "Captioned(2 pictures, 2 captions)" and len(test) == 2
    assert train.captions == test.captions == [['the "here" button'], ["flag: Åland Islands"]]
    assert train.kinds == ["Kind 0", "Kind 1"]
    assert train.images.shape == (2, 3, 4, 5) and train.images.dtype == np.uint8
    assert train.images[1, :, 2, 3].tolist() == [0, 10, 7]
    assert test.images[0, :, 0, 0].tolist() == [100, 0, 7]


@pytest.mark.skipif(not EMOJI.is_dir(), reason="emoji-captions is not in $FASTNN_DATA")
def test_the_real_emoji():
    pytest.importorskip("PIL.Image")
    train, test = load_emoji_captions()
    assert train.images.shape == test.images.shape == (3786, 3, 48, 48)
    assert train.captions == test.captions and train.kinds.count("Flags") == 270
    assert len({caption for (caption,) in train.captions}) == 3786
    assert not np.array_equal(train.images, test.images)


# -- Flickr8k --------------------------------------------------------------------------------------


def write_flickr(folder, photos="Flicker8k_Dataset"):
    tokens = [f"{n}.jpg#{i}\tPhoto {n} , sentence {i} .  " for n in "abc" for i in range(5)]
    (folder / "Flickr8k.token.txt").write_text("\n".join(tokens))
    for part, names in (("train", "ca"), ("dev", ""), ("test", "b")):
        listed = "".join(f"{name}.jpg\n" for name in names)
        (folder / f"Flickr_8k.{part}Images.txt").write_text(listed)
    (folder / photos).mkdir()
    for name in "abc":
        (folder / photos / f"{name}.jpg").write_bytes(png((ord(name), 0, 0)))


def test_flickr8k(tmp_path, monkeypatch):
    write_flickr(tmp_path)
    train, validation, test = load_flickr8k(tmp_path)
    assert [len(part) for part in (train, validation, test)] == [2, 0, 1]
    assert train.captions[0] == [f"Photo c , sentence {i} ." for i in range(5)]
    assert repr(test) == "Captioned(1 pictures, 5 captions)" and test.kinds is None
    assert read_image(train.images[1])[:, 0, 0].tolist() == [ord("a"), 0, 0]
    monkeypatch.setenv("FASTNN_DATA", str(tmp_path.parent))
    tmp_path.rename(tmp_path.parent / "flickr8k")
    assert load_flickr8k()[2].captions == test.captions


def test_flickr8k_with_photos_elsewhere(tmp_path):
    write_flickr(tmp_path, "mine")
    with pytest.raises(FileNotFoundError, match=r"no folder Flicker8k_Dataset: .* images="):
        load_flickr8k(tmp_path)
    train, _, _ = load_flickr8k(tmp_path, images=tmp_path / "mine")
    assert train.images == [str(tmp_path / "mine" / f"{name}.jpg") for name in "ca"]


def test_flickr8k_files_that_do_not_fit(tmp_path):
    write_flickr(tmp_path)
    (tmp_path / "Flickr_8k.devImages.txt").write_text("z.jpg\n")
    with pytest.raises(ValueError, match=r"Flickr8k\.token\.txt has no sentence for z\.jpg"):
        load_flickr8k(tmp_path)
    (tmp_path / "Flickr8k.token.txt").write_text("a.jpg, a dog\n")
    with pytest.raises(ValueError, match=r"expected NAME#NUMBER TAB sentence, got 'a\.jpg, a dog'"):
        load_flickr8k(tmp_path)


@pytest.mark.parametrize("load", [load_emoji_captions, load_flickr8k])
def test_data_that_is_not_there(load, tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"{load.__name__}: .* must hold .*; no "):
        load(tmp_path)


def test_pictures_without_captions():
    with pytest.raises(ValueError, match="Captioned: 3 pictures, captions of 2"):
        Captioned(np.zeros((3, 1, 2, 2)), [["a"], ["b"]])


# -- drawn differently -----------------------------------------------------------------------------

RNG = np.random.default_rng(0)
IMAGES = RNG.random((6, 3, 9, 12), np.float32)


@pytest.mark.parametrize("change", [random_warp(), random_colour()])
def test_changes_are_drawn_anew_for_each_picture_and_by_the_loader(change):
    same = np.repeat(IMAGES[:1], 4, axis=0)
    changed, labels = change((same, np.arange(4)), np.random.default_rng(1))
    assert changed.shape == same.shape and changed.dtype == np.float32
    assert -1e-6 < changed.min() and changed.max() < 1 + 1e-6
    assert labels.tolist() == [0, 1, 2, 3]
    assert len({picture.tobytes() for picture in changed}) == 4
    loader = DataLoader((IMAGES, np.arange(6)), 4, seed=3, transform=change)
    first, again = list(loader), (loader.set_epoch(0), list(loader))[1]
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(first, again, strict=True))
    assert np.array_equal(same, np.repeat(IMAGES[:1], 4, axis=0))  # the batch is not written to


def test_a_warp_of_nothing_changes_nothing():
    still = random_warp(rotation=0, scale=0, shift=0, waves=0)
    np.testing.assert_allclose(still((IMAGES,), RNG)[0], IMAGES, atol=1e-5)


def test_a_turn_moves_pixels_and_fills_in():
    """A quarter turn, either way: the draw is fixed at its bound."""

    class Bound:
        def uniform(self, low, high, shape):
            return np.full(shape, high)

    (turned,) = random_warp(rotation=90, scale=0, shift=0, waves=0)((IMAGES[..., :9],), Bound())
    np.testing.assert_allclose(turned, np.rot90(IMAGES[..., :9], 1, (2, 3)), atol=1e-4)
    (moved,) = random_warp(rotation=0, scale=0, shift=0.25, waves=0, fill=0.5)((IMAGES,), Bound())
    # a quarter of the sides: from 2 rows and 2.75 columns farther down and right
    expected = 0.25 * IMAGES[..., 2:, 2:-1] + 0.75 * IMAGES[..., 2:, 3:]
    np.testing.assert_allclose(moved[..., :7, :9], expected, atol=1e-5)
    assert np.all(np.abs(moved[..., 7:, :] - 0.5) < 1e-6)


def test_white_paper_stays_white():
    paper = np.ones((4, 3, 5, 5), np.float32)
    np.testing.assert_array_equal(random_colour()((paper,), RNG)[0], paper)
    (inked,) = random_colour(gain=0, tint=0, shade=0, bend=0)((IMAGES,), RNG)
    np.testing.assert_allclose(inked, IMAGES, atol=1e-6)
