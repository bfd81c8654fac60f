"""A lens that zooms, or a camera that rolls, during the exposure."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.transforms.degradation import Array, Degradation, Degrade, Params, check_border, check_curve
from blurdata.transforms.light import to_codes, to_light
from blurdata.transforms.ranges import Bounds

_BORDERS = {"reflect": cv2.BORDER_REFLECT_101, "replicate": cv2.BORDER_REPLICATE, "constant": cv2.BORDER_CONSTANT}


class ZoomBlur(Degradation):
    """Blur by zoom and roll: the mean, in linear light, of the picture magnified and turned about its middle.

    The magnification runs evenly (in its logarithm) from ``zoom ** -0.5`` to ``zoom ** 0.5`` and the turn from ``-roll_deg / 2``
    to ``roll_deg / 2``, so that nothing is shifted on the whole; steps are at most a pixel in the corners.

    Args:
        zoom: Magnification at the end of the exposure over that at its start, 1 or more; 1 is none. A number fixes it, a pair
            is a uniform range.
        roll_deg: Turn of the picture during the exposure, counter-clockwise; 0 is none.
        curve: Response curve of the code values: ``"srgb"``, ``"gamma22"``, ``"linear"`` or the path of a table.
        border: ``"reflect"``, ``"replicate"`` or ``"constant"`` (black).
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
        p: float = 1.0,
    ) -> None:
        super().__init__(p=p)
        self.curve, self.border = check_curve(curve), check_border(border)
        self.zoom = self._range("zoom", zoom, at_least=1, at_most=4)
        self.roll_deg = self._range("roll_deg", roll_deg, at_least=-180, at_most=180)

    def prepare(self, params: Mapping[str, Any]) -> Degrade:
        """A function that zooms and rolls a frame."""

        def degrade(image: Array, frame: int = 0) -> Array:
            if params["zoom"] == 1 and params["roll_deg"] == 0:
                return image
            work = np.float64 if image.dtype.kind == "u" and image.dtype.itemsize > 1 else np.float32
            light = to_light(image, self.curve).astype(work).reshape(*image.shape[:2], -1)
            matrices = list(camera_steps(image.shape[0], image.shape[1], params["zoom"], params["roll_deg"]))
            planes = [_mean_of_steps(light[..., c : c + 4], matrices, self.border) for c in range(0, light.shape[2], 4)]
            return to_codes(np.concatenate(planes, axis=-1).reshape(image.shape).astype(np.float64), self.curve, image.dtype)

        return degrade

    @staticmethod
    def at_severity(severity: float) -> Params:
        """A zoom of up to 20 %."""
        return {"zoom": 1 + 0.2 * severity}


def camera_steps(height: int, width: int, zoom: float, roll_deg: float) -> Iterator[NDArray[np.float64]]:
    """For moments evenly over the exposure the (2, 3) matrix from a pixel x, y to where its light came from."""
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    travel = math.hypot(math.log(zoom), math.radians(roll_deg)) * math.hypot(*middle)
    steps = max(math.ceil(travel), 1)
    for step in range(steps):
        moment = (step + 0.5) / steps - 0.5
        turn, scale = math.radians(roll_deg * moment), zoom**-moment
        # y points down in the array, so a counter-clockwise turn of the picture reads from clockwise places there
        linear = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        yield np.column_stack([linear, middle - linear @ middle])


def _mean_of_steps(light: Array, matrices: list[NDArray[np.float64]], border: str) -> Array:
    """The mean of (H, W, C) light read at the places of each matrix; OpenCV warps up to four channels at once."""
    planes = np.ascontiguousarray(light)
    total, warped = np.zeros_like(planes), np.empty_like(planes)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for matrix in matrices:  # into one buffer: a fresh one a step costs more than the warp
        cv2.warpAffine(planes, matrix, planes.shape[1::-1], dst=warped, flags=flags, borderMode=_BORDERS[border])
        cv2.add(total, warped, dst=total)
    return total / len(matrices)
