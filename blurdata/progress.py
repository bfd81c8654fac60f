"""Progress for people: a bar on a terminal, plain lines elsewhere, always on stderr; a Ctrl-C that was swallowed meanwhile ends it."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from blurdata.interrupt import check

_PLAIN_EVERY_S = 10.0


class Advance(Protocol):
    """Moves a progress display on."""

    def __call__(self, steps: float = 1, *, note: str = "") -> None:
        """Advance by ``steps``; ``note`` replaces the text behind the bar (a loss, a rate)."""


def _silent(steps: float = 1, *, note: str = "") -> None:
    """Advance nothing: the default where a caller wants no display."""


SILENT: Advance = _silent


@contextmanager
def progress(label: str, total: float, *, unit: str = "pairs") -> Iterator[Advance]:
    """Show progress of ``total`` steps while the block runs: a bar with rate and time left on a terminal, plain lines otherwise."""
    from rich.console import Console  # here, because worker processes import this module and show nothing

    if Console(stderr=True).is_terminal:
        with _bar(label, total, unit) as advance:
            yield advance
    else:
        lines = _Lines(label, total, unit)
        yield lines
        lines.finish()


@contextmanager
def _bar(label: str, total: float, unit: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(bar_width=28),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total, rate="", note="")
        start = time.monotonic()

        def advance(steps: float = 1, *, note: str = "") -> None:
            check()
            done = bar.tasks[0].completed + steps
            bar.update(task, total=max(done, bar.tasks[0].total or 0))  # a repair goes over some things twice
            rate = f"{done / max(time.monotonic() - start, 1e-9):.1f} {unit}/s"
            bar.update(task, advance=steps, rate=rate, note=note)

        yield advance


class _Lines:
    """One line now and then, and one with 100 % at the end of anything that took over two seconds."""

    def __init__(self, label: str, total: float, unit: str) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._done = 0.0
        self._start = self._told = time.monotonic()

    def __call__(self, steps: float = 1, *, note: str = "") -> None:
        check()
        self._done += steps
        self._total = max(self._total, self._done)  # a repair goes over some things twice
        now = time.monotonic()
        if self._done < self._total and now - self._told > _PLAIN_EVERY_S:
            self._told = now
            self._say(f", {(self._total - self._done) * (now - self._start) / max(self._done, 1e-9):.0f} s left {note}")

    def finish(self) -> None:
        """The last line; steps that were never told were not needed."""
        self._done = max(self._done, self._total)
        if time.monotonic() - self._start > 2:
            self._say("")

    def _say(self, rest: str) -> None:
        rate = self._done / max(time.monotonic() - self._start, 1e-9)
        share = 100 * self._done / max(self._total, 1e-9)
        text = f"{self._label}: {share:.0f} %, {self._done:.0f}/{self._total:.0f} {self._unit}, {rate:.1f} {self._unit}/s{rest}"
        print(text.rstrip(), file=sys.stderr, flush=True)  # noqa: T201  progress for people goes to stderr
