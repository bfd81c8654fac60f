"""Poisson-Gaussian noise of a sensor, with the three published sets of constants.

``y = K * Poisson(x / K) + N(0, s^2)``: the variance is ``K * x + s^2``. ``K`` is the light of one electron, ``s`` the read
noise, both in units of white. Rim et al. (ECCV 2022) draw each of them as U(0.5, 1.5) times a constant per camera.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

_MOST_ELECTRONS = 1e12  # beyond this the Poisson law is a Gaussian to float64, and numpy's sampler ends near 9.2e18


class NoiseLevel(NamedTuple):
    """Strength of the noise: ``shot`` is K, ``read`` the standard deviation s, both in units of white."""

    shot: float
    read: float


NOISE_LEVELS = {
    "rsblur": NoiseLevel(1e-4, 9.1504e-4),
    "realblur": NoiseLevel(8.8915e-5, 2.9430e-5),
    "bsd": NoiseLevel(2.3282e-5, 1.9452e-4),
}
"""beta1 and beta2 of the published code for the cameras of three data sets."""

NOISE_SCALE = (0.5, 1.5)
"""The published range of the factor that is drawn for K and, independently, for s."""


def draw_noise_level(level: str | NoiseLevel, rng: np.random.Generator, *, scale: tuple[float, float] = NOISE_SCALE) -> NoiseLevel:
    """The noise of one picture: each constant times its own draw from U(scale).

    Args:
        level: A name in ``NOISE_LEVELS``, or constants of your own camera.
        rng: Source of the two draws.
        scale: Range of the factor.

    Raises:
        ValueError: If there is no such name.

    Example:
        >>> draw_noise_level("rsblur", np.random.default_rng(0), scale=(1.0, 1.0))
        NoiseLevel(shot=0.0001, read=0.00091504)
    """
    if isinstance(level, str):
        if level not in NOISE_LEVELS:
            msg = f"There is no noise level '{level}'; use one of {', '.join(NOISE_LEVELS)} or a NoiseLevel."
            raise ValueError(msg)
        level = NOISE_LEVELS[level]
    return NoiseLevel(level.shot * float(rng.uniform(*scale)), level.read * float(rng.uniform(*scale)))


def poisson_gaussian(light: NDArray[np.floating], level: NoiseLevel, rng: np.random.Generator) -> Float:
    """Linear light with sensor noise; neither clipped nor rounded, so that the mean stays true.

    Negative light, which colour matrices leave behind, is clamped to 0 before the Poisson draw (the published torch code
    raises there).

    Args:
        light: Linear light, any shape, 1 is white.
        level: K and s; 0 switches the one or the other off.
        rng: Source of the noise.

    Returns:
        float64 array of the same shape.

    Raises:
        ValueError: If K or s is negative or no number, or ``light`` holds NaN.

    Example:
        >>> noisy = poisson_gaussian(np.full((200, 200), 0.5), NoiseLevel(1e-4, 1e-3), np.random.default_rng(0))
        >>> round(float(noisy.mean()), 3), round(float(noisy.std()), 3)
        (0.5, 0.007)
    """
    if not (level.shot >= 0 and level.read >= 0):
        msg = f"K and s of the noise must be at least 0, got {level}."
        raise ValueError(msg)
    clean = np.maximum(np.asarray(light, np.float64), 0.0)
    if np.isnan(clean).any():
        msg = "light must not hold NaN."
        raise ValueError(msg)
    noisy = clean
    if level.shot > 0:
        noisy = level.shot * rng.poisson(np.minimum(clean / level.shot, _MOST_ELECTRONS))
    if level.read > 0:
        noisy = noisy + rng.normal(0.0, level.read, clean.shape)
    return noisy
