"""What does flow not find again though nothing covers it? Lamps that outrun it, captions, dust on the lens: these fade where they are.

Of two motions the one whose ends look alike counts most; so what flow loses would vanish between two frames, for the scene behind it is
always found. A pixel is unfound where it looks like nothing around the place to which flow leads, and so does something near it in the
other frame: what is covered there has gone under something that flow does find. Where the frame on the other side is known, it is
unfound there too.
"""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.synthesis.flow import Flow, carried
from blurdata.synthesis.warp import unlike_ends

Field = NDArray[np.float32]
_NOISE = 6  # times what half of the pixels are unlike their other end by: so much may be grain
_LEAST = 0.05  # unlikeness, :func:`~blurdata.synthesis.warp.unlike_ends`, of what half fades: three times that of ends that look the same
_NEAR_PX = 17  # side of the square that is near
_NOTHING = 0.05  # a share below which nothing fades
_MOST = 0.5  # of a pixel; where more of it fades, the rest of it is not shown elsewhere


def unlike(ends: tuple[Field, Field], flows: tuple[Flow, Flow]) -> tuple[Field, Field]:
    """(H, W) how unlike a pixel of each frame and those beside it look all that is a pixel around the place to which flow leads."""

    def one(i: int) -> Field:
        low, high = (morph(ends[1 - i], np.ones((3, 3), np.uint8)) for morph in (cv2.erode, cv2.dilate))
        return np.asarray(cv2.blur(unlike_ends(ends[i], low, high, flows[i]), (3, 3)), np.float32)

    with ThreadPoolExecutor(2) as pool:
        of_a, of_b = pool.map(one, range(2))
    return of_a, of_b


def unfound(own: Field, other: Field, flow: Flow) -> Field:
    """How unlike a pixel is its other end, and something near it in the other frame, or near that end, is its own; the smaller of both."""
    near = cv2.dilate(other, np.ones((_NEAR_PX, _NEAR_PX), np.uint8))
    return np.asarray(np.minimum(own, np.maximum(near, carried(near, flow))), np.float32)


def fading(lost: Field, elsewhere: Field | None) -> Field:
    """(H, W) share of each pixel that fades where it is, of what is unfound here and, where known, how unlike it is the frame beyond."""
    limit = np.float32(max(_LEAST, _NOISE * float(np.median(lost[::4, ::4]))) ** 2)
    square = (lost if elsewhere is None else np.minimum(lost, elsewhere)) ** 2
    share = square / (square + limit)
    share[share < _NOTHING] = 0
    return np.asarray(share, np.float32)


def marked(hidden: NDArray[np.uint8], fades: Field) -> NDArray[np.int8]:
    """(H, W) marks of a frame's pixels: -1 where they fade, else those of what is hidden."""
    return np.where(fades > _MOST, np.int8(-1), hidden.astype(np.int8))
