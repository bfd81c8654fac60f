"""Hugging Face ``datasets``: any set with two image columns, from the Hub, a folder of Parquet files, or ``save_to_disk``."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from blurdata.datasets.base import check_keys
from blurdata.errors import PairMismatch, SourceError
from blurdata.files import decode_image, read_image
from blurdata.naming import BLURRY_WORDS, SHARP_WORDS, some
from blurdata.pairs import Image, Pair, PairSource, check_meta
from blurdata.paths import user_path

_SAVED = ("dataset_dict.json", "state.json")  # what save_to_disk leaves


class HuggingFacePairs(PairSource):
    """Two image columns of a Hugging Face set as a PairSource; pictures keep their 16 bits.

    Args:
        splits: Split names to ``datasets.Dataset``, image columns undecoded.
        blurry: Name of the blurry column.
        sharp: Name of the sharp column.
        recipe: What was asked for, JSON-able.
    """

    def __init__(self, splits: Mapping[str, Any], blurry: str, sharp: str, recipe: Mapping[str, Any]) -> None:
        self._splits, self._blurry, self._sharp, self.recipe = dict(splits), blurry, sharp, dict(recipe)
        self._rows = [(name, row) for name, table in self._splits.items() for row in range(len(table))]
        self._keys = [key for name, table in self._splits.items() for key in _keys(table, f"{name}/" if len(self._splits) > 1 else "")]
        if len(self._splits) > 1 and len(set(self._keys)) < len(self._keys):  # a key column may repeat between splits
            self._keys = [f"{name}/{key}" for (name, _), key in zip(self._rows, self._keys, strict=True)]

    @property
    def keys(self) -> Sequence[str]:
        """The column ``key`` where there is one, otherwise numbers."""
        return self._keys

    def __getitem__(self, index: int) -> Pair:
        """The pair at ``index``."""
        split, row_number = self._rows[index]
        row = self._splits[split][row_number]
        key = self._keys[index]
        blurry, sharp = (_picture(row[column], f"{key}, column '{column}'") for column in (self._blurry, self._sharp))
        meta = {"source": "hf", "split": split, **_meta(row, {self._blurry, self._sharp})}
        try:
            check_meta(key, meta)
        except ValueError as error:  # of the column `meta`
            raise SourceError(str(error)) from error
        return Pair(key, blurry, sharp, meta)

    def fingerprint(self) -> str:
        """Hash over keys and the bytes of both columns."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        total = hashlib.blake2b(digest_size=16)
        for key, (split, row_number) in zip(self._keys, self._rows, strict=True):
            row = self._splits[split][row_number]
            total.update(key.encode() + b"\x00")
            for column in (self._blurry, self._sharp):
                total.update(hashlib.blake2b(_bytes(row[column]), digest_size=16).digest())
        return total.hexdigest()

    def summary(self) -> Mapping[str, Any]:
        """Pairs by split and the two columns."""
        counts = {f"pairs_{name}": len(table) for name, table in self._splits.items()}
        return {"pairs": len(self), **counts, "blurry": self._blurry, "sharp": self._sharp}


def open_hf(
    location: str, blurry: str | None = None, sharp: str | None = None, split: str | None = None, config: str | None = None
) -> HuggingFacePairs:
    """Open a Hugging Face set as a PairSource.

    Args:
        location: A name on the Hub, a folder of Parquet files (as :func:`~blurdata.datasets.export_parquet` writes), or what
            ``save_to_disk`` left.
        blurry: Name of the blurry image column; by default one named like a blurry half.
        sharp: Name of the sharp image column; by default one named like a sharp half.
        split: Only this split.
        config: Configuration of a set that has several.

    Raises:
        SourceError: If the set cannot be opened, has no two image columns, it is not clear which of them are meant, or the column ``key``
            holds no clean relative names, each once.

    Example:
        >>> import tempfile
        >>> from blurdata.datasets import export_parquet
        >>> from blurdata.pairs import Pair, PairList
        >>> grey, folder = np.full((8, 16, 3), 128, np.uint8), tempfile.mkdtemp()
        >>> _ = export_parquet(PairList([Pair("a/0", grey, grey)]), folder)
        >>> pairs = open_hf(folder)
        >>> pairs.keys, pairs[0].size
        (['a/0'], (8, 16))
    """
    splits = _load(str(location), config)
    if split is not None:
        if split not in splits:
            msg = f"{location}: has no split '{split}'; there are {some(splits)}."
            raise SourceError(msg)
        splits = {split: splits[split]}
    images = _image_columns(next(iter(splits.values())))
    chosen = [_column(location, images, given, half) for half, given in (("blurry", blurry), ("sharp", sharp))]
    if chosen[0] == chosen[1]:
        msg = f"{location}: both halves would be the column '{chosen[0]}'; name two with ?blurry=…&sharp=…"
        raise SourceError(msg)
    undecoded = {name: _undecoded(table, chosen) for name, table in splits.items()}
    recipe = {"kind": "hf", "config": config, "split": split, "blurry": chosen[0], "sharp": chosen[1]}
    pairs = HuggingFacePairs(undecoded, chosen[0], chosen[1], recipe)
    check_keys(location, pairs.keys)
    return pairs


def _load(location: str, config: str | None) -> dict[str, Any]:
    import datasets

    datasets.disable_progress_bars()
    folder = user_path(location)
    try:
        if folder.is_dir() and any((folder / name).is_file() for name in _SAVED):
            loaded = datasets.load_from_disk(str(folder))
        else:
            loaded = datasets.load_dataset(str(folder) if folder.is_dir() else location, config)
    except Exception as error:  # the library raises what its many readers raise
        reason = str(error).strip().partition("\n")[0]
        msg = f"{location}: cannot be opened as a Hugging Face set ({reason or type(error).__name__})."
        raise SourceError(msg) from error
    return {str(name): table for name, table in loaded.items()} if isinstance(loaded, dict) else {str(loaded.split or "train"): loaded}


def _image_columns(table: Any) -> list[str]:
    import datasets

    return [name for name, feature in table.features.items() if isinstance(feature, datasets.Image)]


def _column(location: str, images: Sequence[str], given: str | None, half: str) -> str:
    words = BLURRY_WORDS if half == "blurry" else SHARP_WORDS
    found = [name for name in images if (name == given if given else name.lower() in words)]
    if len(found) != 1:
        there = some(images) or "none"
        msg = f"{location}: {f'has no image column {given!r}' if given else f'which image column is the {half} half?'} There are {there}; "
        raise SourceError(msg + f"name one with ?{half}=…")
    return found[0]


def _undecoded(table: Any, columns: Sequence[str]) -> Any:
    import datasets

    for column in columns:
        table = table.cast_column(column, datasets.Image(decode=False))
    return table


def _keys(table: Any, prefix: str) -> list[str]:
    if "key" in table.column_names:
        return [str(key) for key in table["key"]]
    return [f"{prefix}{row:06d}" for row in range(len(table))]


def _bytes(cell: Mapping[str, Any] | None) -> bytes:
    if not cell or (not cell.get("bytes") and not cell.get("path")):
        return b""
    return bytes(cell["bytes"]) if cell.get("bytes") else Path(cell["path"]).read_bytes()


def _picture(cell: Mapping[str, Any] | None, where: str) -> Image:
    if not cell or (not cell.get("bytes") and not cell.get("path")):
        msg = f"{where}: is empty."
        raise PairMismatch(msg)
    if not cell.get("bytes"):
        return read_image(Path(cell["path"]))
    return decode_image(np.frombuffer(cell["bytes"], np.uint8), where)


def _meta(row: Mapping[str, Any], images: set[str]) -> dict[str, Any]:
    """What the row says beside its pictures: our own JSON column ``meta``, or its plain columns (NaN is None)."""
    try:
        told = json.loads(row["meta"]) if isinstance(row.get("meta"), str) else None
    except ValueError:
        told = None
    if isinstance(told, dict):
        return told
    plain = {name: value for name, value in row.items() if name not in images | {"key"}}
    finite = {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in plain.items()}
    return {name: value for name, value in finite.items() if value is None or isinstance(value, (str, int, float, bool))}
