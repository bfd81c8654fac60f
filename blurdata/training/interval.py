"""Means with an interval that resamples what varies together: scenes and seeds, not single pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Interval:
    """A mean with its bootstrap interval.

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


def bootstrap(values: NDArray[np.float64], groups: Sequence[str], *, level: float = 0.95, draws: int = 2000, seed: int = 0) -> Interval:
    """Mean over seeds and items with an interval from drawing groups and seeds anew, both with replacement.

    Items of a group (a scene, a burst) are alike and go together; one training differs from the next by more than pictures do. An
    interval over single pictures leaves both out and is too narrow several times over.

    Args:
        values: (seeds, items), for example gains in dB; paired differences where two things are compared.
        groups: The group of each item.
        level: Share of the drawn means inside.
        draws: Draws.
        seed: Of the draws.

    Returns:
        The mean and the percentile interval.

    Example:
        >>> bootstrap(np.full((3, 4), 0.5), ["a", "a", "b", "c"])
        Interval(mean=0.5, low=0.5, high=0.5)
    """
    values = np.atleast_2d(np.asarray(values, np.float64))
    if values.size == 0 or values.shape[1] != len(groups):
        msg = f"values must be (seeds, items) with a group for each item, got {values.shape} and {len(groups)} groups."
        raise ValueError(msg)
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.zeros((len(values), len(names)))
    np.add.at(sums.T, member, values.T)
    counts = np.bincount(member, minlength=len(names)).astype(np.float64)
    rng = np.random.default_rng([seed, 4])
    drawn_groups = rng.integers(len(names), size=(draws, len(names)))
    drawn_seeds = rng.integers(len(values), size=(draws, len(values)))
    weights = np.apply_along_axis(np.bincount, 1, drawn_groups, minlength=len(names))
    seeds = np.apply_along_axis(np.bincount, 1, drawn_seeds, minlength=len(values)) / len(values)
    means = np.einsum("ds,sg,dg->d", seeds, sums, weights) / (weights @ counts)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high))
