"""Gaussian blur: the sum of many small causes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata import psf
from blurdata.psf._checks import MAX_SIDE
from blurdata.transforms.degradation import KernelBlur, Params
from blurdata.transforms.ranges import Bounds


class GaussianBlur(KernelBlur):
    """Gaussian blur in linear light, round or drawn out in one direction.

    Args:
        sigma_px: Standard deviation in pixels, 0 to 512; 0 is no blur. A number fixes it, a pair is a uniform range.
        ratio: Standard deviation across the direction over that along it, 0 to 1; 1 is a round Gaussian.
        angle_deg: Direction of the longer axis, counter-clockwise from +x with y up; of no effect where ``ratio`` is 1.
        curve: Response curve of the code values: ``"srgb"``, ``"gamma22"``, ``"linear"`` or the path of a table.
        border: ``"reflect"``, ``"replicate"`` or ``"constant"`` (black).
        highlights: Light that clipped places get back, in units of white, so that lamps leave white trails; 0 is none, RSBlur
            draws from (0.25, 1.75). See :mod:`blurdata.transforms.highlights`; leave it 0 for HDR pictures.
        p: Probability that a sample is changed at all.

    Example:
        >>> GaussianBlur(sigma_px=(0.5, 5)).draw([0.0, 0.5, 0.5])
        {'sigma_px': 0.5, 'ratio': 1.0, 'angle_deg': 90.0}
    """

    def __init__(
        self,
        sigma_px: Bounds = (0.5, 5),
        *,
        ratio: Bounds = 1.0,
        angle_deg: Bounds = (0, 180),
        curve: str | Path = "srgb",
        border: str = "reflect",
        highlights: Bounds = 0.0,
        p: float = 1.0,
    ) -> None:
        super().__init__(curve=curve, border=border, highlights=highlights, p=p)
        self.sigma_px = self._range("sigma_px", sigma_px, at_least=0, at_most=MAX_SIDE // 8)  # four sigmas each way
        self.ratio = self._range("ratio", ratio, at_least=0, at_most=1)
        self.angle_deg = self._range("angle_deg", angle_deg)

    def kernel(self, params: Mapping[str, Any]) -> NDArray[np.float32]:
        """The Gaussian's PSF."""
        if params["ratio"] == 1:
            return psf.gaussian(params["sigma_px"])
        return psf.anisotropic_gaussian(params["sigma_px"], params["ratio"] * params["sigma_px"], params["angle_deg"])

    @staticmethod
    def at_severity(severity: float) -> Params:
        """A standard deviation of up to 5 px."""
        return {"sigma_px": 5 * severity}
