"""BasicSR's LMDB layout: one LMDB folder a half, PNG bytes by key, and ``meta_info.txt`` with a line a picture.

A line reads ``0001_s001.png (480,480,3) 1``: name, height, width, channels, PNG compression; the key is the name without suffix.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from blurdata.errors import MissingDependency, PairMismatch, SourceError
from blurdata.files import MAX_PIXELS, decode_image
from blurdata.naming import BLURRY_WORDS, SHARP_WORDS, counted, some
from blurdata.pairs import Image, Pair, PairSource, check_key

_LINE = re.compile(r"(?P<name>.+)\.\w+ \((?P<height>\d+), ?(?P<width>\d+)(?:, ?(?P<channels>\d+))?\) \d+")


class LmdbPairs(PairSource):
    """Pairs of two BasicSR LMDB folders; the databases open on first use in each process.

    Args:
        blurry: Folder of the blurry half.
        sharp: Folder of the sharp half.

    Raises:
        PairMismatch: If the two do not hold the same keys.
        SourceError: If a folder is no such database, or a picture in it is damaged.
        MissingDependency: If the package lmdb is not installed.
    """

    def __init__(self, blurry: Path, sharp: Path) -> None:
        self._folders = {"blurry": blurry, "sharp": sharp}
        sizes = {half: _read_list(folder) for half, folder in self._folders.items()}
        if lonely := sorted(set(sizes["blurry"]) ^ set(sizes["sharp"])):
            alone = f"{blurry.parent}: {counted(len(lonely), 'picture')} in only one of {blurry.name} and {sharp.name}"
            msg = f"{alone}: {some(lonely)}; pack both again."
            raise PairMismatch(msg)
        self._sizes = sizes["sharp"]
        self._keys = list(self._sizes)
        self.recipe: Mapping[str, Any] = {"kind": "lmdb", "blurry": blurry.name, "sharp": sharp.name}
        self._stores: dict[str, Any] = {}

    @property
    def keys(self) -> Sequence[str]:
        """Keys in the order of ``meta_info.txt``."""
        return self._keys

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_stores": {}}

    def __getitem__(self, index: int) -> Pair:
        key = self._keys[index]
        return Pair(key, self._picture("blurry", key), self._picture("sharp", key), {"source": "lmdb"})

    def nbytes(self, index: int) -> int:
        """Raw bytes of both halves, from ``meta_info.txt``, as 8-bit pictures."""
        height, width = self._sizes[self._keys[index]]
        return 2 * 3 * height * width

    def fingerprint(self) -> str:
        """Hash over keys and stored bytes of both halves."""
        total = hashlib.blake2b(digest_size=16)
        for key in self._keys:
            for half in self._folders:
                total.update(key.encode() + b"\x00" + hashlib.blake2b(self._bytes(half, key), digest_size=16).digest())
        return total.hexdigest()

    def _bytes(self, half: str, key: str) -> bytes:
        if half not in self._stores:
            self._stores[half] = _open(self._folders[half])
        with self._stores[half].begin(write=False) as view:
            data = view.get(key.encode())
        if data is None:
            msg = f"{self._folders[half]}: holds no picture '{key}', which its meta_info.txt lists; make the database again."
            raise SourceError(msg)
        return bytes(data)

    def _picture(self, half: str, key: str) -> Image:
        return decode_image(np.frombuffer(self._bytes(half, key), np.uint8), f"{self._folders[half]}, picture '{key}'")


def open_lmdb(path: str | Path, blurry: str | None = None, sharp: str | None = None) -> LmdbPairs:
    r"""Open a pair of BasicSR LMDB folders as a PairSource.

    Args:
        path: The folder that holds both, such as ``datasets/GoPro/train``.
        blurry: Name of the blurry one; by default the one with a word such as ``blur``, ``lq`` or ``input`` in its name.
        sharp: Name of the sharp one; by default the one with ``sharp``, ``gt``, ``target`` or the like.

    Raises:
        SourceError: If they are not there, or it is not clear which is which.

    Example:
        >>> import tempfile, cv2, lmdb, numpy as np
        >>> root = Path(tempfile.mkdtemp())
        >>> png = cv2.imencode(".png", np.zeros((8, 16, 3), np.uint8))[1].tobytes()
        >>> for half in ("blur_crops.lmdb", "sharp_crops.lmdb"):
        ...     with lmdb.open(str(root / half), map_size=1 << 20) as env, env.begin(write=True) as entries:
        ...         _ = entries.put(b"000001", png)
        ...     _ = (root / half / "meta_info.txt").write_text("000001.png (8,16,3) 1\n")
        >>> pairs = open_lmdb(root)
        >>> pairs.keys, pairs[0].size
        (['000001'], (8, 16))
    """
    root = Path(path)
    found = sorted(folder.parent for folder in root.glob("*/meta_info.txt"))
    if not found:
        msg = f"{root}: holds no BasicSR LMDB folders (none has a meta_info.txt)."
        raise SourceError(msg)
    return LmdbPairs(_choose(found, "blurry", blurry, BLURRY_WORDS), _choose(found, "sharp", sharp, SHARP_WORDS))


def _choose(found: Sequence[Path], half: str, given: str | None, words: Sequence[str]) -> Path:
    def fits(folder: Path) -> bool:
        parts = re.split(r"[^a-z0-9]+", folder.name.lower())
        return folder.name == given if given else any(word in parts for word in words)

    chosen = [folder for folder in found if fits(folder)]
    if len(chosen) != 1:
        msg = f"{found[0].parent}: cannot tell which of {some([folder.name for folder in found])} is the {half} half; add ?{half}=NAME."
        raise SourceError(msg)
    return chosen[0]


def _read_list(folder: Path) -> dict[str, tuple[int, int]]:
    """Height and width of each picture by key, in order."""
    try:
        lines = (folder / "meta_info.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{folder / 'meta_info.txt'}: cannot be read ({error})."
        raise SourceError(msg) from error
    sizes: dict[str, tuple[int, int]] = {}
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line.strip())
        if match is None or not _sound(match, sizes):
            wanted = "'0001.png (480,480,3) 1' with a name of its own"
            msg = f"{folder / 'meta_info.txt'}, line {number}: must read like {wanted}, got {line[:80]!r}."
            raise SourceError(msg)
        sizes[match["name"]] = int(match["height"]), int(match["width"])
    return sizes


def _sound(match: re.Match[str], sizes: Mapping[str, Any]) -> bool:
    try:
        check_key(match["name"])
    except ValueError:
        return False
    return match["name"] not in sizes and int(match["height"]) * int(match["width"]) <= MAX_PIXELS


def _open(folder: Path) -> Any:
    try:
        import lmdb
    except ImportError as error:
        msg = "Reading LMDB needs the package lmdb; run `pip install lmdb`."
        raise MissingDependency(msg) from error
    try:
        return lmdb.open(str(folder), readonly=True, lock=False, readahead=False, meminit=False, create=False)
    except lmdb.Error as error:
        msg = f"{folder}: is no LMDB database that can be read ({error})."
        raise SourceError(msg) from error
