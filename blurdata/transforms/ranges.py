"""What a transform draws: a scalar fixes a parameter, a (low, high) pair is a uniform range.

Everything is a map from one uniform number in [0, 1) to a value, so that any generator (torch's, numpy's) drives every
transform and the same number gives the same value.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

Bounds = float | Sequence[float]


class Drawn(Protocol):
    """Anything that turns a uniform number in [0, 1) into a parameter's value."""

    def at(self, u: float) -> Any:
        """The value at ``u``."""


@dataclass(frozen=True)
class Range:
    """A uniform range of a real parameter; equal ends fix it.

    Example:
        >>> Range.of("length_px", (3, 31)).at(0.5)
        17.0
        >>> Range.of("length_px", 9).value
        9.0
    """

    low: float
    high: float

    @classmethod
    def of(cls, name: str, given: Any, *, at_least: float = -math.inf, at_most: float = math.inf, above: float = -math.inf) -> "Range":
        """Check what was given for the parameter ``name``: a number, or a pair of them in order.

        Raises:
            TypeError: If it is neither.
            ValueError: If a number is not finite or out of bounds, or the pair is reversed.
        """
        if isinstance(given, cls):
            given = (given.low, given.high)
        ends = list(given) if isinstance(given, (list, tuple)) else [given, given]
        if len(ends) != 2 or not all(isinstance(end, Real) and not isinstance(end, bool) for end in ends):
            msg = f"{name} must be a number or a (low, high) pair of numbers, got {given!r}."
            raise TypeError(msg)
        try:
            low, high = (float(end) for end in ends)
        except OverflowError:  # a whole number or a fraction that no float can hold
            low, high = math.inf, math.inf
        if not (math.isfinite(low) and math.isfinite(high)):
            msg = f"{name} must be finite, got {given!r}."
            raise ValueError(msg)
        if low > high:
            msg = f"{name} is a (low, high) pair and {given!r} is reversed; write ({high:g}, {low:g})."
            raise ValueError(msg)
        if low < at_least or high > at_most or low <= above:
            msg = f"{name} must be {_bounds(at_least, at_most, above)}, got {given!r}."
            raise ValueError(msg)
        return cls(low, high)

    @property
    def value(self) -> float | tuple[float, float]:
        """The number of a fixed parameter, or the pair."""
        return self.low if self.low == self.high else (self.low, self.high)

    def at(self, u: float) -> float:
        """The value at ``u``."""
        return self.low + u * (self.high - self.low)


@dataclass(frozen=True)
class IntRange:
    """A uniform range of whole numbers, both ends drawn.

    Example:
        >>> [IntRange(5, 7).at(u) for u in (0.0, 0.5, 0.99)]
        [5, 6, 7]
    """

    low: int
    high: int

    @classmethod
    def of(cls, name: str, given: Any, *, at_least: int, at_most: int) -> "IntRange":
        """Check what was given for the parameter ``name``; raises as :meth:`Range.of`."""
        if isinstance(given, cls):
            given = (given.low, given.high)
        real = Range.of(name, given, at_least=at_least, at_most=at_most)
        if not (real.low.is_integer() and real.high.is_integer()):
            msg = f"{name} must be a whole number or a pair of them, got {given!r}."
            raise ValueError(msg)
        return cls(int(real.low), int(real.high))

    @property
    def value(self) -> int | tuple[int, int]:
        """The number of a fixed parameter, or the pair."""
        return self.low if self.low == self.high else (self.low, self.high)

    def at(self, u: float) -> int:
        """The value at ``u``."""
        return self.low + min(int(u * (self.high - self.low + 1)), self.high - self.low)


@dataclass(frozen=True)
class Choice:
    """A weighted choice among names.

    Example:
        >>> Choice(("motion", "defocus"), (3.0, 1.0)).at(0.74)
        'motion'
    """

    names: tuple[str, ...]
    weights: tuple[float, ...]

    def at(self, u: float) -> str:
        """The name at ``u``; a name of weight 0 is never drawn."""
        left = u * sum(self.weights)
        for name, weight in zip(self.names, self.weights, strict=True):
            if left < weight:
                return name
            left -= weight
        return next(name for name, weight in zip(reversed(self.names), reversed(self.weights), strict=True) if weight > 0)


@dataclass(frozen=True)
class Seed:
    """The seed of what is too long to draw number by number: a trajectory, noise."""

    def at(self, u: float) -> int:
        """The seed at ``u``: 32 bits."""
        return int(u * 2**32)


def probability(p: Any) -> float:
    """Check a probability.

    Raises:
        TypeError: If it is no number.
        ValueError: If it is outside [0, 1].
    """
    if isinstance(p, bool) or not isinstance(p, Real):
        msg = f"p must be a probability in [0, 1], got {p!r}."
        raise TypeError(msg)
    if not 0 <= float(p) <= 1:
        msg = f"p must be in [0, 1], got {p!r}."
        raise ValueError(msg)
    return float(p)


def _bounds(at_least: float, at_most: float, above: float) -> str:
    low = f"above {above:g}" if above > at_least else f"at least {at_least:g}"
    if math.isinf(at_most):
        return low
    return f"at most {at_most:g}" if math.isinf(max(at_least, above)) else f"{low} and at most {at_most:g}"
