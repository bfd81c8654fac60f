"""Reading the chunks of an array that was found harmless, each checked against its checksum.

Uncompressed pictures are read from the file itself, by the places of their chunks that HDF5 tells: HDF5's own read spends nine
tenths of its time on the checksum. All else HDF5 reads.
"""

import math
import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
from h5py import h5s, h5z
from numpy.typing import NDArray

from blurdata.errors import MissingDependency
from blurdata.scratch import Scratch
from blurdata.shards.guard import FLETCHER_BYTES, ZSTD, Array

Box = tuple[int, int, int, int]  # y, x, height, width
Make = Callable[[tuple[int, ...], np.dtype[Any]], NDArray[Any]]  # its rows must lie one after the other
_CACHE_BYTES = 256 << 10
_ZSTD_SLACK = 1 << 10  # what zstd cannot make smaller becomes a little larger
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_scratch = Scratch()


def read_array(array: Array, box: Box | None = None, make: Make = np.empty) -> NDArray[Any]:
    """The whole array, or rows ``y`` to ``y + height`` and columns ``x`` to ``x + width`` of it, in what ``make`` gives.

    Raises:
        ValueError: If the box is not inside, or a chunk is not what was written. HDF5 raises OSError for that.
    """
    if box is None and array.offsets is None:
        return _read_by_hdf5(array, (0,) * len(array.shape), array.shape, make)
    y, x, height, width = box or (0, 0, *array.shape[:2])
    if len(array.shape) < 2 or y < 0 or x < 0 or y + height > array.shape[0] or x + width > array.shape[1]:
        msg = f"the box {box} is not inside {array.shape}"
        raise ValueError(msg)
    if array.offsets is None:
        return _read_by_hdf5(array, (y, x, *(0 for _ in array.shape[2:])), (height, width, *array.shape[2:]), make)
    out = make((height, width, *array.shape[2:]), array.dtype)
    if box is None:
        _find_all(array, array.offsets)
    _read_chunks(array, array.offsets, (y, x, height, width), out)
    return out


def read_bands(array: Array, make: Make = np.empty) -> Iterator[NDArray[Any]]:
    """The whole array, as many rows at a time as a chunk has: what is done with them finds them in the processor's own cache."""
    if len(array.shape) < 2:
        yield read_array(array)
        return
    if array.offsets is not None:
        _find_all(array, array.offsets)
    height, width = array.shape[:2]
    for top in range(0, height, array.chunk[0]):
        yield read_array(array, (top, 0, min(array.chunk[0], height - top), width), make)


def _read_chunks(array: Array, offsets: NDArray[np.int64], box: Box, out: NDArray[Any]) -> None:
    """A box of an uncompressed array."""
    y, x, height, width = box
    down, across = array.chunk[:2]
    pixel = math.prod(array.chunk[2:]) * array.dtype.itemsize
    rows = out.reshape(height, -1).view(np.uint8)
    size = down * across * pixel + FLETCHER_BYTES
    room = _room(size)
    columns = range(x // across, -(-(x + width) // across))
    for line in range(y // down, -(-(y + height) // down)):
        top, bottom = max(y, line * down), min(y + height, (line + 1) * down)
        for start in range(0, len(columns), len(room)):
            some = columns[start : start + len(room)]
            stored = room[: len(some), :size]
            _read_side_by_side(array, offsets, line, some[0], stored)
            here = rows[top - y : bottom - y]
            if not _unfold()(here, stored, across * pixel, top - line * down, (some[0] * across - x) * pixel):
                msg = "a chunk has another checksum than was written"
                raise ValueError(msg)


def _room(size: int) -> NDArray[np.uint8]:
    """(n, size or more) uint8 for as many chunks as the processor's own cache has room for."""
    stride = -(-size // 64) * 64
    return _scratch((max(1, _CACHE_BYTES // stride), stride), np.uint8)


def _read_side_by_side(array: Array, offsets: NDArray[np.int64], row: int, column: int, stored: NDArray[np.uint8]) -> None:
    """Fill ``stored`` with a chunk and its checksum in each line; those that also lie one after another in the file in one go."""
    count, size = stored.shape
    places = offsets[row, column : column + count].tolist()
    if min(places) < 0:
        places = [_find(array, row, column + index, size) for index in range(count)]
        offsets[row, column : column + count] = places
    if places == list(range(places[0], places[0] + count * size, size)):
        _read(array.fd, stored, places[0])
    else:
        for chunk, place in zip(stored, places, strict=True):
            _read(array.fd, chunk[None], place)


def _read(fd: int, stored: NDArray[np.uint8], place: int) -> None:
    if os.preadv(fd, list(stored), place) != stored.size:
        msg = "the file ends inside a chunk"
        raise ValueError(msg)


def _find(array: Array, row: int, column: int, size: int) -> int:
    """Where in the file a chunk lies."""
    found = array.id.get_chunk_info_by_coord((row * array.chunk[0], column * array.chunk[1], *(0 for _ in array.chunk[2:])))
    if found.filter_mask or found.size != size or found.byte_offset is None:
        msg = "a chunk is missing or lacks its checksum"
        raise ValueError(msg)
    return int(found.byte_offset)


def _find_all(array: Array, offsets: NDArray[np.int64]) -> None:
    """Note where all chunks lie, in a quarter of the time of asking one by one; what is not as it should be is left."""
    if (offsets >= 0).all():
        return
    size = math.prod(array.chunk) * array.dtype.itemsize + FLETCHER_BYTES
    (down, across), (lines, columns) = array.chunk[:2], offsets.shape

    def note(found: Any) -> None:
        corner, mask, place, stored = found
        line, column = corner[0] // down, corner[1] // across
        if stored == size and not mask and place is not None and line < lines and column < columns:
            offsets[line, column] = place

    array.id.chunk_iter(note)


@cache
def _unfold() -> Any:
    """The compiled loop; it brings numba, which who only looks at headers need not wait for."""
    from blurdata.shards.tiles import unfold

    return unfold


def _read_by_hdf5(array: Array, start: tuple[int, ...], count: tuple[int, ...], make: Make) -> NDArray[Any]:
    if array.compressed:
        _check_frames(array, start, count)
    out = make(count, array.dtype.newbyteorder("="))
    inside = array.id.get_space()
    inside.select_hyperslab(start, count)
    array.id.read(h5s.create_simple(count), inside, out)
    return out


def _check_frames(array: Array, start: tuple[int, ...], count: tuple[int, ...]) -> None:
    """Refuse compressed chunks that are, or say that they unfold to, more than a chunk: reading them would take that much memory."""
    if not h5z.filter_avail(ZSTD):
        _load_zstd()
    limit = math.prod(array.chunk) * array.dtype.itemsize
    grid = [range(a // c * c, a + n, c) for a, n, c in zip(start, count, array.chunk, strict=True)]
    for corner in np.stack(np.meshgrid(*grid, indexing="ij"), -1).reshape(-1, len(grid)).tolist():
        stored = array.id.get_chunk_info_by_coord(tuple(corner))
        if stored.filter_mask or stored.size > 2 * limit + _ZSTD_SLACK or frame_size(os.pread(array.fd, 18, stored.byte_offset)) != limit:
            msg = "a compressed chunk is not, or does not unfold to, the size of a chunk"
            raise ValueError(msg)


def frame_size(head: bytes) -> int | None:
    """The unfolded size that a zstd frame states (RFC 8878, 3.1.1.1), or None."""
    if len(head) < 6 or head[:4] != _ZSTD_MAGIC:
        return None
    descriptor = head[4]
    single, size_flag, dictionary_flag = descriptor >> 5 & 1, descriptor >> 6, descriptor & 3
    at = 5 + (not single) + (0, 1, 2, 4)[dictionary_flag]
    width = (int(single), 2, 4, 8)[size_flag]
    if not width or len(head) < at + width:
        return None
    return int.from_bytes(head[at : at + width], "little") + (256 if width == 2 else 0)


def _load_zstd() -> None:
    try:
        import hdf5plugin  # noqa: F401  importing it registers the filter
    except ImportError as error:
        msg = "These shards are compressed with zstd; run `pip install hdf5plugin` to read them."
        raise MissingDependency(msg) from error
