"""How far apart were the pictures of a film taken, where some of its frames are repeats? The frames' numbers alone cannot tell.

A camera that loses a frame shows the last one again, and across the repeat twice the time goes by. A converter adds frames to reach a
quicker rate, as from 24 to 30 a second, and the pictures around such a repeat are as far apart as all others. There the motion across
the repeat is as long as that beside it, and mostly the repeats come at a regular cadence.
"""

import math

import numpy as np
from numpy.typing import NDArray

_BLOCK, _REACH = 48, 24  # pictures that are looked at together, and so many more on either side: of 24 in 25, every 24th is repeated
_FEWEST = 3  # repeats that make a cadence
_TWICE = 1.5  # times the way of an interval: what is longer spans two
_ALIKE = 1.4  # ratio of ways that are about equal
_NEAR = (-1, 1, -2, 2)  # intervals beside one, the nearest first
_EXACT = 1e-9


def taken_apart(frames: NDArray[np.int64], lengths_px: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N - 1,) how far apart pictures were taken that a film shows first at (N,) ``frames``, in frames of the film.

    Args:
        frames: Their rising numbers, those of repeats left out.
        lengths_px: (N - 1,) mean length of the motion from each to the next.

    Example:
        >>> taken_apart(np.array([0, 1, 2, 4, 5]), np.array([3.0, 3.0, 6.0, 3.0]))  # frame 3 was lost
        array([1., 1., 2., 1.])
        >>> taken_apart(np.array([0, 1, 2, 4, 5]), np.array([3.0, 3.0, 3.0, 3.0]))  # frame 3 was added
        array([1., 1., 1., 1.])
    """
    held = np.diff(frames)
    apart = held.astype(np.float64)
    for start in range(0, len(held), _BLOCK):
        block = slice(start, min(len(held), start + _BLOCK))
        first = max(0, min(start, len(held) - _BLOCK - _REACH) - _REACH)
        near = slice(first, first + _BLOCK + 2 * _REACH)
        least = held[near].min()
        if (held[near] == least).all():
            continue
        rate = _cadence(frames[near.start : near.stop + 1]) if (held[near] > least).sum() >= _FEWEST else None
        if rate is not None and not _spans_twice(held[near], lengths_px[near]):
            apart[block] = rate
        else:
            for i in range(block.start, block.stop):
                apart[i] = _one_apart(i, held, lengths_px)
    return apart


def _cadence(frames: NDArray[np.int64]) -> float | None:
    """Frames for each picture, if numbers less than a frame off an even row explain them; the simplest ratio of all that do."""
    first, second = np.triu_indices(len(frames), 1)
    way, pictures = frames[second] - frames[first], second - first
    least, most = float(((way - 1) / pictures).max()), float(((way + 1) / pictures).min())
    for divisor in range(1, len(frames)):
        if (whole := math.ceil(least * divisor - _EXACT)) <= most * divisor + _EXACT:
            return whole / divisor
    return None


def _spans_twice(held: NDArray[np.int64], lengths_px: NDArray[np.floating]) -> bool:
    """Whether motion across the repeats of a cadence is mostly longer than beside them, as where each stands for a lost frame."""
    longer = held >= 2 * held.min()
    beside = np.flatnonzero(~longer)
    across = np.flatnonzero(longer)
    if not across.size:
        return False
    at = np.searchsorted(beside, across)
    left, right = beside[np.maximum(at - 1, 0)], beside[np.minimum(at, len(beside) - 1)]
    usual = (lengths_px[left] + lengths_px[right]) / 2
    return bool(np.median(lengths_px[across] - _TWICE * usual) > 0)


def _one_apart(i: int, held: NDArray[np.int64], lengths_px: NDArray[np.floating]) -> float:
    """Frames that interval ``i`` stands for: as many as it was shown for, unless the motion across is as long as beside it."""
    least = held[max(0, i - 2) : i + 3].min()
    if held[i] < 2 * least:
        return float(held[i])
    near = [i + step for step in _NEAR if 0 <= i + step < len(held) and held[i + step] < 2 * least][:2]
    ways = lengths_px[[i, *near]]
    return float(least if len(near) == 2 and ways.max() < _ALIKE * ways.min() else held[i])
