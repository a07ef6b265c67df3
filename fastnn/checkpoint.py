"""Checkpoints: named arrays in one file, written so that a crash never costs the old one.

The file is a safetensors file (https://github.com/huggingface/safetensors, "Format")::

    8 bytes    n, the header's length, little-endian
    n bytes    JSON: {"__metadata__": {str: str}, name: {"dtype", "shape", "data_offsets"}, ...}
    the rest   the arrays, little-endian, C order, without gaps; offsets count from here

Nothing is pickled, so a file from a stranger is data and cannot run code.

**Whole or absent.** `save` writes a temporary file in the same folder, syncs it, moves it over
the target with `os.replace` and syncs the folder: at every instant the target is the old file or
the new one.

**Damage is noticed.** The header of a fastnn file begins with the fixed text `_PREFIX`, eight hex
digits and `_MARK`. The digits are the CRC-32 of the whole file with "00000000" in their place,
and CRC-32 finds every single-bit flip. A flip that hits `_PREFIX` itself leaves `_MARK`, and
`_MARK` without `_PREFIX` is damage, so a fastnn file never passes for a foreign one. Foreign
safetensors files carry neither and get the structural checks alone.
"""

import fcntl
import json
import math
import os
import re
import sys
import zlib
from contextlib import suppress

import numpy as np

__all__ = ["CheckpointError", "load", "save"]

_CODES = {
    "BOOL": "?", "U8": "u1", "U16": "<u2", "U32": "<u4", "U64": "<u8",
    "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8",
    "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip
_DTYPES = {name: np.dtype(code) for name, code in _CODES.items()}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}

_CRC_KEY, _FORMAT_KEY = "fastnn.crc32", "fastnn.format"
_PREFIX = b'{"__metadata__":{"fastnn.crc32":"'
_NO_CRC = b"00000000"
_MARK = b'","fastnn.format":"1"'
_MAX_HEADER = 100_000_000  # the safetensors package refuses longer ones
_TEMPORARY = re.compile(r"\.fastnn-[0-9a-f]{16}\.tmp")


class CheckpointError(ValueError):
    """The file is not a whole, undamaged checkpoint; the message names the file and the reason."""


def save(arrays, path, metadata=None):
    """Write a dict of arrays to `path`, atomically, in the safetensors layout.

    arrays    {name: array}; bool, int8-64, uint8-64 and float16-64, of any shape, strides and
              byte order; whatever `np.asarray` takes. Stored in C order, little-endian.
    metadata  optional {str: str} kept with them.

    The previous file at `path` stays whole until the new one is complete and on disk; on any
    error, a full disk included, it stays and the temporary file is removed. Temporary files of
    writers that were killed are removed by the next `save` in that folder.

    Raises TypeError or ValueError for a bad name, dtype or metadata entry, naming it, before
    anything is written; OSError when the file cannot be written.
    """
    header, blocks = _layout(_checked_arrays(arrays), _checked_metadata(metadata))
    target = os.path.realpath(os.fsdecode(path))  # through a symlink, not over it
    folder = os.path.dirname(target)
    _remove_leftovers(folder)
    temporary, file = _create_temporary(folder)
    try:
        with file:
            _write(file, header, blocks)
            os.replace(temporary, target)
    except BaseException:  # KeyboardInterrupt too
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def load(path, *, with_metadata=False):
    """Read what `save`, or the safetensors package, wrote.

    Returns {name: array}, in the order given to `save`, each array new, writable and C-ordered;
    with `with_metadata`, the pair (arrays, metadata).

    Raises CheckpointError, naming the file and the reason, for a file that is truncated, damaged
    or of another kind; FileNotFoundError and other OSErrors when it cannot be read.
    """
    name = os.fsdecode(path)
    try:
        with open(name, "rb") as file:
            arrays, metadata = _read(file)
    except CheckpointError as error:
        raise CheckpointError(f"{name}: {error}") from error.__cause__
    return (arrays, metadata) if with_metadata else arrays


# Writing


def _checked_arrays(arrays):
    if not hasattr(arrays, "items"):
        raise TypeError(f"save: arrays must be a dict of arrays, got {type(arrays).__name__}")
    checked = {}
    for name, value in arrays.items():
        _check_text(name, f"save: name {name!r}")
        if name == "__metadata__":
            raise ValueError("save: the name '__metadata__' belongs to the file format")
        try:
            array = np.asarray(value)
        except Exception as error:
            raise TypeError(f"save: {name!r} is not an array: {error}") from error
        if array.dtype.newbyteorder("<") not in _NAMES:
            raise TypeError(
                f"save: {name!r} has dtype {array.dtype}; a checkpoint holds bool, "
                "int8-64, uint8-64 and float16-64"
            )
        checked[name] = array
    return checked


def _checked_metadata(metadata):
    metadata = {} if metadata is None else metadata
    if not hasattr(metadata, "items"):
        raise TypeError(f"save: metadata must be a dict, got {type(metadata).__name__}")
    for key, value in metadata.items():
        _check_text(key, f"save: metadata key {key!r}")
        _check_text(value, f"save: metadata[{key!r}]")
        if key in (_CRC_KEY, _FORMAT_KEY):
            raise ValueError(f"save: the metadata key {key!r} belongs to the file format")
    return metadata


def _check_text(text, what):
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a str, got {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{what} cannot be written as UTF-8: {error.reason}") from None


def _layout(arrays, metadata):
    """The header's bytes (checksum blank), and the arrays in the order of their data.

    Wider dtypes come first: then every array of a file mapped into memory is aligned.
    """
    blocks = sorted(arrays.items(), key=lambda item: -item[1].itemsize)
    offsets, end = {}, 0
    for name, array in blocks:
        offsets[name] = [end, end := end + array.nbytes]
    entries = {
        name: {
            "dtype": _NAMES[array.dtype.newbyteorder("<")],
            "shape": array.shape,
            "data_offsets": offsets[name],
        }
        for name, array in arrays.items()
    }
    marks = {_CRC_KEY: _NO_CRC.decode(), _FORMAT_KEY: "1"}
    header = {"__metadata__": marks | dict(metadata), **entries}
    header = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > _MAX_HEADER:
        raise ValueError(f"save: names and metadata take {len(header)} bytes, limit {_MAX_HEADER}")
    return len(header).to_bytes(8, "little") + header, [array for _, array in blocks]


def _write(file, header, arrays):
    crc = zlib.crc32(header)
    file.write(header)
    for array in arrays:
        # np.ascontiguousarray gives 0-d arrays an axis, which reshape(-1) would anyway.
        data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(-1)
        data = data.view(np.uint8)
        crc = zlib.crc32(data, crc)
        file.write(data)
    file.seek(8 + len(_PREFIX))
    file.write(b"%08x" % crc)
    file.flush()
    os.fsync(file.fileno())


def _create_temporary(folder):
    """A new file in `folder`, locked: the lock dies with its owner, which is how leftovers show."""
    while True:
        path = os.path.join(folder, f".fastnn-{os.urandom(8).hex()}.tmp")
        file = open(path, "xb")
        try:
            mine = _lock(file)
        except OSError:  # a file system without locks: nobody there clears leftovers
            mine = True
        if mine and os.fstat(file.fileno()).st_nlink:
            return path, file
        file.close()  # another writer took it for a leftover before the lock was there


def _remove_leftovers(folder):
    """Delete the temporary files whose writers are gone."""
    with suppress(OSError):  # tidying up must not stop a save
        for name in filter(_TEMPORARY.fullmatch, os.listdir(folder)):
            path = os.path.join(folder, name)
            with suppress(OSError), open(path, "rb") as file:
                if _lock(file):
                    os.unlink(path)


def _lock(file):
    """Lock `file`; False when another process or thread holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_folder(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# Reading


def _read(file):
    size = os.fstat(file.fileno()).st_size
    if size < 8:
        raise CheckpointError(f"truncated: {size} bytes, too short for the header's length")
    length = file.read(8)
    n = int.from_bytes(length, "little")
    if n > _MAX_HEADER:
        raise CheckpointError(f"not a checkpoint, or damaged: it claims a header of {n} bytes")
    if n > size - 8:
        raise CheckpointError(f"truncated: header of {n} bytes, {size - 8} bytes there")
    raw = _read_exactly(file, n)
    header = _parse(raw)
    metadata = _loaded_metadata(header)
    entries = {name: _parse_entry(name, entry) for name, entry in header.items()}
    _check_coverage(entries, size - 8 - n)

    ours = raw.startswith(_PREFIX)
    if not ours and (_FORMAT_KEY in metadata or _CRC_KEY in metadata):
        raise CheckpointError("damaged: fastnn's marks without fastnn's checksum in its place")
    at = len(_PREFIX)
    stored = raw[at : at + len(_NO_CRC)]
    crc = zlib.crc32(length + raw[:at] + _NO_CRC + raw[at + len(_NO_CRC) :]) if ours else None
    arrays = dict.fromkeys(entries)
    for name, (dtype, shape, _, _) in _in_file_order(entries):
        arrays[name], data = _read_array(file, name, dtype, shape)
        if ours:
            crc = zlib.crc32(data, crc)
    if ours and stored != b"%08x" % crc:
        raise CheckpointError(f"damaged: checksum {stored!r} stored, {b'%08x' % crc!r} found")
    for name, array in arrays.items():
        if array.dtype == bool and array.size and array.view(np.uint8).max() > 1:
            raise CheckpointError(f"damaged: {name!r} is BOOL and holds bytes other than 0 and 1")
    return arrays, {k: v for k, v in metadata.items() if k not in (_CRC_KEY, _FORMAT_KEY)}


def _read_exactly(file, n):
    data = file.read(n)
    if len(data) != n:
        raise CheckpointError("truncated while it was read")
    return data


def _parse(raw):
    def no_duplicates(pairs):
        result = dict(pairs)
        if len(result) != len(pairs):
            raise CheckpointError("damaged header: a name occurs twice")
        return result

    if not raw.startswith(b"{"):
        raise CheckpointError("not a checkpoint, or damaged: the header is not a JSON object")
    try:
        return json.loads(raw.decode(), object_pairs_hook=no_duplicates)
    except CheckpointError:
        raise
    except (ValueError, RecursionError) as error:  # bad UTF-8 and bad JSON are ValueErrors
        raise CheckpointError(f"not a checkpoint, or damaged: bad header ({error})") from error


def _loaded_metadata(header):
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise CheckpointError("damaged header: __metadata__ must map names to strings")
    return metadata


def _parse_entry(name, entry):
    """(dtype, shape, begin, end) of one array; refuses whatever does not add up."""

    def sizes(value):
        return isinstance(value, list) and all(
            type(v) is int and 0 <= v <= sys.maxsize for v in value
        )

    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(f"damaged header: {name!r} must have dtype, shape, data_offsets")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in _DTYPES:
        raise CheckpointError(f"{name!r} has dtype {code!r}; known are {', '.join(_DTYPES)}")
    if not sizes(shape) or len(shape) > 64:  # NumPy's limit
        raise CheckpointError(f"damaged header: {name!r} has shape {shape!r}")
    if not sizes(offsets) or len(offsets) != 2:
        raise CheckpointError(f"damaged header: {name!r} has data_offsets {offsets!r}")
    dtype, (begin, end) = _DTYPES[code], offsets
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise CheckpointError(
            f"damaged header: {name!r} has {end - begin} bytes for {code} of shape {tuple(shape)}"
        )
    return dtype, tuple(shape), begin, end


def _check_coverage(entries, available):
    """The arrays must tile the data exactly: no gap, no overlap, nothing missing or left."""
    position = 0
    for name, (_, _, begin, end) in _in_file_order(entries):
        if begin != position:
            kind = "overlaps its neighbour" if begin < position else "leaves a gap before it"
            raise CheckpointError(f"damaged header: {name!r} {kind}")
        position = end
    if position > available:
        raise CheckpointError(f"truncated: {available} bytes of data, {position} announced")
    if position < available:
        raise CheckpointError(f"damaged: {available} bytes of data, {position} announced")


def _in_file_order(entries):
    return sorted(entries.items(), key=lambda item: item[1][2:])


def _read_array(file, name, dtype, shape):
    """The array, and its bytes as they are in the file."""
    try:
        array = np.empty(shape, dtype)
    except ValueError as error:  # sizes that overflow beside a zero
        raise CheckpointError(f"{name!r} has shape {shape}: {error}") from error
    data = array.reshape(-1).view(np.uint8)
    if file.readinto(data) != data.size:
        raise CheckpointError("truncated while it was read")
    return array.astype(dtype.newbyteorder("="), copy=False), data
