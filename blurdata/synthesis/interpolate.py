"""What lies between two frames: virtual frames along bidirectional optical flow, in linear light.

A linear cross-fade would add nothing: its virtual frames are mixtures of the two neighbours, so their mean is the mean of the
frames, up to the weight of the ends. Only motion adds information.

For a moment t between frames A and B (Baker et al., IJCV 2011, section 3.3, with the flow inverted by fixed-point iteration instead of
splatting): the motion u at pixel y solves ``u = F_AB(y - t u)``, and likewise from B's side; of both candidates each counts the more,
the more alike its two ends look. An end that the other frame cannot see (its forward and backward flow disagree) is the only one shown.
Where the frames before or after are known too, what is hidden goes on as it came, and motion is not straight but curved
(:mod:`~blurdata.synthesis.bend`). What flow loses fades where it is (:mod:`~blurdata.synthesis.unfound`).
"""

from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from blurdata.color import Curve, look_up
from blurdata.pairs import Image
from blurdata.synthesis.bend import agreed, bend, carried_on, held
from blurdata.synthesis.blend import LightSum
from blurdata.synthesis.flow import Flow, both_flows, carried
from blurdata.synthesis.frames import grey_of
from blurdata.synthesis.unfound import fading, marked, unfound, unlike
from blurdata.synthesis.warp import add_between, visible

Light = NDArray[np.float32]
_CODE_STEPS = 4096
_MANY = 8  # from so many steps on, one refinement of the motion is enough, and bilinear sampling softens nothing that stays sharp


class Between(Protocol):
    """What lies between two neighbouring frames."""

    def add_to(self, light: LightSum | None, code: LightSum | None, steps: int, weight: int) -> None:
        """Add the ``steps - 1`` virtual frames, each ``weight`` times, to the sums of light and of code values."""

    def add_mask_to(self, total: LightSum, masks: tuple[Light, Light], steps: int, weight: int) -> None:
        """Move the two frames' (H, W, 3) masks of clipped samples, [0, 1], the same way, interpolated linearly."""

    def bent(self, earlier: "Between | None", later: "Between | None") -> "Between":
        """The same with what the intervals before and after tell of its motion, where they are known."""


class Interpolator(Protocol):
    """Makes a :class:`Between` of two neighbouring frames."""

    def __call__(self, before: Image, after: Image, *, where: str) -> Between:
        """Look at two (H, W, 3) frames of code values; ``where`` names them in messages."""


class DisInterpolator:
    """Virtual frames by bidirectional DIS flow with occlusion handling.

    Args:
        curve: How codes relate to light.
        bits: 8 or 16.
        threads: Threads over rows; the result does not depend on it.
    """

    def __init__(self, curve: Curve, *, bits: int, threads: int = 2) -> None:
        self._light = np.broadcast_to(curve.light_of_codes(bits), (3, 1 << bits)).astype(np.float32)
        roots = np.repeat(np.linspace(0, 1, _CODE_STEPS + 1)[:, None] ** 2, 3, axis=1)
        self._codes = np.ascontiguousarray(np.clip(curve.encode(roots), 0, 1).T)
        self._threads = threads

    def __call__(self, before: Image, after: Image, *, where: str = "") -> Between:
        """Flow both ways, and which pixels of each frame the other one sees."""
        forward, backward = both_flows(grey_of(before), grey_of(after))
        return _DisBetween((self._linear(before), self._linear(after)), (forward, backward), self._codes, self._threads)

    def _linear(self, frame: Image) -> Light:
        return look_up(self._light, frame)


class _DisBetween:
    def __init__(self, ends: tuple[Light, Light], flows: tuple[Flow, Flow], codes: NDArray[np.float64], threads: int) -> None:
        self._ends, self._flows = ends, flows
        self._seen = visible(*flows), visible(*flows[::-1])
        self._unlike = unlike(ends, flows)
        self._lost = unfound(*self._unlike, flows[0]), unfound(*self._unlike[::-1], flows[1])
        self._elsewhere: tuple[Light | None, Light | None] = None, None  # how unlike A is the frame before it, and B the one after
        self._ways, self._marks = flows, (1 - self._seen[0], 1 - self._seen[1])
        self._bends: tuple[Flow, Flow] | None = None
        self._codes, self._threads = codes, threads

    def bent(self, earlier: Between | None, later: Between | None) -> Between:
        """What is hidden in one frame goes on as it came; what is found again there does not fade; motion curves.

        Acceleration is measured at A from the interval before, at B from the one after; both count as far as they agree, one alone stands
        in for both.
        """
        (forward, backward), (seen_a, seen_b), (marks_a, marks_b) = self._flows, self._seen, self._marks
        before = after = None
        at_a = at_b = None
        if isinstance(earlier, _DisBetween):
            back, back_seen = earlier._flows[1], earlier._seen[1]
            at_a = bend(forward, back, seen_a & back_seen)
            forward, marks_a = carried_on(forward, seen_a, back, back_seen)
            before = earlier._unlike[1]
        if isinstance(later, _DisBetween):
            back, back_seen = later._flows[0], later._seen[0]
            at_b = bend(backward, back, seen_b & back_seen)
            backward, marks_b = carried_on(backward, seen_b, back, back_seen)
            after = later._unlike[0]
        other = copy(self)
        other._ways, other._marks, other._elsewhere = (forward, backward), (marks_a, marks_b), (before, after)
        if at_a is not None and at_b is not None:
            other._bends = agreed(at_a, carried(at_b, forward)), agreed(at_b, carried(at_a, backward))
        elif at_a is not None:
            other._bends = held(at_a, forward), held(carried(at_a, backward), backward)
        elif at_b is not None:
            other._bends = held(carried(at_b, forward), forward), held(at_b, backward)
        return other

    def add_to(self, light: LightSum | None, code: LightSum | None, steps: int, weight: int) -> None:
        """Sum the virtual frames row by row on all threads."""
        self._add(self._ends, light, code, steps, weight, None if steps >= _MANY else 1)

    def add_mask_to(self, total: LightSum, masks: tuple[Light, Light], steps: int, weight: int) -> None:
        """The masks along the same motion, sampled bilinearly."""
        self._add(masks, total, None, steps, weight, None)

    def _add(
        self, ends: tuple[Light, Light], light: LightSum | None, code: LightSum | None, steps: int, weight: int, cubic: int | None
    ) -> None:
        shape = ends[0].shape
        sums = [total.open(shape, weight * (steps - 1)) if total else None for total in (light, code)]
        there = next(total for total in sums if total is not None)
        light_sum, code_sum = (np.empty((0, 0, 0), there.dtype) if total is None else total for total in sums)
        full = np.float64(next(total.full for total in (light, code) if total is not None))
        bends = self._bends or tuple(np.zeros_like(way) for way in self._ways)
        ways = [np.concatenate(both, axis=-1) for both in zip(self._ways, bends, strict=True)]
        fades = [fading(*both) for both in zip(self._lost, self._elsewhere, strict=True)]
        told = [marked(*both) for both in zip(self._marks, fades, strict=True)]
        rows = np.linspace(0, shape[0], self._threads + 1).astype(int)

        def band(i: int) -> None:
            add_between(
                light_sum, code_sum, *ends, *ways, *told, *fades, cubic, steps, np.uint64(weight), full, self._codes, *rows[i : i + 2]
            )

        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(band, range(self._threads)))
