"""What happens in a film: one pass at reduced size that finds cuts, unchanged frames and motion, independent of any recipe.

Motion is dense inverse search flow (Kroeger et al., ECCV 2016; OpenCV's DIS) between neighbours, both ways, on frames of at
most 320 px. A cut is where the flow explains the next frame far worse than it explains the neighbours of the cut: panning and
shaking do not look like cuts, and a film of pure noise has none. Nor do fades, flicker and lights that are switched: what one change of
light for the whole frame explains is no cut.
"""

import io
import zipfile
import zlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from blurdata.errors import SourceError
from blurdata.files import write_atomic
from blurdata.progress import SILENT, Advance
from blurdata.synthesis.flow import one_thread
from blurdata.synthesis.frames import Film, FrameIndex

_VERSION = 10  # what is found in a film, and what is refused; analyses that were kept under another number are made again
_SIDE_PX = 320  # the long side at which motion is measured
_CUT_RATIO, _CUT_RESIDUAL, _CUT_REACH = 3.0, 8.0, 6  # measured: tools/bench/cuts.py
_LIT, _DARKEST = 80, 12  # 95th percentile, codes: a scene below the first is dark and differs by less; below the second is noise
_MOST_GAIN, _FLAT = 16.0, 1.0  # of a change of light; codes of deviation below which nothing is seen by which to tell it
_FLASH_RATIO = 0.5
_SHOWS_CODES = 4  # what is seen at the end of a round trip differs by more from what was there (tools/bench/interpolation.py)
_NO_PTS = -(1 << 63)  # FFmpeg's own mark
_TIMING_BREAK = 1.75  # a gap of this many usual intervals is missing frames: one lost makes 2, and phones' intervals jitter by a tenth
_TIMING_REACH = 31  # intervals whose median is the usual one: phones halve their rate in the dark
_ROUNDED_S = 1.5e-3  # what Matroska's rounding to milliseconds may add to an interval


@dataclass(frozen=True)
class Step:
    """What lies between one frame and the next.

    Args:
        change: Largest change of a 3 x 3 spot at reduced size, 8-bit codes.
        mean_change: Mean change at reduced size, 8-bit codes.
        residual: Mean difference that the flow leaves, 8-bit codes, of which no place counts more than ten ``limit``.
        left: What a change of light for the whole frame leaves of it, where the residual stands out; else the residual again.
        across: The same from the frame before the first to the second, where both steps stand out; else ``left`` again.
        limit: What a cut leaves more than: less in the dark, where all of a scene differs by few codes.
        disagreement: Share of the frame on which forward and backward flow disagree and it shows: on a plain wall any flow serves.
        mean_px: Mean length of the flow, px of the full frame.
        p95_px: Its 95th percentile.
        max_px: Its maximum.
    """

    change: float
    mean_change: float
    residual: float
    left: float
    across: float
    limit: float
    disagreement: float
    mean_px: float
    p95_px: float
    max_px: float


STEPS = np.dtype([(each.name, np.float32) for each in fields(Step)])


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
        gaps = np.diff(self.times_s)
        if not gaps.size:
            return []
        usual = median_filter(gaps, _TIMING_REACH)
        rounded = np.allclose(self.times_s, np.round(self.times_s, 3), rtol=0, atol=1e-7)
        skips = (gaps > _TIMING_BREAK * usual) & (gaps > usual + (_ROUNDED_S if rounded else 0))
        return [int(i) + 1 for i in np.flatnonzero(skips)]


def find_cuts(steps: NDArray[np.void]) -> list[int]:
    """Frames that begin a shot: what is left there exceeds the residuals around it by a factor, and not for one frame only, as in a flash.

    Args:
        steps: (N - 1,) records with the fields of :class:`Step`, one for each pair of neighbours.

    Returns:
        Numbers of the second frames.
    """
    residual, left, across = steps["residual"], steps["left"], steps["across"]
    suspects = np.flatnonzero(left > steps["limit"])
    around = np.pad(residual.astype(np.float64), _CUT_REACH, constant_values=np.nan)
    near = np.delete(np.arange(2 * _CUT_REACH + 1), _CUT_REACH)
    jumps = np.zeros(len(residual) + 1, np.bool_)
    for block in np.array_split(suspects, 1 + suspects.size // 65536):
        usual = _median(around[block[:, None] + near])
        jumps[block] = left[block] > _CUT_RATIO * usual  # False where there are no neighbours
    for i in np.flatnonzero(jumps[:-1] & jumps[1:]):
        if jumps[i] and across[i + 1] < _FLASH_RATIO * min(left[i], left[i + 1]):
            jumps[i] = jumps[i + 1] = False
    return (np.flatnonzero(jumps) + 1).tolist()


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each row of (N, K), NaN left out; NaN for a row of nothing else."""
    ordered = np.sort(values, axis=1)  # NaN goes last
    count = values.shape[1] - np.isnan(values).sum(axis=1)
    rows = np.arange(len(values))
    low, high = ordered[rows, np.maximum(count - 1, 0) // 2], ordered[rows, count // 2 % values.shape[1]]
    return np.asarray(np.where(count % 2 == 1, low, (low + high) / 2))


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

    def greys() -> Iterator[NDArray[np.uint8]]:
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


def measure_steps(greys: Iterable[NDArray[np.uint8]]) -> Iterator[Step]:
    """A :class:`Step` between each two neighbours of full-size (H, W) uint8 frames."""
    quick = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    careful = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    before: NDArray[np.uint8] | None = None
    earlier = before
    last = 0.0
    grid = np.empty((0, 0, 2), np.float32)
    for grey in greys:
        scale = max(1.0, max(grey.shape) / _SIDE_PX)
        small = _reduced(grey, scale)
        if before is None:
            ys, xs = np.mgrid[: small.shape[0], : small.shape[1]]
            grid = np.dstack([xs, ys]).astype(np.float32)
        else:
            step = _between(before, small, quick, grid, scale)
            if step.residual > step.limit:  # a cut, another light, or motion that is too fast for the quick flow
                by_flow, by_light = _unexplained(before, small, careful, grid)
                left = min(step.residual, by_flow, by_light)
                step = replace(step, residual=min(step.residual, by_flow), left=left, across=left)
            if earlier is not None and min(last, step.left) > step.limit:
                step = replace(step, across=min(_unexplained(earlier, small, careful, grid)))
            last = step.left
            yield step
        earlier, before = before, small


def _reduced(grey: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    height, width = (max(1, round(side / scale)) for side in grey.shape)
    small = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA) if scale > 1 else grey
    pad = [max(0, 16 - side) for side in small.shape]  # DIS needs room for its patches
    return np.ascontiguousarray(np.pad(small, ((0, pad[0]), (0, pad[1])), mode="edge") if any(pad) else small)


def _light(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
    """How light the lighter of two frames is, up to a lit scene: no place counts more in their difference."""
    levels = [int(np.searchsorted(np.cumsum(np.bincount(frame.ravel(), minlength=256)), 0.95 * frame.size)) for frame in (a, b)]
    return min(_LIT, max(_DARKEST, *levels))


def _unexplained(a: NDArray[np.uint8], b: NDArray[np.uint8], flow: Any, grid: NDArray[np.float32]) -> tuple[float, float]:
    """Mean difference that a flow leaves, and that a flow and one change of light for the whole frame leave."""
    by_flow = _left(a, b, grid + flow.calc(a, b, None), _light(a, b))
    means, deviations = (a.mean(), b.mean()), (a.std(), b.std())
    dark = int(deviations[1] < deviations[0])
    gain = deviations[1 - dark] / max(_FLAT, deviations[dark])
    if min(deviations) < _FLAT or gain > _MOST_GAIN:
        return by_flow, by_flow
    lifted = np.clip(((a, b)[dark] - means[dark]) * gain + means[1 - dark] + 0.5, 0, 255).astype(np.uint8)
    one, other = (a, lifted) if dark else (lifted, b)
    return by_flow, _left(one, other, grid + flow.calc(one, other, None), _light(a, b))


def _left(a: NDArray[np.uint8], b: NDArray[np.uint8], there: NDArray[np.float32], most: int) -> float:
    seen = cv2.remap(b, there, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return round(float(np.minimum(cv2.absdiff(a, seen), np.uint8(most)).mean()), 3)


def _between(a: NDArray[np.uint8], b: NDArray[np.uint8], flow: Any, grid: NDArray[np.float32], scale: float) -> Step:
    change = float(cv2.absdiff(cv2.blur(a.astype(np.float32), (3, 3)), cv2.blur(b.astype(np.float32), (3, 3))).max())
    if change == 0:
        return Step(**dict.fromkeys((each.name for each in fields(Step)), 0.0))
    forward, backward = flow.calc(a, b, None), flow.calc(b, a, None)
    there = grid + forward
    back = cv2.remap(backward, there, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    light = _light(a, b)
    residual = _left(a, b, there, light)
    length = np.hypot(forward[..., 0], forward[..., 1])
    astray = forward + back  # where a round trip ends
    lost = np.hypot(astray[..., 0], astray[..., 1]) > 0.5 + 0.1 * length
    shows = cv2.absdiff(a, cv2.remap(a, grid + astray, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)) > _SHOWS_CODES
    return Step(
        change=round(change, 2),
        mean_change=round(float(cv2.absdiff(a, b).mean()), 4),
        residual=residual,
        left=residual,
        across=residual,
        limit=_CUT_RESIDUAL * light / _LIT,
        disagreement=round(float((lost & shows).mean()), 4),
        mean_px=round(float(length.mean()) * scale, 3),
        p95_px=round(float(np.percentile(length, 95)) * scale, 3),
        max_px=round(float(length.max()) * scale, 3),
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
