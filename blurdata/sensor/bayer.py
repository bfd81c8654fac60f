"""One colour a pixel and back: the colour filter array and the Malvar demosaic.

Malvar, He and Cutler, "High-quality linear interpolation for demosaicing of Bayer-patterned color images", ICASSP 2004:
bilinear interpolation plus the Laplacian of the colour that was measured, with weights 1/2, 5/8 and 3/4. All filters are
linear 5 x 5; the rim is mirrored without repeating the edge, which keeps the phase of the pattern.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

BAYER_PATTERNS = ("RGGB", "BGGR", "GRBG", "GBRG")
"""Colours of the first 2 x 2 pixels, row by row."""

_GREEN = np.array([[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]]) / 8
_ROW = np.array([[0, 0, 0.5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0], [0, 0, 0.5, 0, 0]]) / 8
_CROSS = np.array([[0, 0, -1.5, 0, 0], [0, 2, 0, 2, 0], [-1.5, 0, 6, 0, -1.5], [0, 2, 0, 2, 0], [0, 0, -1.5, 0, 0]]) / 8


def mosaic(picture: NDArray[np.floating], pattern: str) -> Float:
    """What a colour filter array lets through: one of the three colours a pixel.

    Args:
        picture: (H, W, 3) camera colours, R, G, B.
        pattern: One of ``BAYER_PATTERNS``.

    Returns:
        (H, W) float64.

    Raises:
        ValueError: If the pattern is unknown or the picture has not three channels.

    Example:
        >>> mosaic(np.full((2, 2, 3), [0.1, 0.2, 0.3]), "RGGB").tolist()
        [[0.1, 0.2], [0.2, 0.3]]
    """
    if picture.ndim != 3 or picture.shape[2] != 3:
        msg = f"picture must be (H, W, 3), got shape {picture.shape}."
        raise ValueError(msg)
    raw = np.empty(picture.shape[:2])
    for (row, column), color in _places(pattern):
        raw[row::2, column::2] = picture[row::2, column::2, color]
    return raw


def demosaic(raw: NDArray[np.floating], pattern: str) -> Float:
    """The three colours of every pixel, by Malvar's linear filters; not clipped.

    Args:
        raw: (H, W) mosaic, at least 3 x 3.
        pattern: One of ``BAYER_PATTERNS``.

    Returns:
        (H, W, 3) float64. The measured samples are kept as they are.

    Raises:
        ValueError: If the pattern is unknown or the mosaic too small.

    Example:
        >>> flat = np.full((6, 8, 3), [0.1, 0.2, 0.3])
        >>> bool(np.allclose(demosaic(mosaic(flat, "GBRG"), "GBRG"), flat))
        True
    """
    if raw.ndim != 2 or min(raw.shape) < 3:
        msg = f"raw must be (H, W) with at least 3 x 3 pixels, got shape {raw.shape}."
        raise ValueError(msg)
    samples = np.ascontiguousarray(raw, np.float64)
    places = _places(pattern)
    row_of = {color: row for (row, _), color in places if color != 1}
    green, along_row, along_column, cross = (_filter(samples, kernel) for kernel in (_GREEN, _ROW, _ROW.T, _CROSS))
    picture = np.empty((*samples.shape, 3))
    for (row, column), color in places:
        here = np.s_[row::2, column::2]
        picture[(*here, color)] = samples[here]
        if color == 1:
            for other in (0, 2):
                picture[(*here, other)] = (along_row if row == row_of[other] else along_column)[here]
        else:
            picture[(*here, 1)] = green[here]
            picture[(*here, 2 - color)] = cross[here]
    return picture


def _filter(raw: Float, kernel: Float) -> Float:
    return np.asarray(cv2.filter2D(raw, cv2.CV_64F, kernel, borderType=cv2.BORDER_REFLECT_101))


def _places(pattern: str) -> list[tuple[tuple[int, int], int]]:
    """Offset in the 2 x 2 tile and the channel that is measured there."""
    if pattern not in BAYER_PATTERNS:
        msg = f"There is no Bayer pattern '{pattern}'; use one of {', '.join(BAYER_PATTERNS)}."
        raise ValueError(msg)
    return [((index // 2, index % 2), "RGB".index(color)) for index, color in enumerate(pattern)]
