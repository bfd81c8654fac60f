"""How do strokes and outlines become pixels? Exactly: the picture between samples is bilinear, so every integral is of a polynomial.

``hat(u) = max(0, 1 - |u|)`` is the weight of a sample at distance ``u``. Between two crossings of the pixel grid all weights
along a straight piece are polynomials of degree 3 or less, so Gauss's two nodes integrate them without error.
"""

import numpy as np
from numpy.typing import NDArray

from blurdata.psf._checks import side

Float = NDArray[np.float64]
Psf = NDArray[np.float32]

_GAUSS = 0.5 - np.sqrt(3) / 6  # nodes of two-point Gauss-Legendre on [0, 1]: this and one minus it


def finish(weights: Float) -> Psf:
    """The PSF of non-negative weights: trimmed symmetrically about the centre, sum 1, float32."""
    keep = weights > weights.max() * 1e-8  # below float32: rounding of the integration, no light
    rows, columns = np.flatnonzero(keep.any(axis=1)), np.flatnonzero(keep.any(axis=0))
    trim_y = min(rows[0], weights.shape[0] - 1 - rows[-1])
    trim_x = min(columns[0], weights.shape[1] - 1 - columns[-1])
    inner = np.where(keep, weights, 0)[trim_y : weights.shape[0] - trim_y, trim_x : weights.shape[1] - trim_x]
    return np.ascontiguousarray(inner / inner.sum(), dtype=np.float32)


def nodes(points: Float) -> tuple[Float, Float, Float, NDArray[np.intp]]:
    """Gauss nodes along a polyline, cut where it crosses the pixel grid.

    Args:
        points: (N, 2) vertices x, y in pixels.

    Returns:
        x, y of the nodes; the share of its segment that each stands for (the shares of one segment sum to 1); its segment.
    """
    start, step = points[:-1], np.diff(points, axis=0)
    cuts = [np.arange(len(points), dtype=np.float64)]  # position along the polyline: segment number + fraction
    for axis in (0, 1):
        low, high = np.floor(np.minimum(points[:-1, axis], points[1:, axis])), np.maximum(points[:-1, axis], points[1:, axis])
        count = np.maximum(np.ceil(high) - low - 1, 0).astype(np.intp)  # integers strictly inside
        segment = np.repeat(np.arange(len(step)), count)
        line = low[segment] + 1 + (np.arange(len(segment)) - np.repeat(np.cumsum(count) - count, count))
        fraction = (line - start[segment, axis]) / step[segment, axis]
        cuts.append(segment + np.clip(fraction, 0, np.nextafter(1, 0)))
    at = np.sort(np.concatenate(cuts))
    first, width = at[:-1], np.diff(at)
    segment = np.minimum(first.astype(np.intp), len(step) - 1)
    inside = np.concatenate([first + _GAUSS * width, first + (1 - _GAUSS) * width]) - np.tile(segment, 2)
    segment = np.tile(segment, 2)
    x, y = (start[segment] + inside[:, None] * step[segment]).T
    return x, y, np.tile(width / 2, 2), segment


def stroke(points: Float, weights: Float, *, name: str) -> Psf:
    """PSF of a polyline that spends ``weights[i]`` of the exposure on its segment ``i``, moved to its centroid.

    The weight of pixel (i, j) is the integral of ``hat(x - i) hat(y - j)`` over time; hats keep the centroid exactly.
    """
    middle = (points[:-1] + points[1:]) / 2
    points = points - weights @ middle / weights.sum()
    half_x, half_y = (side(name, reach) + 1 for reach in np.abs(points).max(axis=0))
    x, y, share, segment = nodes(points * (1, -1) + (half_x, half_y))  # rows count downwards
    column, row = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    u, v, light = x - column, y - row, share * weights[segment]
    width, height = 2 * half_x + 2, 2 * half_y + 2
    index = row * width + column
    grid = np.bincount(
        np.concatenate([index, index + 1, index + width, index + width + 1]),
        np.concatenate([light * (1 - u) * (1 - v), light * u * (1 - v), light * (1 - u) * v, light * u * v]),
        minlength=width * height,
    )
    return finish(np.asarray(grid, np.float64).reshape(height, width)[:-1, :-1])


def filled(outline: Float, *, name: str) -> Psf:
    """PSF of evenly lit area inside a closed outline whose centroid is the origin.

    By Green's theorem the integral of ``hat(x - i) hat(y - j)`` over the area is the integral along the outline of
    ``hat(y - j) H(x - i) dy`` with ``H`` the primitive of ``hat``. ``H`` is 1 left of the outline, so its differences,
    three quadratic B-spline weights a node, are summed up along the rows at the end.
    """
    half_x, half_y = (side(name, reach) + 1 for reach in np.abs(outline).max(axis=0))
    closed = np.concatenate([outline, outline[:1]]) * (1, -1) + (half_x + 1, half_y)
    x, y, share, segment = nodes(closed)
    column, row = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    u, v, rise = x - column, y - row, share * np.diff(closed[:, 1])[segment]
    width, height = 2 * half_x + 3, 2 * half_y + 2
    spline = ((1 - u) ** 2 / 2, 0.5 + u - u * u, u * u / 2)
    index = row * width + column
    grid = np.bincount(
        np.concatenate([index + dy * width + dx - 1 for dy in (0, 1) for dx in (0, 1, 2)]),
        np.concatenate([rise * line * part for line in (1 - v, v) for part in spline]),
        minlength=width * height,
    )
    area = np.cumsum(grid.reshape(height, width)[:, ::-1], axis=1)[:, ::-1]
    return finish(np.abs(area)[:-1, 1:-1])
