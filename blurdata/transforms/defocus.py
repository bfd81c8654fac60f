"""A lens out of focus, the same over the whole picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata import psf
from blurdata.psf._checks import MAX_SIDE
from blurdata.transforms.degradation import KernelBlur, Params
from blurdata.transforms.ranges import Bounds, IntRange


class DefocusBlur(KernelBlur):
    """Defocus: every point becomes a picture of the aperture, a disk or a polygon of blades.

    Args:
        radius_px: Radius of the disk, or distance of the polygon's corners from its centre, in pixels, 0 to 2047; 0 is no
            blur. A number fixes it, a pair is a uniform range; fractions count.
        blades: None for a round aperture; a whole number from 3 to 64, or a pair of them, for a polygon.
        rotation_deg: Turns the polygon counter-clockwise; of no effect on a disk.
        roundness: 0 for straight blades, 1 for a full disk.
        curve: Response curve of the code values: ``"srgb"``, ``"gamma22"``, ``"linear"`` or the path of a table.
        border: ``"reflect"``, ``"replicate"`` or ``"constant"`` (black).
        highlights: Light that clipped places get back, in units of white, so that lamps leave white trails; 0 is none, RSBlur
            draws from (0.25, 1.75). See :mod:`blurdata.transforms.highlights`; leave it 0 for HDR pictures.
        p: Probability that a sample is changed at all.

    Example:
        >>> DefocusBlur(radius_px=(1, 10)).draw([0.5])
        {'radius_px': 5.5}
        >>> DefocusBlur(4, blades=(5, 9), rotation_deg=0).draw([0.5, 0.5, 0.5, 0.5])
        {'radius_px': 4.0, 'blades': 7, 'rotation_deg': 0.0, 'roundness': 0.0}
    """

    def __init__(
        self,
        radius_px: Bounds = (1, 10),
        *,
        blades: int | tuple[int, int] | None = None,
        rotation_deg: Bounds = (0, 360),
        roundness: Bounds = 0.0,
        curve: str | Path = "srgb",
        border: str = "reflect",
        highlights: Bounds = 0.0,
        p: float = 1.0,
    ) -> None:
        super().__init__(curve=curve, border=border, highlights=highlights, p=p)
        self.radius_px = self._range("radius_px", radius_px, at_least=0, at_most=MAX_SIDE // 2 - 1)
        self.blades: int | tuple[int, int] | None = None
        polygon = blades is not None
        if polygon:
            drawn = IntRange.of("blades", blades, at_least=3, at_most=64)
            self._draws["blades"], self.blades = drawn, drawn.value
        self.rotation_deg = self._range("rotation_deg", rotation_deg)
        self.roundness = self._range("roundness", roundness, at_least=0, at_most=1)
        if not polygon:
            del self._draws["rotation_deg"], self._draws["roundness"]

    def kernel(self, params: Mapping[str, Any]) -> NDArray[np.float32]:
        """The aperture's PSF."""
        if self.blades is None:
            return psf.disk(params["radius_px"])
        return psf.polygon(params["radius_px"], blades=params["blades"], rotation_deg=params["rotation_deg"], roundness=params["roundness"])

    @staticmethod
    def at_severity(severity: float) -> Params:
        """A radius of up to 10 px."""
        return {"radius_px": 10 * severity}
