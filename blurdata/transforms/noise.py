"""The noise of a sensor."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from blurdata.sensor import NoiseLevel, poisson_gaussian
from blurdata.transforms.degradation import Array, Degradation, Degrade, Params, check_curve
from blurdata.transforms.light import to_codes, to_light
from blurdata.transforms.ranges import Bounds, Seed


class SensorNoise(Degradation):
    """Poisson-Gaussian noise in linear light: ``y = K Poisson(x / K) + N(0, s²)``; the variance is ``K x + s²``.

    Put it behind a blur: a camera blurs first and adds noise later.

    Args:
        shot: K, the light of one electron in units of white, 0 or more: 1e-4 is a sensor of 10,000 electrons. A number
            fixes it, a pair is a uniform range. Cameras of the literature: ``blurdata.sensor.NOISE_LEVELS``.
        read: s, standard deviation of the read noise in units of white.
        curve: Response curve of the code values: ``"srgb"``, ``"gamma22"``, ``"linear"`` or the path of a table.
        p: Probability that a sample is changed at all.

    Besides these, ``seed`` is drawn: the same seed gives the same noise; every frame of a clip has its own. On a CUDA tensor
    the noise is drawn there: the same law and as repeatable, but other numbers than on the CPU.

    Example:
        >>> SensorNoise(shot=1e-4, read=1e-3).draw([0.0, 0.0, 0.5])
        {'shot': 0.0001, 'read': 0.001, 'seed': 2147483648}
    """

    def __init__(
        self,
        shot: Bounds = (5e-5, 1e-3),
        read: Bounds = (5e-4, 5e-3),
        *,
        curve: str | Path = "srgb",
        p: float = 1.0,
    ) -> None:
        super().__init__(p=p)
        self.curve = check_curve(curve)
        self.shot = self._range("shot", shot, at_least=0)
        self.read = self._range("read", read, at_least=0)
        self._draws["seed"] = Seed()

    def prepare(self, params: Mapping[str, Any]) -> Degrade:
        """A function that adds the noise of these parameters to a frame."""
        level = NoiseLevel(params["shot"], params["read"])

        def degrade(image: Array, frame: int = 0) -> Array:
            rng = np.random.default_rng([params["seed"], frame])
            return to_codes(poisson_gaussian(to_light(image, self.curve), level, rng), self.curve, image.dtype)

        return degrade

    @staticmethod
    def at_severity(severity: float) -> Params:
        """Up to K = 1e-3 (1,000 electrons) and s = 5e-3."""
        return {"shot": 1e-3 * severity, "read": 5e-3 * severity}
