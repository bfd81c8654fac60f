"""What lies between one frame of a film and the next: motion, change, and what neither motion nor light explains.

Motion is dense inverse search flow (Kroeger et al., ECCV 2016; OpenCV's DIS) between neighbours, both ways, on frames of at
most 320 px. A cut is where the flow explains the next frame far worse than it explains the neighbours of the cut: panning and
shaking do not look like cuts, and a film of pure noise has none. Nor do fades, flicker and lights that are switched: what one change of
light for the whole frame explains is no cut.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.processes import available_cpus
from blurdata.synthesis.flow import roomy
from blurdata.synthesis.frames import Grey, in_8_bits

Grey8 = NDArray[np.uint8]
_DEEP_CODE = 257  # of 16 bits, in one of 8
_SIDE_PX = 320  # the long side at which motion is measured
_CUT_RESIDUAL = 8.0  # codes that a cut leaves in a lit scene; measured: tools/bench/cuts.py
_LIT, _DARKEST = 80, 12  # 95th percentile, codes: a scene below the first is dark and differs by less; below the second is noise
_MOST_GAIN, _FLAT = 16.0, 1.0  # of a change of light; codes of deviation below which nothing is seen by which to tell it
_ANOTHER_LIGHT = 0.2  # share of the mean change that is one of the mean
_SHOWS_CODES = 4  # what is seen at the end of a round trip differs by more from what was there (tools/bench/interpolation.py)


@dataclass(frozen=True)
class Step:
    """What lies between one frame and the next.

    Args:
        change: Largest change of a 3 x 3 spot at reduced size, 8-bit codes.
        mean_change: Mean change at reduced size, 8-bit codes.
        moving_change: What of it a change of light for the whole frame does not explain.
        residual: Mean difference that the flow leaves, 8-bit codes, of which no place counts more than ten ``limit``.
        left: What a change of light for the whole frame leaves of it, where the residual stands out; else the residual again.
        across: The same from the frame before the first to the second, where both steps stand out; else ``left`` again.
        limit: What a cut leaves more than: less in the dark, where all of a scene differs by few codes.
        disagreement: Share of the frame on which forward and backward flow disagree and it shows: on a plain wall any flow serves.
        mean_px: Mean length of the flow, px of the full frame.
        p95_px: Its 95th percentile.
        max_px: Its maximum; on fine grain at 1280 px it may read half as much again or more, for the flow is measured at reduced size.
    """

    change: float
    mean_change: float
    moving_change: float
    residual: float
    left: float
    across: float
    limit: float
    disagreement: float
    mean_px: float
    p95_px: float
    max_px: float


STEPS = np.dtype([(each.name, np.float32) for each in fields(Step)])


class _Quick(threading.local):
    """A quick flow for each thread."""

    def __init__(self) -> None:
        self.flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)


class _Seen(NamedTuple):
    """Two neighbours at reduced size, the frame before them, and what a first look says of them."""

    earlier: Grey | None
    before: Grey
    after: Grey
    grid: NDArray[np.float32]
    step: Step


def measure_steps(greys: Iterable[Grey]) -> Iterator[Step]:
    """A :class:`Step` between each two neighbours of full-size (H, W) uint8 or uint16 frames."""
    careful = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    last = 0.0
    for earlier, before, after, grid, step in _looked_at(greys):
        if step.residual > step.limit:  # a cut, another light, or motion that is too fast for the quick flow
            by_flow, by_light = _unexplained(before, after, careful, grid)
            left = min(step.residual, by_flow, by_light)
            step = replace(step, residual=min(step.residual, by_flow), left=left, across=left)
        if earlier is not None and min(last, step.left) > step.limit:
            step = replace(step, across=min(_unexplained(earlier, after, careful, grid)))
        last = step.left
        yield step


def _looked_at(greys: Iterable[Grey]) -> Iterator[_Seen]:
    """A first look at each two neighbours, in order, on all cores while the next frames are decoded."""
    cores, quick = available_cpus(), _Quick()
    earlier: Grey | None = None
    before: Grey | None = None
    grid = np.empty((0, 0, 2), np.float32)
    waiting: deque[Callable[[], _Seen]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        for grey in greys:
            scale = max(1.0, max(grey.shape) / _SIDE_PX)
            small = _reduced(grey, scale)
            if before is None:
                ys, xs = np.mgrid[: small.shape[0], : small.shape[1]]
                grid = np.dstack([xs, ys]).astype(np.float32)
            else:
                waiting.append(pool.submit(_look, earlier, before, small, quick, grid, scale).result)
            earlier, before = before, small
            if len(waiting) > 2 * cores:
                yield waiting.popleft()()
        while waiting:
            yield waiting.popleft()()


def _look(earlier: Grey | None, before: Grey, after: Grey, quick: _Quick, grid: NDArray[np.float32], scale: float) -> _Seen:
    return _Seen(earlier, before, after, grid, _between(before, after, quick.flow, grid, scale))


def _reduced(grey: Grey, scale: float) -> Grey:
    height, width = (max(1, round(side / scale)) for side in grey.shape)
    small = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA) if scale > 1 else grey
    return np.ascontiguousarray(roomy(small))


def _light(a: Grey8, b: Grey8) -> int:
    """How light the lighter of two frames is, up to a lit scene: no place counts more in their difference."""
    levels = [int(np.searchsorted(np.cumsum(np.bincount(frame.ravel(), minlength=256)), 0.95 * frame.size)) for frame in (a, b)]
    return min(_LIT, max(_DARKEST, *levels))


def _unexplained(before: Grey, after: Grey, flow: Any, grid: NDArray[np.float32]) -> tuple[float, float]:
    """Mean difference that a flow leaves, and that a flow and one change of light for the whole frame leave."""
    a, b = in_8_bits(before), in_8_bits(after)
    most = _light(a, b)
    by_flow = _left(a, b, grid + flow.calc(a, b, None), most)
    lit = _in_one_light(a, b)
    if lit is None:
        return by_flow, by_flow
    return by_flow, _left(*lit, grid + flow.calc(*lit, None), most)


def _in_one_light(a: Grey8, b: Grey8) -> tuple[Grey8, Grey8] | None:
    """Both frames, the darker one lifted to the mean and deviation of the other; None where too little is seen to tell."""
    means, deviations = (a.mean(), b.mean()), (a.std(), b.std())
    dark = int(deviations[1] < deviations[0])
    gain = deviations[1 - dark] / max(_FLAT, deviations[dark])
    if min(deviations) < _FLAT or gain > _MOST_GAIN:
        return None
    lifted = np.clip(((a, b)[dark] - means[dark]) * gain + means[1 - dark] + 0.5, 0, 255).astype(np.uint8)
    return (a, lifted) if dark else (lifted, b)


def _moving_change(a: Grey8, b: Grey8, change: float) -> float:
    """What of the mean change is not of the light, where that changed."""
    if abs(float(a.mean()) - float(b.mean())) > _ANOTHER_LIGHT * change and (lit := _in_one_light(a, b)):
        return min(change, float(cv2.absdiff(*lit).mean()))
    return change


def _left(a: Grey8, b: Grey8, there: NDArray[np.float32], most: int) -> float:
    seen = cv2.remap(b, there, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return round(float(np.minimum(cv2.absdiff(a, seen), np.uint8(most)).mean()), 3)


def _between(before: Grey, after: Grey, flow: Any, grid: NDArray[np.float32], scale: float) -> Step:
    code = 1 if before.dtype == np.uint8 else _DEEP_CODE
    change = float(cv2.absdiff(cv2.blur(before.astype(np.float32), (3, 3)), cv2.blur(after.astype(np.float32), (3, 3))).max()) / code
    if change == 0:
        return Step(**dict.fromkeys((each.name for each in fields(Step)), 0.0))
    mean_change = float(cv2.absdiff(before, after).mean()) / code
    a, b = in_8_bits(before), in_8_bits(after)
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
        change=round(change, 2) or change,  # but not to nothing, for that is a repeat
        mean_change=round(mean_change, 4),
        moving_change=round(_moving_change(a, b, mean_change), 4),
        residual=residual,
        left=residual,
        across=residual,
        limit=_CUT_RESIDUAL * light / _LIT,
        disagreement=round(float((lost & shows).mean()), 4),
        mean_px=round(float(length.mean()) * scale, 3),
        p95_px=round(float(np.percentile(length, 95)) * scale, 3),
        max_px=round(float(length.max()) * scale, 3),
    )
