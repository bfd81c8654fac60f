"""Light above white: what a clipped sharp picture lost, and how it comes back in the blurry one.

A lamp that is ten times white is stored as white, so the mean of sharp frames leaves a grey trail where a camera would leave
a white one. RSBlur (Rim et al., ECCV 2022) adds it back: ``clip(B + alpha * M, 0, 1)``, where ``M`` is the blur of the places
that were clipped, and ``alpha`` is drawn from U(0.25, 1.75).
"""

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

SATURATION_ALPHA = (0.25, 1.75)
"""The published range of ``alpha``, in units of white."""


def saturation_mask(picture: NDArray[np.uint8] | NDArray[np.uint16], *, code: int = 250) -> Float:
    """1.0 where a sharp picture is clipped, 0.0 elsewhere, per channel: blur it as the picture is blurred.

    Args:
        picture: (..., 3) uint8 or uint16 code values.
        code: Smallest saturated code on the 8-bit scale; a 16-bit picture is compared with ``257 * code``.

    Example:
        >>> saturation_mask(np.array([[[249, 250, 255]]], np.uint8)).tolist()
        [[[0.0, 1.0, 1.0]]]
    """
    limit = code * (257 if picture.dtype == np.uint16 else 1)
    return (picture >= limit).astype(np.float64)


def saturate(light: NDArray[np.floating], mask: NDArray[np.floating], alpha: float) -> Float:
    """``clip(light + alpha * mask, 0, 1)``, Rim et al. 2022.

    Args:
        light: Linear light of the blurry picture, any shape, 1 is white.
        mask: Blur of the clipped places, [0, 1], broadcast against ``light``.
        alpha: How far above white the lost light was, in units of white, at least 0.

    Raises:
        ValueError: If ``alpha`` is negative or no number.

    Example:
        >>> saturate(np.array([0.5, 0.5]), np.array([0.0, 0.4]), alpha=1.0).tolist()
        [0.5, 0.9]
    """
    if not alpha >= 0:
        msg = f"alpha must be at least 0, got {alpha}."
        raise ValueError(msg)
    return np.asarray(np.clip(np.asarray(light, np.float64) + alpha * np.asarray(mask, np.float64), 0.0, 1.0))
