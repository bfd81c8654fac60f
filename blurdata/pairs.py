"""What is a pair, and what is a source of pairs.

Everything that makes pairs is a :class:`PairSource`; everything that stores, shows, checks or trains takes one.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata.errors import PairMismatch
from blurdata.recipe import recipe_id

Image = NDArray[np.uint8] | NDArray[np.uint16]
Meta = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Pair:
    """One blurry picture and its sharp ground truth.

    Args:
        key: Full relative name such as ``"GOPR0372_07_00/000047"``, unique in its source; ``/`` separates, no ``.`` or ``..`` parts.
        blurry: (H, W, 3) uint8 or uint16, RGB.
        sharp: Same shape and dtype as ``blurry``.
        meta: Flat JSON-able mapping that says how the pair was made. Names shared by all sources: ``source``, ``split``,
            ``scene``, ``sequence`` (a run of consecutive pairs), ``position`` (order in that run, from 0), ``frames``,
            ``exposure_s``, ``curve``, ``variant``, ``seed``, ``blur_px_mean``, ``blur_px_p95``, ``blur_px_max``.
        extras: Named arrays that go along: ``psf``, ``blur_vectors`` (H, W, 2) float32 px, ``mask`` (H, W) bool.

    Raises:
        PairMismatch: If the halves differ in size or dtype, are empty, or no RGB pictures.
        ValueError: If the key is not a clean relative name or ``meta`` is not flat JSON.

    Example:
        >>> grey = np.full((4, 6, 3), 128, np.uint8)
        >>> Pair("scene1/000001", grey, grey, {"blur_px_mean": 0.0}).size
        (4, 6)
    """

    key: str
    blurry: Image
    sharp: Image
    meta: Meta = field(default_factory=dict)
    extras: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_key(self.key)
        for half in ("blurry", "sharp"):
            if why := not_rgb(getattr(self, half)):
                msg = f"Pair '{self.key}': {half} {why}"
                raise PairMismatch(msg)
        if self.blurry.shape != self.sharp.shape or self.blurry.dtype != self.sharp.dtype:
            msg = (
                f"Pair '{self.key}': blurry is {self.blurry.dtype} {self.blurry.shape} but sharp is {self.sharp.dtype} {self.sharp.shape}; "
                "both halves must agree."
            )
            raise PairMismatch(msg)
        check_meta(self.key, self.meta)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.sharp.shape[:2]
        return height, width


def not_rgb(picture: object) -> str | None:
    """Why something is no RGB picture, the rest of a sentence that names it; None where it is one.

    Example:
        >>> not_rgb(np.zeros((4, 6), np.uint8)), not_rgb(np.zeros((4, 6, 3), np.uint8))
        ('must be an (H, W, 3) uint8 or uint16 RGB array, got uint8 (4, 6).', None)
    """
    if not isinstance(picture, np.ndarray):
        return f"must be an (H, W, 3) uint8 or uint16 RGB array, got {type(picture).__name__}."
    if picture.ndim == 3 and picture.shape[2] == 3 and picture.size and picture.dtype in (np.uint8, np.uint16):
        return None
    return f"must be an (H, W, 3) uint8 or uint16 RGB array, got {picture.dtype} {picture.shape}."


def eight_bits(picture: Image) -> NDArray[np.uint8]:
    """The picture at 8 bits, rounded; 257 codes of 16 bits are one.

    Example:
        >>> eight_bits(np.array([0, 128, 129, 65535], np.uint16))
        array([  0,   0,   1, 255], dtype=uint8)
    """
    if picture.dtype == np.uint8:
        return picture.astype(np.uint8, copy=False)
    return ((picture.astype(np.uint32) + 128) // 257).astype(np.uint8)


def check_key(key: str) -> None:
    """Raise ValueError unless ``key`` is a clean relative name."""
    parts = key.split("/") if isinstance(key, str) else [""]
    if any(part in ("", ".", "..") or "\x00" in part or "\\" in part for part in parts):
        msg = f"A pair's key must be a relative name like 'scene/000001' without empty, '.' or '..' parts, got {key!r}."
        raise ValueError(msg)
    try:
        key.encode()
    except UnicodeEncodeError:
        msg = f"the key {key!r} is no valid UTF-8 text; rename its folder or file."
        raise ValueError(msg) from None


def check_meta(key: str, meta: Meta) -> None:
    """Raise ValueError unless ``meta`` is a flat mapping of names to JSON scalars or lists of them."""
    for name, value in meta.items():
        items = value if isinstance(value, (list, tuple)) else [value]
        if not isinstance(name, str) or not all(item is None or isinstance(item, (str, int, float, bool)) for item in items):
            msg = f"Pair '{key}': meta must map names to JSON scalars or flat lists of them, got {name!r}: {value!r}."
            raise ValueError(msg)
    try:
        json.dumps(dict(meta), allow_nan=False)
    except ValueError as error:
        msg = f"Pair '{key}': meta holds a number that JSON cannot say (NaN or infinity)."
        raise ValueError(msg) from error


class PairSource(ABC):
    """A sized, deterministic list of pairs that can be pickled and opened again in any process.

    Attributes:
        text: The text that :func:`blurdata.sources.open_source` turns into this source, or ``""`` for one made in memory.
        recipe: The fully resolved recipe, JSON-able; its hash is the recipe id that shards, scores and reports carry.
    """

    text: str = ""
    recipe: Mapping[str, Any]

    @property
    @abstractmethod
    def keys(self) -> Sequence[str]:
        """Keys in order; known without making a pair."""

    @abstractmethod
    def __getitem__(self, index: int) -> Pair:
        """The pair at ``index``; negative indices and IndexError as for a list."""

    @property
    def recipe_id(self) -> str:
        """The id of the recipe, see :func:`blurdata.recipe.recipe_id`."""
        return recipe_id(self.recipe)

    def __len__(self) -> int:
        return len(self.keys)

    def pairs(self, start: int = 0, stop: int | None = None) -> Iterator[Pair]:
        """Pairs ``start`` to ``stop`` (excluded) in order; sources that decode video do it once, forwards."""
        for index in range(len(self))[start:stop]:
            yield self[index]

    def __iter__(self) -> Iterator[Pair]:
        return self.pairs()

    def nbytes(self, index: int) -> int:
        """Raw bytes of both halves of a pair; sources that know sizes from headers override this."""
        pair = self[index]
        return int(pair.blurry.nbytes + pair.sharp.nbytes)

    @abstractmethod
    def fingerprint(self) -> str:
        """Hex hash of the *content* that the pairs are made of; the same on every machine, another when a file changes."""

    def summary(self) -> Mapping[str, Any]:
        """Counts that a person wants to see: what was left out and why, flaws that were found. Flat and JSON-able."""
        return {"pairs": len(self)}

    def remarks(self) -> Sequence[str]:
        """What a person might not expect was left out, each a phrase for a note; empty where there is nothing to say."""
        return []


class PairList(PairSource):
    """Pairs that are held in memory as a source, for scripts, notebooks and tests.

    Args:
        pairs: The pairs in order; keys must be unique.
        recipe: How they were made, JSON-able.

    Raises:
        ValueError: If a key comes twice.

    Example:
        >>> grey = np.full((4, 6, 3), 128, np.uint8)
        >>> PairList([Pair("a/0", grey, grey), Pair("a/1", grey, grey)]).keys
        ('a/0', 'a/1')
    """

    def __init__(self, pairs: Sequence[Pair], recipe: Mapping[str, Any] | None = None) -> None:
        self._pairs = tuple(pairs)
        self._keys = tuple(pair.key for pair in self._pairs)
        self.recipe = recipe or {"kind": "memory"}
        if len(set(self._keys)) != len(self._keys):
            msg = "Every pair needs a key of its own."
            raise ValueError(msg)

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys in order."""
        return self._keys

    def __getitem__(self, index: int) -> Pair:
        return self._pairs[index]

    def nbytes(self, index: int) -> int:
        """Raw bytes of both halves of a pair, told without making one."""
        pair = self._pairs[index]
        return int(pair.blurry.nbytes + pair.sharp.nbytes)

    def fingerprint(self) -> str:
        """Hash over keys, pixels, meta data and extras."""
        total = hashlib.blake2b(digest_size=16)
        for pair in self._pairs:
            total.update(json.dumps([pair.key, dict(pair.meta), sorted(pair.extras)], sort_keys=True).encode())
            for array in (pair.blurry, pair.sharp, *(pair.extras[name] for name in sorted(pair.extras))):
                total.update(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        return total.hexdigest()


class JoinedSource(PairSource):
    """Several sources as one, each a split of it.

    Args:
        splits: Split name -> source, in order; keys become ``<split>/<key>`` and ``meta["split"]`` the split's name.
    """

    def __init__(self, splits: Mapping[str, PairSource]) -> None:
        self._splits = dict(splits)
        self.recipe: Mapping[str, Any] = {name: dict(source.recipe) for name, source in self._splits.items()}
        self._places = [(name, index) for name, source in self._splits.items() for index in range(len(source))]
        self._keys = [f"{name}/{key}" for name, source in self._splits.items() for key in source.keys]

    @property
    def splits(self) -> Mapping[str, PairSource]:
        """Split name -> source, in order."""
        return dict(self._splits)

    @property
    def keys(self) -> Sequence[str]:
        """Keys of all splits in order."""
        return self._keys

    def __getitem__(self, index: int) -> Pair:
        name, place = self._places[index]
        return self._labelled(name, self._splits[name][place])

    def pairs(self, start: int = 0, stop: int | None = None) -> Iterator[Pair]:
        """Pairs in order; each split is run through forwards."""
        offset = 0
        start, stop, _ = slice(start, stop).indices(len(self))
        for name, source in self._splits.items():
            begin, end = max(start - offset, 0), min(stop - offset, len(source))
            if begin < end:
                yield from (self._labelled(name, pair) for pair in source.pairs(begin, end))
            offset += len(source)

    @staticmethod
    def _labelled(name: str, pair: Pair) -> Pair:
        return replace(pair, key=f"{name}/{pair.key}", meta={**pair.meta, "split": name})

    def nbytes(self, index: int) -> int:
        """Raw bytes of both halves of a pair."""
        name, place = self._places[index]
        return self._splits[name].nbytes(place)

    def fingerprint(self) -> str:
        """Hash over the splits' names and fingerprints."""
        text = json.dumps({name: source.fingerprint() for name, source in self._splits.items()})
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def summary(self) -> Mapping[str, Any]:
        """Pairs of each split, and where they come from."""
        parts: dict[str, Any] = {}
        for name, source in self._splits.items():
            parts |= {f"{name}_pairs": len(source)} | ({f"{name}_source": source.text} if source.text else {})
        return {"pairs": len(self), **parts}
