"""Random access to a folder of shards: which pair is where, with few files open, in any process."""

import bisect
import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata.errors import Incomplete, PairMismatch, ShardCorrupt, SourceError
from blurdata.layouts import INDEX, PLAN
from blurdata.pairs import Pair
from blurdata.shards.chunks import Box, Make
from blurdata.shards.plan import HALVES, Plan
from blurdata.shards.records import Index, finished, no_plan, read_record, shard_path
from blurdata.shards.shardfile import ShardFile
from blurdata.shards.where import parse_where

MAX_OPEN = 64  # a random read from a shard that must be opened costs three times as much; an open one takes up to 2 MB


class ShardReader:
    """Pairs by position. Files are opened on first use in each process, and the least used is closed beyond ``max_open``.

    Args:
        root: The folder.
        allow_incomplete: Read a set whose build has not finished: only pairs of finished shards.
        max_open: Files kept open.
    """

    def __init__(self, root: Path | str, *, allow_incomplete: bool = False, max_open: int = MAX_OPEN) -> None:
        self.root = Path(root)
        self._max_open = max_open
        try:
            self.plan = read_record(self.root / PLAN, Plan)
        except FileNotFoundError:
            raise SourceError(no_plan(self.root)) from None
        self._present = self._find_shards(allow_incomplete)
        self._forget_files()

    def _find_shards(self, allow_incomplete: bool) -> list[int]:
        if allow_incomplete:
            return [index for index in range(len(self.plan)) if finished(self.root, self.plan, index) is not None]
        try:
            index = read_record(self.root / INDEX, Index)
        except FileNotFoundError:
            missing = [index for index in range(len(self.plan)) if finished(self.root, self.plan, index) is None]
            raise Incomplete(self.root, missing) from None
        if index.plan_id != self.plan.id or len(index.shards) != len(self.plan):
            raise ShardCorrupt(self.root / INDEX, None, "belongs to another plan")
        return list(range(len(self.plan)))

    def _forget_files(self) -> None:
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._files: OrderedDict[int, ShardFile] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_lock", "_files", "_process")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget_files()

    def _mine(self) -> threading.RLock:
        """The lock around this process's files; after a fork, the parent's files and lock are not ours to use."""
        if self._process != os.getpid():
            self._forget_files()
        return self._lock

    def _file(self, shard: int) -> ShardFile:
        if shard in self._files:
            self._files.move_to_end(shard)
            return self._files[shard]
        file = ShardFile(shard_path(self.root, shard))
        if (file.plan_id, file.index) != (self.plan.id, shard):
            file.close()
            raise ShardCorrupt(file.path, None, f"belongs to another set (plan {file.plan_id}, shard {file.index})")
        self._files[shard] = file
        if len(self._files) > self._max_open:
            self._files.popitem(last=False)[1].close()
        return file

    def _where(self, position: int) -> tuple[int, str]:
        return bisect.bisect_right(self.plan.cuts, position) - 1, self.plan.keys[position]

    def images(self, position: int, box: Box | None = None) -> list[NDArray[Any]]:
        """Blurry and sharp, each (H, W, 3) uint8 or uint16; only the box (y, x, height, width) is read if there is one."""
        return [self.image(position, half, box) for half in HALVES]

    def image(self, position: int, half: str, box: Box | None = None, make: Make = np.empty) -> NDArray[Any]:
        """One of them, in what ``make`` gives."""
        shard, key = self._where(position)
        with self._mine():
            return self._file(shard).image(key, half, box, make)

    def size(self, position: int) -> tuple[int, int]:
        """Height and width of a pair."""
        shard, key = self._where(position)
        with self._mine():
            return self._file(shard).size(key)

    def nbytes(self, position: int) -> int:
        """Raw bytes of both halves of a pair."""
        shard, key = self._where(position)
        with self._mine():
            return self._file(shard).nbytes(key)

    def extras(self, position: int) -> dict[str, NDArray[Any]]:
        """All extra arrays of a pair."""
        shard, key = self._where(position)
        with self._mine():
            file = self._file(shard)
            return {name: file.extra(key, name) for name in file.extra_names(key)}

    def extra_names(self, position: int) -> list[str]:
        """Names of a pair's extra arrays."""
        shard, key = self._where(position)
        with self._mine():
            return self._file(shard).extra_names(key)

    def extra(self, position: int, name: str, box: Box | None = None) -> NDArray[Any]:
        """One extra array of a pair, or the box in it."""
        shard, key = self._where(position)
        with self._mine():
            return self._file(shard).extra(key, name, box)

    def pair(self, position: int) -> Pair:
        """A whole pair."""
        blurry, sharp = self.images(position)
        key = self.plan.keys[position]
        try:
            return Pair(key, blurry, sharp, self.meta(position), self.extras(position))
        except (ValueError, PairMismatch) as error:
            raise ShardCorrupt(shard_path(self.root, self._where(position)[0]), key, f"is no pair ({error})") from error

    def meta(self, position: int) -> dict[str, Any]:
        """What is known of a pair."""
        shard, key = self._where(position)
        with self._mine():
            file = self._file(shard)
            metas = file.metas()
        if key not in metas:
            raise ShardCorrupt(file.path, key, "has no meta data")
        return metas[key]

    def select(self, where: str) -> list[int]:
        """Positions of the pairs that are there and meet a condition."""
        positions = [position for shard in self._present for position in range(self.plan.cuts[shard], self.plan.cuts[shard + 1])]
        if not where:
            return positions
        condition = parse_where(where)
        metas = [{"key": self.plan.keys[position], **self.meta(position)} for position in positions]
        condition.check_names({name for meta in metas for name in meta})
        return [position for position, meta in zip(positions, metas, strict=True) if condition(meta)]

    def digests(self) -> list[str]:
        """The shards' hashes as the sidecars have them."""
        sidecars = [finished(self.root, self.plan, index) for index in self._present]
        return [sidecar.hash.removeprefix("blake2b:") for sidecar in sidecars if sidecar is not None]
