"""What do the two halves of a pair share, frequency by frequency?

With ``B = H S`` (blur is a product in frequency), the cross-spectrum ``C = <B S*>`` holds the PSF's amplitude and phase, and the
coherence ``|C|^2 / (<|B|^2> <|S|^2>)`` says which frequencies can be believed. ``<>`` is a mean over 3x3 neighbouring frequencies.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

Plane = NDArray[np.float32]
Float = NDArray[np.float64]

COARSE_BAND = 0.06  # cycles/px: below this a PSF of up to 31 px still lets light through in most directions
_DARK = 0.45  # waves squared: beyond, less than 1e-8 of the light is left
_FLAT = 0.6  # blur is flatter than a Gaussian: lines have 0.8 here, disks 0.67, Gaussians 0


@dataclass(frozen=True)
class Moments:
    """A PSF by its moments, all that low frequencies show of it.

    Args:
        offset_xy: Its centroid, full-size px, y downwards.
        second: Central second moments (xx, xy, yy), px^2.
        third: Central third moments (xxx, xxy, xyy, yyy), px^3.
    """

    offset_xy: tuple[float, float]
    second: Float
    third: Float

    def spread(self, fx: Float, fy: Float) -> Float:
        """``f' M f`` with M the covariance, not below 0: how far the blur reaches, in waves."""
        xx, xy, yy = self.second
        return np.asarray(np.maximum(xx * fx**2 + 2 * xy * fx * fy + yy * fy**2, 0))

    def transform(self, fx: Float, fy: Float) -> NDArray[np.complex64]:
        """``exp(-2 pi i f.d - 2 pi^2 f'Mf + i (2 pi)^3 / 6 <(f.x)^3> - _FLAT pi^4 (f'Mf)^2)``: cumulants, the fourth a usual one."""
        turn, (a, b, c, d) = 2 * np.pi, self.third
        cube = a * fx**3 + 3 * b * fx**2 * fy + 3 * c * fx * fy**2 + d * fy**3
        phase, spread = turn**3 / 6 * cube - turn * (fx * self.offset_xy[0] + fy * self.offset_xy[1]), self.spread(fx, fy)
        found = np.zeros(phase.shape, np.complex64)
        lit = spread < _DARK
        height = np.exp(-(turn**2) / 2 * spread[lit] - _FLAT * np.pi**4 * spread[lit] ** 2)
        found.real[lit], found.imag[lit] = height * np.cos(phase[lit]), height * np.sin(phase[lit])
        return found

    def plus(self, step: Float, second: Float) -> "Moments":
        """Moved by ``step[:2]``, its third moments raised by ``step[2:]`` and its second ones by ``second``."""
        return Moments(
            (float(self.offset_xy[0] + step[0]), float(self.offset_xy[1] + step[1])), self.second + second, self.third + step[2:]
        )


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
    """Mean over ``factor`` x ``factor`` blocks, cut at the right and lower edge to a size that transforms quickly."""
    height, width = (factor * fft.prev_fast_len(side // factor) for side in plane.shape)
    if factor == 1:
        return np.ascontiguousarray(plane[:height, :width])
    small = cv2.resize(plane[:height, :width], (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def reduction(shape: tuple[int, ...], *, most: int = 4) -> int:
    """How far a plane may be reduced and still keep some 160 px on its shorter side."""
    return int(max(1, min(most, min(shape[:2]) // 160)))


Sides = tuple[Plane, Plane]


def hann(shape: tuple[int, ...], offset_xy: tuple[float, float] = (0.0, 0.0)) -> Sides:
    """A Hann window by its factors, down and across. Moved by ``offset_xy`` px with the content, it keeps the same content inside."""
    sides = []
    for side, offset in ((shape[0], offset_xy[1]), (shape[1], offset_xy[0])):
        t = (np.arange(side) + 0.5 - offset) / side
        sides.append(np.where((t > 0) & (t < 1), 0.5 - 0.5 * np.cos(2 * np.pi * t), 0.0).astype(np.float32))
    return sides[0], sides[1]


def window(shape: tuple[int, ...]) -> Float:
    """The Hann window as a plane."""
    return np.outer(*hann(shape)).astype(np.float64)


def windowed_fft(plane: Plane, sides: Sides) -> NDArray[np.complex64]:
    """Centred transform of a plane under a window, its weighted mean taken out."""
    return np.asarray(fft.fftshift(fft.fft2(_tapered(plane, sides))))


def _tapered(plane: Plane, sides: Sides) -> Plane:
    down, across = sides
    mean = (down @ plane @ across) / max(float(down.sum()) * float(across.sum()), 1e-12)
    values = plane - mean
    values *= down[:, None]
    values *= across
    return np.asarray(values, np.float32)


class BandSpectra:
    """Spectra of a pair of reduced planes below a band; the blurry one may be looked at under a window that moves along.

    Args:
        blurry: Reduced plane.
        sharp: Reduced plane of the same shape.
        factor: The reduction.
        band: Highest frequency of interest, cycles per full-size px.
    """

    def __init__(self, blurry: Plane, sharp: Plane, *, factor: int, band: float) -> None:
        self.shape, self._blurry, self._factor = sharp.shape, blurry, factor
        self._rows, self._columns = (_centred(side, band * factor) for side in self.shape)
        self._columns = self._columns[self._columns >= -1]  # one half, and one column more for the smoothing
        self._fy, self._fx = self._rows[:, None] / self.shape[0], self._columns[None] / self.shape[1]
        self._sharp = self._low_fft(sharp, hann(self.shape))
        self._content = fft.rfft2(sharp - sharp.mean())
        radius = np.hypot(self._fx, self._fy)
        floor = 1.5 / min(self.shape)  # below this the window itself is what is seen
        self._half = ((self._fx > 0) | ((self._fx == 0) & (self._fy > 0))) & (radius <= band * factor) & (radius >= floor)
        gx, gy = np.broadcast_to(self._fx, radius.shape), np.broadcast_to(self._fy, radius.shape)
        self._full = gx[self._half] / factor, gy[self._half] / factor
        self._power = _smooth(np.abs(self._sharp) ** 2)[self._half]

    def at(self, offset_xy: tuple[float, float]) -> Spectrum:
        """Smoothed spectra with the blurry plane taken back by ``offset_xy`` reduced px."""
        b = self._low_fft(self._blurry, hann(self.shape, offset_xy))
        turn = np.exp(2j * np.pi * self._fx * offset_xy[0]) * np.exp(2j * np.pi * self._fy * offset_xy[1])
        return self._spectrum(b, b * self._sharp.conj() * turn, self._power)

    def matched(self, psf: Moments) -> Spectrum:
        """Smoothed spectra of the blurry plane and of the sharp one blurred by ``psf``: what is left between them.

        The sharp plane is blurred before its window is put on. Both planes then lose the same at the rim, where :meth:`at` takes light
        that blur carried across the window's slope for a shift.
        """
        offset_xy = psf.offset_xy[0] / self._factor, psf.offset_xy[1] / self._factor
        sides = hann(self.shape, offset_xy)
        b, s = self._low_fft(self._blurry, sides), self._low_fft(self._blurred(psf), sides)
        return self._spectrum(b, b * s.conj(), _smooth(np.abs(s) ** 2)[self._half])

    def _low_fft(self, plane: Plane, sides: Sides) -> NDArray[np.complex64]:
        """The frequencies of interest of a plane under a window; those left of 0 are the conjugates of those right of it."""
        half, left = fft.rfft2(_tapered(plane, sides)), int((self._columns < 0).sum())
        right = half[self._rows, : self._columns[-1] + 1]
        return np.asarray(np.concatenate([half[-self._rows, 1:2].conj()[:, :left], right], axis=1))

    def _spectrum(self, blurry: NDArray[np.complexfloating], cross: NDArray[np.complexfloating], sharp_power: Float) -> Spectrum:
        smooth = _smooth(cross.real)[self._half] + 1j * _smooth(cross.imag)[self._half]
        return Spectrum(*self._full, smooth, _smooth(np.abs(blurry) ** 2)[self._half], sharp_power)

    def _blurred(self, psf: Moments) -> Plane:
        fy = fft.fftfreq(self.shape[0])[:, None] / self._factor
        fx = fft.rfftfreq(self.shape[1])[None, :] / self._factor
        return np.asarray(fft.irfft2(self._content * psf.transform(fx, fy), s=self.shape))


def _centred(side: int, band: float) -> NDArray[np.int64]:
    """The whole frequencies below ``band`` in order, with one more at either end for the smoothing as far as there are any."""
    whole = np.arange(-(side // 2), (side + 1) // 2)
    inside = np.flatnonzero(np.abs(whole) <= band * side)
    return whole[max(int(inside[0]) - 1, 0) : int(inside[-1]) + 2]


def _smooth(values: NDArray[np.floating[Any]]) -> Float:
    return np.asarray(cv2.blur(np.ascontiguousarray(values, np.float64), (3, 3), borderType=cv2.BORDER_REPLICATE))
