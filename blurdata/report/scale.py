"""Round numbers for axes, and numbers as people write them."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def ticks(low: float, high: float, about: int = 5, *, whole: bool = False) -> list[float]:
    """Round values from ``low`` to ``high``, some ``about`` of them, a step of 1, 2 or 5 times a power of ten apart; ``whole``: at least 1.

    Example:
        >>> ticks(0, 31)
        [0.0, 10.0, 20.0, 30.0]
    """
    if not high > low:
        return [low]
    raw = (high - low) / about
    power = 10 ** math.floor(math.log10(raw))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= raw * 0.999)
    step = max(step, 1.0) if whole else step
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 10) + 0.0 for i in range(first, math.floor(high / step + 1e-9) + 1)]


def tick_labels(values: Sequence[float]) -> list[str]:
    """The values as labels of one axis: all with as many decimals as tell neighbours apart.

    Example:
        >>> tick_labels([0.995, 1.0, 1.005]), tick_labels([0, 1000, 2000])
        (['0.995', '1.000', '1.005'], ['0', '1,000', '2,000'])
    """
    step = min((b - a for a, b in pairwise(values)), default=1.0)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    return [f"{value:,.{decimals}f}" for value in values]


def show(value: float, digits: int = 3) -> str:
    """A number with some ``digits`` significant digits, thousands set apart, no trailing zeros.

    Example:
        >>> show(1234.5), show(0.12345), show(float("nan"))
        ('1,234', '0.123', '–')
    """
    if not math.isfinite(value):
        return "∞" if math.isinf(value) else "–"
    if abs(value) < 5e-5:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    text = f"{value:.{digits}g}"
    return f"{float(text):f}".rstrip("0").rstrip(".") if "e" in text else text


def finite(values: Sequence[float]) -> NDArray[np.float64]:
    """The finite ones as float64."""
    array = np.asarray(values, float)
    return np.asarray(array[np.isfinite(array)])
