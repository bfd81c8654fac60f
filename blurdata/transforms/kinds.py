"""From a kind's name and texts to a degradation, for command lines."""

import inspect
from collections.abc import Mapping
from typing import Any

from blurdata.errors import did_you_mean
from blurdata.transforms.any_blur import KINDS, AnyBlur
from blurdata.transforms.degradation import Degradation, KernelBlur
from blurdata.transforms.imagenet_c import ImageNetCBlur

ALL_KINDS: dict[str, type[Degradation]] = {**KINDS, "imagenet-c": ImageNetCBlur, "any": AnyBlur}

_WITH_PSF = (KernelBlur, ImageNetCBlur, AnyBlur)  # the last one wherever it draws one of the first
_TEXTS = ("corruption", "curve", "border")  # parameters that are names


def make_degradation(
    kind: str, given: Mapping[str, str | None], *, p: float, needs_psf: bool = False
) -> tuple[Degradation, dict[str, Any]]:
    """The degradation of a kind with its parameters, and its settings as JSON-able values.

    Args:
        kind: One of ``ALL_KINDS``.
        given: Parameter to text ("3", "3,31" or a name); None is not given. ``corruption`` is ImageNet-C's own kind.
        p: Probability.
        needs_psf: Refuse kinds that are never a convolution.

    Raises:
        ValueError: If the kind is unknown, a parameter is not its own, or a text is no number.
    """
    if kind not in ALL_KINDS:
        msg = f"--kind '{kind}' is unknown; {did_you_mean(kind, ALL_KINDS)}the kinds are {', '.join(ALL_KINDS)}."
        raise ValueError(msg)
    if needs_psf and not issubclass(ALL_KINDS[kind], _WITH_PSF):
        kernels = [name for name, degradation in ALL_KINDS.items() if issubclass(degradation, _WITH_PSF)]
        msg = f"--save-psf: {kind} is no single convolution; only {', '.join(kernels)} have a PSF."
        raise ValueError(msg)
    allowed = inspect.signature(ALL_KINDS[kind]).parameters
    options: dict[str, Any] = {}
    for name, text in given.items():
        own = "kind" if name == "corruption" else name
        if text is None:
            continue
        if own not in allowed:
            flags = ", ".join(_flag(each) for each in allowed if _flag(each)[2:].replace("-", "_") in given)
            msg = f"{_flag(name)} is no parameter of {kind}; its parameters are {flags}."
            raise ValueError(msg)
        options[own] = text if name in _TEXTS else _numbers(name, text)
    degradation = ALL_KINDS[kind](**options, p=p)
    return degradation, {"kind": kind, **{name: getattr(degradation, name) for name in allowed}} | (
        {"kind": kind, "corruption": degradation.kind} if isinstance(degradation, ImageNetCBlur) else {}
    )


def _flag(name: str) -> str:
    return "--" + ("corruption" if name == "kind" else name).replace("_", "-")


def _numbers(name: str, text: str) -> float | tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        msg = f"{_flag(name)} must be a number or LOW,HIGH, got '{text}'."
        raise ValueError(msg) from None
    return numbers[0] if len(numbers) == 1 else numbers
