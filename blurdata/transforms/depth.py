"""A lens out of focus by as much as each thing is away from the distance in focus."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata import psf
from blurdata.convolution import convolve_depth
from blurdata.transforms.degradation import Array, LightBlur, Params
from blurdata.transforms.ranges import Bounds, Range


class DepthDefocusBlur(LightBlur):
    """Defocus of a thin lens by depth: near things spread over far ones, far ones never over near ones.

    The radius of a point follows from its depth (:func:`blurdata.psf.circle_of_confusion`); the picture's longer side is taken as
    ``sensor_mm`` wide, so the blur grows with the picture. With a depth map in the sample (:class:`Depth`; ``depth=`` for albumentations,
    metres) that map is used. Without one the scene is a slanted plane from ``near_m`` to ``far_m`` (linear in 1 / depth, as a plane is).

    Args:
        f_number: Focal length over aperture; smaller is more blur. A number fixes it, a pair is a uniform range.
        focus_m: Distance in focus, beyond the focal length.
        focal_length_mm: Focal length of the lens.
        sensor_mm: Length of the sensor's longer side; 36 is full frame.
        near_m: Depth of the nearest corner of the plane.
        far_m: Depth of its farthest corner.
        slant_deg: Direction in which the plane recedes, counter-clockwise from +x; 90 is away at the top, as ground is.
        curve: Response curve of the code values: ``"srgb"``, ``"gamma22"``, ``"linear"`` or the path of a table.
        highlights: Light that clipped places get back, in units of white, so that lamps become white disks; 0 is none, RSBlur
            draws from (0.25, 1.75). See :mod:`blurdata.transforms.highlights`; leave it 0 for HDR pictures.
        p: Probability that a sample is changed at all.

    Example:
        >>> DepthDefocusBlur(f_number=2, focus_m=1.5).draw([0.5, 0.5, 0.5, 0.5, 0.25])
        {'f_number': 2.0, 'focus_m': 1.5, 'near_m': 0.5, 'far_m': 10.0, 'slant_deg': 90.0}
    """

    def __init__(
        self,
        f_number: Bounds = (1.4, 8),
        focus_m: Bounds = (0.5, 5),
        *,
        focal_length_mm: float = 50.0,
        sensor_mm: float = 36.0,
        near_m: Bounds = 0.5,
        far_m: Bounds = 10.0,
        slant_deg: Bounds = (0, 360),
        curve: str | Path = "srgb",
        highlights: Bounds = 0.0,
        p: float = 1.0,
    ) -> None:
        super().__init__(curve=curve, highlights=highlights, p=p)
        self.focal_length_mm = _fixed("focal_length_mm", focal_length_mm)
        self.sensor_mm = _fixed("sensor_mm", sensor_mm)
        self.f_number = self._range("f_number", f_number, above=0)
        self.focus_m = self._range("focus_m", focus_m, above=self.focal_length_mm / 1000)
        self.near_m = self._range("near_m", near_m, above=0)
        self.far_m = self._range("far_m", far_m, above=0)
        self.slant_deg = self._range("slant_deg", slant_deg)

    def blur(self, params: Mapping[str, Any]) -> Callable[[Array, str], Array]:
        """Defocus by the depth map in ``params``, or by the slanted plane."""
        return lambda image, curve: convolve_depth(image, self.signed_radius(params, *image.shape[:2]), curve=curve)

    def signed_radius(self, params: Mapping[str, Any], height: int, width: int) -> NDArray[np.float64]:
        """(H, W) blur radius in pixels, positive in front of the distance in focus and negative beyond it."""
        depth = params.get("depth")
        if depth is None:
            depth = slanted_plane(height, width, params["near_m"], params["far_m"], params["slant_deg"])
        if np.shape(depth) != (height, width):
            msg = f"The depth map must have the picture's size {height}x{width}, got shape {np.shape(depth)}."
            raise ValueError(msg)
        pitch_um = 1000 * self.sensor_mm / max(height, width)
        radius = psf.circle_of_confusion(self.focal_length_mm, params["f_number"], params["focus_m"], depth, pitch_um)
        return np.where(np.asarray(depth) < params["focus_m"], radius, -radius)

    @staticmethod
    def at_severity(severity: float) -> Params:
        """An aperture of down to f/1.4."""
        return {"f_number": 1.4 / max(severity, 1e-3)}


def slanted_plane(height: int, width: int, near_m: float, far_m: float, slant_deg: float) -> NDArray[np.float64]:
    """(H, W) depth in metres of a plane that recedes towards ``slant_deg``: linear in 1 / depth."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    turn = np.deg2rad(slant_deg)
    along = (x - (width - 1) / 2) * np.cos(turn) - (y - (height - 1) / 2) * np.sin(turn)
    span = max(float(np.ptp(along)), 1e-9)
    share = (along - along.min()) / span
    return np.asarray(1 / ((1 - share) / near_m + share / far_m))


def _fixed(name: str, given: Any) -> float:
    drawn = Range.of(name, given, above=0)
    if drawn.low != drawn.high:
        msg = f"{name} belongs to the camera and is one number, got {given!r}."
        raise ValueError(msg)
    return drawn.low
