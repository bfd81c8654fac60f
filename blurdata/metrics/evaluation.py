"""Score many pictures on all cores; a run that is stopped carries on where it was."""

import json
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2

from blurdata.errors import BlurDataError, output_error
from blurdata.files import read_image
from blurdata.interrupt import check
from blurdata.json_values import finite
from blurdata.metrics.protocols import Protocol, versions
from blurdata.processes import available_cpus, worker_pool
from blurdata.progress import SILENT, Advance

_PENDING_A_WORKER = 2
_GLANCE_S = 0.5  # how often to look whether Ctrl-C came unnoticed


@dataclass(frozen=True)
class Task:
    """One restored picture and its ground truth; ``key`` is the ground truth's name."""

    key: str
    restored: Path
    sharp: Path


@dataclass(frozen=True)
class Row:
    """What became of one task.

    Args:
        key: The ground truth's name.
        restored: The restored file's name.
        psnr: dB, infinite for equal pictures, None where it could not be scored.
        ssim: None where it could not be scored.
        status: ``"ok"``, ``"identical"``, ``"black"``, ``"unalignable"``, or ``"failed"``.
        gain: See :class:`~blurdata.metrics.protocols.Score`.
        reason: Why it failed.
    """

    key: str
    restored: str
    psnr: float | None
    ssim: float | None
    status: str
    gain: float | None = None
    reason: str = ""


def evaluate(
    tasks: Sequence[Task], protocol: Protocol, *, workers: int | None = None, journal: Path | None = None, advance: Advance = SILENT
) -> list[Row]:
    """Rows of all tasks, in their order, whatever the number of workers.

    A picture that cannot be read or compared becomes a row with status ``"failed"``; it never ends the run.

    Args:
        tasks: What to score.
        protocol: How.
        workers: Processes; by default one per core that this process may use. 1 scores in this process.
        journal: A file that rows are added to as they come; rows of the same files, protocol and library versions are taken from it.
        advance: Called once a picture.

    Raises:
        BlurDataError: If a worker was killed (most often for lack of memory).
        OutputError: If the journal cannot be written.

    Example:
        >>> from tempfile import mkdtemp
        >>> import numpy as np
        >>> from blurdata.files import write_png
        >>> root = Path(mkdtemp())
        >>> for name, level in (("restored", 110), ("sharp", 100)):
        ...     write_png(root / f"{name}.png", np.full((16, 16, 3), level, np.uint8))
        >>> (row,) = evaluate([Task("a", root / "restored.png", root / "sharp.png")], Protocol("plain"))
        >>> round(row.psnr, 2), row.status
        (28.13, 'ok')
    """
    done = _read_journal(journal, tasks, protocol)
    rows = dict(done)
    advance(len(done))
    todo = [index for index in range(len(tasks)) if index not in done]
    count = min(workers or available_cpus(), max(len(todo), 1))
    for index, row in _in_process(tasks, protocol, todo) if count == 1 else _in_pool(tasks, protocol, todo, count):
        rows[index] = row
        _write_journal(journal, tasks[index], protocol, row)
        advance()
    return [rows[index] for index in range(len(tasks))]


def _in_process(tasks: Sequence[Task], protocol: Protocol, todo: Sequence[int]) -> Iterator[tuple[int, Row]]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for index in todo:
            check()
            yield index, score_files(tasks[index], protocol)
    finally:
        cv2.setNumThreads(threads)


def _in_pool(tasks: Sequence[Task], protocol: Protocol, todo: Sequence[int], count: int) -> Iterator[tuple[int, Row]]:
    """Rows as they come, from processes of their own."""
    waiting = iter(todo)
    running: dict[Future[Row], int] = {}
    try:
        with worker_pool(count, __name__) as pool:
            while True:
                while len(running) < count * _PENDING_A_WORKER and (index := next(waiting, None)) is not None:
                    running[pool.submit(score_files, tasks[index], protocol)] = index
                if not running:
                    return
                for future in wait(running, _GLANCE_S, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
                check()
    except BrokenProcessPool as error:
        msg = "A worker was killed, most often for lack of memory; run the same command again with fewer --workers."
        raise BlurDataError(msg) from error


def score_files(task: Task, protocol: Protocol) -> Row:
    """Read and score one picture; what goes wrong with the data is told in the row."""
    try:
        score = protocol.score(read_image(task.restored), read_image(task.sharp))
    except (BlurDataError, ValueError, TypeError) as error:
        return Row(task.key, task.restored.name, None, None, "failed", reason=str(error))
    return Row(task.key, task.restored.name, score.psnr, score.ssim, score.status, score.gain)


def _stamp(task: Task, protocol: Protocol) -> str:
    """What a row depends on: both files as they are now, the protocol, the libraries."""
    files = [(str(path), stat.st_size, stat.st_mtime_ns) for path in (task.restored, task.sharp) if (stat := path.stat())]
    return json.dumps([task.key, files, protocol.id, versions()], sort_keys=True)


def _read_journal(journal: Path | None, tasks: Sequence[Task], protocol: Protocol) -> dict[int, Row]:
    if journal is None or not journal.is_file():
        return {}
    kept: dict[str, dict[str, Any]] = {}
    for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
            kept[entry["stamp"]] = entry["row"]
        except (ValueError, KeyError, TypeError):  # the last line of a run that was killed
            continue
    rows = {}
    for index, task in enumerate(tasks):
        found = kept.get(_stamp(task, protocol))
        if found is not None and found["status"] != "failed":
            rows[index] = Row(**{**found, "psnr": math.inf if found["status"] == "identical" else found["psnr"]})
    return rows


def _write_journal(journal: Path | None, task: Task, protocol: Protocol, row: Row) -> None:
    if journal is None or row.status == "failed":
        return
    entry = {"stamp": _stamp(task, protocol), "row": finite(asdict(row))}
    try:
        with journal.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")
    except OSError as error:
        raise output_error(journal, error) from error
