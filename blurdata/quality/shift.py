"""How far is the blurry half displaced from its sharp half, beyond what its blur does?

The offset of the PSF's centroid is the slope of the cross-spectrum's phase at low frequencies: ``arg C(f) = -2 pi f.d + O(f^3)``.
The cubic term comes from uneven motion, so the band is cut to ``0.35 / L`` with ``L`` the blur's length in that direction, read from
the amplitude's second moments (``ln |H| = -2 pi^2 f' M f + ...``, M the PSF's covariance). Phase correlation locks onto the zeros of
the blur instead, and is several px off.

Light that blur carries across the slope of the window looks like a shift, up to 1 px of it. Once the moments are known the sharp half is
therefore blurred by them, before its window is put on, and only what is left between the halves is fitted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blurdata.quality.spectrum import COARSE_BAND, BandSpectra, Float, Moments, Plane, Spectrum, hann, reduce, reduction, windowed_fft

_ROUNDS = 6
_START_PX = 32.0  # the first round believes only what a blur of this length lets through
_NEAR_PX = 14.0
_BAND_PER_BLUR, _HALF_LIGHT = 0.6, 0.55  # waves that a straight blur is long at the edge of the band
_LEAST = 12  # frequencies
_CLOSER, _CLOSER_BAND = 6, 0.5  # rounds against the blurred sharp half, and their band
_ALIKE = 0.5  # coherence without which there is nothing to come closer to
_SKEW = 1.0  # standardised third moments of camera shake lie within this
_PHASE_NOISE = 0.5  # in the units of the weights


@dataclass(frozen=True)
class Shift:
    """Where the blurry half lies relative to the sharp one.

    Args:
        dx: Offset of the PSF's centroid in px, x to the right.
        dy: The same, y downwards.
        error_px: Standard error of the fit, px.
        coherence: Mean coherence in the band, [0, 1]; near 0 the halves do not show the same thing.
        moments: Covariance of the PSF (xx, xy, yy) in px^2, y downwards; negative along a direction in which the "blurry" half
            is the sharper one.
    """

    dx: float
    dy: float
    error_px: float
    coherence: float
    moments: tuple[float, float, float]

    @property
    def px(self) -> float:
        """Length of the offset in px."""
        return float(np.hypot(self.dx, self.dy))

    @property
    def length_px(self) -> float:
        """``sqrt(12 l)`` for the larger eigenvalue l: the length of a straight uniform motion of the same width."""
        return float(np.sqrt(12 * max(_eigen(self.moments)[0][1], 0.0)))

    @property
    def angle_deg(self) -> float:
        """Direction of the longer axis in degrees [0, 180), counter-clockwise from +x with y up."""
        x, y = _eigen(self.moments)[1][:, 1]
        return float(np.degrees(np.arctan2(-y, x)) % 180)

    @property
    def anisotropy(self) -> float:
        """0 for a round PSF to 1 for a line."""
        small, large = (max(value, 0.0) for value in _eigen(self.moments)[0])
        return float(1 - np.sqrt(small / large)) if large > 0 else 0.0


def _eigen(moments: tuple[float, float, float]) -> tuple[Float, Float]:
    xx, xy, yy = moments
    values, vectors = np.linalg.eigh(np.array([[xx, xy], [xy, yy]]))
    return values, vectors


def estimate_shift(blurry: Plane, sharp: Plane) -> Shift:
    """Offset of the blurry half's PSF centroid.

    Args:
        blurry: (H, W) float32 plane, in linear light where the curve is known; sides of at least 32 px.
        sharp: Same shape.

    Returns:
        The offset, its standard error, the mean coherence and the PSF's second moments.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> import cv2
        >>> scene = cv2.GaussianBlur(rng.random((128, 128), dtype=np.float32), (0, 0), 1.5)
        >>> moved = np.roll(scene, (2, 3), (0, 1))
        >>> shift = estimate_shift(moved, scene)
        >>> round(shift.dx), round(shift.dy)
        (3, 2)
    """
    factor = reduction(sharp.shape)
    b, s = reduce(blurry, factor), reduce(sharp, factor)
    return fit_shift(b, s, factor=factor)


def fit_shift(blurry: Plane, sharp: Plane, *, factor: int, start_xy: tuple[float, float] | None = None, rounds: int = _ROUNDS) -> Shift:
    """As :func:`estimate_shift`, on planes already reduced by ``factor``; ``start_xy`` in full-size px saves the coarse search."""
    d = np.array(_coarse(blurry, sharp, factor) if start_xy is None else start_xy, float)
    spectra = BandSpectra(blurry, sharp, factor=factor, band=2 * COARSE_BAND)
    psf = Moments((d[0], d[1]), np.array([1.0, 0.0, 1.0]) * _START_PX**2 / 12, np.zeros(4))
    error, coherence = np.inf, 0.0
    for turn in range(rounds):
        spectrum = spectra.at((psf.offset_xy[0] / factor, psf.offset_xy[1] / factor))
        inside = _band(spectrum, psf, COARSE_BAND, _BAND_PER_BLUR)
        coherence = float(spectrum.coherence[inside].mean()) if inside.any() else 0.0
        still = Moments(psf.offset_xy, psf.second, np.zeros(4))
        step, error = _phase(spectrum, inside, still)
        psf = still.plus(step, _amplitude(spectrum, psf) - psf.second)
        if turn > 2 and np.hypot(*step[:2]) < 0.002:
            break
    if coherence > _ALIKE:
        for _ in range(_CLOSER):
            spectrum = spectra.matched(psf)
            step, error = _phase(spectrum, _band(spectrum, psf, COARSE_BAND, _CLOSER_BAND), psf)
            psf = psf.plus(step, _amplitude(spectrum, psf))
            if np.hypot(*step[:2]) < 0.01:
                break
    xx, xy, yy = (float(value) for value in psf.second)
    return Shift(*psf.offset_xy, error, coherence, (xx, xy, yy))


def _coarse(blurry: Plane, sharp: Plane, factor: int) -> tuple[float, float]:
    """Peak of the phase-only correlation below 0.03 cycles/px, which the brightest blob of a PSF may pull by some px.

    Up to ``_NEAR_PX`` the fit finds its way from 0 by itself.
    """
    shape = sharp.shape
    sides = hann(shape)
    cross = windowed_fft(blurry, sides) * windowed_fft(sharp, sides).conj()
    fy = np.fft.fftshift(np.fft.fftfreq(shape[0]))[:, None] / factor
    fx = np.fft.fftshift(np.fft.fftfreq(shape[1]))[None, :] / factor
    cross = cross / (np.abs(cross) + 1e-3 * np.abs(cross).mean() + 1e-30) * np.exp(-(fx**2 + fy**2) / (2 * 0.02**2))
    surface = np.fft.ifft2(np.fft.ifftshift(cross)).real
    y, x = np.unravel_index(int(surface.argmax()), shape)
    dy, dx = (int(p) - side if p > side // 2 else int(p) for p, side in ((y, shape[0]), (x, shape[1])))
    limit = min(shape) / 4
    far = np.hypot(dx, dy) * factor > _NEAR_PX and abs(dx) < limit and abs(dy) < limit
    return (dx * factor, dy * factor) if far else (0.0, 0.0)


def _band(spectrum: Spectrum, psf: Moments, limit: float, waves: float) -> NDArray[np.bool_]:
    """Frequencies below ``limit`` of which the blur is at most ``waves`` long: an ellipse that is narrow along it; a dozen at least."""
    spread, radius = 12 * psf.spread(spectrum.fx, spectrum.fy) / waves**2, np.hypot(spectrum.fx, spectrum.fy) / limit
    inside = np.asarray((radius <= 1) & (spread <= 1))
    if inside.sum() < _LEAST:
        inside = np.zeros(len(radius), bool)
        inside[np.argsort(spread + radius**2)[:_LEAST]] = True
    return inside


def _phase(spectrum: Spectrum, inside: NDArray[np.bool_], psf: Moments) -> tuple[Float, float]:
    """Weighted least squares for the displacement (2) and the third moments (4) that ``psf`` lacks, and the displacement's error in px.

    Third moments add ``(2 pi)^3 / 6 <(f.x)^3>`` to the phase. They are held near zero by what the skewness of motion usually is.
    """
    fx, fy = spectrum.fx[inside], spectrum.fy[inside]
    phase, weight = np.angle(spectrum.cross[inside]), spectrum.weight[inside]
    turn = 2 * np.pi
    cubes = [fx**3, 3 * fx**2 * fy, 3 * fx * fy**2, fy**3]
    design = np.stack([-turn * fx, -turn * fy, *(turn**3 / 6 * cube for cube in cubes)], axis=1)
    sx, sy = np.sqrt(np.maximum([psf.second[0], psf.second[2]], 0.05))
    prior = _SKEW * np.array([sx**3, sx**2 * sy, sx * sy**2, sy**3])
    ridge = np.concatenate([[1e-9, 1e-9], (_PHASE_NOISE / prior) ** 2])
    inverse = np.linalg.inv(design.T @ (design * weight[:, None]) + np.diag(ridge))
    solution = inverse @ (design.T @ (weight * phase) - ridge * np.concatenate([[0, 0], psf.third]))
    residual = phase - design @ solution
    freedom = max(inside.sum() / 4 - 2, 1)  # neighbours share their window and their smoothing
    variance = max(float((weight * residual**2).sum() / freedom), _PHASE_NOISE**2)
    return solution, float(np.sqrt(variance * (inverse[0, 0] + inverse[1, 1])))


def _amplitude(spectrum: Spectrum, psf: Moments) -> Float:
    """Second moments from ``ln |C| / <|S|^2>``, over the band where the parabola holds (half the light left)."""
    inside = _band(spectrum, psf, np.inf, _HALF_LIGHT)
    amplitude = np.log(np.maximum(np.abs(spectrum.cross), 1e-30) / np.maximum(spectrum.sharp, 1e-30))[inside]
    fx, fy, root = spectrum.fx[inside], spectrum.fy[inside], np.sqrt(spectrum.weight[inside])
    design = np.stack([*(-2 * np.pi**2 * column for column in (fx**2, 2 * fx * fy, fy**2)), np.ones(len(fx))], axis=1)
    return np.asarray(np.linalg.lstsq(design * root[:, None], amplitude * root, rcond=None)[0][:3])


def shift_grid(blurry: Plane, sharp: Plane, overall: Shift) -> list[list[float]]:
    """Offsets on a 3x3 grid of half-size tiles, row by row: [[dx, dy], ...] px.

    The same everywhere means misaligned; varying means rotation, depth or things that move.
    """
    factor = reduction((sharp.shape[0] // 2, sharp.shape[1] // 2), most=2)
    b, s = reduce(blurry, factor), reduce(sharp, factor)
    height, width = s.shape[0] // 2, s.shape[1] // 2
    grid = []
    for y in (0, height // 2, s.shape[0] - height):
        for x in (0, width // 2, s.shape[1] - width):
            tile = slice(y, y + height), slice(x, x + width)
            local = fit_shift(b[tile], s[tile], factor=factor, start_xy=(overall.dx, overall.dy), rounds=4)
            grid.append([local.dx, local.dy])
    return grid
