"""Is the blur between two halves a straight motion, a disk or a Gaussian, and how large?

For each family the PSF's transform H is known in closed form, and the size (and direction) minimise
``sum f^2 |B - g H S|^2`` over frequencies below 0.25 cycles/px, with the best brightness g. A family is named only where it
explains the pair nearly as well as a PSF that may be anything; else the answer is "unknown".
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft, optimize, special

from blurdata.quality.shift import Shift
from blurdata.quality.spectrum import Float, Plane, hann, windowed_fft

_SIDE = 256
_BAND = 0.25
_NONE_PX = 0.7  # shorter blur than this cannot be told from none
_MOST_EXCESS = 1.5  # lines, disks and Gaussians reach 1.3 at most, camera shake is at 1.9 and more


@dataclass(frozen=True)
class Blur:
    """A named blur.

    Args:
        family: ``"line"``, ``"disk"``, ``"gaussian"``, ``"none"`` or ``"unknown"``.
        size_px: Length of the line, radius of the disk, deviation of the Gaussian; NaN where there is no name.
        angle_deg: Direction of the line, [0, 180), counter-clockwise from +x with y up; NaN for the others.
        excess: How many times the error of the named family is that of a free PSF, 1 at best.
    """

    family: str
    size_px: float
    angle_deg: float
    excess: float


@dataclass(frozen=True)
class _Bins:
    """What the fits need of every frequency: cost(H) = e - 2 g c H + g^2 a H^2."""

    fx: Float
    fy: Float
    a: Float
    c: Float
    e: float
    free: float

    def cost(self, h: Float) -> float:
        own = float((self.a * h * h).sum())
        cross = max(float((self.c * h).sum()), 0.0)
        return self.e - cross * cross / max(own, 1e-30)


def name_blur(blurry: Plane, sharp: Plane, shift: Shift) -> Blur:
    """Family and size of the blur of a pair.

    Args:
        blurry: (H, W) float32, linear light.
        sharp: Same shape.
        shift: What :func:`blurdata.quality.shift.estimate_shift` found for them.
    """
    bins = _collect(blurry, sharp, shift)
    length = max(shift.length_px, 1.0)
    fits = [_line(bins, length, shift.angle_deg), _disk(bins, length / 12**0.5), _gaussian(bins, length / 12**0.5)]
    least = min(fit.excess for fit in fits)
    if not np.isfinite([fit.excess for fit in fits]).all():  # a blank half
        return Blur("unknown", float("nan"), float("nan"), float("nan"))
    best = next(fit for fit in fits if fit.excess <= least + 0.02 * abs(least))  # a tiny disk and a tiny Gaussian are one and the same
    if shift.length_px < _NONE_PX or (best.family == "line" and best.size_px < _NONE_PX):
        return Blur("none", float("nan"), float("nan"), best.excess)
    return best if best.excess < _MOST_EXCESS else Blur("unknown", float("nan"), float("nan"), best.excess)


def _collect(blurry: Plane, sharp: Plane, shift: Shift) -> _Bins:
    box = tuple(
        slice((side - min(side, _SIDE)) // 2, (side - min(side, _SIDE)) // 2 + fft.prev_fast_len(min(side, _SIDE))) for side in sharp.shape
    )
    b, s = blurry[box], sharp[box]
    shape = s.shape
    moved = windowed_fft(b, hann(shape, (shift.dx, shift.dy)))
    still = windowed_fft(s, hann(shape))
    fy, fx = np.meshgrid(*(fft.fftshift(fft.fftfreq(side)) for side in shape), indexing="ij")
    cross = moved * still.conj() * np.exp(2j * np.pi * (fx * shift.dx + fy * shift.dy))
    square = fx**2 + fy**2
    inside = (square <= _BAND**2) & (square >= (1.5 / min(shape)) ** 2) & ((fx > 0) | ((fx == 0) & (fy > 0)))
    power_b, power_s = np.abs(moved) ** 2, np.abs(still) ** 2
    smooth = [cv2.blur(np.ascontiguousarray(part, np.float64), (5, 5)) for part in (cross.real, cross.imag, power_b, power_s)]
    unexplained = np.maximum(smooth[2] - (smooth[0] ** 2 + smooth[1] ** 2) / np.maximum(smooth[3], 1e-30), 0)
    weight = square[inside]
    return _Bins(
        fx[inside],
        fy[inside],
        weight * power_s[inside],
        weight * cross.real[inside],
        float((weight * power_b[inside]).sum()),
        float((weight * unexplained[inside]).sum()) + 1e-12,
    )


def _line(bins: _Bins, length: float, angle_deg: float) -> Blur:
    def transform(at: NDArray[np.float64]) -> Float:
        angle = np.radians(at[1])
        return np.asarray(np.sinc(at[0] * (bins.fx * np.cos(angle) - bins.fy * np.sin(angle))))

    starts = [np.array([length * scale, angle_deg]) for scale in (0.8, 1.0, 1.2)]
    if length < 8:
        starts += [np.array([length, angle_deg + turn]) for turn in (45.0, 90.0, 135.0)]
    best = min(starts, key=lambda at: bins.cost(transform(at)))
    simplex = best + np.array([[0.0, 0.0], [0.08 * length, 0.0], [0.0, min(40 / length, 20)]])
    found = optimize.minimize(
        lambda at: bins.cost(transform(at)),
        best,
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "xatol": 0.02, "fatol": 1e-6 * bins.e, "maxiter": 60},
    )
    return Blur("line", abs(float(found.x[0])), float(found.x[1] % 180), float(found.fun / bins.free))


def _disk(bins: _Bins, deviation: float) -> Blur:
    radius = np.hypot(bins.fx, bins.fy)

    def transform(r: float) -> Float:
        z = 2 * np.pi * r * radius
        return np.asarray(2 * special.j1(z) / z)

    return _round("disk", bins, transform, 2 * deviation)


def _gaussian(bins: _Bins, deviation: float) -> Blur:
    square = bins.fx**2 + bins.fy**2
    return _round("gaussian", bins, lambda sigma: np.exp(-2 * np.pi**2 * sigma**2 * square), deviation)


def _round(family: str, bins: _Bins, transform: Callable[[float], Float], start: float) -> Blur:
    """One-dimensional search: a coarse scan (the cost has side minima), then a bounded one around its best."""
    scan = start * np.geomspace(0.4, 1.6, 13)
    costs = [bins.cost(transform(size)) for size in scan]
    i = int(np.argmin(costs))
    low, high = scan[max(i - 1, 0)], scan[min(i + 1, len(scan) - 1)]
    found = optimize.minimize_scalar(
        lambda size: bins.cost(transform(size)), bounds=(low, high), method="bounded", options={"xatol": 0.005}
    )
    return Blur(family, float(found.x), float("nan"), float(found.fun / bins.free))
