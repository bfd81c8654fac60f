"""How does a picture blur when the camera rolls or zooms? As the mean of the pictures along the way."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.color import Curve
from blurdata.color import curve as open_curve
from blurdata.convolution.border import check_border
from blurdata.convolution.light import Light, Picture, check_picture, in_light

_BORDERS = {"reflect": cv2.BORDER_REFLECT_101, "replicate": cv2.BORDER_REPLICATE, "constant": cv2.BORDER_CONSTANT}
_MOST_STEPS = 4096


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
    response = open_curve(curve)
    check_picture(image, response)
    check_border(border)
    if not (math.isfinite(zoom) and zoom > 0 and math.isfinite(roll_deg)):
        msg = f"zoom must be finite and above 0 and roll_deg finite, got {zoom!r} and {roll_deg!r}."
        raise ValueError(msg)
    height, width = image.shape[:2]
    matrices = list(camera_steps(height, width, zoom, roll_deg))
    pixels = image if image.ndim == 3 else image[..., None]
    return in_light(pixels, response, lambda light: mean_of_warps(light, matrices, border)).reshape(image.shape)


def camera_steps(height: int, width: int, zoom: float, roll_deg: float) -> Iterator[NDArray[np.float64]]:
    """For moments evenly over the exposure the (2, 3) matrix from a pixel x, y to where its light came from."""
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    travel = math.hypot(math.log(zoom), math.radians(roll_deg)) * math.hypot(*middle)
    if travel > _MOST_STEPS:
        msg = f"zoom {zoom:g} and roll_deg {roll_deg:g} move the corners by {travel:.0f} px, over {_MOST_STEPS}; give less."
        raise ValueError(msg)
    steps = max(math.ceil(travel), 1)
    for step in range(steps):
        moment = (step + 0.5) / steps - 0.5
        turn, scale = math.radians(roll_deg * moment), zoom**-moment
        # y points down in the array, so a counter-clockwise turn of the picture reads from clockwise places there
        linear = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        yield np.column_stack([linear, middle - linear @ middle])


def mean_of_warps(light: Light, matrices: Iterable[NDArray[np.float64]], border: str) -> Light:
    """Mean of (H, W, C) light read bilinearly at the places of each (2, 3) matrix; an identity reads exactly."""
    size, flags = light.shape[1::-1], cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    channels = light.shape[2]
    most = next(n for n in (4, 3, 1) if channels % n != 2)  # OpenCV 5 warps two channels, unlike 1, 3 and 4, in steps of 1/32 px
    parts = [np.ascontiguousarray(light[..., c : c + most]) for c in range(0, channels, most)]
    totals, warped = [np.zeros(part.shape) for part in parts], [np.empty_like(part) for part in parts]
    count = 0
    for matrix in matrices:
        for part, total, place in zip(parts, totals, warped, strict=True):
            cv2.warpAffine(part, matrix, size, dst=place, flags=flags, borderMode=_BORDERS[border])
            cv2.accumulate(place, total)
        count += 1
    return np.concatenate(totals, axis=2) / count
