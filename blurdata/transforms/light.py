"""Code values of a picture as light and back, for degradations that are no convolution."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata.color import curve as named_curve

Array = NDArray[Any]


def to_light(image: Array, curve: str) -> NDArray[np.float64]:
    """Linear light of an (H, W) or (H, W, C) uint8, uint16 or float picture."""
    response = named_curve(curve)
    return response.light_of(image) if image.dtype.kind == "u" else response.decode(image)


def to_codes(light: NDArray[np.float64], curve: str, dtype: np.dtype[Any]) -> Array:
    """Code values of linear light in ``dtype``: integers are clipped to white and rounded, floats are neither."""
    response = named_curve(curve)
    if dtype.kind == "u":
        full = np.iinfo(dtype).max
        return np.asarray(np.rint(response.encode(np.clip(light, 0, 1)) * full), dtype)
    return np.asarray(response.encode(light), dtype)
