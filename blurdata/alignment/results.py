"""What comes out of an alignment."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blurdata.alignment.geometry import Float, Rectangle
from blurdata.pairs import Image


@dataclass(frozen=True)
class Quality:
    """How well a pair agrees.

    Args:
        correlation: Of the blurry picture and the sharp one convolved with the estimated kernel, unclipped samples, -1 to 1.
        residual_px: Mean over the quadrants of their shift against the convolved sharp picture; good pairs stay under 0.1 px.
        quadrants_px: That of each quadrant in which enough can be seen, from the top left row by row.
        blur_px: Length of the straight, even motion that would spread light as much: sqrt(12) times the kernel's standard deviation.
        shift_px: (x, y) by which the middle of this pair differs from its reference's.
    """

    correlation: float
    residual_px: float
    quadrants_px: tuple[float, ...]
    blur_px: float
    shift_px: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Reference:
    """What a static pair tells of its whole scene.

    Args:
        homography: 3x3 float64, sharp pixel to blurry.
        gain: (3,) float64: blurry code = gain * sharp code + offset.
        offset: (3,) float64, code values.
    """

    homography: Float
    gain: Float
    offset: Float


@dataclass(frozen=True, eq=False)
class Alignment:
    """A pair after alignment, or the reason why it could not be aligned.

    Args:
        status: ``"ok"``, or the reason; then everything else but ``quality`` is None.
        homography: 3x3 float64, takes sharp pixel (x, y, 1) to blurry: uncropped coordinates, integer pixel centres.
        blurry: (H, W, 3), cropped; the dtype of the input.
        sharp: Same shape and dtype, aligned with ``blurry``, gain and offset applied.
        mask: (H, W) bool, True where both cameras saw the pixel; all True unless cropping is switched off.
        gain: (3,) float64: blurry code = gain * sharp code + offset.
        offset: (3,) float64, in code values of the input's depth.
        crop: (top, left, bottom, right) of ``blurry`` in the uncropped blurry picture.
        quality: Numbers by which the pair was judged; None where it did not come to that.
        kernel: Estimated blur kernel in linear light, odd sides, sum 1, its centroid central.
    """

    status: str
    homography: Float | None = None
    blurry: Image | None = None
    sharp: Image | None = None
    mask: NDArray[np.bool_] | None = None
    gain: Float | None = None
    offset: Float | None = None
    crop: Rectangle | None = None
    quality: Quality | None = None
    kernel: Float | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a pair."""
        return self.status == "ok"
