"""How does one camera's view lie in the other's: the homography of a static pair, by ECC from coarse to fine.

ECC (Evangelidis and Psarakis, PAMI 2008) with the sharp picture as template and the blurry one as input gives the matrix that
takes sharp to blurry. It is blind to gain and offset.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.alignment.geometry import Float, Float32, normalized, scaling, translation

_ITERATIONS = 60  # at most, at each level
_FLAT = 1e-3  # of the range of code values: a picture with less contrast than this shows nothing to align


def phase_shift(blurry: Float32, sharp: Float32) -> Float:
    """Shift (x, y) in px that takes ``sharp`` to ``blurry``, by Hann-windowed phase correlation; finds a kernel's heaviest point."""
    window = cv2.createHanningWindow(sharp.shape[::-1], cv2.CV_32F)
    return phase_correlation((blurry - blurry.mean()) * window, (sharp - sharp.mean()) * window)


def phase_correlation(moved: Float32, still: Float32) -> Float:
    """Shift (x, y) in px that takes ``still`` to ``moved``, both faded or periodic at their rims.

    ``cv2.phaseCorrelate`` pads to a size that is quick to transform, and is off by half a pixel along a side where that is odd.
    """
    rows, columns = (_even_dft_side(side) for side in still.shape)
    padding = (0, rows - still.shape[0], 0, columns - still.shape[1], cv2.BORDER_CONSTANT)
    shift, _ = cv2.phaseCorrelate(cv2.copyMakeBorder(still, *padding), cv2.copyMakeBorder(moved, *padding))
    return np.asarray(shift, np.float64)


def _even_dft_side(side: int) -> int:
    """The next length that is quick to transform and even."""
    while (quick := cv2.getOptimalDFTSize(side)) % 2:
        side = quick + 1
    return int(quick)


def find_homography(blurry: Float32, sharp: Float32, valid: NDArray[np.bool_]) -> tuple[Float, float] | None:
    """Homography from ``sharp`` to ``blurry`` and the correlation reached, or None where ECC finds no way.

    A pyramid from 1/8 costs a twentieth of 300 iterations at full size and is as exact. Starts from the phase correlation and
    from identity; ``gaussFiltSize=1`` because ECC's reflected border of a wider filter biases the scale.

    Args:
        blurry: (H, W) float32, code values of any scale.
        sharp: (H, W) float32, same scale.
        valid: (H, W) bool, pixels of ``blurry`` that show the scene. Clipped ones do: leaving them out made trials four times worse.
    """
    if min(float(np.std(blurry)), float(np.std(sharp))) < _FLAT * max(float(np.ptp(sharp)), 1e-9) or min(blurry.shape) < 32:
        return None
    levels = [level for level in (8, 4, 2) if min(blurry.shape) // level >= 48] or [1]
    small = [_reduced(picture, levels[0]) for picture in (blurry, sharp)]
    starts = [translation(*(levels[0] * phase_shift(*small))), np.eye(3)]
    tries = [found for start in starts if (found := _descend(blurry, sharp, valid, start, levels[:1], cv2.MOTION_EUCLIDEAN))]
    if not tries:
        return None
    best = max(tries, key=lambda found: found[1])
    return _descend(blurry, sharp, valid, best[0], levels, cv2.MOTION_HOMOGRAPHY)


def _reduced(picture: Float32, level: int) -> Float32:
    if level == 1:
        return picture
    size = (picture.shape[1] // level, picture.shape[0] // level)
    cut = picture[: size[1] * level, : size[0] * level]  # whole blocks, so that pixel centres stay where scaling() has them
    return np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_AREA), np.float32)


def _descend(
    blurry: Float32, sharp: Float32, valid: NDArray[np.bool_], start: Float, levels: list[int], motion: int
) -> tuple[Float, float] | None:
    homography, correlation = start, 0.0
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ITERATIONS, 1e-7)
    for level in levels:
        there, back = scaling(1 / level), scaling(level)
        guess = normalized(there @ homography @ back).astype(np.float32)
        mask = (_reduced(valid.astype(np.float32), level) > 0.99).astype(np.uint8)
        guess = guess if motion == cv2.MOTION_HOMOGRAPHY else guess[:2].copy()
        try:
            correlation, found = cv2.findTransformECC(_reduced(sharp, level), _reduced(blurry, level), guess, motion, criteria, mask, 1)
        except cv2.error:  # no overlap left, or nothing to see at this size
            return None
        if not np.isfinite(found).all() or not np.isfinite(correlation):
            return None
        full = found if motion == cv2.MOTION_HOMOGRAPHY else np.vstack([found, [0, 0, 1]])
        homography = normalized(back @ full.astype(np.float64) @ there)
    return homography, float(correlation)
