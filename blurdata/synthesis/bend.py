"""What do the frames before and after tell of the motion between two: how it curves, and where what is hidden goes.

Two frames know only a straight way at constant speed. A hand that shakes speeds up and slows down within a few frames; with the flow
``F`` from a frame to the next and ``P`` back to the one before, the way of a point is ``t F + (t^2 - t) (F + P) / 2`` (constant
acceleration; Xu et al., "Quadratic video interpolation", NeurIPS 2019).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.synthesis.flow import Flow

Seen = NDArray[np.uint8]
_TINY = 1e-6


def carried_on(onward: Flow, seen: Seen, back: Flow, back_seen: Seen) -> tuple[Flow, Seen]:
    """A frame's flow, in which what the next frame hides goes on as it came: it has nothing there that flow could lead it to.

    Args:
        onward: (H, W, 2) flow to the frame on one side.
        seen: (H, W) uint8, 1 where that frame shows the pixel.
        back: The same flow to the frame on the other side.
        back_seen: (H, W) uint8, 1 where that one shows the pixel.

    Returns:
        The flow, and (H, W) uint8 marks: 0 where the next frame shows the pixel, 2 where only the other one does, 1 where neither does.
    """
    known = (1 - seen) * back_seen
    return np.where(known[..., None], -back, onward), 1 - seen + known


def bend(onward: Flow, back: Flow, seen: Seen) -> Flow:
    """Half the acceleration at each pixel of a frame, (H, W, 2) float32 px per interval squared.

    It is averaged over a neighbourhood of a twelfth of the frame, since acceleration is small beside the errors of two flows and mostly the
    camera's, and fades to 0 where few pixels around are seen in all three frames.

    Args:
        onward: (H, W, 2) flow to the frame on one side.
        back: The same to the frame on the other side.
        seen: (H, W) uint8, 1 where both frames show the pixel.
    """
    side = 2 * (min(seen.shape) // 24) + 1
    sure = cv2.blur(seen.astype(np.float32), (side, side))[..., None]
    mean = cv2.blur((onward + back) / 2 * seen[..., None], (side, side))
    return np.asarray(mean / np.maximum(sure, 1e-3) * np.minimum(1, 4 * sure), np.float32)


def agreed(one: Flow, two: Flow) -> Flow:
    """What two bends, (H, W, 2) px per interval squared, have in common: ``(a + b) max(0, a . b) / (|a|^2 + |b|^2)``.

    The limiter of van Albada et al. (1982), for vectors: equal ones stay; where a camera starts or stops only one side sees an
    acceleration, and nothing is left of it.
    """
    same = np.maximum((one * two).sum(axis=-1, keepdims=True), 0)
    size = (one * one + two * two).sum(axis=-1, keepdims=True)
    return np.asarray((one + two) * (same / np.maximum(size, _TINY)), np.float32)


def held(bent: Flow, way: Flow) -> Flow:
    """A bend that nothing confirms, no longer than the way itself: a point that rests stays at rest, none turns back on its way."""
    longest, length = (np.linalg.norm(field, axis=-1, keepdims=True) for field in (way, bent))
    return np.asarray(bent * np.minimum(1, longest / np.maximum(length, _TINY)), np.float32)
