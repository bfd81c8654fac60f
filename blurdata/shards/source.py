"""Shards as a source of pairs, for everything that stores, shows, checks or exports pairs."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from blurdata.errors import SourceError
from blurdata.layouts import is_shards
from blurdata.pairs import Pair, PairSource
from blurdata.paths import full_path, user_path
from blurdata.shards.reader import ShardReader
from blurdata.shards.records import shard_folders
from blurdata.sources import open_source, source_text

KIND = "shards"
_PLAIN = " <>=!~'\"()[],/*"  # what a condition may hold and an option value too


class ShardSource(PairSource):
    """The pairs of a folder of shards, whole and with their extras.

    Args:
        root: The folder.
        where: Keep only pairs whose meta data meet this condition, such as ``"blur_px_p95 < 25"``.
        allow_incomplete: Read a set whose build has not finished.

    Raises:
        Incomplete: If shards are missing.
        ShardCorrupt: If the plan or index is damaged.
        SourceError: If ``root`` holds no shards, or the condition cannot be read or is met by no pair.
    """

    def __init__(self, root: Path | str, where: str = "", *, allow_incomplete: bool = False) -> None:
        self._reader = ShardReader(root, allow_incomplete=allow_incomplete)
        self._kept = self._reader.select(where)
        if where and not self._kept:
            msg = f"{root}: no pair meets {where!r}; change the condition."
            raise SourceError(msg)
        self.text = source_text(KIND, full_path(root), f"where={quote(where, safe=_PLAIN)}" if where else "")
        self.recipe: Mapping[str, Any] = self._reader.plan.recipe
        self._where = where

    @cached_property
    def keys(self) -> Sequence[str]:
        """Keys in the order of the plan."""
        return tuple(self._reader.plan.keys[position] for position in self._kept)

    def __getitem__(self, index: int) -> Pair:
        return self._reader.pair(self._kept[index])

    def nbytes(self, index: int) -> int:
        """Raw bytes of both halves, from the header alone."""
        return self._reader.nbytes(self._kept[index])

    def fingerprint(self) -> str:
        """Hash over the shards' hashes and the pairs that are kept."""
        total = hashlib.blake2b(digest_size=16)
        for digest in self._reader.digests():
            total.update(digest.encode())
        total.update("\n".join(self.keys).encode())
        return total.hexdigest()

    def summary(self) -> Mapping[str, Any]:
        """Counts and where the pairs came from."""
        plan = self._reader.plan
        left_out = {"left_out_by_where": len(plan.keys) - len(self)} if self._where else {}
        return {"pairs": len(self), "shards": len(plan), "packed_from": plan.source, "plan_id": plan.id, **left_out}


def open_shards(path: Path | str, where: str = "") -> ShardSource:
    """Open a folder of shards as a source; ``where`` keeps only the pairs that meet a condition on their meta data.

    Example:
        >>> import tempfile, numpy as np
        >>> from blurdata.pairs import Pair, PairList
        >>> from blurdata.shards import build
        >>> grey, folder = np.full((32, 48, 3), 128, np.uint8), tempfile.mkdtemp()
        >>> _ = build(PairList([Pair("a/0", grey, grey, {"px": 3}), Pair("a/1", grey, grey, {"px": 9})]), folder)
        >>> list(open_shards(folder).keys), list(open_shards(folder, "px < 5").keys)
        (['a/0', 'a/1'], ['a/0'])
    """
    return ShardSource(path, where)


def open_input(text: str) -> PairSource:
    """Open a folder of shards by its bare path, or any source that :func:`blurdata.sources.open_source` knows.

    Raises:
        SourceError: If the text names neither.

    Example:
        >>> open_input("shards:/no/such/folder")
        Traceback (most recent call last):
        blurdata.errors.SourceError: /no/such/folder: holds no shards (there is no plan.json); give the folder that `blurdata pack` wrote.
    """
    folder = user_path(text)
    if is_shards(folder) or shard_folders(folder):
        return open_shards(folder)
    return open_source(text)
