"""Are the numbers a PSF is made from numbers?"""

import math

import numpy as np

MAX_SIDE = 4097  # larger PSFs are mistakes: 4097 x 4097 float32 is already 67 MB


def number(name: str, value: float, *, low: float = 0.0, high: float = math.inf, open_low: bool = False) -> float:
    """``value`` as a finite float of at least ``low`` (above it where ``open_low``) and at most ``high``, or an error that names it.

    Raises:
        TypeError: If it is no number.
        ValueError: If it is out of range.
    """
    try:
        x = float(value)
    except (TypeError, ValueError) as error:
        msg = f"{name} must be a number, got {value!r}."
        raise TypeError(msg) from error
    if not math.isfinite(x) or x < low or x > high or (open_low and x == low):
        least = "" if low == -math.inf else f" {'above' if open_low else 'of at least'} {low:g}"
        most = "" if high == math.inf else f" and at most {high:g}"
        msg = f"{name} must be a finite number{least}{most}, got {value!r}."
        raise ValueError(msg)
    return x


def whole(name: str, value: float, *, low: int, high: int) -> int:
    """``value`` as a whole number from ``low`` to ``high``, or an error as of :func:`number`."""
    x = number(name, value, low=low, high=high)
    if x != int(x):
        msg = f"{name} must be a whole number from {low} to {high}, got {value!r}."
        raise ValueError(msg)
    return int(x)


def side(name: str, half: float) -> int:
    """Half side in pixels of a PSF that reaches ``half`` px from its centre, or a ValueError where that is enormous."""
    if half > MAX_SIDE // 2:
        msg = f"{name} makes a PSF over {MAX_SIDE} px wide (it reaches {half:.4g} px from its centre); give a smaller one."
        raise ValueError(msg)
    return math.ceil(half)


def check_generator(rng: object) -> None:
    """TypeError unless ``rng`` is a numpy Generator: never the global one, which gives every worker the same draws."""
    if not isinstance(rng, np.random.Generator):
        msg = f"rng must be a numpy.random.Generator such as np.random.default_rng(seed), got {type(rng).__name__}."
        raise TypeError(msg)
