"""Reading HDF5 with suspicion: the file may be damaged, or a stranger may have made it to do harm.

Nothing is followed out of the file (soft and external links, external storage, virtual data sets), nothing but plain
numbers is read (no references, strings or objects), only the filters that shards are written with are run, and no memory
is taken that the file does not hold data for. What is refused is a ValueError that says why.
"""

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from h5py import h5a, h5d, h5f, h5l, h5p, h5t, h5z
from numpy.typing import NDArray

from blurdata.files import MAX_PIXELS

ZSTD = 32015
FLETCHER_BYTES = 4
MAX_ARRAY_BYTES = MAX_PIXELS * 8
MAX_CHUNK_BYTES = 64 << 20
_MAX_TEXT_BYTES = 64
_HARD = h5l.TYPE_HARD
_AS_STORED = ((h5t.STD_U8LE, np.dtype("u1")), (h5t.STD_U16LE, np.dtype("<u2")), (h5t.IEEE_F32LE, np.dtype("<f4")))
_HDF5_SAYS = ("Unable to ", "Can't ")  # how every message of HDF5 begins
_OUR_WORDS = (
    ("metadata checksum", "a checksum of its structure is wrong"),
    ("filter returned failure", "a chunk has another checksum than was written"),
    ("truncated file", "it is cut off"),
    ("file signature not found", "it does not begin as an HDF5 file does"),
    ("can't locate attribute", "it lacks an attribute that every shard has"),
)


@dataclass(frozen=True)
class Array:
    """A data set that was found harmless.

    Args:
        id: HDF5's handle.
        fd: The file's descriptor.
        shape: Its shape.
        dtype: Its numbers, as numpy has them.
        chunk: Shape of a chunk.
        compressed: Whether chunks are compressed.
        offsets: Where in the file each chunk lies that was read before, -1 for others; None if only HDF5 can make numbers of
            the bytes that lie there.
    """

    id: h5d.DatasetID
    fd: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk: tuple[int, ...]
    compressed: bool
    offsets: NDArray[np.int64] | None


def open_file(path: str) -> h5f.FileID:
    """Open read-only, without a file lock (shards never change, and locks fail on network disks) and without chunk caches."""
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_file_locking(False, True)
    access.set_cache(0, 1, 0, 0.0)  # a crop is read once: a cache would only fill memory
    return h5f.open(os.fsencode(path), h5f.ACC_RDONLY, access)


def cause(error: Exception) -> str:
    """Why something could not be read, in a few words; HDF5's own, which name its functions, are put into ours.

    Example:
        >>> cause(KeyError("Unable to synchronously open dataset (incorrect metadata checksum after all read attempts)"))
        'a checksum of its structure is wrong'
    """
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    told = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if told.startswith(_HDF5_SAYS):
        return next((ours for words, ours in _OUR_WORDS if words in told), "its structure is damaged")
    return told.split("\n")[0] or type(error).__name__


def attribute(owner: h5f.FileID | h5d.DatasetID, name: str) -> str | int:
    """A short text or a whole number kept as an attribute."""
    found = h5a.open(owner, name.encode())
    kind = found.get_type()
    size = kind.get_size()
    if found.shape != () or size > _MAX_TEXT_BYTES:
        msg = f"the attribute '{name}' is no single short value"
        raise ValueError(msg)
    if isinstance(kind, h5t.TypeIntegerID):
        number = np.empty((), np.int64)
        found.read(number)
        return int(number)
    if not isinstance(kind, h5t.TypeStringID) or kind.is_variable_str():
        msg = f"the attribute '{name}' is neither a number nor a text of fixed length"
        raise ValueError(msg)
    text = np.empty((), f"S{size}")
    found.read(text, kind)
    return bytes(text.item()).decode("ascii")


def check_links(file: h5f.FileID, name: str, known: set[str]) -> None:
    """Refuse a path with a soft or external link in it; ``known`` collects paths that were found to be plain."""
    path = ""
    for part in name.split("/"):
        path = f"{path}/{part}" if path else part
        if path not in known:
            try:
                kind = file.links.get_info(path.encode()).type
            except (KeyError, RuntimeError):
                if file.links.exists(path.encode()):
                    raise
                msg = f"'{path}' is missing"
                raise ValueError(msg) from None
            if kind != _HARD:
                msg = f"'{path}' is a link to elsewhere, which shards never have"
                raise ValueError(msg)
            known.add(path)


def open_array(file: h5f.FileID, name: str, known: set[str]) -> Array:
    """Open a data set after looking at everything about it that could do harm."""
    check_links(file, name, known)
    found = h5d.open(file, name.encode())
    how = found.get_create_plist()
    if how.get_layout() != h5d.CHUNKED or how.get_external_count():
        msg = f"'{name}' is not stored in chunks inside the file"
        raise ValueError(msg)
    compressed = _filters(how, name)
    dtype, as_stored = _number_type(found.get_type(), name)
    shape, chunk = found.shape, how.get_chunk()
    chunk_bytes = math.prod(chunk) * dtype.itemsize
    if math.prod(shape) * dtype.itemsize > MAX_ARRAY_BYTES or chunk_bytes > MAX_CHUNK_BYTES:
        msg = f"'{name}' claims an absurd size, {shape} in chunks of {chunk}"
        raise ValueError(msg)
    _check_storage(found, name, shape, chunk, chunk_bytes, compressed=compressed)
    grid = tuple(-(-a // b) for a, b in zip(shape, chunk, strict=True))
    simple = as_stored and not compressed and len(grid) > 1 and all(count == 1 for count in grid[2:])
    offsets = np.full(grid[:2], -1, np.int64) if simple else None
    return Array(found, file.get_vfd_handle(), shape, dtype, chunk, compressed, offsets)


def _filters(how: h5p.PropDCID, name: str) -> bool:
    """Whether an array is compressed; refuses all filters but the two that shards use."""
    codes = [how.get_filter(position)[0] for position in range(how.get_nfilters())]
    if codes not in ([h5z.FILTER_FLETCHER32], [ZSTD, h5z.FILTER_FLETCHER32]):
        msg = f"'{name}' is stored with filters {codes}, which shards never have"
        raise ValueError(msg)
    return ZSTD in codes


def _number_type(kind: h5t.TypeID, name: str) -> tuple[np.dtype[Any], bool]:
    """The type of an array's numbers, and whether their bytes in the file are what numpy has in memory."""
    for known, dtype in _AS_STORED:  # nearly all there is; asking h5py for the dtype costs more than opening the array
        if kind.equal(known):
            return dtype, True
    plain = isinstance(kind, (h5t.TypeIntegerID, h5t.TypeFloatID)) and kind.get_size() <= 8
    if not plain and not (isinstance(kind, h5t.TypeEnumID) and kind.get_size() == 1 and kind.dtype == np.bool_):
        msg = f"'{name}' does not hold plain numbers"
        raise ValueError(msg)
    return kind.dtype, False


def _check_storage(
    found: h5d.DatasetID, name: str, shape: tuple[int, ...], chunk: tuple[int, ...], chunk_bytes: int, *, compressed: bool
) -> None:
    """Refuse an array that claims more than the file holds; HDF5 would make up the missing chunks as zeros."""
    count = math.prod(-(-a // b) for a, b in zip(shape, chunk, strict=True))
    whole = found.get_num_chunks() == count if compressed else found.get_storage_size() == count * (chunk_bytes + FLETCHER_BYTES)
    if not whole:
        msg = f"'{name}' lacks some of its data"
        raise ValueError(msg)
