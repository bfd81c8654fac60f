"""How is a blur applied that changes over the picture? By a grid of PSFs, each output pixel between its four nearest."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blurdata.color import Curve, decodable_curve
from blurdata.convolution.border import check_border, continued, source_index
from blurdata.convolution.light import Light, Picture, check_picture, in_light
from blurdata.convolution.single import blur_light, check_kernel

Kernel = NDArray[np.floating]


def convolve_tiled(
    image: Picture, kernels: Sequence[Sequence[Kernel]], *, curve: str | Path | Curve = "srgb", border: str = "reflect"
) -> Picture:
    """``image`` blurred by PSFs that change smoothly over it.

    The PSFs stand at the middles of a grid of equal tiles. An output pixel is the blend of the pictures blurred by the four
    nearest, ``sum over t of w_t(x) (k_t * I)(x)``, with raised-cosine weights that sum to 1; so even fields stay even, and a grid of
    one PSF is :func:`blurdata.convolve`. (Weights on the input, as in the efficient filter flow of Hirsch et al., CVPR 2010, would keep
    the energy of each point instead.)

    Args:
        image: (H, W) or (H, W, C) uint8, uint16 or floats, as :func:`blurdata.convolve` takes them.
        kernels: Rows, top first, of PSFs, left first; sizes may differ.
        curve: How code values relate to light.
        border: Beyond the edge: ``"reflect"``, ``"replicate"`` or ``"constant"``.

    Returns:
        A new array of the same shape and dtype.

    Raises:
        TypeError: If the image's dtype is another one.
        ValueError: If the grid is empty or ragged, or a shape, weight, curve or border is wrong.

    Example:
        >>> from blurdata import psf
        >>> image = np.full((20, 20), 70, np.uint8)
        >>> convolve_tiled(image, [[psf.disk(1), psf.disk(3)], [psf.disk(2), psf.disk(4)]])[3, 3]
        np.uint8(70)
    """
    response = decodable_curve(curve)
    check_picture(image, response)
    check_border(border)
    grid = [[check_kernel(kernel) for kernel in row] for row in kernels]
    if not grid or not grid[0] or any(len(row) != len(grid[0]) for row in grid):
        msg = f"kernels must be rows of equally many PSFs, at least one, got rows of {[len(row) for row in grid]}."
        raise ValueError(msg)
    pixels = image if image.ndim == 3 else image[..., None]
    return in_light(pixels, response, lambda light: _blend(light, grid, border)).reshape(image.shape)


def _blend(light: Light, grid: list[list[Kernel]], border: str) -> Light:
    down, across = _weights(light.shape[0], len(grid)), _weights(light.shape[1], len(grid[0]))
    total = np.zeros(light.shape, np.float64)
    for weight_y, row in zip(down, grid, strict=True):
        for weight_x, kernel in zip(across, row, strict=True):
            (top, bottom), (left, right) = _span(weight_y), _span(weight_x)
            if top == bottom or left == right:
                continue
            half_y, half_x = kernel.shape[0] // 2, kernel.shape[1] // 2
            rows = source_index(light.shape[0], half_y, half_y, border)[top : bottom + 2 * half_y]
            columns = source_index(light.shape[1], half_x, half_x, border)[left : right + 2 * half_x]
            inner = blur_light(continued(light, rows, columns), kernel, "constant")[
                half_y : half_y + bottom - top, half_x : half_x + right - left
            ]
            total[top:bottom, left:right] += inner * (weight_y[top:bottom, None] * weight_x[left:right])[..., None]
    return total


def _weights(size: int, tiles: int) -> NDArray[np.float64]:
    """(tiles, size) weights of each tile along one axis: 1 at its middle, 0 at the next ones, half a cosine between; sum 1."""
    place = np.clip((np.arange(size) + 0.5) / size * tiles - 0.5, 0, tiles - 1)
    away = np.clip(np.abs(place - np.arange(tiles)[:, None]), 0, 1)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * away))


def _span(weight: NDArray[np.float64]) -> tuple[int, int]:
    """First and one past the last place where a weight counts."""
    places = np.flatnonzero(weight > 1e-9)
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)
