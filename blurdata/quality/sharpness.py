"""How sharp are a picture's sharpest edges, whatever it shows?"""

import cv2
import numpy as np

from blurdata.quality.spectrum import Plane

_REACH = 5  # px on either side of an edge


def edge_width(plane: Plane) -> float:
    """Width in px of the sharpest clear edges: local contrast over steepest slope.

    An ideal step has 1 px; a Gaussian of deviation s gives ``s sqrt(2 pi)``. Contrast cancels out, so that dark and flat pictures are
    not called blurred; NaN where there is no clear edge at all.

    Args:
        plane: (H, W) float32, code values in [0, 1].

    Example:
        >>> step = np.zeros((64, 64), np.float32)
        >>> step[:, 32:] = 0.8
        >>> round(edge_width(step), 1)
        1.0
    """
    slope = np.maximum(np.abs(cv2.filter2D(plane, -1, np.array([[-1.0, 1.0]]))), np.abs(cv2.filter2D(plane, -1, np.array([[-1.0], [1.0]]))))
    around = np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)
    contrast = cv2.dilate(plane, around) - cv2.erode(plane, around)
    steepest = cv2.dilate(slope, around)
    inner = slice(_REACH, -_REACH)
    contrast, steepest, slope = contrast[inner, inner], steepest[inner, inner], slope[inner, inner]
    line = max(float(np.percentile(contrast, 80)), 0.08) if contrast.size else 1.0
    clear = (contrast >= line) & (slope >= 0.9 * steepest)  # the middle of an edge: beside it the window holds half of the edge only
    if clear.sum() < 25:
        return float("nan")
    return float(np.percentile(contrast[clear] / np.maximum(steepest[clear], 1e-6), 10))


def softening(blurry: Plane, sharp: Plane) -> float:
    """Half the second moment of the blur in px^2, on average over the picture's detail: 0 where nothing was blurred anywhere.

    ``B - S = v Laplacian(S)`` to first order, with v by least squares. A thing that moves in a still picture counts with its share of the
    detail; noise, compression and another exposure do not count.

    Args:
        blurry: (H, W) float32, linear light.
        sharp: Same shape.

    Example:
        >>> scene = cv2.GaussianBlur(np.random.default_rng(0).random((64, 64), dtype=np.float32), (0, 0), 3)
        >>> 0.4 < softening(cv2.GaussianBlur(scene, (0, 0), 1), scene) < 0.5  # half of 1 px^2, less fourth order
        True
    """
    b, s = (cv2.GaussianBlur(plane, (0, 0), 1.5) for plane in (blurry, sharp))
    b *= s.mean() / max(float(b.mean()), 1e-6)
    bend = cv2.Laplacian(s, cv2.CV_32F)
    bend -= bend.mean()
    return float(((b - s) * bend).sum() / max(float((bend * bend).sum()), 1e-12))


def blank_rows(image: np.ndarray) -> float:
    """Share of the picture's height taken by the longest run of rows at its foot or head that hold one single colour."""
    return max(_flat_run(image), _flat_run(image[::-1])) / len(image)


def _flat_run(image: np.ndarray) -> int:
    """How many rows from the first on are of one colour each."""
    for count, row in enumerate(image):
        if (np.ptp(row.astype(np.int32), axis=0) > 1).any():
            return count
    return len(image)
