"""What does a moving camera draw? Straight motion, and any path."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blurdata.psf._checks import number
from blurdata.psf._raster import Float, Psf, stroke


def motion(length_px: float, angle_deg: float, *, profile: ArrayLike | None = None) -> Psf:
    """PSF of straight motion: a stroke of ``length_px`` at ``angle_deg``.

    Args:
        length_px: Length of the segment travelled during the exposure, in pixels, 0 or more; 0 is no blur.
        angle_deg: Direction, counter-clockwise from +x with y up. Without a profile, 30 and 210 are the same.
        profile: (N,) relative speeds, 0 or more, in N equal slices of the exposure; None is constant speed. Slower parts
            are brighter: ``[1, 3]`` spends half of the time on the first quarter of the stroke.

    Returns:
        (K, L) float32, odd sides, sum 1, centred.

    Raises:
        ValueError: If a number is not finite, negative, or enormous, or no speed is above 0.

    Example:
        >>> motion(2, 0).round(3)
        array([[0.25, 0.5 , 0.25]], dtype=float32)
    """
    points = motion_path(length_px, angle_deg, profile=profile)
    return stroke(points, np.ones(len(points) - 1), name="length_px")


def motion_path(length_px: float, angle_deg: float, *, profile: ArrayLike | None = None) -> Float:
    """The path that :func:`motion` integrates: (N + 1, 2) float64 points x, y in pixels (y up), equal time between two.

    Example:
        >>> motion_path(4, 0, profile=[1, 3])
        array([[-2., -0.],
               [-1., -0.],
               [ 2.,  0.]])
    """
    length = number("length_px", length_px)
    angle = np.deg2rad(number("angle_deg", angle_deg, low=-np.inf) % 360)
    speed = np.ones(1) if profile is None else _speeds(profile)
    along = np.concatenate([[0.0], np.cumsum(speed)]) / speed.sum() - 0.5
    return np.asarray(length * along[:, None] * (np.cos(angle), np.sin(angle)))


def from_path(points_xy: ArrayLike) -> Psf:
    """PSF of a path of the image over the sensor, given by points with equal time between each two.

    Between points the motion is straight and even; a point given twice is a rest. The path is moved to its centroid in time.

    Args:
        points_xy: (N, 2) positions in pixels, x right, y up, N of at least 1.

    Returns:
        (K, L) float32, odd sides, sum 1, centred.

    Raises:
        ValueError: If the points are no (N, 2) finite numbers, or span an enormous PSF.

    Example:
        >>> from_path([(0, 0), (2, 0)]).round(3)
        array([[0.25, 0.5 , 0.25]], dtype=float32)
    """
    points = np.asarray(points_xy, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        msg = f"points_xy must be (N, 2) positions x, y with at least one point, got shape {points.shape}."
        raise ValueError(msg)
    if not np.isfinite(points).all():
        msg = f"points_xy must be finite, got {points[~np.isfinite(points).all(axis=1)][0]} among them."
        raise ValueError(msg)
    if len(points) == 1:
        points = np.repeat(points, 2, axis=0)
    return stroke(points - points[0], np.ones(len(points) - 1), name="points_xy")


def _speeds(profile: ArrayLike) -> NDArray[np.float64]:
    speed = np.asarray(profile, np.float64)
    if speed.ndim != 1 or len(speed) == 0 or not np.isfinite(speed).all() or (speed < 0).any() or not speed.any():
        msg = f"profile must be a list of finite speeds of at least 0, not all 0, got {profile!r}."
        raise ValueError(msg)
    return speed
