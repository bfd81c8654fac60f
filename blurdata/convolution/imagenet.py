"""How is ImageNet-C's blur reproduced in code values?"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from blurdata import psf
from blurdata.convolution.border import continued, source_index
from blurdata.psf._checks import number
from blurdata.psf.imagenet import GAUSSIAN, check_kind, motion_taps


def imagenet_c_blur(image: NDArray[np.uint8], kind: str, severity: int, *, angle_deg: float = 0.0) -> NDArray[np.uint8]:
    """``image`` with ImageNet-C's defocus, motion or Gaussian blur, as imagecorruptions 1.1.2 makes it (not ImageNet-C's own Wand).

    The peer blurs code values (not light), drops the fraction (not rounds), shifts the picture by 2 to 11 px in motion and brightens
    it by up to 1.3 % in defocus; all this is kept, so that published numbers stay comparable. Grey and small pictures work.

    Args:
        image: (H, W) or (H, W, C) uint8.
        kind: ``"defocus"``, ``"motion"`` or ``"gaussian"``.
        severity: 1 to 5.
        angle_deg: Of motion only; imagecorruptions draws it from -45 to 45.

    Returns:
        uint8 of the same shape.

    Raises:
        TypeError: If the image is not uint8.
        ValueError: If the kind or severity is unknown.

    Example:
        >>> imagenet_c_blur(np.full((8, 8), 200, np.uint8), "defocus", 5)[0, 0]
        np.uint8(202)
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        msg = f"image must be a numpy array of uint8, as imagecorruptions takes it, got {getattr(image, 'dtype', type(image).__name__)}."
        raise TypeError(msg)
    name = check_kind(kind, severity)
    if image.ndim not in (2, 3) or 0 in image.shape:
        msg = f"image must be (H, W) or (H, W, C) and hold something, got shape {image.shape}."
        raise ValueError(msg)
    pixels = np.ascontiguousarray(image if image.ndim == 3 else image[..., None])
    if name == "motion":
        return _motion(pixels, severity, number("angle_deg", angle_deg, low=-np.inf)).reshape(image.shape)
    planes = [pixels[..., c] / 255.0 for c in range(pixels.shape[2])]
    if name == "defocus":
        kernel = psf.imagenet_c(kind, severity)
        blurred = np.stack([cv2.filter2D(plane, -1, kernel) for plane in planes], axis=-1)
    else:
        blurred = np.stack([gaussian_filter(plane, GAUSSIAN[severity - 1], mode="nearest") for plane in planes], axis=-1)
    return np.asarray(np.clip(blurred, 0, 1) * 255, np.uint8).reshape(image.shape)


def _motion(pixels: NDArray[np.uint8], severity: int, angle_deg: float) -> NDArray[np.uint8]:
    """The peer's shift and add, in its order and in float64: sums of whole numbers fall to the same side of the next code."""
    from blurdata.convolution import _kernels

    height, width, channels = pixels.shape
    dx, dy, weights = motion_taps(severity, angle_deg, (height, width))
    top, left = int(np.abs(dy).max()), int(np.abs(dx).max())
    rows, columns = source_index(height, top, top, "replicate"), source_index(width, left, left, "replicate")
    padded = continued(pixels, rows, columns).reshape(len(rows), -1)
    out = np.empty((height, width * channels), np.uint8)
    _kernels.shift_and_add(padded, (top - dy) * padded.shape[1] + (left - dx) * channels, weights, out)
    return out
