"""Where do published ground truths lie among all frames, and which frames make their windows? By content, not by file number.

File numbers of ``GOPRO_Large_all`` are wrong in places and frames are missing (github.com/SeungjunNah/DeepDeblur_release, issues 65
and 66), so a ground truth is found as the frame that resembles it most, and a window is the frames beside it. Two ground truths that
follow each other lie M frames apart; where fewer frames lie between them, some are missing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.pairs import Image

Float = NDArray[np.float64]

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


def locate(truths: Float, frames: Float, error_of: Callable[[int, int], float], *, window: int) -> tuple[list[int | None], list[float]]:
    """Position of each ground truth among all frames, and its mean squared error.

    Args:
        truths: (N, D) thumbnails of the ground truths.
        frames: (F, D) thumbnails of all frames.
        error_of: Mean squared error of ground truth ``i`` and frame ``f`` at full size, in 8-bit codes.
        window: M; of frames that are equally alike, the one M behind the last ground truth is taken.

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
        expected = best[-1] + window if best else near[0]
        if 0 <= expected < len(frames) and alike[expected] and expected not in near:
            near.append(expected)
        exact = {f: error_of(i, f) for f in near}
        best.append(min(near, key=lambda f: (exact[f], abs(f - expected))))
        errors.append(exact[best[-1]])
    limit = min(_FAR, max(_CLOSE, 4 * float(np.median(errors))))
    return [f if error <= limit else None for f, error in zip(best, errors, strict=True)], errors


def windows(numbers: Sequence[int], centres: Sequence[int | None], file_numbers: Sequence[int], window: int) -> list[Window]:
    """The window of each ground truth, and what is missing from it.

    Args:
        numbers: Numbers ``n`` of the ground truths, increasing.
        centres: Their positions among all frames.
        file_numbers: File number of each frame, increasing.
        window: M, odd.

    Returns:
        One window per ground truth, in order.

    Example:
        >>> windows([1, 2], [1, 4], [1, 2, 3, 4, 5, 6], 3)[1]
        Window(number=2, centre=4, frames=(3, 4, 5), missing=())
        >>> windows([1, 2], [1, 3], [1, 2, 4, 5, 6], 3)[0].missing
        (3,)
    """
    known = {number: centre for number, centre in zip(numbers, centres, strict=True) if centre is not None}
    half = window // 2
    found = []
    for number, centre in zip(numbers, centres, strict=True):
        if centre is None:
            expected = (number - 1) * window + half + 1
            found.append(Window(number, None, (), (expected,)))
            continue
        before, gone_before = _side(centre, -1, known.get(number - 1), file_numbers, window)
        after, gone_after = _side(centre, 1, known.get(number + 1), file_numbers, window)
        found.append(Window(number, centre, (*reversed(before), centre, *after), (*reversed(gone_before), *gone_after)))
    return found


def _side(
    centre: int, way: int, neighbour: int | None, file_numbers: Sequence[int], window: int
) -> tuple[list[int], list[int | tuple[int, int] | None]]:
    """Positions of the half window on one side, and what is missing of it, both the nearest first."""
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
    # numbers say nothing: what is missing lies somewhere between the two, and is taken to lie in the middle, between their windows
    near = present[: len(present) // 2 + (len(present) % 2 if way > 0 else 0)][:half]
    ends = sorted((own, file_numbers[last]))
    return near, [(ends[0], ends[1])] * (half - len(near))
