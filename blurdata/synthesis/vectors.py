"""Where did each point of the sharp frame come from and go to while the shutter was open: the map of blur vectors."""

import numpy as np
from numpy.typing import NDArray

from blurdata.pairs import Image
from blurdata.synthesis.flow import Flow, carried, flow_between
from blurdata.synthesis.frames import grey_of

Grey = NDArray[np.uint8]


class BlurVectors:
    """The blur vector of each pixel, from the optical flow between the frames of one exposure.

    The vector at x is the displacement, from the first sample to the last, of the point that the middle frame shows at x: in px, x to
    the right and y down, as in arrays. A picture that moves to the right by 6 px has (6, 0) everywhere. With ``B`` the flow from frame
    i + 1 back to frame i, the way from the first frame grows as ``W(x) <- W(x + B(x)) + B(x)``; from the middle on points are followed,
    ``W(x) <- W(x) + F(x + W(x))``. Chains drift, so their ends are searched for once more in the first and the last frame, starting
    from there. Where a point is covered or leaves the view during the exposure, the vector is that of its surroundings.

    Error against the reference camera's true vectors (two depths, rotation, blur of 17.9 px on average; 3 to 21 frames, clean, with
    noise, with lamps: ``tools/bench/blur_vectors.py``): 0.8 to 0.9 px on average, median 0.3 px, 95th percentile 3.1 to 3.8 px, which
    are the borders between depths; more than 8 px from those 0.3 to 0.4 px on average.
    """

    def __init__(self) -> None:
        self._from_first: Flow | None = None
        self._to_last: Flow | None = None
        self._first: Grey | None = None
        self._middle: Grey | None = None
        self._last: Grey | None = None

    def add(self, last: Image, frame: Image, *, after_middle: bool) -> None:
        """Take in the motion between two neighbouring frames.

        Args:
            last: (H, W, 3) code values of the frame before.
            frame: The same of the frame after.
            after_middle: Whether ``last`` is the middle frame or comes after it.
        """
        before, after = grey_of(last), grey_of(frame)
        if self._first is None:
            self._first = before
        if after_middle:
            self._to_last = _chained(self._to_last, flow_between(before, after), followed=True)
            self._last = after
        else:
            self._from_first = _chained(self._from_first, flow_between(after, before), followed=False)
            self._middle = after

    def vectors(self) -> NDArray[np.float16]:
        """(H, W, 2) float16 displacement over the whole exposure, px."""
        assert self._to_last is not None
        assert self._from_first is not None
        assert self._first is not None
        assert self._middle is not None
        assert self._last is not None
        to_last = flow_between(self._middle, self._last, guess=self._to_last)
        to_first = flow_between(self._middle, self._first, guess=self._from_first)
        return (to_last - to_first).astype(np.float16)


def _chained(way: Flow | None, step: Flow, *, followed: bool) -> Flow:
    """``way`` continued by ``step`` where points are followed, else preceded by it."""
    if way is None:
        return step
    return way + carried(step, way) if followed else step + carried(way, step)
