"""Straight motion during the exposure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata import psf
from blurdata.psf._checks import MAX_SIDE
from blurdata.transforms.degradation import KernelBlur, Params
from blurdata.transforms.ranges import Bounds


class MotionBlur(KernelBlur):
    """Blur by straight, even motion: the light of a point is spread over a stroke, in linear light.

    Args:
        length_px: Length of the stroke in pixels, 0 to 4096; 0 is no blur. A number fixes it, a pair is a uniform range.
        angle_deg: Direction, counter-clockwise from +x with y up; 30 and 210 are the same.
        curve: Response curve of the code values: ``"srgb"``, ``"gamma22"``, ``"linear"`` or the path of a table.
        border: ``"reflect"``, ``"replicate"`` or ``"constant"`` (black).
        highlights: Light that clipped places get back, in units of white, so that lamps leave white trails; 0 is none, RSBlur
            draws from (0.25, 1.75). See :mod:`blurdata.transforms.highlights`; leave it 0 for HDR pictures.
        p: Probability that a sample is changed at all.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If a range is reversed, not finite or out of bounds.

    Example:
        >>> blur = MotionBlur(length_px=(3, 31), angle_deg=(0, 180))
        >>> blur.draw([0.5, 0.25])
        {'length_px': 17.0, 'angle_deg': 45.0}
    """

    def __init__(
        self,
        length_px: Bounds = (3, 31),
        angle_deg: Bounds = (0, 180),
        *,
        curve: str | Path = "srgb",
        border: str = "reflect",
        highlights: Bounds = 0.0,
        p: float = 1.0,
    ) -> None:
        super().__init__(curve=curve, border=border, highlights=highlights, p=p)
        self.length_px = self._range("length_px", length_px, at_least=0, at_most=MAX_SIDE - 1)
        self.angle_deg = self._range("angle_deg", angle_deg)

    def kernel(self, params: Mapping[str, Any]) -> NDArray[np.float32]:
        """The stroke's PSF."""
        return psf.motion(params["length_px"], params["angle_deg"])

    @staticmethod
    def at_severity(severity: float) -> Params:
        """A stroke of up to 31 px."""
        return {"length_px": 31 * severity}
