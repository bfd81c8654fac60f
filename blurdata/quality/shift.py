"""How far is the blurry half displaced from its sharp half, beyond what its blur does?

The offset of the PSF's centroid is the slope of the cross-spectrum's phase at low frequencies: ``arg C(f) = -2 pi f.d + O(f^3)``.
The cubic term comes from uneven motion, so the band is cut to ``0.35 / L`` with ``L`` the blur's length in that direction, read from
the amplitude's second moments (``ln |H| = -2 pi^2 f' M f + ...``, M the PSF's covariance). Phase correlation locks onto the zeros of
the blur instead, and is several px off.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blurdata.quality.spectrum import COARSE_BAND, BandSpectra, Float, Plane, Spectrum, reduce, reduction, window, windowed_fft

_ROUNDS = 8
_START_PX = 32.0  # the first round believes only what a blur of this length lets through
_NEAR_PX = 14.0
_BAND_PER_BLUR = 0.6
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
    moments = np.array([1.0, 0.0, 1.0]) * _START_PX**2 / 12
    error, coherence = np.inf, 0.0
    for turn in range(rounds):
        spectrum = spectra.at((d[0] / factor, d[1] / factor))
        inside = _band(spectrum, moments, COARSE_BAND)
        step, error = _phase_slope(spectrum, inside, moments)
        moments = _amplitude_moments(spectrum, moments)
        coherence = float(spectrum.coherence[inside].mean()) if inside.any() else 0.0
        d += step
        if turn > 2 and np.hypot(*step) < 0.002:
            break
    return Shift(float(d[0]), float(d[1]), float(error), coherence, (float(moments[0]), float(moments[1]), float(moments[2])))


def _coarse(blurry: Plane, sharp: Plane, factor: int) -> tuple[float, float]:
    """Peak of the phase-only correlation below 0.03 cycles/px, which the brightest blob of a PSF may pull by some px.

    Up to ``_NEAR_PX`` the fit finds its way from 0 by itself.
    """
    shape = sharp.shape
    taper = window(shape)
    cross = windowed_fft(blurry, taper) * windowed_fft(sharp, taper).conj()
    fy = np.fft.fftshift(np.fft.fftfreq(shape[0]))[:, None] / factor
    fx = np.fft.fftshift(np.fft.fftfreq(shape[1]))[None, :] / factor
    cross = cross / (np.abs(cross) + 1e-3 * np.abs(cross).mean() + 1e-30) * np.exp(-(fx**2 + fy**2) / (2 * 0.02**2))
    surface = np.fft.ifft2(np.fft.ifftshift(cross)).real
    y, x = np.unravel_index(int(surface.argmax()), shape)
    dy, dx = (int(p) - side if p > side // 2 else int(p) for p, side in ((y, shape[0]), (x, shape[1])))
    limit = min(shape) / 4
    far = np.hypot(dx, dy) * factor > _NEAR_PX and abs(dx) < limit and abs(dy) < limit
    return (dx * factor, dy * factor) if far else (0.0, 0.0)


def _band(spectrum: Spectrum, moments: Float, limit: float) -> NDArray[np.bool_]:
    """Frequencies where the phase is still straight: an ellipse that is narrow along the blur."""
    fx, fy = spectrum.fx, spectrum.fy
    spread = np.maximum(moments[0] * fx**2 + 2 * moments[1] * fx * fy + moments[2] * fy**2, 0)
    radius = np.hypot(fx, fy)
    inside = (radius <= limit) & (12 * spread <= _BAND_PER_BLUR**2)
    if inside.sum() >= 12:
        return np.asarray(inside)
    order = np.argsort(12 * spread / _BAND_PER_BLUR**2 + (radius / limit) ** 2)
    inside = np.zeros(len(fx), bool)
    inside[order[:12]] = True
    return inside


def _phase_slope(spectrum: Spectrum, inside: NDArray[np.bool_], moments: Float) -> tuple[Float, float]:
    """Weighted least squares for the displacement that is left, and its standard error, in px.

    Besides the slope the phase has the PSF's third moments, ``(2 pi)^3 / 6 <(f.x)^3>``: four more unknowns, held near zero by what
    the skewness of motion usually is.
    """
    fx, fy = spectrum.fx[inside], spectrum.fy[inside]
    phase, weight = np.angle(spectrum.cross[inside]), spectrum.weight[inside]
    turn = 2 * np.pi
    cubes = [fx**3, 3 * fx**2 * fy, 3 * fx * fy**2, fy**3]
    design = np.stack([-turn * fx, -turn * fy, *(turn**3 / 6 * cube for cube in cubes)], axis=1)
    sx, sy = np.sqrt(np.maximum([moments[0], moments[2]], 0.05))
    prior = _SKEW * np.array([sx**3, sx**2 * sy, sx * sy**2, sy**3])
    ridge = np.concatenate([[1e-9, 1e-9], (_PHASE_NOISE / prior) ** 2])
    normal = design.T @ (design * weight[:, None]) + np.diag(ridge)
    inverse = np.linalg.inv(normal)
    solution = inverse @ (design.T @ (weight * phase))
    residual = phase - design @ solution
    freedom = max(inside.sum() / 4 - 2, 1)  # neighbours share their window and their smoothing
    variance = max(float((weight * residual**2).sum() / freedom), _PHASE_NOISE**2)
    return solution[:2], float(np.sqrt(variance * (inverse[0, 0] + inverse[1, 1])))


def _amplitude_moments(spectrum: Spectrum, moments: Float) -> Float:
    """Second moments of the PSF from ``ln |C| / <|S|^2>``, over the band where the parabola holds (half the light left)."""
    fx, fy = spectrum.fx, spectrum.fy
    spread = np.maximum(moments[0] * fx**2 + 2 * moments[1] * fx * fy + moments[2] * fy**2, 0)
    inside = 12 * spread <= 0.55**2
    if inside.sum() < 12:
        inside = np.zeros(len(fx), bool)
        inside[np.argsort(12 * spread + (fx**2 + fy**2))[:12]] = True
    amplitude = np.log(np.maximum(np.abs(spectrum.cross), 1e-30) / np.maximum(spectrum.sharp, 1e-30))[inside]
    weight = spectrum.weight[inside]
    columns = [fx**2, 2 * fx * fy, fy**2]
    design = np.stack([-2 * np.pi**2 * column[inside] for column in columns] + [np.ones(int(inside.sum()))], axis=1)
    root = np.sqrt(weight)
    solution = np.linalg.lstsq(design * root[:, None], amplitude * root, rcond=None)[0]
    return np.asarray(solution[:3])


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
