"""What does an out-of-focus point become? The picture of the aperture: a disk, or the polygon of its blades."""

import math

import numpy as np

from blurdata.psf._checks import number, whole
from blurdata.psf._raster import Float, Psf, filled

_SAGITTA_PX = 2e-4  # how far a chord may lie from its arc; the outline keeps the arc's area, so the error averages out
_POINT_PX = 1e-6  # an area under 1e-12 px² drowns in rounding


def disk(radius_px: float) -> Psf:
    """PSF of defocus through a round aperture: an evenly lit disk.

    Args:
        radius_px: Radius in pixels, any fraction, 0 or more; 0 is no blur.

    Returns:
        (K, K) float32, odd sides, sum 1, centred.

    Raises:
        ValueError: If the radius is not finite, negative, or enormous.

    Example:
        >>> disk(0.0)
        array([[1.]], dtype=float32)
    """
    radius = number("radius_px", radius_px)
    if radius < _POINT_PX:
        return np.ones((1, 1), np.float32)
    count = 4 * math.ceil(min(math.pi / 2 / _turn(radius), 1000))  # a multiple of 4 keeps the symmetry
    return filled(_arc(radius, 2 * np.pi * np.arange(count) / count, 2 * np.pi / count), name="radius_px")


def polygon(radius_px: float, *, blades: int, rotation_deg: float = 0.0, roundness: float = 0.0) -> Psf:
    """PSF of defocus through an aperture of ``blades`` blades: an evenly lit regular polygon.

    Args:
        radius_px: Distance of the corners from the centre, in pixels, 0 or more; 0 is no blur.
        blades: Number of blades, 3 to 64.
        rotation_deg: Turns the polygon counter-clockwise; at 0 one corner points to +x.
        roundness: 0 is straight blades, 1 a full disk; between them the blades bend evenly out to the circle.

    Returns:
        (K, L) float32, odd sides, sum 1, centred.

    Raises:
        ValueError: If an argument is not finite or out of range.

    Example:
        >>> polygon(5, blades=6).shape
        (11, 11)
    """
    radius, bend = number("radius_px", radius_px), number("roundness", roundness, high=1)
    turn = np.deg2rad(number("rotation_deg", rotation_deg, low=-np.inf) % 360)
    count = whole("blades", blades, low=3, high=64)
    if radius < _POINT_PX:
        return np.ones((1, 1), np.float32)
    if bend == 1:
        return disk(radius)
    blade = 2 * np.pi / count
    pieces = 1 if bend == 0 else math.ceil(min(blade / _turn(radius), 1000))
    corners = turn + blade * np.arange(count)[:, None]
    along = np.arange(pieces) / pieces
    straight = _edges(radius, corners, blade, along)
    arcs = radius * np.stack([np.cos(corners + blade * along), np.sin(corners + blade * along)], axis=-1)
    return filled((straight + bend * (arcs - straight)).reshape(-1, 2), name="radius_px")


def _turn(radius: float) -> float:
    """Angle between two vertices at which a chord stays within ``_SAGITTA_PX`` of its arc."""
    return math.sqrt(8 * min(_SAGITTA_PX, radius / 50) / radius)


def _arc(radius: float, angles: Float, step: float) -> Float:
    """Vertices on the circle, moved out so that the polygon has the circle's area."""
    reach = radius * math.sqrt(step / math.sin(step))
    return reach * np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def _edges(radius: float, corners: Float, blade: float, along: Float) -> Float:
    """Points at fractions ``along`` of each straight edge: (blades, pieces, 2)."""
    start = radius * np.stack([np.cos(corners), np.sin(corners)], axis=-1)
    end = radius * np.stack([np.cos(corners + blade), np.sin(corners + blade)], axis=-1)
    return np.asarray(start + along[None, :, None] * (end - start))
