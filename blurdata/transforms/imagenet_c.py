"""The blur of the ImageNet-C benchmark, as the field measures robustness with it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata import psf
from blurdata.convolution import imagenet_c_blur
from blurdata.transforms.degradation import Array, Degradation, Degrade
from blurdata.transforms.ranges import Choice, IntRange

KINDS = ("defocus", "motion", "gaussian")


class ImageNetCBlur(Degradation):
    """ImageNet-C's blur as imagecorruptions 1.1.2 computes it, for numbers that can be compared with published ones.

    This is a benchmark, not a camera: it works on code values, drops fractions, shifts the picture by 2 to 11 px (motion) and
    brightens it by up to 1.3 % (defocus). To train against blur use the other transforms. Grey and small pictures work. The
    corruption is defined on 8 bits: deeper and float pictures are rounded to 8 bits first.

    Args:
        kind: ``"defocus"``, ``"motion"`` or ``"gaussian"``, or several of them to choose among.
        severity: 1 to 5, or a pair of them.
        angle_deg: Of motion only, as imagecorruptions counts it; it draws from -45 to 45.
        p: Probability that a sample is changed at all.

    Example:
        >>> ImageNetCBlur(kind="motion", severity=3).draw([0.0, 0.0, 0.5])
        {'kind': 'motion', 'severity': 3, 'angle_deg': 0.0}
    """

    def __init__(
        self,
        kind: str | Sequence[str] = KINDS,
        severity: int | tuple[int, int] = (1, 5),
        *,
        angle_deg: float | tuple[float, float] = (-45, 45),
        p: float = 1.0,
    ) -> None:
        super().__init__(p=p)
        names = (kind,) if isinstance(kind, str) else tuple(kind)
        if not names or any(name not in KINDS for name in names):
            msg = f"kind must be one of {', '.join(KINDS)} or several of them, got {kind!r}."
            raise ValueError(msg)
        self.kind = kind if isinstance(kind, str) else names
        self._draws["kind"] = Choice(names, (1.0,) * len(names))
        drawn = IntRange.of("severity", severity, at_least=1, at_most=5)
        self._draws["severity"], self.severity = drawn, drawn.value
        self.angle_deg = self._range("angle_deg", angle_deg)

    def kernel(self, params: Mapping[str, Any]) -> NDArray[np.float32]:
        """The PSF, in code values: not centred (motion) nor of sum 1 (defocus); a picture smaller than it gets less of motion's."""
        return psf.imagenet_c(params["kind"], int(params["severity"]), angle_deg=params["angle_deg"])

    def prepare(self, params: Mapping[str, Any]) -> Degrade:
        """A function that corrupts a frame."""
        kind, severity, angle = params["kind"], int(params["severity"]), params["angle_deg"]

        def degrade(image: Array, frame: int = 0) -> Array:
            eight = _to_eight_bits(image)
            return _from_eight_bits(imagenet_c_blur(eight, kind, severity, angle_deg=angle), image.dtype)

        return degrade


def _to_eight_bits(image: Array) -> Array:
    if image.dtype == np.uint8:
        return image
    full = 65535 if image.dtype == np.uint16 else 1
    return np.asarray(np.rint(np.clip(image.astype(np.float64) / full, 0, 1) * 255), np.uint8)


def _from_eight_bits(image: Array, dtype: np.dtype[Any]) -> Array:
    if dtype == np.uint8:
        return image
    return image.astype(np.uint16) * np.uint16(257) if dtype == np.uint16 else np.asarray(image.astype(np.float64) / 255, dtype)
