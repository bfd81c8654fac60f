"""From pairs to the bytes of one shard.

HDF5 writes through a :class:`~blurdata.shards.sink.Sink`, because its own file driver crashes the process on a full disk. Fixed
shapes, no variable-length data, no time stamps and a pinned format version make the bytes a function of the pairs alone::

    /                          format="blurdata-shard", version=1, plan_id, recipe_id, index
    /meta                      (n,) uint8: JSON list of {"key", "meta"}, in order
    /pairs/<key>/blurry        (H, W, 3) uint8 | uint16, crc32 of its raw pixels
    /pairs/<key>/sharp         the same
    /pairs/<key>/extras/<name> any fixed-size numbers

Every data set is chunked and carries Fletcher-32, which HDF5 checks on each read. Uncompressed chunks are put together here and
handed to HDF5 as they are: its own gathering and checksum cost several times as much.
"""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from zlib_ng.zlib_ng import crc32  # four times as fast as Python's own zlib on most systems

from blurdata.errors import MissingDependency, PairMismatch, PlanMismatch
from blurdata.pairs import Pair
from blurdata.scratch import Scratch
from blurdata.shards.guard import FLETCHER_BYTES, MAX_ARRAY_BYTES, MAX_CHUNK_BYTES
from blurdata.shards.plan import CHUNK_SIDES, HALVES, Plan, Settings
from blurdata.shards.sink import Sink

FORMAT, VERSION = "blurdata-shard", 1
_ZSTD_LEVEL = 3
_scratch = Scratch()


def encode_shard(plan: Plan, index: int, pairs: Iterable[Pair], sink: Sink) -> None:
    """Write shard ``index``; the pairs must be those the plan names, in order. Holds no more than one pair in memory.

    Raises:
        PlanMismatch: If the source gives other pairs than the plan names.
        PairMismatch: If an extra array cannot be stored.
        OSError: If the sink's file cannot be written.
    """
    expected = plan.shard_keys(index)
    metas: list[dict[str, Any]] = []
    with sink, h5py.File(sink, "w", libver=("v110", "v110")) as file:
        file.attrs.update({"format": np.bytes_(FORMAT), "version": np.uint32(VERSION), "index": np.uint32(index)})
        file.attrs.update({"plan_id": np.bytes_(plan.id), "recipe_id": np.bytes_(plan.recipe_id)})
        for pair in pairs:
            _check_order(expected, len(metas), pair.key)
            _write_pair(file, pair, plan.settings)
            sink.check()
            metas.append({"key": pair.key, "meta": dict(pair.meta)})
        if len(metas) != len(expected):
            msg = f"Shard {index} should hold {len(expected)} pairs but the source gave {len(metas)}; it changed since the plan was made."
            raise PlanMismatch(msg)
        text = json.dumps(metas, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()
        _write_array(file, "meta", np.frombuffer(text, np.uint8), (1 << 16,), "none")


def _check_order(expected: tuple[str, ...], position: int, key: str) -> None:
    if position >= len(expected) or key != expected[position]:
        wanted = f"'{expected[position]}'" if position < len(expected) else "no more pairs"
        msg = f"The source gave pair '{key}' where the plan has {wanted}; it changed since the plan was made."
        raise PlanMismatch(msg)


def _write_pair(file: h5py.File, pair: Pair, settings: Settings) -> None:
    square = (settings.chunk, settings.chunk)
    group = file.require_group(f"pairs/{pair.key}")
    for half in HALVES:
        _write_array(group, half, getattr(pair, half), square, settings.compression)
    for name, array in sorted(pair.extras.items()) if settings.extras else ():
        _check_extra(pair.key, name, array)
        chunk = square if array.ndim > 1 else (1 << 16,)
        _write_array(group, f"extras/{name}", array, chunk, settings.compression)


def _check_extra(key: str, name: str, array: NDArray[Any]) -> None:
    if not plain_name(name) or not isinstance(array, np.ndarray) or array.size == 0 or not _plain(array.dtype) or not 0 < array.ndim <= 32:
        msg = f"Pair '{key}': the extra {name!r} must be a plainly named, non-empty array of numbers with 1 to 32 axes to be stored."
        raise PairMismatch(msg)
    if array.nbytes > MAX_ARRAY_BYTES:
        msg = f"Pair '{key}': the extra {name!r} has {array.nbytes} bytes, more than the {MAX_ARRAY_BYTES} that a shard takes."
        raise PairMismatch(msg)


def _write_array(group: h5py.Group, name: str, array: NDArray[Any], chunk: tuple[int, ...], compression: str) -> None:
    """Store one array in even chunks of at most ``chunk`` along its first axes, whole along the others."""
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    even = tuple(_even(length, most) for length, most in zip(array.shape, chunk, strict=False))
    chunks = _fitting(even + array.shape[len(chunk) :], array.dtype.itemsize)
    dataset = group.create_dataset(name, array.shape, array.dtype, chunks=chunks, fletcher32=True, **_filter(compression))
    if compression == "none" and len(chunks) > 1 and chunks[2:] == array.shape[2:]:
        crc = _write_chunks(dataset.id, array, chunks)
    else:
        dataset[...] = array
        crc = crc32(array.data)
    dataset.attrs["crc32"] = np.uint32(crc)


def _even(length: int, most: int) -> int:
    """The side of as few chunks as reach, so that little is stored beyond the edge: whole ones of 128 px would be 6 % more for 720 rows."""
    return -(-length // -(-length // most))


def sides_for(shape: Sequence[int], chunk: Sequence[int]) -> range:
    """The sides that a plan may name where an array has these even chunks.

    Example:
        >>> sides_for((720, 1280), (120, 128))
        range(128, 143)
    """
    counts = [-(-length // side) for length, side in zip(shape, chunk, strict=True)]
    ends = [-(-length // (count - 1)) for length, count in zip(shape, counts, strict=True) if count > 1]
    return range(max(*chunk, CHUNK_SIDES.start), min([*ends, CHUNK_SIDES.stop]))


def _fitting(chunk: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """A chunk, its longest side halved until it is small enough to be read; that of many arrays with long last axes is not."""
    while math.prod(chunk) * itemsize > MAX_CHUNK_BYTES:
        longest = chunk.index(max(chunk))
        chunk = (*chunk[:longest], -(-chunk[longest] // 2), *chunk[longest + 1 :])
    return chunk


def _write_chunks(dataset: h5py.h5d.DatasetID, array: NDArray[Any], chunk: tuple[int, ...]) -> int:
    """Write an array's chunks, 0 beyond its edges, each with its checksum behind it, a row of them at a time; returns its crc32."""
    from blurdata.shards.tiles import fold  # brings numba, which who only looks at shards need not wait for

    down, across = chunk[:2]
    row = across * math.prod(chunk[2:]) * array.dtype.itemsize
    rows = array.reshape(len(array), -1).view(np.uint8)
    stored = _scratch((-(-array.shape[1] // across), down * row + FLETCHER_BYTES), np.uint8)
    inner = (0,) * len(chunk[2:])
    crc = 0
    for top in range(0, len(array), down):
        fold(stored, rows[top : top + down], row)
        crc = crc32(rows[top : top + down].data, crc)
        for place, line in enumerate(stored):
            dataset.write_direct_chunk((top, place * across, *inner), line)
    return crc


def _filter(compression: str) -> dict[str, Any]:
    if compression == "none":
        return {}
    try:
        import hdf5plugin
    except ImportError as error:
        msg = "Shards compressed with zstd need the package hdf5plugin; run `pip install hdf5plugin` or use --compression none."
        raise MissingDependency(msg) from error
    return dict(hdf5plugin.Zstd(clevel=_ZSTD_LEVEL))


def plain_name(name: str) -> bool:
    """Whether an extra may have this name, of which ``convert`` makes a folder."""
    return bool(name) and name not in (".", "..") and not any(sign in name for sign in "/\\\x00")


def _plain(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "biuf" and dtype.itemsize <= 8
