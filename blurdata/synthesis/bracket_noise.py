"""How is the bias undone that noise leaves in a measured response?

Pixels chosen by a noisy bright code are on average darker than it says where dark places prevail, and noise in dark codes does not
average out where the curve bends. How much of this a bracket has depends on its noise, its scene and its curve, so it is measured (a
parametric bootstrap; Gourieroux et al., "Indirect inference", 1993): with the curve so far, the noise is estimated from the spread of codes
and the light of each pixel from all pictures; a bracket of that scene is simulated, the response measured from it in the same way, and what
it is off by is taken away.

The noise has three parts, ``K light + s^2`` added to light and ``q^2`` added to codes. Under a gamma curve K and q spread codes almost
alike, yet skew them differently; so both a camera without ``q`` and one with it are simulated, and the second counts where its
codes are shared out clearly more like the pictures'.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from blurdata.sensor import NoiseLevel, poisson_gaussian
from blurdata.synthesis.comparagram import Equations, equations_of, log_light_of, strictly_increasing

Float = NDArray[np.float64]
Shots = Sequence[NDArray[np.uint8]]

_PIXELS, _TIMES = 600_000, 8  # simulated: so many, or eight times the pictures', whose scatter is then far above the simulation's own
_MOST_BIAS = 0.1  # of light; a larger one is no bias by noise, but pictures that do not fit together
_CLIPPED = 251
_CLEARLY = 0.9  # noise of codes that makes hardly a difference is none: where the curve is steep it mixes codes with clipped ones


class BracketNoise(NamedTuple):
    """Variance ``shot * light + read^2`` of light (full code is 1), and ``code^2`` of codes."""

    shot: float
    read: float
    code: float


def without_bias(rows: Equations, shots: Shots, times: Float) -> Float:
    """(256,) log light of one channel, less what noise shifts it by.

    Args:
        rows: The equations of the pictures.
        shots: One channel of each picture, (N,) uint8.
        times: Their exposure times.
    """
    measured = strictly_increasing(log_light_of(rows))
    relative, table = times / times.max(), np.exp(measured - measured[-1])
    table[0] = 0.0
    simulated = []
    for with_code in (False, True):
        if noise := fit_noise(rows, table, with_code=with_code):
            light = _light(shots, relative, table, noise)
            simulated.append(equations_of(_photographed(light, relative, table, noise), times))
    if not simulated:
        return measured
    without, with_code_noise = simulated
    clearly = _unlikeness(rows, with_code_noise) < _CLEARLY * _unlikeness(rows, without)
    again = with_code_noise if clearly else without
    bias = strictly_increasing(log_light_of(again))[1:] - np.log(table[1:])
    return np.asarray(np.r_[measured[0], measured[1:] - np.clip(bias - np.median(bias), -_MOST_BIAS, _MOST_BIAS)])


def fit_noise(rows: Equations, table: Float, *, with_code: bool) -> BracketNoise | None:
    """The noise that explains how dark codes spread among pixels of one bright code, by robust non-negative least squares.

    Returns:
        The noise, or None where too few codes are free of clipping.
    """
    whole = (rows.share[:, :2].sum(1) < 0.01) & (rows.share[:, 254:].sum(1) < 0.001) & (rows.bright < _CLIPPED) & (rows.pixels >= 30)
    if whole.sum() < 16:
        return None
    slope, codes = np.gradient(table), np.arange(256.0)
    dark, bright = rows.dark[whole], rows.bright[whole]
    step, ratio = np.interp(dark, codes, slope), np.exp(rows.log_ratio[whole])
    light, scaled = np.interp(dark, codes, table), ratio * slope[bright]  # the bright code's noise, in light of the dark picture
    parts = np.stack([light * (1 + ratio), 1 + ratio**2, (step**2 + scaled**2) * with_code], axis=1)
    rounding = (step**2 + scaled**2) / 12
    spread = rows.variance[whole] * step**2 - rounding
    found, expected = np.zeros(3), np.maximum(spread, 0) + rounding
    for _ in range(8):
        off = np.abs(spread - parts @ found) / expected
        weight = np.sqrt(np.minimum(rows.pixels[whole], 1000) / np.maximum(1, off / (2 * np.median(off) + 1e-9))) / expected
        scale = np.maximum((parts * weight[:, None]).max(0), 1e-300)
        found = nnls(parts * weight[:, None] / scale, spread * weight)[0] / scale
        expected = parts @ found + rounding
    return BracketNoise(float(found[0]), float(np.sqrt(found[1])), float(np.sqrt(found[2])))


def _light(shots: Shots, relative: Float, table: Float, noise: BracketNoise) -> Float:
    """Light of about so many pixels, from all pictures in which each is not clipped, weighted by their noise."""
    shots = [shot[:: max(1, len(shot) // _PIXELS)] for shot in shots]
    weight = 1 / (noise.shot * table + noise.read**2 + (noise.code**2 + 1 / 12) * np.gradient(table) ** 2)
    weight[_CLIPPED:] = 0.0
    total, weights = np.zeros(len(shots[0])), np.zeros(len(shots[0]))
    for shot, time in zip(shots, relative, strict=True):
        total += (weight * table)[shot] * time
        weights += weight[shot] * time**2
    white = 1.2 / relative.min()  # clipped everywhere
    light = np.where(weights > 0, total / np.maximum(weights, 1e-300), white)
    return np.tile(light, min(_TIMES, -(-_PIXELS // len(light))))


def _photographed(light: Float, relative: Float, table: Float, noise: BracketNoise) -> list[NDArray[np.uint8]]:
    """A scene photographed by a camera of that curve and noise."""
    rng = np.random.default_rng(1)
    codes, pictures = np.arange(256.0), []
    for time in relative:
        code = np.interp(_noisy(light * time, noise, rng), table, codes)
        code += rng.normal(0, noise.code, len(code)) if noise.code else 0
        pictures.append(np.clip(np.floor(code + 0.5), 0, 255).astype(np.uint8))
    return pictures


def _noisy(light: Float, noise: BracketNoise, rng: np.random.Generator) -> Float:
    """Poisson-Gaussian noise, from 30 electrons on as a normal law with the same skewness (Cornish and Fisher), which is drawn faster."""
    variance = noise.shot * light + noise.read**2
    normal = rng.standard_normal(len(light))
    skewed = noise.shot**2 * light / np.maximum(variance, 1e-100) * (normal**2 - 1) / 6  # deviation times skewness
    noisy = light + np.sqrt(variance) * normal + skewed
    few = light < 30 * noise.shot
    noisy[few] = poisson_gaussian(light[few], NoiseLevel(noise.shot, noise.read), rng)
    return np.asarray(noisy)


def _unlikeness(rows: Equations, again: Equations) -> float:
    """Mean distance (Wasserstein's, in codes) of how dark codes are shared out, over what both have."""
    _, ours, theirs = np.intersect1d(rows.pair * 256 + rows.bright, again.pair * 256 + again.bright, return_indices=True)
    steps = np.cumsum(rows.share[ours] - again.share[theirs], axis=1)
    return float(np.average(np.abs(steps).sum(1), weights=np.minimum(rows.pixels[ours], 1000))) if len(ours) else np.inf
