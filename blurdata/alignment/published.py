"""RealBlur's own shift of a pair (Rim et al., ECCV 2020): similarity by phase correlation, then the centroid of a Fourier kernel."""

import cv2
import numpy as np
import scipy.fft

from blurdata.alignment.camera import View, outline
from blurdata.alignment.geometry import Float, Float32, inverse, normalized, translation
from blurdata.alignment.reference import phase_correlation, phase_shift

_PSF = 101  # px: side of the window the kernel is read in
_FLOOR = 0.05  # of its largest value
_LAPLACE = 1000.1


def published_shift(blurry: View, sharp: View, reference: Float, *, limit_px: float) -> Float:
    """Homography from sharp to blurry: the reference's, a similarity (or a translation, or nothing), the kernel's centroid."""
    b = _unit(blurry, np.eye(3))
    s = _unit(sharp, inverse(reference))
    step = _registered(b.mean(2), s.mean(2), blurry, limit_px)
    homography = normalized(step @ reference)
    s = _unit(sharp, inverse(homography))
    return normalized(translation(*fourier_centroid(b, s)) @ homography)


def _unit(view: View, homography: Float) -> Float32:
    return view.codes(homography)[0] / np.float32(view.full)


def fourier_centroid(blurry: Float32, sharp: Float32) -> Float:
    """Centroid (x, y) px of ``K = (conj(Lx) Bx + conj(Ly) By) / (|Lx|^2 + |Ly|^2 + 1000.1 Lap)``, what is under 5 % set to 0.

    Args:
        blurry: (H, W, C) float32 in [0, 1].
        sharp: Same shape.
    """
    height, width, channels = blurry.shape
    laplacian = np.zeros((height, width))
    laplacian[0, 0] = 4
    laplacian[[0, 0, 1, -1], [1, -1, 0, 0]] = -1
    smooth = _LAPLACE * np.abs(scipy.fft.rfft2(laplacian))
    total = np.zeros((height, width))
    for c in range(channels):
        above = below = 0
        for axis in (0, 1):
            sharp_hat, blurry_hat = (scipy.fft.rfft2(np.roll(p[..., c], -1, axis) - p[..., c]) for p in (sharp, blurry))
            above = above + np.conj(sharp_hat) * blurry_hat
            below = below + np.abs(sharp_hat) ** 2
        total += scipy.fft.irfft2(above / (below + smooth + 1e-9), (height, width))
    radius = min(_PSF // 2, (min(height, width) - 1) // 2)
    lags = np.arange(-radius, radius + 1)
    kernel = total[np.ix_(lags, lags)]
    kernel = np.where(kernel < _FLOOR * kernel.max(), 0, kernel)
    if kernel.sum() <= 0:
        return np.zeros(2)
    return np.array([(kernel.sum(0) * lags).sum(), (kernel.sum(1) * lags).sum()]) / float(kernel.sum())


def _registered(blurry: Float32, sharp: Float32, view: View, limit_px: float) -> Float:
    """A similarity by phase correlation; a translation where it would cut ``limit_px`` or more off a side; else nothing."""
    for step in (_similarity(blurry, sharp), translation(*phase_shift(blurry, sharp))):
        if step is not None and _cut(step, view) < limit_px:
            return step
    return np.eye(3)


def _cut(step: Float, view: View) -> float:
    """How many px the warp takes from a side of the valid area at most."""
    return float(np.abs(outline(view, step) - outline(view, np.eye(3))).max())


def _similarity(blurry: Float32, sharp: Float32) -> Float | None:
    """Rotation and scale from the log-polar magnitude spectra (Reddy and Chatterji 1996), then the translation."""
    side = min(blurry.shape)
    window = cv2.createHanningWindow(blurry.shape[::-1], cv2.CV_32F)
    spectra = []
    for picture in (sharp, blurry):
        magnitude = np.log1p(np.abs(np.fft.fftshift(np.fft.fft2((picture - picture.mean()) * window, (side, side))))).astype(np.float32)
        y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
        hollow = 1 - np.exp(-(x**2 + y**2) * 8)
        spectra.append(
            cv2.warpPolar(
                magnitude * hollow.astype(np.float32),
                (side, 2 * side),
                (side / 2, side / 2),
                side / 2,
                cv2.INTER_CUBIC | cv2.WARP_POLAR_LOG,
            )
        )
    turn = phase_correlation(spectra[1], spectra[0])
    angle = turn[1] / (2 * side) * 2 * np.pi
    angle -= np.pi * np.round(angle / np.pi)  # a spectrum is symmetric
    scale = float(np.exp(-turn[0] * np.log(side / 2) / side))
    if abs(angle) > np.deg2rad(5) or abs(np.log(scale)) > 0.05:
        return None
    height, width = blurry.shape
    middle = translation((width - 1) / 2, (height - 1) / 2)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    turned = middle @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ inverse(middle)
    moved = cv2.warpPerspective(sharp, turned, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(translation(*phase_shift(blurry, moved)) @ turned)
