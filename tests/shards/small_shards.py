"""A few small pairs as shards, shared by the tests of faults."""

import multiprocessing as mp
from collections.abc import Callable
from pathlib import Path

import numpy as np

from blurdata.pairs import Pair, PairList
from blurdata.shards import Settings

SMALL = Settings(pairs=2, chunk=16)


def source_of(count: int = 12) -> PairList:
    """A few small pairs."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (2, 20, 24, 3), np.uint8) for _ in range(count)]
    return PairList([Pair(f"a/{index:03d}", *halves, {"blur_px_p95": 1.0}) for index, halves in enumerate(pictures)])


def files_of(folder: Path) -> dict[str, bytes]:
    """All bytes of a folder, hidden files too."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def in_child(work: Callable[[], None]) -> mp.process.BaseProcess:
    """Start ``work`` in a forked process."""
    child = mp.get_context("fork").Process(target=work)
    child.start()
    return child
