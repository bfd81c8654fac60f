"""What would a person want to see of an aligned pair: the difference before and after, and both in a checkerboard."""

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.pairs import Image, eight_bits

_SQUARE_PX = 48
_AMPLIFIED = 2.0  # differences, about middle grey
_CAPTION_PX = 28


def overlay(blurry: Image, before: Image, after: Image) -> NDArray[np.uint8]:
    """One picture of four: blurry minus sharp before and after alignment, the checkerboard before and after.

    Args:
        blurry: (H, W, 3) uint8 or uint16, aligned and cropped.
        before: Same shape, the sharp picture at the same place as its camera saw it.
        after: Same shape, the aligned sharp picture.

    Returns:
        (2 H + captions, 2 W, 3) uint8, RGB.

    Example:
        >>> grey = np.full((60, 80, 3), 90, np.uint8)
        >>> overlay(grey, grey, grey).shape
        (176, 160, 3)
    """
    b, old, new = (eight_bits(picture) for picture in (blurry, before, after))
    tiles = [
        ("difference before", _difference(b, old)),
        ("difference after", _difference(b, new)),
        ("blurry and sharp before", _checkerboard(b, old)),
        ("blurry and sharp after", _checkerboard(b, new)),
    ]
    captioned = [_captioned(text, tile) for text, tile in tiles]
    return np.vstack([np.hstack(captioned[:2]), np.hstack(captioned[2:])])


def _difference(blurry: NDArray[np.uint8], sharp: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey = 128 + _AMPLIFIED * (blurry.astype(np.float32).mean(2) - sharp.astype(np.float32).mean(2))
    return np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _checkerboard(blurry: NDArray[np.uint8], sharp: NDArray[np.uint8]) -> NDArray[np.uint8]:
    y, x = np.indices(blurry.shape[:2]) // _SQUARE_PX
    return np.where(((y + x) % 2 == 0)[..., None], blurry, sharp)


def _captioned(text: str, tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    bar = np.full((_CAPTION_PX, tile.shape[1], 3), 24, np.uint8)
    cv2.putText(bar, text, (8, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (235, 235, 235), 1, cv2.LINE_AA)
    return np.vstack([bar, tile])
