"""PSNR and the two SSIMs that papers mean by that one word.

| variant | window (Gaussian, sigma 1.5) | edges | who reports it |
|---|---|---|---|
| ``skimage`` | 11x11 in each channel, population covariance | a rim of 5 px is cut | DeepDeblur, ESTRNN |
| ``matlab3d`` | 11x11x11 over height, width *and colour* (MATLAB's ``ssim`` on RGB) | replicated | MPRNet, Restormer, NAFNet |

The second mixes the colours and so scores higher; the two differ by 0.01 to 0.05 and must never be compared.
"""

from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

Picture = NDArray[Any]
SSIM_VARIANTS = ("skimage", "matlab3d")
_WINDOW, _SIGMA = 11, 1.5


def psnr(restored: Picture, sharp: Picture) -> float:
    """Peak signal-to-noise ratio in dB, ``10 log10(peak^2 / mean((restored - sharp)^2))``; infinite where both are equal.

    Args:
        restored: (H, W, 3) uint8, uint16, or float in [0, 1]; the peak is 255, 65535 or 1.
        sharp: Same shape and dtype.

    Raises:
        TypeError: If the dtype is another one.
        ValueError: If the two differ in shape or dtype, or are no RGB pictures.

    Example:
        >>> grey = np.full((8, 8, 3), 100, np.uint8)
        >>> round(psnr(grey + np.uint8(10), grey), 3)
        28.131
    """
    peak = check_two(restored, sharp)
    error = float(np.mean((restored.astype(np.float64) - sharp.astype(np.float64)) ** 2))
    return float(10 * np.log10(peak**2 / error)) if error else float("inf")


def ssim(restored: Picture, sharp: Picture, *, variant: Literal["skimage", "matlab3d"] = "skimage") -> float:
    """Structural similarity, at most 1 (Wang et al. 2004, K1 = 0.01, K2 = 0.03), by the named variant.

    Args:
        restored: (H, W, 3) uint8, uint16, or float in [0, 1]; ``skimage`` needs at least 11 px a side.
        sharp: Same shape and dtype.
        variant: ``"skimage"``: scikit-image with ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False``.
            ``"matlab3d"``: MATLAB's volume SSIM, as GoPro and HIDE scores are quoted.

    Raises:
        TypeError: If the dtype is another one.
        ValueError: If the two differ in shape or dtype, are no RGB pictures or too small, or the variant is unknown.

    Example:
        >>> picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
        >>> ssim(picture, picture), ssim(picture, picture, variant="matlab3d")
        (1.0, 1.0)
    """
    peak = check_two(restored, sharp)
    if variant not in SSIM_VARIANTS:
        msg = f"The SSIM variant must be one of {', '.join(SSIM_VARIANTS)}, got {variant!r}."
        raise ValueError(msg)
    if variant == "matlab3d":
        return _ssim_matlab3d(restored.astype(np.float64), sharp.astype(np.float64), peak)
    if min(sharp.shape[:2]) < _WINDOW:
        msg = f"The skimage SSIM needs pictures of at least {_WINDOW} px a side, got {sharp.shape[1]}x{sharp.shape[0]}."
        raise ValueError(msg)
    score = structural_similarity(
        sharp, restored, channel_axis=-1, gaussian_weights=True, sigma=_SIGMA, use_sample_covariance=False, data_range=peak
    )
    return float(score)


def check_two(restored: Any, sharp: Any) -> float:
    """The peak value of two pictures that can be compared, else TypeError or ValueError."""
    for name, picture in (("restored", restored), ("sharp", sharp)):
        if not isinstance(picture, np.ndarray):
            msg = f"{name} must be a numpy array (H, W, 3), got {type(picture).__name__}."
            raise TypeError(msg)
        if picture.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
            msg = f"{name} must be uint8, uint16, or float in [0, 1], got {picture.dtype}."
            raise TypeError(msg)
        if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            msg = f"{name} must be an (H, W, 3) RGB picture, got shape {picture.shape}."
            raise ValueError(msg)
    if restored.shape != sharp.shape or restored.dtype != sharp.dtype:
        msg = f"restored ({restored.dtype} {restored.shape}) and sharp ({sharp.dtype} {sharp.shape}) must agree in shape and dtype."
        raise ValueError(msg)
    return float(np.iinfo(sharp.dtype).max) if sharp.dtype.kind == "u" else 1.0


def _ssim_matlab3d(x: NDArray[np.float64], y: NDArray[np.float64], peak: float) -> float:
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mean_x, mean_y = _smooth3d(x), _smooth3d(y)
    xx, yy, xy = mean_x * mean_x, mean_y * mean_y, mean_x * mean_y
    covariance = _smooth3d(x * y) - xy
    variances = _smooth3d(x * x) - xx + _smooth3d(y * y) - yy
    return float(np.mean((2 * xy + c1) * (2 * covariance + c2) / ((xx + yy + c1) * (variances + c2))))


def _smooth3d(volume: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 11x11x11 Gaussian with replicated edges, separably: OpenCV in the plane, a 3x3 matrix across R, G, B."""
    plane = cv2.GaussianBlur(volume, (_WINDOW, _WINDOW), _SIGMA, borderType=cv2.BORDER_REPLICATE)
    weights = cv2.getGaussianKernel(_WINDOW, _SIGMA, cv2.CV_64F).ravel()
    across = np.zeros((3, 3))
    for channel in range(3):
        for tap, weight in enumerate(weights):
            across[channel, min(max(channel + tap - _WINDOW // 2, 0), 2)] += weight
    return np.asarray(cv2.transform(plane, across), np.float64)
