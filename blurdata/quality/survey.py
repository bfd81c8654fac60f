"""Measure every pair of a source, or a stated sample, with bounded memory and as many processes as wanted."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from blurdata.errors import BlurDataError
from blurdata.pairs import Pair, PairSource
from blurdata.processes import worker_pool
from blurdata.progress import SILENT, Advance
from blurdata.quality.facts import PairFacts, look_at, measure_pair, usual_curve
from blurdata.quality.lag import Glimpse, fit_lag

_LOOK = 16  # pairs that tell the curve of a set that names none
_UNREADABLE = (BlurDataError, OSError, ValueError)
_RUN = 16  # pairs a task: long enough for video to decode forwards, short enough for even progress


@dataclass(frozen=True)
class Survey:
    """The measurements of a source.

    Args:
        facts: One record a pair that was looked at, in the source's order.
        total: Pairs in the source.
        seed: Seed of the sample, None where every pair was looked at.
    """

    facts: tuple[PairFacts, ...]
    total: int
    seed: int | None = None

    @property
    def sampled(self) -> bool:
        """Whether pairs were left out."""
        return len(self.facts) < self.total


def survey(source: PairSource, *, sample: int | None = None, seed: int = 0, workers: int = 1, advance: Advance = SILENT) -> Survey:
    """Measure the pairs of ``source``.

    A pair that cannot be read becomes a record with its ``error`` and does not stop the rest.

    Args:
        source: Any source of pairs.
        sample: Look at this many pairs only, drawn in short runs over the whole source; None or more than there are: all.
        seed: Seed of that draw.
        workers: Processes; with more than one the source must survive pickling, as every :class:`PairSource` does.
        advance: Called after each run of pairs.

    Example:
        >>> import cv2
        >>> from blurdata.pairs import Pair, PairSource
        >>> class Three(PairSource):
        ...     keys, recipe = ("a", "b", "c"), {"kind": "example"}
        ...     def fingerprint(self):
        ...         return "example"
        ...     def __getitem__(self, i):
        ...         sharp = np.random.default_rng(i).integers(0, 255, (64, 64, 3), np.uint8)
        ...         return Pair(self.keys[i], sharp if i == 1 else cv2.blur(sharp, (5, 5)), sharp)
        >>> found = survey(Three())
        >>> found.total, [round(facts.psnr) if np.isfinite(facts.psnr) else "same" for facts in found.facts]
        (3, [11, 'same', 11])
    """
    indices = choose(len(source), sample, seed)
    usual = _usual_curve(source, indices)
    runs = list(_runs(indices))
    if workers <= 1 or len(runs) < 2:
        found = [measured for run in runs for measured in _counted(_measure_run(source, run, usual), advance)]
    else:
        with closing(_in_processes(source, usual, runs, workers, advance)) as parts:
            found = [measured for part in parts for measured in part]
    found.sort(key=lambda facts: facts.index)
    return Survey(tuple(found), len(source), seed if len(indices) < len(source) else None)


def _usual_curve(source: PairSource, indices: Sequence[int]) -> str:
    """The curve for pairs that name none, from a few of them all over the set; one that names its own ends the search."""

    def unnamed() -> Iterator[Pair]:
        for at in np.unique(np.linspace(0, len(indices) - 1, min(_LOOK, len(indices))).round().astype(int)):
            pair = read_pair(source, indices[at])
            if pair is None:
                continue
            if pair.meta.get("curve"):
                return
            yield pair

    return usual_curve(unnamed())


def read_pair(source: PairSource, index: int) -> Pair | None:
    """A pair, or None where it cannot be read: the survey says so, with its reason."""
    try:
        return source[index]
    except _UNREADABLE:
        return None


def choose(total: int, sample: int | None, seed: int) -> list[int]:
    """Indices to look at: all, or ``sample`` of them, one drawn from each of ``sample`` equal stretches."""
    if sample is None or sample >= total:
        return list(range(total))
    edges = np.linspace(0, total, sample + 1)
    draw = np.random.default_rng(seed).random(sample)
    return [int(low + (high - low) * at) for low, high, at in zip(edges[:-1], edges[1:], draw, strict=True)]


def _runs(indices: Sequence[int]) -> Iterator[Sequence[int]]:
    """Consecutive indices in groups of at most ``_RUN``."""
    start = 0
    for i in range(1, len(indices) + 1):
        if i == len(indices) or indices[i] != indices[i - 1] + 1 or i - start >= _RUN:
            yield indices[start:i]
            start = i


def _measure_run(source: PairSource, run: Sequence[int], usual: str) -> list[PairFacts]:
    """Records of a run of consecutive pairs; after a pair that cannot be read the run goes on behind it.

    One more pair is read on either side, for what a film's neighbours say about each other.
    """
    facts: dict[int, PairFacts] = {}
    views: dict[int, Glimpse] = {}
    at, end = max(run[0] - 1, 0), min(run[-1] + 2, len(source))
    while at < end:
        try:
            for pair in source.pairs(at, end):
                if run[0] <= at <= run[-1]:
                    facts[at] = measure_pair(pair, at, usual=usual)
                views[at] = look_at(pair, usual=usual)
                at += 1
            if at < end:
                facts[at] = _unreadable(source, at, "the source ended before this pair")
        except _UNREADABLE as error:
            facts[at] = _unreadable(source, at, str(error))
        at += 1
    return [_in_time(facts[i], views) for i in run]


def _in_time(facts: PairFacts, views: Mapping[int, Glimpse]) -> PairFacts:
    """The record with the pair's place between its neighbours, where both can be seen."""
    around = [views.get(facts.index + step) for step in (-1, 0, 1)]
    before, this, after = around
    return facts if before is None or this is None or after is None else replace(facts, lag=fit_lag(before, this, after))


def _unreadable(source: PairSource, index: int, why: str) -> PairFacts:
    return PairFacts(index, source.keys[index], error=why)


def _counted(facts: list[PairFacts], advance: Advance) -> list[PairFacts]:
    advance(len(facts))
    return facts


def _in_processes(
    source: PairSource, usual: str, runs: list[Sequence[int]], workers: int, advance: Advance
) -> Generator[list[PairFacts], None, None]:
    """Runs measured in processes of their own, a few runs ahead at a time."""
    with worker_pool(workers, __name__, _start_worker, source, usual) as pool:
        waiting: set[Future[list[PairFacts]]] = set()
        todo = iter(runs)
        while True:
            for run in todo:
                waiting.add(pool.submit(_worker_run, run))
                if len(waiting) >= 2 * workers:
                    break
            if not waiting:
                return
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield _counted(future.result(), advance)


_source: PairSource  # of a worker process, from its start on
_usual = "srgb"


def _start_worker(source: PairSource, usual: str) -> None:
    global _source, _usual
    _source, _usual = source, usual


def _worker_run(run: Sequence[int]) -> list[PairFacts]:
    return _measure_run(_source, run, _usual)
