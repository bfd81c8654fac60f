"""How does a picture blur when the camera rolls or zooms? As the mean of the pictures along the way."""

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.color import Curve
from blurdata.color import curve as open_curve
from blurdata.convolution.border import check_border, source_index
from blurdata.convolution.light import Light, Picture, check_picture, in_light

_MOST_STEPS = 4096
_TILE = 64  # pixels
_LONG_RUNS = 1 / 8  # of a pixel from one pixel to the next: runs of 8 pixels


def camera_blur(
    image: Picture,
    *,
    zoom: float = 1.0,
    roll_deg: float = 0.0,
    curve: str | Path | Curve = "srgb",
    border: str = "reflect",
) -> Picture:
    """``image`` as a camera that zooms and rolls evenly about its middle during the exposure takes it.

    The mean in linear light of the picture magnified from ``zoom ** -0.5`` to ``zoom ** 0.5`` (evenly in the logarithm) and turned
    from ``-roll_deg / 2`` to ``roll_deg / 2``, so that on the whole nothing is shifted; moments are at most a pixel apart anywhere.

    Args:
        image: (H, W) or (H, W, C) uint8, uint16 or floats, as :func:`blurdata.convolve` takes them.
        zoom: Magnification at the end of the exposure over that at its start, above 0; 1 is none.
        roll_deg: Turn of the picture during the exposure, counter-clockwise.
        curve: How code values relate to light.
        border: Beyond the edge: ``"reflect"``, ``"replicate"`` or ``"constant"``.

    Returns:
        A new array of the same shape and dtype.

    Raises:
        TypeError: If the image's dtype is another one.
        ValueError: If a number, shape, curve or border is wrong, or the turn is so large that over 4096 steps were needed.

    Example:
        >>> camera_blur(np.full((9, 9), 70, np.uint8), zoom=1.2, roll_deg=5)[0, 0]
        np.uint8(70)
    """
    response = open_curve(curve)
    check_picture(image, response)
    check_border(border)
    if not (math.isfinite(zoom) and zoom > 0 and math.isfinite(roll_deg)):
        msg = f"zoom must be finite and above 0 and roll_deg finite, got {zoom!r} and {roll_deg!r}."
        raise ValueError(msg)
    pixels = image if image.ndim == 3 else image[..., None]
    return in_light(pixels, response, lambda light: _mean_of_warps(light, zoom, roll_deg, border)).reshape(image.shape)


def camera_steps(height: int, width: int, zoom: float, roll_deg: float) -> NDArray[np.float64]:
    """(N, 2, 3) for moments evenly over the exposure: from a pixel x, y to where its light came from."""
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    steps = _steps(math.hypot(*middle), zoom, roll_deg)
    if steps > _MOST_STEPS:
        msg = f"zoom {zoom:g} and roll_deg {roll_deg:g} move the corners by {steps} px, over {_MOST_STEPS}; give less."
        raise ValueError(msg)
    return _matrices(middle, zoom, roll_deg, steps)


def _steps(distance: float, zoom: float, roll_deg: float) -> int:
    """How many moments leave at most a pixel between them at this distance from the middle."""
    return max(math.ceil(math.hypot(math.log(zoom), math.radians(roll_deg)) * distance), 1)


def _matrices(middle: NDArray[np.float64], zoom: float, roll_deg: float, steps: int) -> NDArray[np.float64]:
    moments = (np.arange(steps) + 0.5) / steps - 0.5
    turn, scale = np.radians(roll_deg * moments), zoom**-moments
    # y points down in the array, so a counter-clockwise turn of the picture reads from clockwise places there
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.stack([np.stack([cos, -sin], axis=-1), np.stack([sin, cos], axis=-1)], axis=1)
    return np.concatenate([linear, (middle - linear @ middle)[..., None]], axis=-1)


def _mean_of_warps(light: Light, zoom: float, roll_deg: float, border: str) -> Light:
    """Mean of (H, W, C) light read bilinearly along the way, tile by tile: the nearer to the middle, the fewer moments are needed."""
    from blurdata.convolution import _warps

    height, width, channels = light.shape
    middle, size = np.array([(width - 1) / 2, (height - 1) / 2]), np.array([width, height])
    places = camera_steps(height, width, zoom, roll_deg) @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1.0]])
    before, after = 2 - np.floor(places.min(axis=(0, 2))).astype(int), np.ceil(places.max(axis=(0, 2))).astype(int) + 2 - size
    (columns, rows) = (source_index(n, first, last, border) for n, first, last in zip(size, before, after, strict=True))
    padded = light[np.ix_(np.maximum(rows, 0), np.maximum(columns, 0))]
    padded[rows < 0], padded[:, columns < 0] = 0, 0
    padded = np.ascontiguousarray(padded)
    fours = [] if max(abs(math.sin(math.radians(roll_deg / 2))), abs(math.log(zoom)) / 2) < _LONG_RUNS / 2 else _in_fours(padded)
    mean = np.zeros((height, width, channels))
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            tile = mean[top : top + _TILE, left : left + _TILE]
            corner = np.maximum(np.abs(middle - (left, top)), np.abs(middle - (left + _TILE, top + _TILE)))
            matrices = _matrices(middle, zoom, roll_deg, _steps(math.hypot(*corner), zoom, roll_deg))
            matrices[..., 2] += before + matrices[..., :2] @ (left, top)
            near = np.abs(matrices[:, :, 0] - (1, 0)).max(axis=1) < _LONG_RUNS
            _warps.add_warps(padded.reshape(-1), len(columns) * channels, channels, matrices[near].reshape(-1, 6), tile)
            if not near.all():
                _add_far_warps(fours, matrices[~near], tile)
            tile /= len(matrices)
    return mean


def _in_fours(padded: Light) -> list[Light]:
    """Four channels at a time, the last ones zeros: OpenCV warps four in half the time of three, and two in steps of 1/32 px."""
    count = padded.shape[2]
    if count == 1:
        return [padded]
    whole = np.pad(padded, ((0, 0), (0, 0), (0, -count % 4)))
    return [np.ascontiguousarray(whole[..., c : c + 4]) for c in range(0, count, 4)]


def _add_far_warps(fours: list[Light], matrices: NDArray[np.float64], tile: NDArray[np.float64]) -> None:
    """What :mod:`blurdata.convolution._warps` adds, for turns so large that its runs are a few pixels: by OpenCV."""
    size, flags = tile.shape[1::-1], cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for matrix in matrices:
        for number, part in enumerate(fours):
            target = tile[..., 4 * number : 4 * number + 4]
            warped = cv2.warpAffine(part, matrix, size, flags=flags).reshape(*tile.shape[:2], -1)
            target += warped[..., : target.shape[2]]
