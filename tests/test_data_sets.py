"""Datasets and readers: embedded digits, IDX, MNIST, folders of pictures, resizing."""

import gzip
import hashlib
import os
import struct
import sys

import numpy as np
import pytest

from fastnn.data import (
    ArrayDataset,
    load_digits,
    load_folder,
    load_mnist,
    random_shift,
    read_idx,
    read_image,
    resize_images,
    stratified_split,
)

RNG = np.random.default_rng(0)


def write_idx(path, array, code=0x08, packed=False):
    raw = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    raw += array.astype(array.dtype.newbyteorder(">")).tobytes()
    path.write_bytes(gzip.compress(raw) if packed else raw)
    return path


def write_mnist(folder, packed=False, dash="-", n=(7, 4)):
    arrays = {}
    for part, count in zip(("train", "t10k"), n, strict=True):
        arrays[part] = (
            RNG.integers(0, 256, (count, 5, 6), "u1"),
            RNG.permutation(np.arange(count, dtype="u1")) % 5,
        )
        for kind, array in zip(("images", "labels"), arrays[part], strict=True):
            name = f"{part}-{kind}{dash}idx{array.ndim}-ubyte" + ".gz" * packed
            write_idx(folder / name, array, packed=packed)
    return arrays


# ArrayDataset and the split


def test_array_dataset():
    x, y = np.arange(12.0).reshape(6, 2), np.arange(6)
    data = ArrayDataset(x, y, classes=("a", "b"))
    assert len(data) == 6 and data.classes == ["a", "b"]
    assert repr(data) == "ArrayDataset(float64 (6, 2), int64 (6,))"
    sample = data[4]
    assert sample[0].tolist() == [8, 9] and sample[1] == 4
    assert data[1:3][1].tolist() == [1, 2]
    assert data[[5, 0]][0].tolist() == [[10, 11], [0, 1]]
    part = data.subset([5, 0])
    assert part.arrays[1].tolist() == [5, 0] and part.classes == ["a", "b"]
    part.arrays[0][:] = -1
    assert x.min() == 0


def test_take_of_strided_arrays():
    x = RNG.standard_normal((7, 3, 4))
    views = [x, x[:, ::-1], x.transpose(0, 2, 1), np.asfortranarray(x), x[::-1]]
    for array, batch in zip(views, ArrayDataset(*views).take(np.array([6, 0, 0])), strict=True):
        np.testing.assert_array_equal(batch, array[[6, 0, 0]])


@pytest.mark.parametrize("arrays", [(), (np.ones(3), np.ones(4)), (np.float64(3),)])
def test_array_dataset_errors(arrays):
    with pytest.raises(ValueError, match="one or more arrays of one length"):
        ArrayDataset(*arrays)


def test_stratified_split():
    labels = np.array([1, 0, 0, 2, 1, 0, 1, 1, 2, 0, 1, 0])
    # class by class: 1 2 5 9 11 | 0 4 6 7 10 | 3 8
    train, test = stratified_split(labels)
    assert test.tolist() == [0, 1, 3]
    assert train.tolist() == [2, 4, 5, 6, 7, 8, 9, 10, 11]
    train, test = stratified_split(labels, every=3)
    assert test.tolist() == [1, 4, 9, 10]
    for every in (1, 2.0):
        with pytest.raises(ValueError, match="every must be"):
            stratified_split(labels, every)


# Digits


def test_digits_are_the_uci_digits():
    datasets = pytest.importorskip("sklearn.datasets")
    theirs = datasets.load_digits()
    train, test = load_digits(dtype="uint8")
    for part, indices in zip((train, test), stratified_split(theirs.target), strict=True):
        np.testing.assert_array_equal(part.arrays[0][:, 0], theirs.images[indices])
        np.testing.assert_array_equal(part.arrays[1], theirs.target[indices])


def test_digits_split_and_types():
    train, test = load_digits()
    assert [len(train), len(test)] == [1437, 360]
    assert train.classes == test.classes == [str(i) for i in range(10)]
    for part in (train, test):
        images, labels = part.arrays
        assert images.dtype == np.float32 and images.shape[1:] == (1, 8, 8)
        assert images.min() == 0 and images.max() == 1
        assert labels.dtype == np.int64
        counts = np.bincount(labels) / len(part)
        assert counts.min() > 0.09 and counts.max() < 0.11
    raw = load_digits(dtype="uint8")[0].arrays[0]
    assert raw.dtype == np.uint8 and raw.max() == 16
    np.testing.assert_array_equal(load_digits(dtype=np.float64)[0].arrays[0], raw / 16)
    # the split is part of every accuracy ever stated: these bytes must never change
    digest = hashlib.sha256(raw.tobytes() + train.arrays[1].astype("<i8").tobytes()).hexdigest()
    assert digest == "662e33a2e9c99c1f3b8a3a3bc7a2d0d9b6376a062a3fa985f15537de81043692"
    with pytest.raises(TypeError, match="uint8 or floats, got dtype int32"):
        load_digits(dtype="int32")


def test_attribution_is_beside_the_data():
    from fastnn import data

    path = os.path.join(os.path.dirname(data.__file__), "digits-ATTRIBUTION.txt")
    with open(path) as file:
        text = file.read()
    assert "CC BY 4.0" in text and "Alpaydin" in text and "Changes" in text


# IDX


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "code, dtype", [(8, "u1"), (9, "i1"), (11, "i2"), (12, "i4"), (13, "f4"), (14, "f8")]
)
def test_idx_types(tmp_path, code, dtype, packed):
    array = (RNG.standard_normal((3, 2, 5)) * 50).astype(dtype)
    loaded = read_idx(write_idx(tmp_path / "x", array, code, packed))
    np.testing.assert_array_equal(loaded, array, strict=True)
    assert loaded.flags.writeable and loaded.dtype.isnative


def test_idx_truncated_anywhere(tmp_path):
    for packed in (False, True):
        raw = write_idx(tmp_path / "x", np.arange(12, dtype="u1").reshape(3, 4), 8, packed)
        raw = raw.read_bytes()
        for length in range(len(raw)):
            (tmp_path / "x").write_bytes(raw[:length])
            with pytest.raises(ValueError, match=str(tmp_path / "x")):
                read_idx(tmp_path / "x")


@pytest.mark.parametrize(
    "raw, reason",
    [
        (b"\x89PNG....", "not an IDX file"),
        (b"\0\0\x07\x01\0\0\0\0", "not an IDX file"),
        (b"\0\0\x08\x01\0\0\0\x02abc", r"2 bytes expected for shape \(2,\), 3 there"),
        (b"\0\0\x08\x02\xff\xff\xff\xff\xff\xff\xff\xff", "bytes expected for shape"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x02ab", mtime=0)[:-6] + b"abcdef", "CRC check failed"),
        (b"\x1f\x8b" + bytes(20), "nown compression method"),
    ],
)
def test_idx_damaged(tmp_path, raw, reason):
    (tmp_path / "x").write_bytes(raw)
    with pytest.raises(ValueError, match=reason):
        read_idx(tmp_path / "x")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dash", "-.")
def test_mnist_from_a_folder(tmp_path, packed, dash):
    arrays = write_mnist(tmp_path, packed, dash)
    for load in (load_mnist, load_folder):
        for part, key in zip(load(tmp_path, dtype="uint8"), ("train", "t10k"), strict=True):
            np.testing.assert_array_equal(part.arrays[0][:, 0], arrays[key][0])
            np.testing.assert_array_equal(part.arrays[1], arrays[key][1])
            assert part.arrays[1].dtype == np.int64 and part.classes == list("01234")
    train, _ = load_mnist(tmp_path)
    assert train.arrays[0].dtype == np.float32
    np.testing.assert_allclose(train.arrays[0][:, 0], arrays["train"][0] / 255, rtol=1e-6)
    assert load_folder(tmp_path, size=10)[1].arrays[0].shape == (4, 1, 10, 10)


def test_mnist_mismatches(tmp_path):
    with pytest.raises(FileNotFoundError, match="must hold train-images-idx3-ubyte"):
        load_mnist(tmp_path)
    write_mnist(tmp_path)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.zeros(3, "u1"))
    with pytest.raises(ValueError, match=r"has 4 images, .* has 3 labels"):
        load_mnist(tmp_path)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.zeros((4, 2), "u1"))
    with pytest.raises(ValueError, match="expected labels, uint8 with 1 axes"):
        load_mnist(tmp_path)
    os.remove(tmp_path / "t10k-labels-idx1-ubyte")
    with pytest.raises(ValueError, match="but not t10k-labels"):
        load_folder(tmp_path)
    with pytest.raises(ValueError, match="IDX images are grey"):
        load_folder(write_mnist(tmp_path) and tmp_path, channels=3)


def test_mnist_is_looked_for_in_order(tmp_path, monkeypatch):
    pooch = pytest.importorskip("pooch")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FASTNN_DATA", str(tmp_path / "data"))
    calls = []

    def retrieve(url, known_hash, fname, path):
        calls.append((url, known_hash))
        if "ossci" in url and "t10k" in url:
            raise ConnectionError("no route")
        os.makedirs(path, exist_ok=True)
        if len(os.listdir(path)) == 3:
            write_mnist(tmp_path / "cache/fastnn/mnist", packed=True)
        else:
            open(os.path.join(path, fname), "x").close()

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    assert len(load_mnist()[0]) == 7
    assert len(calls) == 6 and all(known.startswith("sha256:") for _, known in calls)
    assert len({url for url, _ in calls}) == 6
    load_mnist()  # from the cache now
    assert len(calls) == 6
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    write_mnist(tmp_path / "data" / "mnist", n=(3, 2))
    assert len(load_mnist()[0]) == 3


def test_mnist_download_failures(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("FASTNN_DATA", raising=False)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pooch", None)
        with pytest.raises(ImportError, match=r"pip install 'fastnn\[data\]'"):
            load_mnist()
    pooch = pytest.importorskip("pooch")

    def retrieve(*_, **__):
        raise ValueError("SHA256 hash of downloaded file does not match")

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    with pytest.raises(OSError, match=r"downloading train-images.* failed: SHA256"):
        load_mnist()


def test_mnist_itself():
    folder = os.path.join(os.environ.get("FASTNN_DATA", ""), "mnist")
    if not os.environ.get("FASTNN_DATA") or not os.path.isdir(folder):
        pytest.skip("MNIST is not there: set FASTNN_DATA, or call fastnn.data.load_mnist() once")
    train, test = load_mnist(dtype="uint8")
    assert train.arrays[0].shape == (60_000, 1, 28, 28) and len(test) == 10_000
    # MD5 of the published images, after their header of 16 bytes is put back
    header = struct.pack(">4I", 0x803, 60_000, 28, 28)
    digest = hashlib.md5(header + train.arrays[0].tobytes()).hexdigest()
    assert digest == "6bbc9ace898e44ae57da46a324031adb"
    assert train.arrays[1][:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert test.arrays[1][:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


# Pictures


def write_pictures(folder, counts, size=(6, 5), mode="L"):
    image = pytest.importorskip("PIL.Image")
    saved = {}
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for i in range(count):
            shape = size if mode == "L" else (*size, 3)
            pixels = RNG.integers(0, 256, shape, "u1")
            image.fromarray(pixels).save(folder / name / f"{i:02}.png")
            saved[name, i] = pixels
    return saved


def test_folder_with_a_fixed_split(tmp_path):
    saved = write_pictures(tmp_path, {"cat": 6, "ant": 9})
    (tmp_path / "cat" / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden").mkdir()
    train, test = load_folder(tmp_path, dtype="uint8")
    assert train.classes == test.classes == ["ant", "cat"]
    assert test.arrays[1].tolist() == [0, 0, 1]
    for image, key in zip(test.arrays[0], [("ant", 0), ("ant", 5), ("cat", 1)], strict=True):
        np.testing.assert_array_equal(image[0], saved[key])
    assert len(train) == 12 and train.arrays[0].shape == (12, 1, 6, 5)
    assert load_folder(tmp_path)[0].arrays[0].max() <= 1


def test_folder_with_train_and_test(tmp_path):
    saved = write_pictures(tmp_path / "train", {"b": 2, "a": 1}, mode="RGB")
    write_pictures(tmp_path / "test", {"b": 1}, mode="RGB")
    train, test = load_folder(tmp_path, dtype="uint8")
    assert train.arrays[1].tolist() == [0, 1, 1] and test.arrays[1].tolist() == [1]
    np.testing.assert_array_equal(train.arrays[0][2].transpose(1, 2, 0), saved["b", 1])
    assert load_folder(tmp_path, channels=1)[0].arrays[0].shape == (3, 1, 6, 5)
    write_pictures(tmp_path / "test", {"zebra": 1}, mode="RGB")
    with pytest.raises(ValueError, match=r"test/ has classes that train/ has not: \['zebra'\]"):
        load_folder(tmp_path)


def test_folder_of_mixed_pictures(tmp_path):
    grey = write_pictures(tmp_path, {"a": 5})
    write_pictures(tmp_path, {"b": 5}, size=(12, 10), mode="RGB")
    with pytest.raises(ValueError, match=r"is 12 x 10, .* is 6 x 5: pass size"):
        load_folder(tmp_path)
    train, _ = load_folder(tmp_path, size=(6, 5), dtype="uint8")
    assert train.arrays[0].shape == (8, 3, 6, 5)
    for channel in train.arrays[0][0]:
        np.testing.assert_array_equal(channel, grey["a", 1])


def test_folder_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="expected MNIST-like IDX files, or subfolders"):
        load_folder(tmp_path)
    write_pictures(tmp_path, {"a": 5})
    (tmp_path / "a" / "bad.png").write_bytes(b"\x89PNG but no more")
    with pytest.raises(ValueError, match=r"bad.png: not a readable image"):
        load_folder(tmp_path)


def test_read_image(tmp_path, monkeypatch):
    image = pytest.importorskip("PIL.Image")
    pixels = RNG.integers(0, 256, (4, 7, 3), "u1")
    image.fromarray(pixels).save(tmp_path / "x.png")
    np.testing.assert_array_equal(read_image(tmp_path / "x.png"), pixels.transpose(2, 0, 1))
    assert read_image(tmp_path / "x.png", channels=1).shape == (1, 4, 7)
    image.fromarray(RNG.integers(0, 60_000, (4, 7), "u2")).save(tmp_path / "deep.png")
    with pytest.raises(ValueError, match="expected 8 bits a channel"):
        read_image(tmp_path / "deep.png")
    with pytest.raises(ValueError, match="channels must be 1, 3 or None, got 2"):
        read_image(tmp_path / "x.png", channels=2)
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "nowhere.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install 'fastnn\[data\]'"):
        read_image(tmp_path / "x.png")


# Sizes and shifts


def test_resize_by_blocks_and_frame():
    images = RNG.integers(0, 17, (3, 2, 8, 8), "u1")
    out = resize_images(images, 28)
    assert out.dtype == np.uint8 and out.shape == (3, 2, 28, 28)
    np.testing.assert_array_equal(out[:, :, 2:26, 2:26], np.kron(images, np.ones((3, 3), "u1")))
    assert out.sum() == 9 * images.sum()
    np.testing.assert_array_equal(resize_images(images, 8), images)
    assert resize_images(images, (16, 18))[0, 0, :, 0].sum() == 0
    np.testing.assert_array_equal(resize_images(images, 32)[:, :, ::4, ::4], images)


@pytest.mark.parametrize("size", [(9, 11), (3, 20), (40, 5), (1, 1), (7, 6)])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_resize_is_torchs_bilinear(size, dtype):
    torch = pytest.importorskip("torch")
    images = RNG.standard_normal((2, 3, 7, 13)).astype(dtype)
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(images), size, mode="bilinear", align_corners=False, antialias=True
    )
    ours = resize_images(images, size)
    assert ours.dtype == images.dtype
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-5, atol=1e-5)


def test_resize_rounds_and_keeps_the_range():
    images = RNG.integers(0, 256, (2, 1, 30, 20), "u1")
    exact = resize_images(images.astype(np.float64), (13, 9))
    np.testing.assert_array_equal(resize_images(images, (13, 9)), np.rint(exact))
    np.testing.assert_array_equal(resize_images(np.full((1, 1, 5, 6), 255, "u1"), 13), 255)
    assert resize_images(images[:0], 13).shape == (0, 1, 13, 13)


@pytest.mark.parametrize(
    "images, size, error, text",
    [
        (np.ones((3, 8, 8)), 9, ValueError, r"expected images \(N, C, H, W\), got \(3, 8, 8\)"),
        (np.ones((3, 1, 0, 8)), 9, ValueError, "expected images"),
        (np.ones((3, 1, 8, 8), "i4"), 9, TypeError, "got int32"),
        (np.ones((3, 1, 8, 8)), 0, ValueError, "size must be"),
        (np.ones((3, 1, 8, 8)), (3, 2.5), ValueError, "size must be"),
    ],
)
def test_resize_errors(images, size, error, text):
    with pytest.raises(error, match=text):
        resize_images(images, size)


def test_random_shift():
    images = RNG.standard_normal((200, 2, 5, 4)).astype("f4")
    labels = np.arange(200)
    shifted, same = random_shift(2)((images, labels), np.random.default_rng(3))
    assert same is labels and shifted.shape == images.shape and shifted.dtype == images.dtype
    padded = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)))
    seen = set()
    for before, after in zip(padded, shifted, strict=True):
        where = [
            (i, j)
            for i in range(5)
            for j in range(5)
            if np.array_equal(before[:, i : i + 5, j : j + 4], after)
        ]
        assert len(where) == 1
        seen.add(where[0])
    assert len(seen) == 25
    np.testing.assert_array_equal(random_shift(0)((images,), np.random.default_rng(3))[0], images)
    with pytest.raises(ValueError, match="max_shift must be an int >= 0, got -1"):
        random_shift(-1)
