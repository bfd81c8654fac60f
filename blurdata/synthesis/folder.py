"""Pairs on disk in the layout of ``GOPRO_Large``: ``OUT/<sequence>/{blur,blur_gamma,sharp}/%06d.png``, resumable.

Blur vectors go to ``OUT/extras/blur_vectors/<sequence>/%06d.npy``, where ``pairs:OUT`` finds them again.
"""

import io
import json
import os
import queue
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np

from blurdata.errors import OutputError
from blurdata.files import make_folder, write_atomic, write_png
from blurdata.layouts import refuse_shards
from blurdata.locks import leftovers, sweep
from blurdata.pairs import Pair
from blurdata.recipe import recipe_id
from blurdata.synthesis.source import FilmPairs

INDEX = "synthesis.json"
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"


def write_folder(pairs: FilmPairs, out: Path, *, advance: Callable[[float], None] | None = None) -> int:
    """Write every pair that is not there yet; returns how many were written.

    A pair's JSON beside its pictures is written last, so a pair is done where all its files are there and reach their own end; a killed
    run goes on where it stopped, and it ends with the same bytes.

    Args:
        pairs: What to write.
        out: The folder; it may hold the same set, whole or in part, and nothing else of ours.
        advance: Told how many pairs are done.

    Raises:
        OutputError: If the folder cannot be written or holds shards, or pairs of other frames or another recipe.
    """
    refuse_shards(out)
    make_folder(out)
    claim = {
        "format": "blurdata-synthesis",
        "version": 1,
        "recipe_id": recipe_id(pairs.recipe),
        "fingerprint": pairs.fingerprint(),
        "keys": list(pairs.keys),
        "recipe": dict(pairs.recipe),
        "summary": dict(pairs.summary()),
    }
    _claim(out, claim)
    sweep(leftovers(out))
    missing = [i for i, key in enumerate(pairs.keys) if not all(_is_whole(path) for path in _files(out, key, pairs.recipe))]
    if advance:
        advance(len(pairs) - len(missing))
    written = 0
    for start, stop in _runs(missing):
        with closing(_ahead(pairs.pairs(start, stop))) as made:
            for pair in made:
                _write(out, pair, pairs.recipe)
                written += 1
                if advance:
                    advance(1)
    return written


def _claim(out: Path, claim: Mapping[str, Any]) -> None:
    path = out / INDEX
    if path.exists():
        try:
            kept = dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            msg = f"{path}: is damaged, so what the folder holds cannot be told; choose another --out, or delete the folder first."
            raise OutputError(msg) from error
        for name, what in (("recipe_id", "another recipe"), ("fingerprint", "other frames"), ("keys", "a different choice of pairs")):
            if kept.get(name) != claim[name]:
                msg = f"{out}: already holds pairs made with {what}; choose another --out, or delete it first."
                raise OutputError(msg)
    else:
        write_atomic(path, json.dumps(claim, indent=1, sort_keys=True) + "\n")


def _mark(out: Path, key: str) -> Path:
    sequence, _, number = key.rpartition("/")
    return out / sequence / "meta" / f"{number}.json"


def _files(out: Path, key: str, recipe: Mapping[str, Any]) -> list[Path]:
    """Every file of a pair."""
    sequence, _, number = key.rpartition("/")
    halves = ("blur_gamma", "blur", "sharp") if recipe["variant"] == "both" else (recipe["variant"], "sharp")
    vectors = [out / "extras" / "blur_vectors" / f"{key}.npy"] if recipe["blur_vectors"] else []
    return [*(out / sequence / half / f"{number}.png" for half in halves), *vectors, _mark(out, key)]


def _is_whole(path: Path) -> bool:
    """Whether a file is there and not cut off: a PNG and a JSON end as such, an array has the size that its head states."""
    try:
        if path.suffix == ".npy":
            np.load(path, mmap_mode="r")
            return True
        with path.open("rb") as stream:
            stream.seek(-min(len(_PNG_END), path.stat().st_size), os.SEEK_END)
            tail = stream.read()
    except (OSError, ValueError, EOFError):
        return False
    return tail == _PNG_END if path.suffix == ".png" else tail.endswith(b"}\n")


def _write(out: Path, pair: Pair, recipe: Mapping[str, Any]) -> None:
    sequence, _, number = pair.key.rpartition("/")
    folder = out / sequence
    write_png(folder / str(pair.meta["variant"]) / f"{number}.png", pair.blurry)
    if "blur" in pair.extras and recipe["variant"] == "both":
        write_png(folder / "blur" / f"{number}.png", pair.extras["blur"])
    write_png(folder / "sharp" / f"{number}.png", pair.sharp)
    if "blur_vectors" in pair.extras:
        data = io.BytesIO()
        np.save(data, pair.extras["blur_vectors"])
        write_atomic(out / "extras" / "blur_vectors" / f"{pair.key}.npy", data.getvalue())
    write_atomic(_mark(out, pair.key), json.dumps(dict(pair.meta), sort_keys=True) + "\n")


def _runs(indices: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Maximal runs of consecutive numbers, as (start, stop)."""
    begin = 0
    for end in range(1, len(indices) + 1):
        if end == len(indices) or indices[end] != indices[end - 1] + 1:
            yield indices[begin], indices[end - 1] + 1
            begin = end


def _ahead(pairs: Iterator[Pair], depth: int = 4) -> Generator[Pair, None, None]:
    """The same pairs, made in a thread of their own while the caller writes the last ones.

    When the caller stops, the pair that is being made is waited for, or after Ctrl-C the frame: Python aborts the process where it goes
    down while a thread is in a library's code.
    """
    line: queue.Queue[Pair | BaseException | None] = queue.Queue(depth)
    stop = threading.Event()

    def put(item: Pair | BaseException | None) -> None:
        while not stop.is_set():
            with suppress(queue.Full):
                line.put(item, timeout=0.1)
                return

    def fill() -> None:
        try:
            for pair in pairs:
                put(pair)
                if stop.is_set():
                    return
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        while (item := line.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
