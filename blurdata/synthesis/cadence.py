"""How far apart were the pictures of a film taken, where some of its frames are repeats? The frames' numbers alone cannot tell.

A camera that loses a frame shows the last one again, and across the repeat twice the time goes by. A converter adds frames to reach a
quicker rate, as from 24 to 30 a second, and the pictures around such a repeat are as far apart as all others. There the motion across
the repeat is as long as that beside it, and mostly the repeats come at a regular cadence.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_REACH = 64  # pictures that are looked at together: of 24 in 25, every 24th is repeated
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
    from scipy.ndimage import minimum_filter1d  # takes a third of a second to import, which blending does without

    apart = held.astype(np.float64)
    if not held.size:
        return apart
    least = minimum_filter1d(held, 2 * max(_NEAR) + 1, mode="nearest")
    for i in np.flatnonzero(held >= 2 * least):
        apart[i] = _one_apart(int(i), held, lengths_px, int(least[i]))
    for place in _changing(held):
        apart[place] = _of_cadence(frames[place.start : place.stop + 1], lengths_px[place], apart[place])
    return apart


def _one_apart(i: int, held: NDArray[np.int64], lengths_px: NDArray[np.floating], least: int) -> int:
    """Frames that interval ``i`` stands for: as many as it was shown for, unless the motion across is as long as beside it."""
    near = [i + step for step in _NEAR if 0 <= i + step < len(held) and held[i + step] < 2 * least][:2]
    ways = lengths_px[[i, *near]]
    return least if len(near) == 2 and ways.max() < _ALIKE * ways.min() else int(held[i])


def _changing(held: NDArray[np.int64]) -> Iterator[slice]:
    """Where pictures are shown for changing numbers of frames, with what is within reach of it."""
    changes = np.flatnonzero(np.diff(held))
    for group in np.split(changes, np.flatnonzero(np.diff(changes) > _REACH) + 1):
        if len(group) >= _FEWEST:
            yield slice(max(0, int(group[0]) - _REACH), min(len(held), int(group[-1]) + _REACH))


def _of_cadence(frames: NDArray[np.int64], lengths_px: NDArray[np.floating], apart: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intervals with those of a cadence replaced by its rate, forwards from where it begins and backwards from where it ends."""
    result, start = apart.copy(), 0
    while start < len(apart):
        count, rate = _even(frames[start:])
        stop = start + count
        held = np.diff(frames[start : stop + 1])
        if (held > held.min()).sum() >= _FEWEST and not _spans_twice(held, lengths_px[start:stop]):
            inside = min(stop, start + _REACH)
            before = _even(-frames[inside::-1])[0]
            result[min(start, inside - before) : stop] = rate
        start = stop
    return result


def _even(frames: NDArray[np.int64]) -> tuple[int, float]:
    """How many of the first intervals are explained by numbers less than a frame off an even row, and its frames for each picture."""
    least, most = 0.0, math.inf
    for last in range(1, len(frames)):
        first = max(0, last - _REACH)
        way, pictures = frames[last] - frames[first:last], np.arange(last - first, 0, -1)
        low, high = max(least, float(((way - 1) / pictures).max())), min(most, float(((way + 1) / pictures).min()))
        if low > high + _EXACT:
            return last - 1, _simplest(least, most)
        least, most = low, high
    return len(frames) - 1, _simplest(least, most)


def _simplest(least: float, most: float) -> float:
    """The ratio of the smallest whole numbers within bounds."""
    divisor = 1
    while (whole := math.ceil(least * divisor - _EXACT)) > most * divisor + _EXACT:
        divisor += 1
    return whole / divisor


def _spans_twice(held: NDArray[np.int64], lengths_px: NDArray[np.floating]) -> bool:
    """Whether motion across the repeats of a cadence is mostly longer than beside them, as where each stands for a lost frame."""
    longer = held >= 2 * held.min()
    beside, across = np.flatnonzero(~longer), np.flatnonzero(longer)
    if not across.size:
        return False
    at = np.searchsorted(beside, across)
    left, right = beside[np.maximum(at - 1, 0)], beside[np.minimum(at, len(beside) - 1)]
    usual = (lengths_px[left] + lengths_px[right]) / 2
    return bool(np.median(lengths_px[across] - _TWICE * usual) > 0)
