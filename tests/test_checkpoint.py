"""fastnn.checkpoint: what goes in comes out; odd arrays, bad arguments, safetensors' own files."""

import json
import os

import numpy as np
import pytest

from fastnn import checkpoint
from fastnn.checkpoint import CheckpointError, load, save

DTYPES = ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]


def sample(dtype, shape=(3, 5), seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    return rng.integers(0, 2 if dtype == "?" else 100, shape).astype(dtype)


def assert_same(loaded, saved):
    assert list(loaded) == list(saved)
    for name, value in saved.items():
        value = np.asarray(value)
        assert loaded[name].dtype == value.dtype.newbyteorder("="), name
        assert loaded[name].dtype.isnative
        assert loaded[name].shape == value.shape
        np.testing.assert_array_equal(loaded[name], value, strict=False)


def write_raw(path, header, data=b""):
    """A file by hand, as anyone may write it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def test_every_dtype_comes_back(tmp_path):
    arrays = {f"x.{code}": sample(code) for code in DTYPES}
    save(arrays, tmp_path / "a")
    assert_same(load(tmp_path / "a"), arrays)


def test_platform_aliases_of_int64(tmp_path):
    arrays = {"longlong": np.arange(3, dtype=np.longlong), "long": np.arange(3, dtype=np.long)}
    save(arrays, tmp_path / "a")
    assert_same(load(tmp_path / "a"), arrays)


def test_any_array(tmp_path):
    base = sample("f4", (4, 6, 5))
    read_only = sample("f8", (7,))
    read_only.flags.writeable = False
    arrays = {
        "fortran": np.asfortranarray(base),
        "negative": base[::-1, ::-2, ::-1],
        "swapped": base.astype(">f4"),
        "swapped int": np.arange(5, dtype=">i2"),
        "read only": read_only,
        "scalar": np.float64(2.5),
        "0-d": np.array(7, dtype="i2"),
        "empty": np.zeros((3, 0, 2), "f4"),
        "also empty": np.zeros(0, "i8"),
        "broadcast": np.broadcast_to(np.float32(3), (2, 3)),
        "unaligned": np.frombuffer(bytes(range(17)), "u1")[1:].view("<f4"),
        "channels last": base[None].transpose(0, 3, 1, 2),
        "list": [1.0, 2.0],
        "nan": np.array([np.nan, -np.inf, -0.0], "f2"),
    }
    save(arrays, tmp_path / "a")
    loaded = load(tmp_path / "a")
    assert_same(loaded, arrays)
    assert np.signbit(loaded["nan"][2])
    for array in loaded.values():
        assert array.flags.writeable and array.flags.c_contiguous
    assert not read_only.flags.writeable


def test_empty_dict_and_odd_names(tmp_path):
    save({}, tmp_path / "a")
    assert load(tmp_path / "a") == {}
    arrays = {"": np.ones(2), 'quote"\\': np.ones(1), "层.重\n": np.zeros(3), "a.b.0": np.ones(0)}
    save(arrays, tmp_path / "a")
    assert_same(load(tmp_path / "a"), arrays)


def test_metadata(tmp_path):
    metadata = {"model": '{"name": "lenet5"}', "Zürich": "", '"fastnn.format":"1"': "x"}
    save({"w": np.ones(2)}, tmp_path / "a", metadata)
    arrays, loaded = load(tmp_path / "a", with_metadata=True)
    assert loaded == metadata and list(arrays) == ["w"]
    save({"w": np.ones(2)}, tmp_path / "a")
    assert load(tmp_path / "a", with_metadata=True)[1] == {}


def test_order_and_alignment(tmp_path):
    arrays = {"a": sample("u1"), "b": sample("f8"), "c": sample("f2"), "d": sample("f4")}
    save(arrays, tmp_path / "a")
    raw = (tmp_path / "a").read_bytes()
    n = int.from_bytes(raw[:8], "little")
    assert n % 8 == 0
    header = json.loads(raw[8 : 8 + n])
    for name, array in arrays.items():
        assert header[name]["data_offsets"][0] % array.itemsize == 0
    assert_same(load(tmp_path / "a"), arrays)


def test_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save({"x": np.ones(1)}, "plain")
    save({"x": np.ones(1)}, os.fsencode("bytes"))
    assert sorted(os.listdir()) == ["bytes", "plain"]
    assert_same(load(b"bytes"), load("plain"))
    os.symlink("plain", "link")
    save({"x": np.zeros(1)}, "link")
    assert os.path.islink("link") and load("plain")["x"] == 0


def test_saving_twice_gives_the_same_bytes(tmp_path):
    arrays = {"w": sample("f4"), "b": sample("f8")}
    save(arrays, tmp_path / "a", {"k": "v"})
    save({k: np.asfortranarray(v) for k, v in arrays.items()}, tmp_path / "b", {"k": "v"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    "arrays, metadata, error, text",
    [
        ([np.ones(2)], None, TypeError, "arrays must be a dict"),
        ({3: np.ones(2)}, None, TypeError, "name 3 must be a str, got int"),
        ({"__metadata__": np.ones(2)}, None, ValueError, "belongs to the file format"),
        ({"a\ud800": np.ones(2)}, None, ValueError, "cannot be written as UTF-8"),
        ({"w": np.ones(2, complex)}, None, TypeError, "'w' has dtype complex128"),
        ({"w": np.array([None])}, None, TypeError, "'w' has dtype object"),
        ({"w": np.array(["a"])}, None, TypeError, "'w' has dtype <U1"),
        ({"w": [[1], [2, 3]]}, None, TypeError, "'w' is not an array"),
        ({"w": np.ones(2, np.longdouble)}, None, TypeError, "'w' has dtype"),
        ({}, ["a"], TypeError, "metadata must be a dict"),
        ({}, {"epoch": 3}, TypeError, r"metadata\['epoch'\] must be a str, got int"),
        ({}, {3: "x"}, TypeError, "metadata key 3"),
        ({}, {"fastnn.crc32": "x"}, ValueError, "belongs to the file format"),
        ({}, {"fastnn.format": "x"}, ValueError, "belongs to the file format"),
    ],
)
def test_bad_arguments_write_nothing(tmp_path, arrays, metadata, error, text):
    with pytest.raises(error, match=text):
        save(arrays, tmp_path / "a", metadata)
    assert os.listdir(tmp_path) == []


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        save({}, tmp_path / "no" / "folder")
    with pytest.raises(IsADirectoryError):
        save({}, tmp_path)
    assert os.listdir(tmp_path) == [] and list(tmp_path.parent.glob(".fastnn-*")) == []


def test_safetensors_reads_ours(tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    from safetensors import safe_open

    arrays = {f"x.{code}": sample(code, (2, 3, 4)) for code in DTYPES}
    arrays |= {"0-d": np.array(1.5), "none": np.zeros((0, 3), "f4"), "层": np.ones(3, "f4")[::-1]}
    save(arrays, tmp_path / "a", {"epoch": "3"})
    theirs = library.load_file(tmp_path / "a")
    assert theirs.keys() == arrays.keys()
    for name, array in arrays.items():
        assert theirs[name].dtype == array.dtype
        np.testing.assert_array_equal(theirs[name], array)
    with safe_open(tmp_path / "a", "numpy") as file:
        assert file.metadata()["epoch"] == "3"


def test_we_read_safetensors(tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    arrays = {f"x.{code}": sample(code, (2, 3, 4)) for code in DTYPES}
    arrays |= {"0-d": np.array(1.5), "none": np.zeros((0, 3), "f4")}
    library.save_file(arrays, tmp_path / "a", {"epoch": "3"})
    ours, metadata = load(tmp_path / "a", with_metadata=True)
    assert metadata == {"epoch": "3"}
    assert_same({k: ours[k] for k in arrays}, arrays)
    library.save_file({"x": np.ones(3)}, tmp_path / "a")
    assert load(tmp_path / "a", with_metadata=True)[1] == {}


GOOD = entry()
OVERFLOW = entry(shape=(0, 2**62, 2**62), offsets=(0, 0))


@pytest.mark.parametrize(
    "header, data, reason",
    [
        (b"[1]", b"", "not a JSON object"),
        (b' {"a": 1}', b"", "not a JSON object"),
        (b"{", b"", "bad header"),
        (b'{"\xff": 1}', b"", "bad header"),
        (b'{"a":' + b"[" * 100_000, b"", "bad header"),
        (b'{"a":1,"a":1}', b"", "occurs twice"),
        ({"__metadata__": {"a": 1}}, b"", "__metadata__ must map"),
        ({"__metadata__": ["a"]}, b"", "__metadata__ must map"),
        ({"a": 3}, b"", "'a' must have dtype"),
        ({"a": GOOD | {"x": 1}}, bytes(8), "'a' must have dtype"),
        ({"a": entry("BF16", (4,))}, bytes(8), "'a' has dtype 'BF16'"),
        ({"a": entry([1])}, bytes(8), "'a' has dtype"),
        ({"a": entry(shape=(-2,))}, bytes(8), "'a' has shape"),
        ({"a": entry(shape=(True, 2))}, bytes(8), "'a' has shape"),
        ({"a": entry(shape=(2.0,))}, bytes(8), "'a' has shape"),
        ({"a": entry(shape=(1,) * 64 + (2,))}, bytes(8), "'a' has shape"),
        ({"a": OVERFLOW}, b"", "'a' has shape"),
        ({"a": entry(offsets=(0, 8, 9))}, bytes(9), "'a' has data_offsets"),
        ({"a": entry(offsets=(0, 2**64))}, bytes(8), "'a' has data_offsets"),
        ({"a": entry(offsets=(8, 0))}, bytes(8), "'a' has -8 bytes"),
        ({"a": entry(shape=(3,))}, bytes(8), "'a' has 8 bytes for F32 of shape"),
        ({"a": entry(shape=(2**60,), offsets=(0, 2**62))}, bytes(8), "truncated"),
        ({"a": entry(offsets=(4, 12))}, bytes(12), "'a' leaves a gap"),
        ({"a": GOOD, "b": entry(offsets=(4, 12))}, bytes(12), "'b' overlaps"),
        ({"a": GOOD, "b": GOOD}, bytes(8), "'b' overlaps"),
        ({"a": GOOD, "b": entry(offsets=(12, 20))}, bytes(20), "'b' leaves a gap"),
        ({"a": GOOD}, bytes(7), "truncated: 7 bytes of data, 8 announced"),
        ({"a": GOOD}, bytes(9), "damaged: 9 bytes of data, 8 announced"),
        ({"a": entry("BOOL", (2,), (0, 2))}, b"\x01\x02", "'a' is BOOL"),
    ],
)
def test_foreign_files_are_checked(tmp_path, header, data, reason):
    path = write_raw(tmp_path / "odd file", header, data)
    with pytest.raises(CheckpointError, match=reason) as info:
        load(path)
    assert str(path) in str(info.value)


def test_foreign_file_by_hand(tmp_path):
    data = np.array([1.5, -2.0], "<f4").tobytes()
    path = write_raw(tmp_path / "a", {"b": entry(shape=(0,), offsets=(8, 8)), "a": GOOD}, data)
    assert_same(load(path), {"b": np.zeros(0, "f4"), "a": np.array([1.5, -2.0], "f4")})


def test_header_length_is_capped(tmp_path):
    (tmp_path / "a").write_bytes((2**62).to_bytes(8, "little") + b"{}")
    with pytest.raises(CheckpointError, match="claims a header of"):
        load(tmp_path / "a")
    (tmp_path / "a").write_bytes((10).to_bytes(8, "little") + b"{}")
    with pytest.raises(CheckpointError, match="truncated: header of 10 bytes, 2 bytes there"):
        load(tmp_path / "a")


def test_save_refuses_a_header_that_load_would(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "_MAX_HEADER", 100)
    with pytest.raises(ValueError, match="names and metadata take"):
        save({"x" * 100: np.ones(1)}, tmp_path / "a")
    assert os.listdir(tmp_path) == []
