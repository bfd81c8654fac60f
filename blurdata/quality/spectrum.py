"""What do the two halves of a pair share, frequency by frequency?

With ``B = H S`` (blur is a product in frequency), the cross-spectrum ``C = <B S*>`` holds the PSF's amplitude and phase, and the
coherence ``|C|^2 / (<|B|^2> <|S|^2>)`` says which frequencies can be believed. ``<>`` is a mean over 3x3 neighbouring frequencies.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Float = NDArray[np.float64]

COARSE_BAND = 0.06  # cycles/px: below this a PSF of up to 31 px still lets light through in most directions


@dataclass(frozen=True)
class Spectrum:
    """Smoothed power and cross-spectra of two windowed planes over a half-plane of frequencies.

    Args:
        fx: Frequencies along x, cycles per full-size px, (F,).
        fy: Frequencies along y (downwards), (F,).
        cross: ``<B S*>`` with the offset already taken out, (F,) complex.
        blurry: ``<|B|^2>``, (F,).
        sharp: ``<|S|^2>``, (F,).
    """

    fx: Float
    fy: Float
    cross: NDArray[np.complex128]
    blurry: Float
    sharp: Float

    @property
    def coherence(self) -> Float:
        """Magnitude-squared coherence in [0, 1]."""
        return np.asarray(np.abs(self.cross) ** 2 / np.maximum(self.blurry * self.sharp, 1e-30))

    @property
    def weight(self) -> Float:
        """Inverse variance of the phase up to a constant: ``g / (1 - g)``, capped."""
        g = np.clip(self.coherence, 0, 1)
        return np.asarray(g / (1 - g + 0.002))


def reduce(plane: Plane, factor: int) -> Plane:
    """Mean over ``factor`` x ``factor`` blocks, the rest at the right and lower edge cut off."""
    height, width = (side // factor * factor for side in plane.shape)
    if factor == 1:
        return plane
    small = cv2.resize(plane[:height, :width], (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def reduction(shape: tuple[int, ...], *, most: int = 4) -> int:
    """How far a plane may be reduced and still keep some 160 px on its shorter side."""
    return int(max(1, min(most, min(shape[:2]) // 160)))


def window(shape: tuple[int, ...], offset_xy: tuple[float, float] = (0.0, 0.0)) -> Float:
    """A Hann window moved by ``offset_xy`` px: moving the window with the content keeps the same content inside."""
    sides = []
    for side, offset in ((shape[0], offset_xy[1]), (shape[1], offset_xy[0])):
        t = (np.arange(side) + 0.5 - offset) / side
        sides.append(np.where((t > 0) & (t < 1), 0.5 - 0.5 * np.cos(2 * np.pi * t), 0.0))
    return np.outer(*sides)


def windowed_fft(plane: Plane, taper: Float) -> NDArray[np.complex128]:
    """Centred transform of a plane under a window, its weighted mean taken out."""
    mean = float((plane * taper).sum() / max(taper.sum(), 1e-12))
    return np.asarray(np.fft.fftshift(np.fft.fft2((plane - mean) * taper)))


def cross_spectrum(blurry: Plane, sharp: Plane, offset_xy: tuple[float, float], *, factor: int, band: float) -> Spectrum:
    """Spectra of two reduced planes below ``band`` cycles per full-size px, ``blurry`` taken back by ``offset_xy`` reduced px."""
    shape = sharp.shape
    b = windowed_fft(blurry, window(shape, offset_xy))
    s = windowed_fft(sharp, window(shape))
    fy = np.fft.fftshift(np.fft.fftfreq(shape[0]))[:, None]
    fx = np.fft.fftshift(np.fft.fftfreq(shape[1]))[None, :]
    rows, columns = _inside(fy[:, 0], band * factor), _inside(fx[0], band * factor)
    fy, fx, b, s = fy[rows], fx[:, columns], b[rows, columns], s[rows, columns]
    cross = b * s.conj() * np.exp(2j * np.pi * (fx * offset_xy[0] + fy * offset_xy[1]))
    mean = [_smooth(part) for part in (cross.real, cross.imag, np.abs(b) ** 2, np.abs(s) ** 2)]
    radius = np.hypot(fx, fy)
    floor = 1.5 / min(shape)  # below this the window itself is what is seen
    upper = ((fx > 0) | ((fx == 0) & (fy > 0))) & (radius <= band * factor) & (radius >= floor)
    gx, gy = np.broadcast_to(fx, upper.shape), np.broadcast_to(fy, upper.shape)
    return Spectrum(
        gx[upper] / factor,
        gy[upper] / factor,
        mean[0][upper] + 1j * mean[1][upper],
        mean[2][upper],
        mean[3][upper],
    )


def _inside(frequencies: Float, band: float) -> slice:
    """The slice of centred frequencies below ``band``, with one more on either side for the smoothing."""
    inside = np.flatnonzero(np.abs(frequencies) <= band)
    return slice(max(int(inside[0]) - 1, 0), int(inside[-1]) + 2)


def _smooth(values: Float) -> Float:
    return np.asarray(cv2.blur(np.ascontiguousarray(values), (3, 3), borderType=cv2.BORDER_REPLICATE))
