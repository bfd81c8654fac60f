"""More light than the sensor can hold."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from blurdata.color import curve as named_curve
from blurdata.transforms.degradation import Array, Degradation, Degrade, Params, check_curve
from blurdata.transforms.light import to_codes, to_light
from blurdata.transforms.ranges import Bounds


class Saturation(Degradation):
    """Overexposure: ``clip(gain x, white)`` in linear light, so that highlights run into white while shadows only brighten.

    Integer pictures clip at their largest code. A float picture may hold more than white (HDR); there nothing that was above
    white is lost before, and everything above it is cut here, as the sensor does.

    Args:
        gain: Exposure over the right one, 1 or more; 1 is no change, 2 is one stop. A number fixes it, a pair is a uniform range.
        curve: Response curve of the code values: ``"srgb"``, ``"gamma22"``, ``"linear"`` or the path of a table.
        p: Probability that a sample is changed at all.

    Example:
        >>> grey = np.array([[0, 100, 200]], np.uint8)
        >>> Saturation(gain=2).prepare({"gain": 2.0})(grey, 0)
        array([[  0, 138, 255]], dtype=uint8)
    """

    def __init__(self, gain: Bounds = (1, 3), *, curve: str | Path = "srgb", p: float = 1.0) -> None:
        super().__init__(p=p)
        self.curve = check_curve(curve)
        self.gain = self._range("gain", gain, at_least=1)

    def prepare(self, params: Mapping[str, Any]) -> Degrade:
        """A function that overexposes a frame."""

        def degrade(image: Array, frame: int = 0) -> Array:
            if params["gain"] == 1:
                return image
            if image.dtype == np.uint8 and named_curve(self.curve).channels == 1:
                return np.asarray(self._exposed(np.arange(256, dtype=np.uint8), params["gain"])[image])
            return self._exposed(image, params["gain"])

        return degrade

    def _exposed(self, image: Array, gain: float) -> Array:
        return to_codes(np.minimum(gain * to_light(image, self.curve), 1.0), self.curve, image.dtype)

    @staticmethod
    def at_severity(severity: float) -> Params:
        """Up to three times the light."""
        return {"gain": 1 + 2 * severity}
