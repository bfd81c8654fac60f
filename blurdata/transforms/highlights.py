"""Lights that were brighter than white: how they bloom when a picture that was clipped is blurred.

A lamp is stored as white however bright it was, so its blur comes out grey where a camera's is white. RSBlur (Rim et al., ECCV
2022) gives such places some of their light back before it is spread: ``clip(k * (I + alpha M), 0, 1)``, in linear light, with
``M`` the mask of the clipped places. The published mask is 0 or 1; here it rises evenly over the last five codes of eight bits, so that
the noise of a compressed picture around one code does not switch light on and off. The mask is spread as its own linear
channel, which is the same as spreading ``I + alpha M``, because every blur of light is linear.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.color import Curve
from blurdata.color import curve as named_curve
from blurdata.convolution import float_light
from blurdata.convolution.strokes import codes_of

Array = NDArray[Any]

MASK_FROM = 250 / 255
"""The code value where the mask leaves 0; it reaches 1 at white."""


def clipped_mask(codes: Any) -> Any:
    """How far a code value counts as clipped, 0 to 1, of an array or a tensor.

    Example:
        >>> clipped_mask(np.array([0.5, 250 / 255, 252.5 / 255, 1.0, 4.0])).round(6).tolist()
        [0.0, 0.0, 0.5, 1.0, 1.0]
    """
    return ((codes - MASK_FROM) / (1 - MASK_FROM)).clip(0, 1)


def bloom(image: Array, alpha: float, curve: str, blur: Callable[[Array, str], Array]) -> Array:
    """``encode(clip(blur(decode(image) + alpha * mask), 0, 1))``; without highlights simply ``blur(image, curve)``.

    Args:
        image: (H, W) or (H, W, C) uint8, uint16 or float code values.
        alpha: Light that clipped places get back, in units of white.
        curve: Response curve.
        blur: Takes a picture and the name of its curve, and blurs it in linear light.

    Returns:
        The same dtype; floats are clipped too, as what they show has been through a sensor.
    """
    if alpha == 0:
        return blur(image, curve)
    response = named_curve(curve)
    spread = blur(_brightened(image, alpha, response), "linear")
    return _codes(np.clip(spread, 0, 1), response, image.dtype)


def _brightened(image: Array, alpha: float, response: Curve) -> Array:
    """Light with the highlights back: float32, of doubles float64."""
    if image.dtype.kind == "f":
        decode = response.decode if image.dtype == np.float64 else lambda codes: float_light.decode(codes, response)
        return np.asarray(decode(image) + alpha * clipped_mask(np.asarray(image, np.promote_types(image.dtype, np.float32))))
    tables = response.light_of_codes(8 * image.itemsize)
    tables = np.asarray(tables + alpha * clipped_mask(np.linspace(0, 1, tables.shape[1])), np.float32)
    if len(tables) > 1:
        return np.stack([table[image[..., c]] for c, table in enumerate(tables)], axis=-1)
    return cv2.LUT(image, tables[0]).reshape(image.shape) if image.dtype == np.uint8 else np.asarray(tables[0][image])


def _codes(light: Array, response: Curve, dtype: np.dtype[Any]) -> Array:
    if dtype == np.uint8 and response.channels == 1:
        return codes_of(np.ascontiguousarray(light, np.float32), response)
    codes = response.encode(light) if light.dtype == np.float64 else float_light.encode(light, response)
    return np.asarray(np.rint(codes * np.iinfo(dtype).max) if dtype.kind == "u" else codes, dtype)
