"""One open shard: its pairs' pictures, extras and meta data, each checked as it is read."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from h5py import h5g
from numpy.typing import NDArray
from zlib_ng.zlib_ng import crc32

from blurdata.errors import ShardCorrupt, ShardError
from blurdata.scratch import Scratch
from blurdata.shards.chunks import Box, Make, read_array, read_bands
from blurdata.shards.encode import FORMAT, VERSION, plain_name, sides_for
from blurdata.shards.guard import Array, attribute, cause, check_links, open_array, open_file
from blurdata.shards.plan import HALVES, Compression

_OPEN_ELSEWHERE = ("flag values don't match", "close degree doesn't match")  # HDF5: one way a process
_room = Scratch()
_MAX_META_BYTES = 64 << 20
_FAULTS = (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, OverflowError, RecursionError, AttributeError)


class ShardFile:
    """An open shard.

    Args:
        path: The file.

    Raises:
        ShardCorrupt: If it is no shard of this format. All methods raise it for what cannot be read or must not be.
        ShardError: If this process has the file open in h5py.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known_links: set[str] = set()
        self._arrays: dict[str, Array] = {}
        self._metas: dict[str, dict[str, Any]] | None = None
        with self._faults(None):
            self._id = open_file(str(path))
        try:
            with self._faults(None):
                self._check_format()
        except BaseException:
            self.close()
            raise

    def _check_format(self) -> None:
        if attribute(self._id, "format") != FORMAT:
            msg = "it is no shard of this package"
            raise ValueError(msg)
        if (version := attribute(self._id, "version")) != VERSION:
            msg = f"it has format version {version}, this package reads version {VERSION}"
            raise ValueError(msg)
        self.plan_id, self.index = attribute(self._id, "plan_id"), attribute(self._id, "index")

    @property
    def recipe_id(self) -> str | int:
        """Id of the recipe that the pairs were made by."""
        with self._faults(None):
            return attribute(self._id, "recipe_id")

    def close(self) -> None:
        """Close the file."""
        self._arrays.clear()
        self._id.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _faults(self, key: str | None) -> Iterator[None]:
        """Name shard and pair in whatever HDF5 or the guard complains about."""
        try:
            yield
        except FileNotFoundError:
            raise ShardCorrupt(self.path, None, "is missing") from None
        except _FAULTS as error:
            if isinstance(error, OSError) and any(words in str(error) for words in _OPEN_ELSEWHERE):
                msg = f"{self.path}: is open in this process by other means, such as h5py.File; close it there first."
                raise ShardError(msg) from error
            raise ShardCorrupt(self.path, key, f"cannot be read ({cause(error)})") from error

    def _array(self, name: str) -> Array:
        if name not in self._arrays:
            self._arrays[name] = open_array(self._id, name, self._known_links)
        return self._arrays[name]

    def metas(self) -> dict[str, dict[str, Any]]:
        """What is known of each pair, by key, in order."""
        if self._metas is None:
            with self._faults(None):
                array = self._array("meta")
                if len(array.shape) != 1 or array.shape[0] > _MAX_META_BYTES or array.dtype != np.uint8:
                    msg = "its meta data are no text or absurdly large"
                    raise ValueError(msg)
                items = json.loads(read_array(array).tobytes())
                self._metas = {str(item["key"]): dict(item["meta"]) for item in items}
        return self._metas

    def image(self, key: str, half: str, box: Box | None = None, make: Make = np.empty) -> NDArray[Any]:
        """(H, W, 3) uint8 or uint16 pixels of one half, or of the box (y, x, height, width) in it, in what ``make`` gives."""
        with self._faults(key):
            return read_array(self._picture(key, half), box, make)

    def _picture(self, key: str, half: str) -> Array:
        array = self._array(f"pairs/{key}/{half}")
        if len(array.shape) != 3 or array.shape[2] != 3 or array.dtype.kind != "u" or array.dtype.itemsize > 2:
            msg = f"'{half}' is no 8- or 16-bit RGB picture"
            raise ValueError(msg)
        return array

    def size(self, key: str) -> tuple[int, int]:
        """Height and width of a pair, from the header alone."""
        with self._faults(key):
            height, width, _ = self._array(f"pairs/{key}/sharp").shape
            return int(height), int(width)

    def storage(self, key: str) -> tuple[range | None, Compression]:
        """Sides that the chunks of a pair may have been asked for by, None if one chunk leaves them open, and how they are compressed."""
        with self._faults(key):
            array = self._array(f"pairs/{key}/sharp")
            size, chunk = array.shape[:2], array.chunk[:2]
            return None if size == chunk else sides_for(size, chunk), "zstd" if array.compressed else "none"

    def nbytes(self, key: str) -> int:
        """Raw bytes of both halves of a pair, from the header alone."""
        with self._faults(key):
            array = self._array(f"pairs/{key}/sharp")
            return 2 * int(np.prod(array.shape)) * array.dtype.itemsize

    def extra_names(self, key: str) -> list[str]:
        """Names of a pair's extra arrays."""
        with self._faults(key):
            check_links(self._id, f"pairs/{key}", self._known_links)
            if b"extras" not in h5g.open(self._id, f"pairs/{key}".encode()):
                return []
            check_links(self._id, f"pairs/{key}/extras", self._known_links)
            names = sorted(name.decode() for name in h5g.open(self._id, f"pairs/{key}/extras".encode()))
            if strange := [name for name in names if not plain_name(name)]:
                msg = f"no extra may be called {strange[0]!r}"
                raise ValueError(msg)
            return names

    def extra(self, key: str, name: str, box: Box | None = None) -> NDArray[Any]:
        """One extra array of a pair, or the box (y, x, height, width) in it."""
        with self._faults(key):
            return read_array(self._array(f"pairs/{key}/extras/{name}"), box)

    def check(self, key: str) -> None:
        """Read all of a pair and compare it with the checksums kept when it was written."""
        extras = self.extra_names(key)
        with self._faults(key):
            blurry, sharp = (self._picture(key, half) for half in HALVES)
            if blurry.shape != sharp.shape or blurry.dtype != sharp.dtype:
                msg = f"blurry is {blurry.shape} and sharp {sharp.shape}"
                raise ValueError(msg)
            for name in (*HALVES, *(f"extras/{name}" for name in extras)):
                array, crc = self._array(f"pairs/{key}/{name}"), 0
                for band in read_bands(array, _room):
                    crc = crc32(band.data, crc)
                if crc != attribute(array.id, "crc32"):
                    msg = f"'{name}' has another crc32 than was written"
                    raise ValueError(msg)
