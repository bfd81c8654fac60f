"""A hand-held camera that trembles during the exposure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata import psf
from blurdata.psf._checks import MAX_SIDE
from blurdata.transforms.degradation import KernelBlur, Params
from blurdata.transforms.ranges import Bounds, Seed


class CameraShakeBlur(KernelBlur):
    """Blur by a random trajectory of the camera, after Boracchi and Foi (IEEE TIP 2012); see :func:`blurdata.psf.shake`.

    Args:
        extent_px: Longer side of the trajectory's bounding box in pixels, 0 to 2048; 0 is no blur. A number fixes it, a pair
            is a uniform range.
        inertia: 0 to 1, how long the camera keeps its direction.
        tremor: 0 or more, strength of the fast tremble.
        curve: Response curve of the code values: ``"srgb"``, ``"gamma22"``, ``"linear"`` or the path of a table.
        border: ``"reflect"``, ``"replicate"`` or ``"constant"`` (black).
        highlights: Light that clipped places get back, in units of white, so that lamps leave white trails; 0 is none, RSBlur
            draws from (0.25, 1.75). See :mod:`blurdata.transforms.highlights`; leave it 0 for HDR pictures.
        p: Probability that a sample is changed at all.

    Besides these, ``seed`` is drawn: the same seed and parameters give the same trajectory.

    Example:
        >>> blur = CameraShakeBlur(extent_px=20)
        >>> sorted(blur.draw([0.5, 0.5, 0.5, 0.5]))
        ['extent_px', 'inertia', 'seed', 'tremor']
    """

    def __init__(
        self,
        extent_px: Bounds = (5, 31),
        *,
        inertia: Bounds = 0.7,
        tremor: Bounds = 0.3,
        curve: str | Path = "srgb",
        border: str = "reflect",
        highlights: Bounds = 0.0,
        p: float = 1.0,
    ) -> None:
        super().__init__(curve=curve, border=border, highlights=highlights, p=p)
        self.extent_px = self._range("extent_px", extent_px, at_least=0, at_most=MAX_SIDE // 2)  # from its centroid a path may reach as far
        self.inertia = self._range("inertia", inertia, at_least=0, at_most=1)
        self.tremor = self._range("tremor", tremor, at_least=0)
        self._draws["seed"] = Seed()

    def kernel(self, params: Mapping[str, Any]) -> NDArray[np.float32]:
        """The trajectory's PSF."""
        rng = np.random.default_rng(params["seed"])
        return psf.shake(params["extent_px"], rng=rng, inertia=params["inertia"], tremor=params["tremor"])

    @staticmethod
    def at_severity(severity: float) -> Params:
        """A trajectory of up to 31 px."""
        return {"extent_px": 31 * severity}
