"""What a transform does to one picture, apart from the library it plugs into.

A :class:`Degradation` says which parameters are drawn and how a picture changes under given ones: ``draw`` has all the
randomness, ``prepare`` has none. The torchvision and albumentations classes inherit from the same degradation, so their
names, parameters and results cannot differ. Nothing here imports torch.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata.color import curve as named_curve
from blurdata.convolution import convolve
from blurdata.convolution.border import check_border
from blurdata.transforms.highlights import bloom
from blurdata.transforms.ranges import Bounds, Drawn, Range, probability

Array = NDArray[Any]
Params = dict[str, Any]
Degrade = Callable[[Array, int], Array]


class Degradation:
    """Base of everything that degrades a picture.

    Args:
        p: Probability that a sample is changed at all.
    """

    p: float

    def __init__(self, *, p: float = 1.0) -> None:
        super().__init__()  # torch.nn.Module or albumentations' base, whichever this class is mixed with
        self.p = probability(p)
        self._draws: dict[str, Drawn] = {}

    def _range(self, name: str, given: Any, **bounds: float) -> float | tuple[float, float]:
        """Check a parameter that is drawn per sample, register it, and return what the public attribute holds."""
        drawn = Range.of(name, given, **bounds)
        self._draws[name] = drawn
        return drawn.value

    @property
    def uniforms(self) -> int:
        """How many uniform numbers :meth:`draw` takes."""
        return len(self._draws)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters that are drawn."""
        return tuple(self._draws)

    def drawn(self, name: str) -> Drawn | None:
        """How the parameter ``name`` is drawn, None if it is not."""
        return self._draws.get(name)

    def draw(self, uniforms: Sequence[float]) -> Params:
        """The parameters of one sample, in physical units, from uniform numbers in [0, 1)."""
        return {name: drawn.at(u) for (name, drawn), u in zip(self._draws.items(), uniforms, strict=True)}

    @abstractmethod
    def prepare(self, params: Mapping[str, Any]) -> Degrade:
        """A function that degrades one frame: (H, W) or (H, W, C) uint8, uint16 or float, and its number in the clip."""

    def kernel(self, params: Mapping[str, Any]) -> NDArray[np.float32] | None:
        """The PSF if this degradation is one convolution, else None."""
        return None

    @staticmethod
    def at_severity(severity: float) -> Params:
        """The parameters that say how strong the degradation is, at a severity in [0, 1]; the others stay as drawn."""
        return {}


class LightBlur(Degradation):
    """Base of the blurs, all of which are linear in light.

    Args:
        curve: Response curve of the code values: ``"srgb"``, ``"gamma22"``, ``"linear"`` (blur the code values), or the path of a table.
        highlights: Light that clipped places get back before they are blurred, in units of white; 0 is none.
        p: Probability that a sample is changed at all.
    """

    def __init__(self, *, curve: str | Path, highlights: Bounds, p: float) -> None:
        super().__init__(p=p)
        self.curve = check_curve(curve)
        self.highlights = self._range("highlights", highlights, at_least=0)
        if self.highlights == 0:
            del self._draws["highlights"]

    @abstractmethod
    def blur(self, params: Mapping[str, Any]) -> Callable[[Array, str], Array]:
        """A function that blurs a picture whose code values have the named curve."""

    def prepare(self, params: Mapping[str, Any]) -> Degrade:
        """A function that blurs a frame, its highlights bloomed."""
        blur, alpha = self.blur(params), params.get("highlights", 0)

        def degrade(image: Array, frame: int = 0) -> Array:
            return bloom(image, alpha, self.curve, blur)

        return degrade


class KernelBlur(LightBlur):
    """Base of the blurs that are one convolution, ``b = k * I``.

    Args:
        border: ``"reflect"`` (the edge sample is not repeated), ``"replicate"`` or ``"constant"`` (black).
    """

    def __init__(self, *, curve: str | Path, border: str, highlights: Bounds, p: float) -> None:
        super().__init__(curve=curve, highlights=highlights, p=p)
        self.border = check_border(border)

    @abstractmethod
    def kernel(self, params: Mapping[str, Any]) -> NDArray[np.float32]:
        """The PSF: (K, L) float32, odd sides, sum 1, centred."""

    def blur(self, params: Mapping[str, Any]) -> Callable[[Array, str], Array]:
        """Convolution with the PSF of these parameters."""
        kernel = self.kernel(params)
        return lambda image, curve: convolve(image, kernel, curve=curve, border=self.border)


def check_curve(name: Any) -> str:
    """The curve's name or path as text.

    Raises:
        TypeError: If it is neither.
        ValueError: If there is no such curve, or it is forward-only.
    """
    if not isinstance(name, (str, Path)):
        msg = f"curve must be a name or a path, got {name!r}."
        raise TypeError(msg)
    if not named_curve(name).invertible:
        msg = f"The curve '{name}' is forward-only, pictures cannot be decoded with it; use 'srgb', 'gamma22', 'linear' or a table."
        raise ValueError(msg)
    return str(name)
