"""Do the two halves agree in brightness and colour, and how much of each is clipped or noise?

Blur moves light about and neither makes nor loses any, so in linear light the two halves have equal means once clipped and
border areas are left out. Gain and offset are those of ``blurry = gain * sharp + offset``.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.color import look_up
from blurdata.pairs import Image
from blurdata.quality.spectrum import Float, window

Three = tuple[float, float, float]
_BLOCKS = 24  # blocks along the shorter side: far wider than a blur, far more than the two unknowns
_COARSE = 1.5  # blocks: a slope fitted on finer structure than the blur leaves would come out too small
_FAINT, _FAINT_BLACK = 0.005, 0.03  # of full light; where black is everywhere in a channel, noise that is cut off there brightens it
_LEAST = 0.02  # of the picture that has to be left
_GREY_CODES = 3.0  # channels that differ by less than this many 8-bit codes on average cannot be told apart


@dataclass(frozen=True)
class Tone:
    """Agreement of two halves in brightness and colour, per channel R, G, B.

    Args:
        ratio: Mean of blurry over mean of sharp in linear light: over the whole picture, with clipped blocks left out, or with the
            channel's black ones left out too, whichever is nearest to 1. A true difference in brightness shows in all; clipping before
            the blur spoils one, clipping after it the other, and a camera's colours can cut a channel off at black. A little light is
            added to both means: a channel with next to none would show noise cut off at black.
        gain: Slope of the robust fit of blurry on sharp block means in linear light.
        offset: Its intercept, in fractions of full light.
        channel_of: For each blurry channel, which sharp channel explains it best (0, 1, 2 is right).
        channel_gain: How many times smaller the error of ``channel_of`` is than that of 0, 1, 2; 1 where nothing is exchanged.
    """

    ratio: Three
    gain: Three
    offset: Three
    channel_of: tuple[int, int, int]
    channel_gain: float

    @property
    def mean_ratio(self) -> float:
        """Mean of ``ratio`` over the channels, at least 1e-6."""
        return max(sum(self.ratio) / 3, 1e-6)


_NAN = float("nan")
UNKNOWN_TONE = Tone((_NAN,) * 3, (_NAN,) * 3, (_NAN,) * 3, (0, 1, 2), 1.0)


def compare_tone(blurry: Image, sharp: Image, light: NDArray[np.float32], *, reach_px: float = 0.0) -> Tone:
    """Gain, offset and channel order of a pair.

    Args:
        blurry: (H, W, 3) uint8 or uint16 RGB.
        sharp: Same shape and dtype.
        light: Linear light of every code, (1 or 3, codes), as :meth:`blurdata.color.Curve.light_of_codes` gives it.
        reach_px: Length of the blur: how far clipped light is spread, and what is left out around it.
    """
    b, s, weight = _block_means(blurry, light), _block_means(sharp, light), _block_weights(blurry, sharp, reach_px)
    taper, lit = window(b.shape).ravel(), _lit(blurry, sharp, weight, reach_px)
    coarse_b, coarse_s = (cv2.GaussianBlur(half, (0, 0), _COARSE) for half in (b, s))
    ratios, gains, offsets = [], [], []
    for channel in range(3):
        x, y = s[..., channel].ravel(), b[..., channel].ravel()
        faint = _FAINT if lit[channel].any() else _FAINT_BLACK
        parts = [float((w * (y + faint)).sum() / (w * (x + faint)).sum()) for w in (weight, lit[channel], taper) if w.any()]
        ratios.append(min(parts, key=lambda ratio: abs(np.log(max(ratio, 1e-6)))))
        gain, offset = _robust_line(coarse_s[..., channel].ravel(), coarse_b[..., channel].ravel(), weight)
        gains.append(gain)
        offsets.append(offset)
    order, better = _channel_order(b, s, weight)
    return Tone(_three(ratios), _three(gains), _three(offsets), order, better)


def _three(values: list[float]) -> Three:
    return values[0], values[1], values[2]


def to_light(image: Image, light: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, 3) float32 linear light of a picture, by table."""
    if len(light) == 1 and image.dtype == np.uint8:  # four times as fast
        return np.asarray(cv2.LUT(image, light[0]).reshape(image.shape))
    return look_up(light, image)


def _grid(shape: tuple[int, ...]) -> tuple[int, int]:
    """Width and height in blocks."""
    block = max(min(shape[:2]) // _BLOCKS, 1)
    return max(shape[1] // block, 1), max(shape[0] // block, 1)


def _block_means(image: Image, light: NDArray[np.float32]) -> Float:
    small = cv2.resize(to_light(image, light), _grid(image.shape), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float64)


def _block_weights(blurry: Image, sharp: Image, reach_px: float) -> Float:
    """A Hann window (what crosses the border belongs to neither half), zero on blocks that clipped light may have reached."""
    top = np.iinfo(sharp.dtype).max
    clipped = (_in_any_channel(blurry >= top - top // 128) | _in_any_channel(sharp >= top - top // 128)).astype(np.float32)
    columns, rows = _grid(sharp.shape)
    taper = window((rows, columns))
    weight = taper * _far_from(clipped, (columns, rows), reach_px, share=0.005)
    if weight.sum() < _LEAST * taper.sum():
        weight = taper
    return np.asarray(weight.ravel())


def _lit(blurry: Image, sharp: Image, weight: Float, reach_px: float) -> list[Float]:
    """``weight`` for each channel, zero on blocks that its black may have reached too; all zero where too little is left."""
    grid = _grid(sharp.shape)
    far = [
        weight * _far_from(((blurry[..., c] == 0) | (sharp[..., c] == 0)).astype(np.float32), grid, reach_px, share=0.05).ravel()
        for c in range(3)
    ]
    return [part if part.sum() >= _LEAST * weight.sum() else np.zeros_like(part) for part in far]


def _far_from(hits: NDArray[np.float32], grid: tuple[int, int], reach_px: float, *, share: float) -> NDArray[np.bool_]:
    """Blocks that no block with more than ``share`` of hits is near."""
    blocks = cv2.resize(hits, grid, interpolation=cv2.INTER_AREA)
    reach = 1 + round(min(reach_px, 64.0) / 2 * grid[1] / hits.shape[0])
    near = cv2.dilate((blocks > share).astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    return np.asarray(near == 0)


def _robust_line(x: Float, y: Float, weight: Float) -> tuple[float, float]:
    """Slope and intercept by reweighted least squares (Tukey's biweight), so that moving things do not pull."""
    robust = np.ones_like(x)
    gain, offset = 1.0, 0.0
    for _ in range(6):
        w = weight * robust
        total = max(w.sum(), 1e-12)
        mean_x, mean_y = (w * x).sum() / total, (w * y).sum() / total
        variance = (w * (x - mean_x) ** 2).sum() / total
        if variance < 1e-7:  # a flat picture: slope and intercept cannot be told apart
            return float(mean_y / max(mean_x, 1e-9)), 0.0
        gain = (w * (x - mean_x) * (y - mean_y)).sum() / total / variance
        offset = mean_y - gain * mean_x
        residual = np.abs(y - gain * x - offset)
        scale = 4.7 * max(float(np.median(residual[weight > 0])) * 1.48, 1e-5)
        robust = np.where(residual < scale, (1 - np.minimum(residual / scale, 1) ** 2) ** 2, 0.0)
    return float(gain), float(offset)


def _channel_order(b: Float, s: Float, weight: Float) -> tuple[tuple[int, int, int], float]:
    """Which sharp channel each blurry channel follows best, after taking out the overall gain."""
    root_b, root_s = np.sqrt(np.clip(b, 0, None)).reshape(-1, 3), np.sqrt(np.clip(s, 0, None)).reshape(-1, 3)
    error = np.array([[(weight * (root_b[:, c] - root_s[:, k]) ** 2).sum() for k in range(3)] for c in range(3)])
    error = error / max(weight.sum(), 1e-12)
    order = error.argmin(axis=1)
    floor = (_GREY_CODES / 255) ** 2
    own, best = float(np.trace(error)), float(error[np.arange(3), order].sum())
    better = (own + 1e-12) / (best + 1e-12) if own > floor else 1.0
    return (int(order[0]), int(order[1]), int(order[2])), better


def clipped_share(image: Image) -> tuple[float, float]:
    """Shares of pixels with a channel at the lowest code and at the highest."""
    top = np.iinfo(image.dtype).max
    return float(_in_any_channel(image == 0).mean()), float(_in_any_channel(image == top).mean())


def _in_any_channel(hits: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """``hits.any(axis=2)``, twenty times as quick: numpy is slow to reduce along three."""
    return np.asarray(hits[..., 0] | hits[..., 1] | hits[..., 2])


def noise_codes(image: Image) -> float:
    """Standard deviation of the noise in 8-bit codes, from the calmest fifth of the picture.

    The diagonal detail of 2x2 pixels, ``(a - b - c + d) / 2``, has the noise's deviation and little of the picture; the median over blocks
    is Donoho's estimator, taken where the picture itself is calm.
    """
    green = image[..., 1].astype(np.float32) * (255 / np.iinfo(image.dtype).max)
    height, width = (side // 2 * 2 for side in green.shape)
    g = green[:height, :width]
    detail = np.abs(g[::2, ::2] - g[::2, 1::2] - g[1::2, ::2] + g[1::2, 1::2]) / 2
    block = 16
    rows, columns = detail.shape[0] // block, detail.shape[1] // block
    if not rows or not columns:
        return float(np.median(detail) / 0.6745)
    blocks = (
        detail[: rows * block, : columns * block].reshape(rows, block, columns, block).transpose(0, 2, 1, 3).reshape(rows * columns, -1)
    )
    return float(np.percentile(np.sqrt((blocks**2).mean(axis=1)), 20))
