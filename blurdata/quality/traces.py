"""What an audit remembers of every pair beside its measurements: a print of its sharp half, and how its blur was averaged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blurdata.pairs import Pair, PairSource
from blurdata.processes import worker_pool
from blurdata.progress import SILENT, Advance
from blurdata.quality.hashes import Print, take_print
from blurdata.quality.response import Evidence, averaging_evidence
from blurdata.quality.survey import read_pair

_RUN = 16  # pairs a task


@dataclass(frozen=True, eq=False)
class Trace:
    """One pair: its print, its evidence, and the median code of its sharp half as a fraction of full code."""

    sharp: Print
    evidence: Evidence
    median: float


def take_trace(pair: Pair) -> Trace:
    """The trace of a pair."""
    median = float(np.median(pair.sharp[::4, ::4])) / np.iinfo(pair.sharp.dtype).max
    print_ = take_print(pair.sharp, pair.key, str(pair.meta.get("split") or ""))
    return Trace(print_, averaging_evidence(pair.blurry, pair.sharp), median)


def take_traces(source: PairSource, indices: Sequence[int], *, workers: int = 1, advance: Advance = SILENT) -> list[Trace]:
    """Traces of the pairs at ``indices``, in order; pairs that cannot be read leave none."""
    runs = [indices[start : start + _RUN] for start in range(0, len(indices), _RUN)]
    if workers <= 1 or len(runs) < 2:
        return [trace for run in runs for trace in _told(_traces(source, run), len(run), advance)]
    with worker_pool(workers, __name__, _start, source) as pool:
        parts = zip(runs, pool.map(_in_worker, runs), strict=True)
        return [trace for run, part in parts for trace in _told(part, len(run), advance)]


def _told(traces: list[Trace], count: int, advance: Advance) -> list[Trace]:
    advance(count)
    return traces


def _traces(source: PairSource, run: Sequence[int]) -> list[Trace]:
    pairs = (read_pair(source, index) for index in run)
    return [take_trace(pair) for pair in pairs if pair is not None]


_source: PairSource  # of a worker process, from its start on


def _start(source: PairSource) -> None:
    global _source
    _source = source


def _in_worker(run: Sequence[int]) -> list[Trace]:
    return _traces(_source, run)
