"""How does a lens blur a scene that is not flat? Layer by layer, near ones over far ones."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blurdata import psf
from blurdata.color import Curve, decodable_curve
from blurdata.convolution.border import check_border
from blurdata.convolution.light import Light, Picture, check_picture, in_light
from blurdata.convolution.single import blur_light

Aperture = Callable[[float], NDArray[np.float32]]

_STEP_PX, _STEP_SHARE = 0.5, 0.12  # radius from one layer to the next: half a pixel, or 12 % where that is more
_LARGEST_PX = 500.0


def convolve_depth(
    image: Picture,
    signed_radius_px: NDArray[np.floating],
    *,
    aperture: Aperture = psf.disk,
    curve: str | Path | Curve = "srgb",
    border: str = "reflect",
) -> Picture:
    """``image`` defocused by a blur radius for each pixel: near things spread over far ones, far ones never over near ones.

    The scene is cut into layers of similar radius, a pixel shared between the two next to its own. Each layer goes on behind the
    nearer ones, where a sharp picture does not show it and the colours around are put instead. From far to near each is blurred
    together with its coverage ``a`` and laid over what is behind, ``out = out (1 - k * a) + k * (a I)``, so that a near point keeps all
    of its light. A flat scene is :func:`blurdata.convolve`, and an even field stays even.

    Args:
        image: (H, W) or (H, W, C) uint8, uint16 or floats, as :func:`blurdata.convolve` takes them.
        signed_radius_px: (H, W) radius in pixels, up to 500: positive in front of the distance in focus, negative beyond it, so that
            larger is nearer; ``where(depth < focus, 1, -1) * psf.circle_of_confusion(...)``.
        aperture: Radius in pixels to PSF; e.g. ``lambda r: psf.polygon(r, blades=6)``.
        curve: How code values relate to light.
        border: Beyond the edge: ``"reflect"``, ``"replicate"`` or ``"constant"``.

    Returns:
        A new array of the same shape and dtype.

    Raises:
        TypeError: If the image's dtype is another one.
        ValueError: If the radii are not finite, enormous or of another size, or a shape, curve or border is wrong.

    Example:
        >>> radius = np.linspace(-2, 5, 144).reshape(12, 12)
        >>> convolve_depth(np.full((12, 12), 70, np.uint8), radius)[6, 6]
        np.uint8(70)
    """
    response, radius = decodable_curve(curve), np.asarray(signed_radius_px, np.float64)
    check_picture(image, response)
    check_border(border)
    if radius.shape != image.shape[:2]:
        msg = f"signed_radius_px must have the image's size {image.shape[:2]}, got shape {radius.shape}."
        raise ValueError(msg)
    if not np.isfinite(radius).all() or np.abs(radius).max() > _LARGEST_PX:
        msg = f"signed_radius_px must be finite and at most {_LARGEST_PX:g} px, got {radius.min()} to {radius.max()}."
        raise ValueError(msg)
    pixels = image if image.ndim == 3 else image[..., None]
    return in_light(pixels, response, lambda light: _composed(light, radius, aperture, border)).reshape(image.shape)


def _composed(light: Light, radius: NDArray[np.float64], aperture: Aperture, border: str) -> Light:
    cover_border = "replicate" if border == "constant" else border  # black beyond the edge is there too, not missing
    out = np.zeros_like(light)
    for rung, cover, known in layers_of(radius):
        kernel, share = aperture(abs(rung)), cover.astype(light.dtype)[..., None]
        layer = blur_light(_filled(light, known) * share, kernel, border)
        out = out * (1 - np.clip(blur_light(share, kernel, cover_border), 0, 1)) + layer
    return out


def _filled(light: Light, known: NDArray[np.bool_]) -> Light:
    """``light`` where it is known, and elsewhere what is known around, from ever coarser means (push and pull)."""
    if known.all():
        return light
    weight = known.astype(light.dtype)[..., None]
    coarse, sums = _halved(light * weight), _halved(weight)
    mean: Light = coarse / np.maximum(sums, 1e-12)
    if sums.shape[:2] != (1, 1):
        mean = _filled(mean, sums[..., 0] > 0)
    height, width = known.shape
    around = np.repeat(np.repeat(mean, 2, axis=0), 2, axis=1)[:height, :width]
    return np.where(known[..., None], light, around)


def _halved(values: Light) -> Light:
    """Sums of 2 x 2 samples; an odd last row or column is summed with nothing."""
    height, width = values.shape[:2]
    padded = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    return np.asarray(padded[::2, ::2] + padded[1::2, ::2] + padded[::2, 1::2] + padded[1::2, 1::2])


def layers_of(radius: NDArray[np.float64]) -> Iterator[tuple[float, NDArray[np.float64], NDArray[np.bool_]]]:
    """Layers that show anything, far to near: signed radius, how far each pixel is covered (0 to 1), where the layer's light is known."""
    rungs = _rungs_between(float(radius.min()), float(radius.max()))
    for index, rung in enumerate(rungs):
        # a layer goes on behind everything nearer, so it covers that too; the farthest covers all
        below = rungs[index - 1] if index else rung - 1
        cover = np.clip((radius - below) / (rung - below), 0, 1)
        known = np.ones(radius.shape, bool) if index + 1 == len(rungs) else radius < rungs[index + 1]
        if (known & (cover > 0)).any():
            yield float(rung), cover, known


def _rungs_between(low: float, high: float) -> NDArray[np.float64]:
    """Signed radii of the layers, far to near: both ends, 0, and between them steps that grow with the radius."""
    ladder = [0.0]
    while ladder[-1] < max(abs(low), abs(high)):
        ladder.append(ladder[-1] + max(_STEP_PX, _STEP_SHARE * ladder[-1]))
    steps = np.array([-step for step in ladder[:0:-1]] + ladder)
    rungs = [low, *steps[(steps > low + _STEP_PX / 2) & (steps < high - _STEP_PX / 2)]]
    return np.asarray(rungs if math.isclose(low, high) else [*rungs, high])
