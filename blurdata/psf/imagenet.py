"""Which PSFs does ImageNet-C use? Those of imagecorruptions 1.1.2, in code values, as they are."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.psf._checks import number
from blurdata.psf._raster import Psf

DEFOCUS = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))  # radius in px, sigma of the smoothing
MOTION = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))  # radius in px (the stroke has 2 radius + 1 taps), sigma in px
GAUSSIAN = (1, 2, 3, 4, 6)  # sigma in px
BORDER = {"defocus": "reflect", "motion": "replicate", "gaussian": "replicate"}  # what each does beyond the edge


def imagenet_c(kind: str, severity: int, *, angle_deg: float = 0.0) -> Psf:
    """PSF of ImageNet-C's blur as imagecorruptions 1.1.2 makes it; **not centred** (motion) and **not of sum 1** (defocus, 1.013 at most).

    To reproduce the corruption, convolve in code values (``curve="linear"``) with the border of the kind: ``reflect`` for
    defocus, ``replicate`` for motion and Gaussian; or call :func:`blurdata.convolution.imagenet_c_blur`. Motion is a one-sided half
    Gaussian that smears towards the upper left (for a positive angle) by up to 40 px and shifts the picture by 2 to 11 px;
    a picture smaller than its reach gets less of it, and darkens.

    Args:
        kind: ``"defocus"``, ``"motion"`` or ``"gaussian"`` (``"defocus_blur"`` and so on are taken too).
        severity: 1 to 5.
        angle_deg: Of motion only, as imagecorruptions counts it: it draws from -45 to 45.

    Returns:
        (K, L) float32, odd sides, the origin at the centre.

    Raises:
        ValueError: If the kind or severity is unknown.

    Example:
        >>> imagenet_c("defocus", 5).sum().round(3), imagenet_c("motion", 1).shape
        (np.float32(1.011), (1, 41))
    """
    name = check_kind(kind, severity)
    if name == "defocus":
        return _defocus(*DEFOCUS[severity - 1])
    if name == "gaussian":
        return _gaussian(GAUSSIAN[severity - 1])
    return _motion(severity, number("angle_deg", angle_deg, low=-np.inf))


def check_kind(kind: str, severity: int) -> str:
    """The short name of a kind, or a ValueError where it or the severity is unknown."""
    name = str(kind).removesuffix("_blur")
    if name not in BORDER:
        msg = f"kind must be defocus, motion or gaussian, got {kind!r}."
        raise ValueError(msg)
    if severity not in (1, 2, 3, 4, 5):
        msg = f"severity must be a whole number from 1 to 5, got {severity!r}."
        raise ValueError(msg)
    return name


def _defocus(radius: int, alias_sigma: float) -> Psf:
    half, size = (8, 3) if radius <= 8 else (radius, 5)
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    inside = (x * x + y * y <= radius * radius).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(inside / inside.sum(), (size, size), alias_sigma), np.float32)


def _gaussian(sigma: int) -> Psf:
    line = np.exp(-0.5 * (np.arange(-4 * sigma, 4 * sigma + 1) / sigma) ** 2)
    return np.asarray(np.outer(line, line) / line.sum() ** 2, np.float32)


def motion_taps(
    severity: int, angle_deg: float, image_hw: tuple[int, int] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Shifts dx, dy in whole pixels (y down) of ImageNet-C's motion and their weights, in the order in which the peer adds them.

    Taps that reach beyond a picture of ``image_hw`` (height, width) are left out with all that follow, as the peer leaves them out.
    """
    radius, sigma = MOTION[severity - 1]
    width = 2 * radius + 1
    weights = np.exp(-(np.arange(width) ** 2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
    weights = weights / np.sum(weights)
    # the peer's own roundings: width sin a / hypot(width sin a, width cos a) is not quite sin a
    along = width * np.cos(np.deg2rad(angle_deg)), width * np.sin(np.deg2rad(angle_deg))
    dx, dy = (-np.ceil(np.arange(width) * part / math.hypot(*along) - 0.5).astype(np.intp) for part in along)
    if image_hw is not None:
        outside = (np.abs(dy) >= image_hw[0]) | (np.abs(dx) >= image_hw[1])
        width = int(np.argmax(outside)) if outside.any() else width
    return dx[:width], dy[:width], weights[:width]


def _motion(severity: int, angle_deg: float) -> Psf:
    dx, dy, weights = motion_taps(severity, angle_deg)
    half_x, half_y = int(np.abs(dx).max()), int(np.abs(dy).max())
    psf = np.zeros((2 * half_y + 1, 2 * half_x + 1))
    np.add.at(psf, (half_y + dy, half_x + dx), weights)
    return psf.astype(np.float32)
