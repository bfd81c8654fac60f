"""How does a camera's file become the picture that is aligned: mirror, crop, lens and scale, as one map of positions.

A :class:`View` holds the original samples and says where any point of the upright, undistorted, scaled picture lies in them,
so that everything, a homography too, is one resampling.
"""

import cv2
import numpy as np
import scipy.signal

from blurdata.alignment.geometry import Float, Float32, Rectangle, apply, corners, map_of, sample, scaling, translation
from blurdata.alignment.lens import Lens
from blurdata.pairs import Image

_TAPS = 11  # of RealBlur's Hamming-windowed sinc at 1/4; as many per quarter of a pixel at other scales


class View:
    """A picture as the aligner sees it.

    Args:
        picture: (H, W, 3) uint8 or uint16 as the camera wrote it.
        lens: Its distortion, in the pixels of the file; None for an undistorted picture.
        flip: Whether the beam splitter mirrored it left to right.
        crop: (top, left, bottom, right) px of the (upright) file that is used; None for all.
        scale: Size of the result relative to the file, at most 1.
    """

    def __init__(
        self, picture: Image, *, lens: Lens | None = None, flip: bool = False, crop: Rectangle | None = None, scale: float = 1.0
    ) -> None:
        height, width = picture.shape[:2]
        top, left, bottom, right = crop or (0, 0, height, width)
        bottom, right = min(bottom, height), min(right, width)
        self.size = (max(int((bottom - top) * scale), 0), max(int((right - left) * scale), 0))
        self.full = 255 if picture.dtype == np.uint8 else 65535
        self._lens, self._flip, self._width = lens, flip, width
        self._to_file = translation(left, top) @ scaling(1 / scale)
        self._picture = picture if scale == 1 else _low_passed(picture, scale)

    def codes(self, homography: Float) -> tuple[Float32, Float32]:
        """Code values where each pixel of the result is at ``homography`` of this view, and 1 where that lies inside the file, else 0.

        Returns:
            (H, W, 3) float32 on the picture's own scale of code values, and (H, W) float32.
        """
        positions = map_of(self._to_file @ homography, self.size)
        if self._flip:
            positions[..., 0] = self._width - 1 - positions[..., 0]
        if self._lens is not None:
            positions = self._lens.distorted(positions)
        codes, inside = sample(self._picture, positions)
        return codes, inside.astype(np.float32)


def _low_passed(picture: Image, scale: float) -> Float32:
    """The picture without what a ``scale`` times smaller grid cannot hold: a separable Hamming-windowed sinc, cut off at ``scale``."""
    reach = round((_TAPS // 2) * 0.25 / scale)
    taps = scipy.signal.firwin(2 * max(reach, 1) + 1, scale, window="hamming")
    return np.asarray(cv2.sepFilter2D(picture, cv2.CV_32F, taps, taps, borderType=cv2.BORDER_REPLICATE))


def outline(view: View, homography: Float) -> Float:
    """Where the corners of a view go, (4, 2) px."""
    return apply(homography, corners(view.size))
