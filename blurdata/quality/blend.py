"""In code values or in light: told for certain where the sharp frames that were averaged are in the set.

Where a pair's neighbours in its sequence lie inside its exposure, the blurry frame *is* a mean of ``2 k + 1`` consecutive sharp frames:
of their codes (GoPro's ``blur``) or of their light under gamma 2.2, encoded again (``blur_gamma``). The latter is nowhere darker (Jensen),
and brighter at every edge that moved. Both means are made for every k, and the one that the blurry frame equals is told with its margin.
Where the neighbours lie outside the exposure, or nothing moved, neither fits better and nothing is told.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from blurdata.color import curve
from blurdata.pairs import Image, PairSource
from blurdata.quality.response import Verdict
from blurdata.quality.survey import read_pair

_WIDEST = 7  # neighbours on either side: windows of up to 15 frames
_LOOKED_AT = 8  # pairs of a set
_FEWEST = 2  # pairs that must agree
_SIDE = 360  # samples of the shorter side, left as they are: a mean of pixels would blur the evidence
_CLEAR = 2.0  # the worse mean leaves at least this many times as much unexplained
_EXPLAINED = 0.25  # of what the sharp frame alone leaves: more is no mean of these frames


@dataclass(frozen=True)
class Fit:
    """How well one blurry frame is the mean of its neighbours; root mean squares of the rest, in codes of 255.

    Args:
        frames: Of the window that fits best.
        codes: Left by the mean of code values.
        light: Left by the mean of light.
        alone: Left by the sharp frame itself.
    """

    frames: int
    codes: float
    light: float
    alone: float

    @property
    def verdict(self) -> Verdict:
        """What this pair says."""
        better, worse = sorted((self.codes, self.light))
        if better > _EXPLAINED * self.alone or worse < _CLEAR * max(better, 0.1):
            return "unclear"
        return "codes" if self.codes < self.light else "light"


@dataclass(frozen=True)
class Blend:
    """What the neighbours of a set say about its averaging.

    Args:
        verdict: ``"codes"``, ``"light"``, or ``"unclear"``.
        pairs: Pairs that tell.
        looked_at: Pairs that have neighbours and were tried.
        frames: Frames in the windows of those that tell, the commonest; 0 where none does.
        codes: What the mean of codes leaves, median over those that tell, in codes of 255; NaN where none does.
        light: The same for the mean of light.
    """

    verdict: Verdict
    pairs: int
    looked_at: int
    frames: int
    codes: float
    light: float


def fit_blend(blurry: Image, run: Sequence[Image]) -> Fit:
    """The fit of one blurry frame.

    Args:
        blurry: (H, W, 3) uint8 or uint16.
        run: Consecutive sharp frames of the same shape and dtype, an odd number, the middle one the blurry frame's own.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> run = list(rng.integers(0, 256, (5, 40, 60, 3), np.uint8))
        >>> blurry = np.rint(np.mean(run[1:4], axis=0)).astype(np.uint8)
        >>> fit = fit_blend(blurry, run)
        >>> fit.frames, fit.verdict
        (3, 'codes')
    """
    step = max(min(blurry.shape[:2]) // _SIDE, 1)
    top, bits, gamma = np.iinfo(blurry.dtype).max, 8 * blurry.dtype.itemsize, curve("gamma22")
    table = gamma.light_of_codes(bits)[0]
    frames, middle = [frame[::step, ::step] for frame in run], len(run) // 2
    seen = blurry[::step, ::step] * (255 / top)
    codes, light = frames[middle] * (255 / top), table[frames[middle]]
    alone, fits = _rms(seen - codes), []
    for k in range(1, middle + 1):
        for frame in (frames[middle - k], frames[middle + k]):
            codes, light = codes + frame * (255 / top), light + table[frame]
        count = 2 * k + 1
        fits.append(Fit(count, _rms(seen - codes / count), _rms(seen - 255 * (light / count) ** (1 / 2.2)), alone))
    return min(fits, key=lambda fit: min(fit.codes, fit.light))


def _rms(off: NDArray[np.floating]) -> float:
    return float(np.sqrt((off * off).mean()))


def tell_blend(fits: Sequence[Fit]) -> Blend:
    """What the fits of a set say together: two or more that tell, all of them the same."""
    told = [fit for fit in fits if fit.verdict != "unclear"]
    verdicts = {fit.verdict for fit in told}
    verdict: Verdict = verdicts.pop() if len(verdicts) == 1 and len(told) >= _FEWEST else "unclear"
    if not told:
        return Blend("unclear", 0, len(fits), 0, float("nan"), float("nan"))
    frames = [fit.frames for fit in told]
    codes, light = (float(np.median([getattr(fit, name) for fit in told])) for name in ("codes", "light"))
    return Blend(verdict, len(told), len(fits), max(set(frames), key=frames.count), codes, light)


def blend_of(source: PairSource) -> Blend:
    """Ask some pairs of ``source``, spread over it, that have the most neighbours; pairs that cannot be read are passed over."""
    return tell_blend(list(_fits(source)))


def _fits(source: PairSource) -> Iterator[Fit]:
    room = _neighbours(source.keys)
    enough = max(sorted(room, reverse=True)[:_LOOKED_AT][-1:], default=0) or 1
    fit_for = [index for index, k in enumerate(room) if k >= enough]
    for index in fit_for[:: max(len(fit_for) // _LOOKED_AT, 1)][:_LOOKED_AT]:
        most = room[index]
        around = (read_pair(source, at) for at in range(index - most, index + most + 1))
        pairs = [pair for pair in around if pair is not None]
        if len(pairs) <= 2 * most:
            continue
        blurry, run = pairs[most].blurry, [pair.sharp for pair in pairs]
        if len({(picture.shape, picture.dtype) for picture in (blurry, *run)}) == 1:
            yield fit_blend(blurry, run)


def _neighbours(keys: Sequence[str]) -> list[int]:
    """Of each key, how many keys on either side number on from it, ``_WIDEST`` at most."""
    parts = [key.rpartition("/") for key in keys]
    follows = [a[0] == b[0] and a[2].isdigit() and b[2].isdigit() and int(b[2]) == int(a[2]) + 1 for a, b in pairwise(parts)]
    before, after = [0] * len(keys), [0] * len(keys)
    for i, on in enumerate(follows):
        before[i + 1] = before[i] + 1 if on else 0
    for i in range(len(follows) - 1, -1, -1):
        after[i] = after[i + 1] + 1 if follows[i] else 0
    return [min(*both, _WIDEST) for both in zip(before, after, strict=True)]
