"""How does a picture of any type become light, and light a picture again?"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata.color import Curve, look_up
from blurdata.convolution import float_light, strokes

Picture = NDArray[Any]
Light = NDArray[np.floating]


def check_picture(image: Picture, response: Curve) -> None:
    """TypeError or ValueError unless ``image`` is a picture with the channels of ``response``."""
    if not isinstance(image, np.ndarray) or image.dtype not in (np.uint8, np.uint16, np.float16, np.float32, np.float64):
        msg = f"image must be a numpy array of uint8, uint16 or floats, got {getattr(image, 'dtype', type(image).__name__)}."
        raise TypeError(msg)
    if image.ndim not in (2, 3) or 0 in image.shape:
        msg = f"image must be (H, W) or (H, W, C) and hold something, got shape {image.shape}."
        raise ValueError(msg)
    if response.channels > 1 and image.shape[2:] != (response.channels,):
        msg = f"The curve {response.name} has {response.channels} channels, the image has shape {image.shape}."
        raise ValueError(msg)


def in_light(pixels: Picture, response: Curve, change: Callable[[Light], Light]) -> Picture:
    """``encode(change(decode(pixels)))`` for (H, W, C) pixels, in their dtype: integers clipped and rounded, floats neither.

    Light is float32, but float64 for float64 pictures.
    """
    if pixels.dtype == np.float64:
        return response.encode(change(response.decode(pixels)))
    if pixels.dtype.kind == "f":
        return np.asarray(float_light.encode(change(float_light.decode(pixels, response)), response), pixels.dtype)
    tables = response.light_of_codes(8 * pixels.dtype.itemsize).astype(np.float32)
    light = look_up(tables, pixels)
    if pixels.dtype == np.uint8 and len(tables) == 1:
        return strokes.codes_of(np.ascontiguousarray(change(light), np.float32), response)
    changed = np.clip(np.asarray(change(light), np.float64), 0, 1)
    return np.asarray(np.rint(response.encode(changed) * np.iinfo(pixels.dtype).max), pixels.dtype)
