"""How do the two cameras' code values relate: blurry = gain * sharp + offset, per channel."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.alignment.drift import robust_weights
from blurdata.alignment.geometry import Float, Float32
from blurdata.alignment.kernel import convolved
from blurdata.alignment.light import Light

_SIGMA_PX = 2.0  # noise of the sharp picture pulls a regression's slope down; smoothing takes it away
_SPREAD_CLIPPED = 0.02  # share of a blurred sample that may come from clipped ones
_ENOUGH = 200
_BETWEEN = 0.002  # standard deviation of the gain between pairs of one scene, whose cameras are set alike
_AREA = np.pi * _SIGMA_PX**2  # samples, every other pixel, that smoothing makes one
_WHOLE = 0.995  # of a smoothed 0 or 1


def published(blurry: Float32, sharp: Float32) -> tuple[Float, Float]:
    """RealBlur's: ``gain = std(blurry) / std(sharp)`` (N - 1), ``offset = mean(blurry) - gain * mean(sharp)``, per channel.

    Args:
        blurry: (H, W, C) float32 code values on the common rectangle.
        sharp: Same shape, aligned.
    """
    spread = sharp.std((0, 1), ddof=1, dtype=np.float64)
    gain = blurry.std((0, 1), ddof=1, dtype=np.float64) / np.maximum(spread, 1e-9)
    return gain, blurry.mean((0, 1), dtype=np.float64) - gain * sharp.mean((0, 1), dtype=np.float64)


def robust(
    blurry: Float32, sharp: Float32, inside: Float32, kernel: Float, light: Light, *, start: tuple[Float, Float] | None = None
) -> tuple[Float, Float]:
    """Gain and offset of a robust line through unclipped samples of two equally blurred, equally smoothed pictures.

    The sharp picture is blurred in linear light with ``kernel`` first, so that its range and its clipped parts are the blurry one's.

    Args:
        blurry: (H, W, C) float32 code values.
        sharp: Same shape, aligned.
        inside: (H, W) float32, 1 where both cameras saw the pixel.
        kernel: Centred blur kernel, 1x1 for a static pair.
        light: How code values become light.
        start: Gain and offset of the scene's reference. A pair's own slope counts against them as its standard error says, so that a
            channel that is clipped nearly everywhere keeps them; without, the pair stands alone.
    """
    gain, offset = (np.array(part, np.float64) for part in start or (np.ones(3), np.zeros(3)))
    predicted = light.encode(convolved(light.decode(sharp), kernel))
    unspread = (convolved(1 - light.trusted(sharp), kernel) < _SPREAD_CLIPPED) * inside[..., None]
    planes = (blurry, predicted, unspread.astype(np.float32), light.trusted(blurry))
    y, x, clear, trust = (_smooth(picture)[4:-4:2, 4:-4:2] for picture in planes)
    noise = 1.48 * np.median(np.abs(blurry[4:-4:2, 4:-4:2] - y), axis=(0, 1))
    for c in range(3):
        whole = (clear[..., c] > _WHOLE) & (trust[..., c] > _WHOLE)
        line = _line(x[..., c], y[..., c], whole, light.full)
        if line is None:
            continue
        # near the ends only samples that noise moved inwards look unclipped: leave out where they were to be expected
        margin, expected = 3 * noise[c] + light.full / 255, line.at(x[..., c])
        within = (np.minimum(expected, x[..., c]) > margin) & (np.maximum(expected, x[..., c]) < light.full - margin)
        line = _line(x[..., c], y[..., c], whole & within, light.full) or line
        own = 1.0 if start is None else _BETWEEN**2 / (_BETWEEN**2 + line.error**2)
        gain[c] = own * line.slope + (1 - own) * gain[c]
        offset[c] = line.middle[1] - gain[c] * line.middle[0]
    return gain, offset


def _smooth(picture: Float32) -> Float32:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), _SIGMA_PX, borderType=cv2.BORDER_REPLICATE)).reshape(picture.shape)


@dataclass(frozen=True)
class _Line:
    """A fitted line: its slope with the standard error, and the mean point that it goes through."""

    slope: float
    error: float
    middle: tuple[float, float]

    def at(self, x: Float32) -> Float32:
        return np.asarray(self.middle[1] + self.slope * (x - self.middle[0]), np.float32)


def _line(x: Float32, y: Float32, chosen: NDArray[np.bool_], full: int, rounds: int = 8) -> _Line | None:
    """Iteratively re-weighted least squares; None where too little is chosen or it is all one grey."""
    if chosen.sum() < _ENOUGH or x[chosen].std() < full / 255:
        return None
    a, b = x[chosen].astype(np.float64), y[chosen].astype(np.float64)
    w = np.ones_like(a)
    line = _Line(1.0, 0.0, (0.0, 0.0))
    for _ in range(rounds):
        total = w.sum()
        middle = (w * a).sum() / total, (w * b).sum() / total
        spread = max((w * (a - middle[0]) ** 2).sum(), 1e-12)
        slope = (w * (a - middle[0]) * (b - middle[1])).sum() / spread
        off = b - middle[1] - slope * (a - middle[0])
        error = np.sqrt((w * off**2).sum() / total / spread * _AREA)
        line = _Line(float(slope), float(error), (float(middle[0]), float(middle[1])))
        w = robust_weights(np.abs(off), 3.0).astype(np.float64)
    return line
