"""The best fixed linear filter from blurry to sharp: what a network must beat to show that it learnt more than an average sharpening.

Shuffled pairs are the reason for this control: on them a network gains 2 dB by learning to smooth, and so does this filter.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.pairs import Image

_RIDGE = (0.25 / 255) ** 2


def fit_filter(blurry: Sequence[Image], sharp: Sequence[Image], *, side: int = 21, samples: int = 60_000) -> NDArray[np.float64]:
    """The filter k and constant c that minimise ``sum (k * blurry + c - sharp)^2`` over pixels drawn from all pictures.

    One filter serves the three channels. The normal equations get a ridge as of noise of a quarter code, for scenes without detail.

    Args:
        blurry: Pictures (H, W, 3), uint8 or uint16, with sides of at least ``side``.
        sharp: The other halves.
        side: Odd side of the filter in px.
        samples: Pixels drawn over all pictures and channels.

    Returns:
        (side * side + 1,) float64: the filter's taps by row, as correlation, and the constant, for values in [0, 1].

    Example:
        >>> rng = np.random.default_rng(0)
        >>> picture = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
        >>> k = fit_filter([picture], [picture], side=3, samples=2000)
        >>> bool(abs(k[4] - 1) < 1e-2), bool(abs(np.delete(k, 4)).max() < 1e-2)
        (True, True)
    """
    rng = np.random.default_rng([0, 2])
    unknowns = side * side + 1
    gram, right = np.zeros((unknowns, unknowns)), np.zeros(unknowns)
    each = -(-samples // len(blurry))
    for b, s in zip(blurry, sharp, strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(b, (side, side), axis=(0, 1))
        y, x, c = rng.integers(windows.shape[0], size=each), rng.integers(windows.shape[1], size=each), rng.integers(3, size=each)
        rows = np.ones((each, unknowns), np.float32)
        rows[:, :-1] = windows[y, x, c].reshape(each, -1)
        rows[:, :-1] /= np.iinfo(b.dtype).max
        gram += rows.T @ rows
        right += rows.T @ (s[y + side // 2, x + side // 2, c].astype(np.float32) / np.iinfo(s.dtype).max)
    gram[np.arange(unknowns - 1), np.arange(unknowns - 1)] += _RIDGE * each * len(blurry)
    return np.asarray(np.linalg.solve(gram, right), np.float64)


def apply_filter(kernel: NDArray[np.float64], picture: Image) -> Image:
    """The picture through a filter of :func:`fit_filter`, rounded to its own code values; edges are mirrored."""
    side = int(np.sqrt(len(kernel) - 1))
    top = np.iinfo(picture.dtype).max
    taps = kernel[:-1].reshape(side, side).astype(np.float32)
    filtered = cv2.filter2D(picture.astype(np.float32), cv2.CV_32F, taps, borderType=cv2.BORDER_REFLECT_101)
    codes = np.clip(np.rint(filtered + np.float32(kernel[-1] * top)), 0, top)
    filtered_codes: Image = codes.astype(np.uint8) if picture.dtype == np.uint8 else codes.astype(np.uint16)
    return filtered_codes
