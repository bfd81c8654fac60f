"""How do the two cameras' code values relate: blurry = gain * sharp + offset, per channel."""

import cv2
import numpy as np

from blurdata.alignment.drift import robust_weights
from blurdata.alignment.geometry import Float, Float32
from blurdata.alignment.kernel import convolved
from blurdata.alignment.light import Light

_SIGMA_PX = 2.0  # noise of the sharp picture pulls a regression's slope down; smoothing takes it away
_SPREAD_CLIPPED = 0.02  # share of a blurred sample that may come from clipped ones
_ENOUGH = 200


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
        start: Gain and offset of a channel that shows too little; 1 and 0 by default.
    """
    channels = blurry.shape[2]
    gain, offset = (np.array(part, np.float64) for part in start or (np.ones(channels), np.zeros(channels)))
    predicted = light.encode(convolved(light.decode(sharp), kernel))
    weights = light.trusted(blurry) * (convolved(1 - light.trusted(sharp), kernel) < _SPREAD_CLIPPED) * inside[..., None]
    y, x, trust = (_smooth(picture)[4:-4:2, 4:-4:2] for picture in (blurry, predicted, weights.astype(np.float32)))
    for c in range(channels):
        chosen = trust[..., c] > 0.995
        if chosen.sum() >= _ENOUGH and x[..., c][chosen].std() > light.full / 255:
            gain[c], offset[c] = _line(x[..., c][chosen].astype(np.float64), y[..., c][chosen].astype(np.float64))
    return gain, offset


def _smooth(picture: Float32) -> Float32:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), _SIGMA_PX, borderType=cv2.BORDER_REPLICATE)).reshape(picture.shape)


def _line(x: Float, y: Float, rounds: int = 8) -> tuple[float, float]:
    """Slope and intercept by iteratively re-weighted least squares."""
    w = np.ones_like(x)
    slope, level = 1.0, 0.0
    for _ in range(rounds):
        total = w.sum()
        mx, my = (w * x).sum() / total, (w * y).sum() / total
        slope = float((w * (x - mx) * (y - my)).sum() / max((w * (x - mx) ** 2).sum(), 1e-12))
        level = float(my - slope * mx)
        w = robust_weights(np.abs(y - slope * x - level), 3.0).astype(np.float64)
    return slope, level
