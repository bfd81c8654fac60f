"""How does a hand-held camera move during the exposure?"""

import numpy as np
from numpy.typing import NDArray

from blurdata.psf._checks import check_generator, number, whole
from blurdata.psf._raster import Float, Psf, stroke


def shake(
    extent_px: float,
    *,
    rng: np.random.Generator,
    inertia: float = 0.7,
    tremor: float = 0.3,
    centripetal: float = 0.7,
    impulses: float = 0.5,
    steps: int = 256,
) -> Psf:
    """PSF of random camera shake, after Boracchi and Foi; see :func:`shake_path` for the arguments.

    Args:
        extent_px: Longer side of the path's bounding box, in pixels, 0 or more; 0 is no blur.
        rng: Where the randomness comes from; the same state gives the same PSF.
        inertia: 0 to 1, how long the camera keeps its direction.
        tremor: 0 or more, strength of the fast tremble.
        centripetal: 0 or more, how strongly the photographer pulls back to the middle.
        impulses: 0 or more, expected number of sudden reversals.
        steps: Number of pieces of the path, 2 to 65536.

    Returns:
        (K, L) float32, odd sides, sum 1, centred.

    Raises:
        ValueError: If a number is not finite or out of range.

    Example:
        >>> k = shake(20, rng=np.random.default_rng(0))
        >>> k.dtype, bool(abs(k.sum() - 1) < 1e-6)
        (dtype('float32'), True)
    """
    points = shake_path(extent_px, rng=rng, inertia=inertia, tremor=tremor, centripetal=centripetal, impulses=impulses, steps=steps)
    return stroke(points, np.ones(len(points) - 1), name="extent_px")


def shake_path(
    extent_px: float,
    *,
    rng: np.random.Generator,
    inertia: float = 0.7,
    tremor: float = 0.3,
    centripetal: float = 0.7,
    impulses: float = 0.5,
    steps: int = 256,
) -> Float:
    """The random path that :func:`shake` integrates, for those who want to keep it.

    Boracchi and Foi, "Modeling the performance of image restoration from motion blur" (IEEE TIP 2012): the velocity keeps its
    direction (inertia), is pushed by Gaussian noise, pulled back to the middle, and now and then reversed by an impulse.
    Here each of the four acts linearly, so the whole path is two triangular products:

        v[t] = a v[t-1] + noise[t],   w[t] = R(turns up to t) v[t] + tremor,   x[t] = (1 - c) x[t-1] + w[t]

    with ``a`` from a time constant of ``inertia`` exposures, ``c`` from one of ``1 / (4 centripetal)`` exposures, and each
    impulse a turn of 180 ± 29 degrees at a random time.

    Args:
        extent_px: Longer side of the path's bounding box, in pixels.
        rng: Where the randomness comes from.
        inertia: 0 to 1, how long the camera keeps its direction, in exposures.
        tremor: 0 or more, speed of the fast tremble relative to the mean speed.
        centripetal: 0 or more, pull to the middle.
        impulses: 0 or more, expected number of sudden reversals.
        steps: Number of pieces.

    Returns:
        (steps + 1, 2) float64 positions x, y in pixels, y up, equal time between two; the centroid is the origin.

    Example:
        >>> path = shake_path(20, rng=np.random.default_rng(0))
        >>> path.shape, float(np.ptp(path, axis=0).max().round(6))
        ((257, 2), 20.0)
    """
    extent = number("extent_px", extent_px)
    keep, shiver = number("inertia", inertia, high=1), number("tremor", tremor)
    pull, kicks = number("centripetal", centripetal), number("impulses", impulses, high=1000)
    count = whole("steps", steps, low=2, high=65536)
    check_generator(rng)
    noise = rng.standard_normal((2, count, 2)).view(np.complex128)[..., 0]
    velocity = _recursion(noise[0], np.exp(-1 / max(keep * count, 1e-3)), start=True)
    velocity = velocity * np.exp(1j * np.cumsum(_turns(rng, kicks, count)))
    velocity = velocity / np.abs(velocity).mean() + shiver * noise[1]
    path = np.concatenate([[0], _recursion(velocity, np.exp(-4 * pull / count), start=False)])
    xy = np.stack([path.real, path.imag], axis=-1)
    xy -= (xy[:-1] + xy[1:]).mean(axis=0) / 2
    return np.asarray(xy * (extent / np.ptp(xy, axis=0).max()))


def _recursion(noise: NDArray[np.complex128], factor: float, *, start: bool) -> NDArray[np.complex128]:
    """``y[t] = factor y[t-1] + noise[t]``, from 0 or (``start``) from its stationary spread, in blocks that share one matrix."""
    if start and factor < 1:
        noise = noise.copy()
        noise[0] /= np.sqrt(1 - factor**2)
    block = 64
    lag = np.arange(block)[:, None] - np.arange(block)
    matrix = np.where(lag >= 0, factor ** np.maximum(lag, 0), 0.0)
    padded = np.concatenate([noise, np.zeros(-len(noise) % block)]).reshape(-1, block)
    out = padded @ matrix.T
    carry, fade = 0j, factor ** np.arange(1, block + 1)
    for row in out:
        row += carry * fade
        carry = row[-1]
    return out.ravel()[: len(noise)]


def _turns(rng: np.random.Generator, expected: float, count: int) -> Float:
    """Turn of the velocity at each step in radians: 0, or at an impulse half a turn give or take half a radian."""
    turns = np.zeros(count)
    kicks = rng.poisson(expected)
    np.add.at(turns, rng.integers(0, count, kicks), np.pi + rng.uniform(-0.5, 0.5, kicks))
    return turns
