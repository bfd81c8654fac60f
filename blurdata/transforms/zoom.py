"""A lens that zooms, or a camera that rolls, during the exposure."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from blurdata.convolution import camera_blur
from blurdata.convolution.border import check_border
from blurdata.transforms.degradation import Array, LightBlur, Params
from blurdata.transforms.ranges import Bounds


class ZoomBlur(LightBlur):
    """Blur by zoom and roll: the mean, in linear light, of the picture magnified and turned about its middle.

    The magnification runs evenly (in its logarithm) from ``zoom ** -0.5`` to ``zoom ** 0.5`` and the turn from ``-roll_deg / 2``
    to ``roll_deg / 2``, so that nothing is shifted on the whole; steps are at most a pixel in the corners.

    Args:
        zoom: Magnification at the end of the exposure over that at its start, 1 or more; 1 is none. A number fixes it, a pair
            is a uniform range.
        roll_deg: Turn of the picture during the exposure, counter-clockwise; 0 is none.
        curve: Response curve of the code values: ``"srgb"``, ``"gamma22"``, ``"linear"`` or the path of a table.
        border: ``"reflect"``, ``"replicate"`` or ``"constant"`` (black).
        highlights: Light that clipped places get back, in units of white, so that lamps leave white trails; 0 is none, RSBlur
            draws from (0.25, 1.75). See :mod:`blurdata.transforms.highlights`; leave it 0 for HDR pictures.
        p: Probability that a sample is changed at all.

    Example:
        >>> ZoomBlur(zoom=(1.0, 1.2), roll_deg=3).draw([0.5, 0.0])
        {'zoom': 1.1, 'roll_deg': 3.0}
    """

    def __init__(
        self,
        zoom: Bounds = (1.02, 1.2),
        roll_deg: Bounds = 0.0,
        *,
        curve: str | Path = "srgb",
        border: str = "reflect",
        highlights: Bounds = 0.0,
        p: float = 1.0,
    ) -> None:
        super().__init__(curve=curve, highlights=highlights, p=p)
        self.border = check_border(border)
        self.zoom = self._range("zoom", zoom, at_least=1, at_most=4)
        self.roll_deg = self._range("roll_deg", roll_deg, at_least=-180, at_most=180)

    def blur(self, params: Mapping[str, Any]) -> Callable[[Array, str], Array]:
        """Zoom and roll by these parameters."""
        zoom, roll_deg = params["zoom"], params["roll_deg"]
        return lambda image, curve: camera_blur(image, zoom=zoom, roll_deg=roll_deg, curve=curve, border=self.border)

    @staticmethod
    def at_severity(severity: float) -> Params:
        """A zoom of up to 20 %."""
        return {"zoom": 1 + 0.2 * severity}
