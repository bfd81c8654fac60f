"""One blur out of all of them, with one number that says how strong."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata.transforms.defocus import DefocusBlur
from blurdata.transforms.degradation import Array, Degradation, Degrade, LightBlur, Params, check_curve
from blurdata.transforms.depth import DepthDefocusBlur
from blurdata.transforms.gaussian import GaussianBlur
from blurdata.transforms.motion import MotionBlur
from blurdata.transforms.noise import SensorNoise
from blurdata.transforms.ranges import Bounds, Choice, IntRange, Range, Seed
from blurdata.transforms.saturation import Saturation
from blurdata.transforms.shake import CameraShakeBlur
from blurdata.transforms.zoom import ZoomBlur

KINDS: dict[str, type[Degradation]] = {
    "motion": MotionBlur,
    "shake": CameraShakeBlur,
    "defocus": DefocusBlur,
    "gaussian": GaussianBlur,
    "zoom": ZoomBlur,
    "depth": DepthDefocusBlur,
    "noise": SensorNoise,
    "saturation": Saturation,
}
_DEFAULT_WEIGHTS = {"motion": 1.0, "shake": 1.0, "defocus": 1.0, "gaussian": 1.0, "zoom": 1.0, "depth": 1.0}


class AnyBlur(Degradation):
    """A weighted choice of all blurs; ``severity`` sets how strong, everything else (direction, trajectory, …) is drawn.

    At severity 1 a stroke or trajectory is 31 px, a disk 10 px in radius, a Gaussian 5 px in sigma, a zoom 20 %; half the
    severity is half of that; 0 is no change.

    Args:
        weights: Kind to relative weight among ``motion``, ``shake``, ``defocus``, ``gaussian``, ``zoom``, ``depth``, ``noise``
            and ``saturation``; kinds left out are not drawn. None weights the six blurs alike. (ImageNet-C's blur is for
            testing and is not among them: training on it would spoil the test.)
        severity: 0 to 1. A number fixes it, a pair is a uniform range.
        curve: Response curve of the code values: ``"srgb"``, ``"gamma22"``, ``"linear"`` or the path of a table.
        highlights: Light that clipped places get back before a blur, in units of white; 0 is none. See :class:`MotionBlur`.
        p: Probability that a sample is changed at all.

    What was drawn names ``kind``, ``severity`` and the parameters of that kind; in a batch the parameters of other kinds are NaN.

    Example:
        >>> AnyBlur(weights={"motion": 3, "defocus": 1}, severity=0.5).draw([0.9, 0.0, 0.0, 0.0])
        {'kind': 'defocus', 'severity': 0.5, 'radius_px': 5.0}
    """

    def __init__(
        self,
        weights: Mapping[str, float] | None = None,
        severity: Bounds = (0, 1),
        *,
        curve: str | Path = "srgb",
        highlights: Bounds = 0.0,
        p: float = 1.0,
    ) -> None:
        super().__init__(p=p)
        self.curve = check_curve(curve)
        self.weights = _check_weights(_DEFAULT_WEIGHTS if weights is None else weights)
        self.highlights = Range.of("highlights", highlights, at_least=0).value
        self._children = {kind: self._child(KINDS[kind]) for kind in self.weights}
        self._draws["kind"] = Choice(tuple(self.weights), tuple(self.weights.values()))
        self.severity = self._range("severity", severity, at_least=0, at_most=1)

    def _child(self, kind: type[Degradation]) -> Degradation:
        options: dict[str, Any] = {"curve": self.curve}
        return kind(**options, highlights=self.highlights) if issubclass(kind, LightBlur) else kind(**options)

    @property
    def uniforms(self) -> int:
        """Two for kind and severity, and as many as the largest kind takes."""
        return 2 + max(child.uniforms for child in self._children.values())

    @property
    def names(self) -> tuple[str, ...]:
        """``kind``, ``severity`` and the parameters of all kinds."""
        return tuple(dict.fromkeys([*self._draws, *(name for child in self._children.values() for name in child.names)]))

    def draw(self, uniforms: Sequence[float]) -> Params:
        """Kind, severity, and that kind's parameters at this severity."""
        kind, severity = self._draws["kind"].at(uniforms[0]), self._draws["severity"].at(uniforms[1])
        child = self._children[kind]
        drawn = child.draw(uniforms[2 : 2 + child.uniforms])
        return {"kind": kind, "severity": severity, **drawn, **child.at_severity(severity)}

    def chosen(self, params: Mapping[str, Any]) -> tuple[Degradation, Params]:
        """The degradation that ``params`` chose, and its own parameters."""
        child = self._children[params["kind"]]
        whole = (IntRange, Seed)  # in a batch whole numbers come as floats, because other kinds' are NaN
        own = {name: int(params[name]) if isinstance(child.drawn(name), whole) else params[name] for name in child.names}
        return child, own | ({"depth": params["depth"]} if "depth" in params else {})

    def prepare(self, params: Mapping[str, Any]) -> Degrade:
        """The function of the chosen kind."""
        if params["severity"] == 0:
            return _unchanged
        child, own = self.chosen(params)
        return child.prepare(own)

    def kernel(self, params: Mapping[str, Any]) -> NDArray[np.float32] | None:
        """The PSF of the chosen kind, None where it has none."""
        if params["severity"] == 0:
            return None
        child, own = self.chosen(params)
        return child.kernel(own)


def _unchanged(image: Array, frame: int = 0) -> Array:
    return image


def _check_weights(weights: Any) -> dict[str, float]:
    if not isinstance(weights, Mapping):
        msg = f"weights must map kinds to numbers, got {weights!r}."
        raise TypeError(msg)
    for kind, weight in weights.items():
        if kind not in KINDS:
            msg = f"weights: there is no kind {kind!r}; the kinds are {', '.join(KINDS)}."
            raise ValueError(msg)
        Range.of(f"weights[{kind!r}]", weight, at_least=0)
    if not any(weights.values()):
        msg = "weights: at least one kind must weigh more than 0."
        raise ValueError(msg)
    return {kind: float(weight) for kind, weight in weights.items() if weight > 0}
