"""How does a picture blur when the camera rolls or zooms? As the mean of the pictures along the way."""

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.color import Curve, decodable_curve
from blurdata.convolution.border import check_border, continued, source_index
from blurdata.convolution.light import Light, Picture, check_picture, in_light

_MOST_STEPS = 4096
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
    from ``-roll_deg / 2`` to ``roll_deg / 2``, so that on the whole nothing is shifted; steps are at most a pixel in the corners.

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
    response = decodable_curve(curve)
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
    travel = math.hypot(math.log(zoom), math.radians(roll_deg)) * math.hypot(*middle)
    if travel > _MOST_STEPS:
        msg = f"zoom {zoom:g} and roll_deg {roll_deg:g} move the corners by {travel:.0f} px, over {_MOST_STEPS}; give less."
        raise ValueError(msg)
    steps = max(math.ceil(travel), 1)
    moments = (np.arange(steps) + 0.5) / steps - 0.5
    turn, scale = np.radians(roll_deg * moments), zoom**-moments
    # y points down in the array, so a counter-clockwise turn of the picture reads from clockwise places there
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.stack([np.stack([cos, -sin], axis=-1), np.stack([sin, cos], axis=-1)], axis=1)
    return np.concatenate([linear, (middle - linear @ middle)[..., None]], axis=-1)


def _mean_of_warps(light: Light, zoom: float, roll_deg: float, border: str) -> Light:
    """Mean of (H, W, C) light read bilinearly along the way, at every moment."""
    from blurdata.convolution import _warps

    height, width, channels = light.shape
    size, matrices = np.array([width, height]), camera_steps(height, width, zoom, roll_deg)
    places = matrices @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1.0]])
    before, after = 2 - np.floor(places.min(axis=(0, 2))).astype(int), np.ceil(places.max(axis=(0, 2))).astype(int) + 2 - size
    columns, rows = (source_index(n, first, last, border) for n, first, last in zip(size, before, after, strict=True))
    padded = continued(light, rows, columns)
    total = np.zeros((height, width, channels))
    matrices[..., 2] += before
    near = np.abs(matrices[:, :, 0] - (1, 0)).max(axis=1) < _LONG_RUNS
    _warps.add_warps(padded.reshape(-1), len(columns) * channels, channels, matrices[near].reshape(-1, 6), total)
    if not near.all():
        _add_far_warps(_in_fours(padded), matrices[~near], total)
    return total / len(matrices)


def _in_fours(padded: Light) -> list[Light]:
    """Four channels at a time, the last ones zeros: OpenCV warps four in half the time of three, and two in steps of 1/32 px."""
    count = padded.shape[2]
    if count == 1:
        return [padded]
    whole = np.pad(padded, ((0, 0), (0, 0), (0, -count % 4)))
    return [np.ascontiguousarray(whole[..., c : c + 4]) for c in range(0, count, 4)]


def _add_far_warps(fours: list[Light], matrices: NDArray[np.float64], total: NDArray[np.float64]) -> None:
    """What :mod:`blurdata.convolution._warps` adds, for turns so large that its runs are a few pixels: by OpenCV."""
    size, flags = total.shape[1::-1], cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    sums, warped = [np.zeros((*total.shape[:2], *part.shape[2:])) for part in fours], np.empty(0)
    for matrix in matrices:
        for part, sum_ in zip(fours, sums, strict=True):
            warped = cv2.warpAffine(part, matrix, size, dst=warped if warped.shape == sum_.shape else None, flags=flags)
            cv2.accumulate(warped.reshape(sum_.shape), sum_)
    total += np.concatenate(sums, axis=2)[..., : total.shape[2]]
