"""Where do published ground truths lie among all frames, and which frames make their windows? By content, not by file number.

File numbers of ``GOPRO_Large_all`` are wrong in places and frames are missing (github.com/SeungjunNah/DeepDeblur_release, issues 65
and 66), so a ground truth is found as the frame that resembles it most, and a window is the frames beside it. Two ground truths that
follow each other lie M frames apart; where fewer frames lie between them, some are missing, and where the numbers do not say from
which of the two windows, the published blur does.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.pairs import Image

Float = NDArray[np.float64]
Misfit = Callable[[int, Mapping[int, int]], float]

_THUMB_WH = (64, 36)
_CANDIDATES = 6
_ALIKE = 0.25  # mean squared difference of thumbnails that full pictures must decide
_CLOSE, _FAR = 1.0, 25.0  # mean squared error in 8-bit codes: surely the same frame, surely another


@dataclass(frozen=True)
class Window:
    """The frames of one ground truth's exposure.

    Args:
        number: Number of the ground truth, ``n`` of ``sharp/n.png``.
        centre: Position of the ground truth among all frames, or None where it is not there.
        frames: Positions of the frames that are there, in order.
        missing: Frames that should be there and are not, each by its file number, or by two between which it was, where the files were
            numbered anew; None for one before the first of all frames, which has no number.
    """

    number: int
    centre: int | None
    frames: tuple[int, ...] = ()
    missing: tuple[int | tuple[int, int] | None, ...] = ()


def thumbnail(picture: Image) -> Float:
    """A small float copy, flat, by which pictures are compared first."""
    small = cv2.resize(picture, _THUMB_WH, interpolation=cv2.INTER_AREA).astype(np.float64)
    return np.asarray(small.ravel() / (257 if picture.dtype == np.uint16 else 1))


def locate(
    truths: Float, frames: Float, error_of: Callable[[int, int], float], *, window: int, first: int = 0
) -> tuple[list[int | None], list[float]]:
    """Position of each ground truth among all frames, and its mean squared error.

    Args:
        truths: (N, D) thumbnails of the ground truths.
        frames: (F, D) thumbnails of all frames.
        error_of: Mean squared error of ground truth ``i`` and frame ``f`` at full size, in 8-bit codes.
        window: M; of frames that are equally alike, the one M behind the last ground truth is taken.
        first: Position of the first ground truth as its number says, which is taken of frames that are equally alike.

    Returns:
        Positions, None where no frame is the ground truth, and the smallest errors.
    """
    distance = (truths**2).sum(1)[:, None] + (frames**2).sum(1) - 2 * truths @ frames.T
    best: list[int] = []
    errors: list[float] = []
    for i, row in enumerate(distance):
        nearest = np.argsort(row, kind="stable")[:_CANDIDATES]
        alike = row <= 4 * row[nearest[0]] + _ALIKE * truths.shape[1]
        near = [int(f) for f in nearest if alike[f]]
        expected = best[-1] + window if best else first
        if 0 <= expected < len(frames) and alike[expected] and expected not in near:
            near.append(expected)
        exact = {f: error_of(i, f) for f in near}
        best.append(min(near, key=lambda f: (exact[f], abs(f - expected))))
        errors.append(exact[best[-1]])
    limit = min(_FAR, max(_CLOSE, 4 * float(np.median(errors))))
    return [f if error <= limit else None for f, error in zip(best, errors, strict=True)], errors


def file_number(number: int, window: int) -> int:
    """The file number of ground truth ``number`` where no frame is missing and none was numbered anew."""
    return (number - 1) * window + window // 2 + 1


def windows(
    numbers: Sequence[int],
    centres: Sequence[int | None],
    file_numbers: Sequence[int],
    window: int,
    misfit: Misfit = lambda number, weights: 0.0,
) -> list[Window]:
    """The window of each ground truth, and what is missing from it.

    Args:
        numbers: Numbers ``n`` of the ground truths, increasing.
        centres: Their positions among all frames.
        file_numbers: File number of each frame, increasing.
        window: M, odd.
        misfit: How far a blend is from what was published of a ground truth, 0 where nothing was; given the truth's number and a weight
            for the position of each frame. Where the files were numbered anew it decides which of two windows lacks a frame, as if all
            that are missing between two ground truths lay together; if it cannot, they are taken to lie in the middle.

    Returns:
        One window per ground truth, in order.

    Example:
        >>> windows([1, 2], [1, 4], [1, 2, 3, 4, 5, 6], 3)[1]
        Window(number=2, centre=4, frames=(3, 4, 5), missing=())
        >>> windows([1, 2], [1, 3], [1, 2, 4, 5, 6], 3)[0].missing
        (3,)
    """
    known = {number: centre for number, centre in zip(numbers, centres, strict=True) if centre is not None}
    shares: dict[int, int] = {}
    for number, centre in known.items():
        if number + 1 in known and _unclear(centre, known[number + 1], file_numbers, window):
            shares[number] = _share(number, known, shares, file_numbers, window, misfit)
    found = []
    for number in numbers:
        if number not in known:
            expected = file_number(number, window)
            found.append(Window(number, None, (), (expected,)))
            continue
        found.append(_window(number, known, shares, file_numbers, window))
    return found


def _unclear(centre: int, following: int, file_numbers: Sequence[int], window: int) -> bool:
    """Whether frames are missing between two ground truths and the numbers of the files do not say which."""
    return 0 < following - centre < window and file_numbers[following] - file_numbers[centre] != window


def _share(
    number: int,
    known: Mapping[int, int],
    shares: Mapping[int, int],
    file_numbers: Sequence[int],
    window: int,
    misfit: Misfit,
) -> int:
    """How many of the frames between a ground truth and the next one are its own: the gap lies where both blends come out best."""
    left, right, half = known[number], known[number + 1], window // 2
    before = _window(number, known, shares, file_numbers, window).frames
    behind = _window(number + 1, known, shares, file_numbers, window).frames
    outside = [f for f in before if f <= left], [f for f in behind if f >= right]
    unit = window - (right - left) + 1

    def error(gap: int) -> float:
        slots = _bridged(left, right, window, gap)
        weights = [Counter(dict.fromkeys(frames, unit)) for frames in outside]
        return sum(misfit(number + k, sum(each, weights[k])) for k, each in enumerate((slots[:half], slots[half:])))

    between = right - left - 1
    middle = (between + 1) // 2
    best = min(sorted(range(between + 1), key=lambda gap: abs(gap - middle)), key=error)
    return sum(len(slot) == 1 for slot in _bridged(left, right, window, best)[:half])


def _bridged(left: int, right: int, window: int, gap: int) -> list[Counter[int]]:
    """Weights of frames for each of the M - 1 moments between two ground truths, if frames are missing behind the ``gap``-th.

    What is missing is mixed of the two frames beside it, by the distance in time.

    Example:
        >>> _bridged(3, 6, 5, 1)
        [Counter({4: 3}), Counter({4: 2, 5: 1}), Counter({5: 2, 4: 1}), Counter({5: 3})]
    """
    last, unit = left + gap, window - (right - left) + 1
    return [
        *(Counter({f: unit}) for f in range(left + 1, last + 1)),
        *(Counter({last: unit - step, last + 1: step}) for step in range(1, unit)),
        *(Counter({f: unit}) for f in range(last + 1, right)),
    ]


def _window(number: int, known: Mapping[int, int], shares: Mapping[int, int], file_numbers: Sequence[int], window: int) -> Window:
    centre = known[number]
    before, gone_before = _side(centre, -1, known.get(number - 1), shares.get(number - 1), file_numbers, window)
    after, gone_after = _side(centre, 1, known.get(number + 1), shares.get(number), file_numbers, window)
    return Window(number, centre, (*reversed(before), centre, *after), (*reversed(gone_before), *gone_after))


def _side(
    centre: int, way: int, neighbour: int | None, share: int | None, file_numbers: Sequence[int], window: int
) -> tuple[list[int], list[int | tuple[int, int] | None]]:
    """Positions of the half window on one side, and what is missing of it, both the nearest first.

    Where the numbers do not say what is missing, ``share`` of the frames up to the next ground truth belong to the earlier one; None is
    the middle.
    """
    half, own = window // 2, file_numbers[centre]
    if neighbour is not None and (neighbour - centre) * way >= window:
        return [centre + way * d for d in range(1, half + 1)], []  # nothing is missing between the two, whatever the numbers say
    last = neighbour if neighbour is not None and (neighbour - centre) * way > 0 else None
    stop = last if last is not None else (len(file_numbers) if way > 0 else -1)
    present = list(range(centre + way, stop, way))
    if last is None or abs(file_numbers[last] - own) == window:
        beside = {abs(file_numbers[f] - own): f for f in present}
        distances = range(1, half + 1)
        gone = [own + way * d for d in distances if d not in beside]
        return [beside[d] for d in distances if d in beside], [number if number > 0 else None for number in gone]
    share = (len(present) + 1) // 2 if share is None else share
    near = present[: share if way > 0 else len(present) - share]
    ends = sorted((own, file_numbers[last]))
    return near, [(ends[0], ends[1])] * (half - len(near))
