"""Means with an interval that resamples what varies together: scenes and seeds, not single pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean, or a figure made of means, with its bootstrap interval.

    Args:
        mean: Over everything.
        low: Lower end.
        high: Upper end.
    """

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"


def bootstrap(
    *values: Float,
    groups: Sequence[str],
    figure: Callable[..., Float] = lambda mean: mean,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Mean over seeds and items with an interval from drawing groups and seeds anew, both with replacement.

    Items of a group (a scene, a burst) are alike and go together; one training differs from the next by more than pictures do. An
    interval over single pictures leaves both out and is too narrow several times over.

    Args:
        values: One or more (seeds, items) arrays, for example gains in dB; paired differences where two things are compared. NaN is
            what a seed does not say of an item, in all of them alike.
        groups: The group of each item.
        figure: What is made of the means of ``values``, elementwise: a ratio, for example. The same draws serve all of them.
        level: Share of the drawn figures inside.
        draws: Draws.
        seed: Of the draws.

    Returns:
        The figure and its percentile interval.

    Raises:
        ValueError: If the arrays do not agree with ``groups``.

    Example:
        >>> bootstrap(np.full((3, 4), 0.5), groups=["a", "a", "b", "c"])
        Interval(mean=0.5, low=0.5, high=0.5)
        >>> bootstrap(np.array([[0.5, np.nan], [np.nan, 0.5]]), groups=["a", "b"])  # each seed was tried on other items
        Interval(mean=0.5, low=0.5, high=0.5)
        >>> bootstrap(np.full((3, 2), 1.0), np.full((3, 2), 4.0), groups=["a", "b"], figure=lambda a, b: a / b).mean
        0.25
    """
    arrays = [np.atleast_2d(np.asarray(array, np.float64)) for array in values]
    shape = arrays[0].shape
    if any(array.shape != shape or array.size == 0 for array in arrays) or shape[1] != len(groups):
        msg = f"values must be (seeds, items) with a group for each item, got {[array.shape for array in arrays]} and {len(groups)} groups."
        raise ValueError(msg)
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    rng = np.random.default_rng([seed, 4])
    drawn = _times_drawn(rng, draws, len(names))
    seeds = _times_drawn(rng, draws, shape[0])

    def total(table: Float) -> Float:
        """The sum of a (seeds, items) table in each draw."""
        by_group = np.stack([np.bincount(member, row, minlength=len(names)) for row in table])
        return np.asarray(np.einsum("ds,sg,dg->d", seeds, by_group, drawn, optimize=True))

    count = total(np.isfinite(arrays[0]).astype(np.float64))
    told = count > 0  # seeds may be drawn that say nothing of the groups drawn
    means = [total(np.nan_to_num(array))[told] / count[told] for array in arrays]
    low, high = np.quantile(figure(*means), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(figure(*(np.nanmean(array) for array in arrays))), float(low), float(high))


def _times_drawn(rng: np.random.Generator, draws: int, count: int) -> Float:
    """(draws, count): how often each of ``count`` things comes when as many are drawn with replacement."""
    return np.stack([np.bincount(row, minlength=count) for row in rng.integers(count, size=(draws, count))]).astype(np.float64)
