"""What happens in a film: one pass at reduced size that finds cuts, unchanged frames and motion, independent of any recipe."""

import io
import zipfile
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field, fields
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blurdata.errors import SourceError
from blurdata.files import write_atomic
from blurdata.progress import SILENT, Advance
from blurdata.synthesis.cuts import find_cuts
from blurdata.synthesis.flow import one_thread
from blurdata.synthesis.frames import Film, FrameIndex, Grey
from blurdata.synthesis.steps import STEPS, measure_steps

_VERSION = 14  # what is found in a film, and what is refused; analyses that were kept under another number are made again
_NO_PTS = -(1 << 63)  # FFmpeg's own mark
_TIMING_BREAK = 1.75  # a gap of this many usual intervals is missing frames: one lost makes 2, and phones' intervals jitter by a tenth
_TIMING_REACH = 31  # intervals whose median is the usual one: phones halve their rate in the dark
_ROUNDED_S = 1.5e-3  # what Matroska's rounding to milliseconds may add to an interval


@dataclass(frozen=True, eq=False)
class Analysis:
    """The result of the pass, and all that planning needs. Arrays, because films have a million frames.

    Args:
        height: Of the upright frame, px.
        width: Of the upright frame, px.
        bits: 8 or 16, of the frames that are read.
        times_s: (N,) float64, when each frame is shown, or empty where the source does not say or they do not rise.
        pts: (N,) int64, time stamp of each frame in the container's units, or empty where they do not rise.
        keys: int64, frames at which decoding can start.
        steps: (N - 1,) records with the fields of :class:`Step`, one for each pair of neighbours.
        fingerprint: Of the film's content.
        gaps: int64, frames before which the numbers of the files skip some (:meth:`Film.gaps`).
    """

    height: int
    width: int
    bits: int
    times_s: NDArray[np.float64]
    pts: NDArray[np.int64]
    keys: NDArray[np.int64]
    steps: NDArray[np.void]
    fingerprint: str
    gaps: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.steps) + 1

    @property
    def index(self) -> FrameIndex:
        """How to enter the film in the middle."""
        return FrameIndex(self.pts, self.keys)

    @cached_property
    def cuts(self) -> list[int]:
        """Numbers of the frames that begin a new shot."""
        return find_cuts(self.steps)

    def timing_breaks(self) -> list[int]:
        """Numbers of the frames before which the container skips time (frames are missing there).

        A single lost frame is found at any rate, but above 500 frames a second not always where times are rounded to milliseconds.
        """
        return [int(i) + 1 for i in np.flatnonzero(self._skips)]

    @cached_property
    def _skips(self) -> NDArray[np.bool_]:
        from scipy.ndimage import median_filter  # takes a third of a second to import, which blending does without

        gaps = np.diff(self.times_s)
        if not gaps.size:
            return np.zeros(0, np.bool_)
        usual = median_filter(gaps, _TIMING_REACH)
        return np.asarray((gaps > _TIMING_BREAK * usual) & (gaps > usual + (_ROUNDED_S if self.rounded else 0)))

    @cached_property
    def rounded(self) -> bool:
        """Whether times are whole milliseconds, as those of Matroska are."""
        return np.allclose(self.times_s, np.round(self.times_s, 3), rtol=0, atol=1e-7)

    def shown_fps(self, stated: float | None) -> float | None:
        """Frames per second between frames that follow each other: as stated, unless the times say otherwise.

        Containers state an average, which frames that are missing lower, and for which the time of the last frame is a guess.
        """
        whole_s = np.diff(self.times_s)[~self._skips]
        if stated is None or not whole_s.size:
            return stated
        rate, total_s = len(whole_s) / float(whole_s.sum()), float(whole_s.sum())
        slack = (1 + self._skips.sum()) * (1e-3 if self.rounded else 2e-6) / total_s
        return stated if abs(stated / rate - 1) <= slack else round(float(Fraction(rate).limit_denominator(1001)), 6)


def analyze(film: Film, cache: Path | None = None, *, advance: Advance = SILENT) -> Analysis:
    """The analysis of a film, read from ``cache`` where it holds one of the same content.

    Args:
        film: What to look at.
        cache: Folder of cached analyses, or None.
        advance: Told of each frame.

    Raises:
        SourceError: If the film is damaged or has fewer than two frames.
    """
    fingerprint = film.fingerprint()
    path = cache / f"{film.name.replace('/', '_')}-{fingerprint[:16]}-v{_VERSION}.npz" if cache else None
    if path and (known := recall(path, fingerprint)):
        return known
    result = _look(film, fingerprint, advance)
    if path:
        keep(path, result)
    return result


def _look(film: Film, fingerprint: str, advance: Advance) -> Analysis:
    times, pts, keys = array("d"), array("q"), array("q")  # 8 bytes a frame
    size, bits = (0, 0), 8

    def greys() -> Iterator[Grey]:
        nonlocal size, bits
        for number, scan in enumerate(film.scan()):
            if number and scan.grey.shape != size:
                here = f"{scan.grey.shape[1]}x{scan.grey.shape[0]}"
                msg = f"{film.name}: frame {number} is {here}, the first is {size[1]}x{size[0]}; cut the film there."
                raise SourceError(msg)
            size = (scan.grey.shape[0], scan.grey.shape[1])
            bits = scan.bits
            times.append(np.nan if scan.time_s is None else round(scan.time_s, 6))
            pts.append(_NO_PTS if scan.pts is None else scan.pts)
            if scan.key:
                keys.append(number)
            advance()
            yield scan.grey

    with one_thread():
        steps = np.fromiter((astuple(step) for step in measure_steps(greys())), STEPS)
    stamps, shown = np.array(pts, np.int64), np.array(times, np.float64)
    sound = bool((stamps != _NO_PTS).all() and (np.diff(stamps) > 0).all())
    return Analysis(
        height=size[0],
        width=size[1],
        bits=bits,
        times_s=shown if (np.diff(shown) > 0).all() and np.isfinite(shown).all() else shown[:0],
        pts=stamps if sound else stamps[:0],
        keys=np.array(keys, np.int64),
        steps=steps,
        fingerprint=fingerprint,
        gaps=np.array(film.gaps(), np.int64),
    )


def keep(path: Path, analysis: Analysis) -> None:
    """Write an analysis to a file: numpy's arrays, packed."""
    file = io.BytesIO()
    np.savez_compressed(file, **{each.name: getattr(analysis, each.name) for each in fields(Analysis)})
    write_atomic(path, file.getvalue())


def recall(path: Path, fingerprint: str) -> Analysis | None:
    """The analysis in a file, or None if there is none of that content."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            found = {each.name: kept[each.name] for each in fields(Analysis)}
        result = Analysis(**{name: value if value.ndim else value.item() for name, value in found.items()})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    return result if result.fingerprint == fingerprint and result.steps.dtype == STEPS else None
