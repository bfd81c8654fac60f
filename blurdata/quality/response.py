"""In code values or in light: how was the blur of a set averaged?

A mean taken in light comes out brighter, in code values, than a mean of code values, and the more so the more contrast was blurred
away. So under windows far wider than the blur, with ``b`` blurry, ``s`` sharp and ``D`` the decoding ``v ** 2.2``:

- ``code``: mean(b) - mean(s) is 0 where codes were averaged (GoPro's ``blur``, linear pictures such as RealBlur-R);
- ``light``: (mean(D(b)) - mean(D(s))) / D'(mean) is 0 where light was (``blur_gamma``, camera JPEG such as RealBlur-J).

Their difference ``v = code - light`` does not depend on what moved through a window, so the slope of ``code`` on ``v`` is 0 in the first
case and 1 in the second. One pair says little; a set decides it, with an error from the spread between its pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.color import curve
from blurdata.pairs import Image

Verdict = Literal["codes", "light", "unclear"]
_WINDOWS = 8  # standard deviations of a window in the shorter side
_SURE = 2.0  # standard errors from a draw, with and without a gain between the halves
_FEWEST = 4  # pairs that can decide
_LEAST_BLUR = 2e-4  # rms of v, of full code: below it nothing was blurred that could tell


@dataclass(frozen=True)
class Evidence:
    """Sums of one pair over ``windows`` windows: of v times code and v times v, as they are and with a common gain taken out."""

    vd: float
    vv: float
    vd_own: float
    vv_own: float
    windows: int


@dataclass(frozen=True)
class Averaging:
    """What a set says about its averaging.

    Args:
        verdict: ``"codes"``, ``"light"``, or ``"unclear"``.
        slope: 0 for codes, 1 for light.
        error: Standard error of the slope between pairs.
        pairs: Pairs with enough blur to count.
    """

    verdict: Verdict
    slope: float
    error: float
    pairs: int


def averaging_evidence(blurry: Image, sharp: Image) -> Evidence:
    """The evidence of one pair.

    Args:
        blurry: (H, W, 3) uint8 or uint16 RGB.
        sharp: Same shape and dtype.
    """
    bits = 8 * sharp.dtype.itemsize
    decode = curve("gamma22").light_of_codes(bits)[0].astype(np.float32)
    top = np.float32(np.iinfo(sharp.dtype).max)
    code_b, code_s = (_windows(picture.astype(np.float32) / top) for picture in (blurry, sharp))
    light_b, light_s = (_windows(decode[picture]) for picture in (blurry, sharp))
    clipped = _windows(((sharp >= top * 0.99) | (blurry >= top * 0.99)).astype(np.float32))
    middle = np.clip((code_b + code_s) / 2, 0.02, 1)
    code = code_b - code_s
    v = code - (light_b - light_s) / (2.2 * middle**1.2)
    use = (clipped < 0.01) & (middle > 0.03)
    v, code, middle = v[use], code[use], middle[use]
    share = float((v * middle).sum() / max((middle * middle).sum(), 1e-12))
    own = v - share * middle  # what of v a gain between the halves cannot explain
    return Evidence(float((v * code).sum()), float((v * v).sum()), float((own * code).sum()), float((own * v).sum()), int(use.sum()))


def _windows(picture: NDArray[np.float32]) -> NDArray[np.float64]:
    """Means under broad Gaussian windows on a grid, (rows, columns, 3): what moves through a smooth window hardly changes its mean."""
    step = max(min(picture.shape[:2]) // 64, 1)
    small = cv2.resize(picture, (picture.shape[1] // step, picture.shape[0] // step), interpolation=cv2.INTER_AREA)
    sigma = min(small.shape[:2]) / _WINDOWS
    smooth = cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    rim, stride = int(2 * sigma), max(int(sigma), 1)
    inner = smooth[rim:-rim:stride, rim:-rim:stride]
    return np.asarray(inner if inner.size else smooth[::stride, ::stride], np.float64)


def tell_averaging(evidence: Sequence[Evidence]) -> Averaging:
    """Whether a set was averaged in code values or in light.

    ``"unclear"`` unless both slopes, with a gain between the halves allowed for and without, are on one side by two standard errors.

    Args:
        evidence: One record a pair.
    """
    told = [e for e in evidence if e.windows and e.vv / e.windows > _LEAST_BLUR**2]
    if len(told) < _FEWEST:
        return Averaging("unclear", float("nan"), float("nan"), len(told))
    plain = _slope(np.array([e.vd for e in told]), np.array([e.vv for e in told]))
    own = _slope(np.array([e.vd_own for e in told]), np.array([e.vv_own for e in told]))
    sides = {_side(*plain), _side(*own)}
    verdict: Verdict = sides.pop() if len(sides) == 1 else "unclear"
    return Averaging(verdict, *plain, len(told))


def _slope(vd: NDArray[np.float64], vv: NDArray[np.float64]) -> tuple[float, float]:
    """A slope over all pairs and its standard error from their spread."""
    slope = float(vd.sum() / max(vv.sum(), 1e-12))
    count = len(vd)
    return slope, float(np.sqrt(count / (count - 1) * ((vd - slope * vv) ** 2).sum()) / max(vv.sum(), 1e-12))


def _side(slope: float, error: float) -> Verdict:
    if abs(slope - 0.5) <= _SURE * error:
        return "unclear"
    return "light" if slope > 0.5 else "codes"
