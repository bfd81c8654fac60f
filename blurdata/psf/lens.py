"""How large is the blur of a point at a given depth? The thin lens."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blurdata.psf._checks import number


def circle_of_confusion(
    focal_length_mm: float, f_number: float, focus_distance_m: float, depth_m: ArrayLike, pixel_pitch_um: float
) -> NDArray[np.float64]:
    """Radius in pixels of the blur disk of points at ``depth_m``, through a thin lens focused at ``focus_distance_m``.

    The diameter on the sensor is ``A f |d - s| / (d (s - f))`` with the aperture ``A = f / N``, the focal length ``f``, the
    focus distance ``s`` and the depth ``d``, all from the lens (e.g. Potmesil and Chakravarty, 1981). Give the radius to
    :func:`disk` or :func:`polygon`.

    Args:
        focal_length_mm: Focal length, above 0.
        f_number: Focal length over aperture diameter, above 0.
        focus_distance_m: Distance in focus, beyond the focal length; infinity is allowed.
        depth_m: Distance of the points, any shape, above 0; infinity is allowed.
        pixel_pitch_um: Distance of two pixels on the sensor, above 0.

    Returns:
        float64 array of the shape of ``depth_m``, radius in pixels, 0 in focus.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> circle_of_confusion(50, 1.8, 2.0, [1.0, 2.0, 4.0], 5.0).round(1)
        array([71.2,  0. , 35.6])
    """
    f = number("focal_length_mm", focal_length_mm, open_low=True) / 1e3
    aperture = f / number("f_number", f_number, open_low=True)
    pitch = number("pixel_pitch_um", pixel_pitch_um, open_low=True) / 1e6
    focus = float(focus_distance_m)
    if not focus > f:
        msg = f"focus_distance_m must lie beyond the focal length ({f:g} m), got {focus_distance_m!r}."
        raise ValueError(msg)
    depth = np.asarray(depth_m, np.float64)
    if not (depth > 0).all():  # also catches NaN
        msg = f"depth_m must be above 0 everywhere, got {depth.min()}."
        raise ValueError(msg)
    # |1/d - 1/s| = |d - s| / (d s) holds for infinite distances too; s / (s - f) is the extension of the bellows
    extension = 1.0 if np.isinf(focus) else focus / (focus - f)
    diameter = aperture * f * np.abs(1 / depth - 1 / focus) * extension
    return np.asarray(diameter / 2 / pitch)
