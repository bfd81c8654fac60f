"""How is a PSF applied to bytes? With 15-bit light and 16-bit weights, two of each in a 32-bit word, and exact sums between."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blurdata.color import Curve
from blurdata.convolution.border import sources, stride_of
from blurdata.scratch import Scratch

_LIGHT = 32767  # full scale of 15-bit light
_SCALE, _STEP = 65536, 128  # of weights, and of codes that are light themselves
_SHIFT = 17  # 2 ** 31 sums over 16384 codes in a table that stays in the first-level cache
_FEW_TAPS = 100  # kernels of fewer have no even inside
_EVEN_WEIGHT = 25  # of 65536: where the inside is lower, rounding it alike down a column shows
_FLAT_KEPT = 0.25  # of a code: a curve this close at 15 bits may use integers
_padded = Scratch()

Ints = NDArray[np.int64]
Tables = tuple[NDArray[np.int32], NDArray[np.uint8], int]


class Taps(NamedTuple):
    """Words of the flipped kernel: where in it (``rows`` of two), the weights for even rows and for the odd rows below.

    ``ends`` are those of the taps for both, for even rows alone and for odd rows alone. Where there is a ``begin`` the weights are
    differences down the columns, on padded rows that start one earlier, and ``begin`` is the kernel on the row above the picture.
    """

    rows: Ints
    columns: Ints
    upper: NDArray[np.int32]
    lower: NDArray[np.int32]
    ends: Ints
    scale: int
    begin: tuple[Ints, Ints, NDArray[np.int32]] | None = None

    @property
    def cost(self) -> float:
        """Words, one for a single row counted as less, as it costs."""
        both, _, end = self.ends
        return float(both + 0.7 * (end - both))


def taps_of(kernel: NDArray[np.floating]) -> Taps | None:
    """The words of a kernel or of its differences, whichever are fewer; None if 16 bits do not hold its weights."""
    flipped = np.asarray(kernel, np.float64)[::-1, ::-1]
    if (flipped < 0).any() or abs(flipped.sum() - 1) > 1e-4:
        return None
    scale = _SCALE if flipped.max() < 0.4999 else _LIGHT
    # each weight is the difference of the rounded running sum, so that the sum stays
    steps = np.diff(np.rint(np.cumsum(flipped.ravel()) * scale), prepend=0).astype(np.int64).reshape(flipped.shape)
    taps = _words(steps, scale)
    changes = np.count_nonzero(np.diff(np.rint(flipped * scale), axis=0))
    if changes > 0.8 * np.count_nonzero(steps) or np.count_nonzero(steps) < _FEW_TAPS or flipped.max() * scale < _EVEN_WEIGHT:
        return taps
    even = _even_columns(flipped * scale)
    fewer = _words(np.pad(even, ((1, 0), (0, 0))) - np.pad(even, ((0, 1), (0, 0))), scale)
    if fewer.cost > 0.8 * taps.cost or even.sum() > scale:  # beyond the scale a sum has no code
        return taps
    whole = _words(even, scale)
    used = whole.upper != 0
    return fewer._replace(begin=(whole.rows[used], whole.columns[used], whole.upper[used]))


def _even_columns(exact: NDArray[np.float64]) -> Ints:
    """Whole weights that are equal where the exact ones are, with about their sum.

    What rounding leaves is made up by 1 on all of a column's evenly highest taps, wherever that brings the sum nearer.
    """
    whole = np.rint(exact).astype(np.int64)
    heights = whole.max(axis=0)
    highest = whole == heights
    counts, change = highest.sum(axis=0).tolist(), np.zeros(whole.shape[1], np.int64)
    left = -0.5 * max(counts)  # so that the sum ends below the exact one
    for column, lost in enumerate((exact.sum(axis=0) - whole.sum(axis=0)).tolist()):
        left += lost
        if heights[column] > _EVEN_WEIGHT / 2 and abs(left) > counts[column] / 2:
            change[column] = 1 if left > 0 else -1
            left -= float(change[column] * counts[column])
    return np.asarray(whole + highest * change)


def _words(steps: Ints, scale: int) -> Taps:
    """Whole weights two rows at a time: from the first row on for even rows, and from the one above on for odd rows."""
    height, width = steps.shape
    padded = np.zeros((2, 2 * (height // 2 + 1), width), np.int64)
    padded[0, :height], padded[1, 1 : height + 1] = steps, steps
    even, odd = ((padded[:, 0::2] & 0xFFFF) | ((padded[:, 1::2] & 0xFFFF) << 16)).astype(np.uint32).view(np.int32)
    upper, lower = even != 0, odd != 0
    places = [np.nonzero(used) for used in (upper & lower, upper & ~lower, lower & ~upper)]
    rows, columns = (np.concatenate(axis) for axis in zip(*places, strict=True))
    return Taps(rows, columns, even[rows, columns], odd[rows, columns], np.cumsum([len(found) for found, _ in places]), scale)


@lru_cache(maxsize=16)
def integer_tables(curve: Curve, scale: int) -> Tables | None:
    """Light of each 8-bit code (zeros, in the lower and in the upper half of a word), the code of each sum, and its bits below those.

    The codes are empty where the bits above are the code. None if the curve is too steep at black for 15 bits.
    """
    if curve.channels > 1:
        return None
    proportional = curve.name == "linear" and scale == _SCALE
    full = _STEP * 255 if curve.name == "linear" else _LIGHT  # codes as whole numbers stay exact
    light = np.rint(curve.light_of_codes(8)[0] * full)
    back = curve.encode(light / full) * 255
    if np.abs(back - np.arange(256)).max() > _FLAT_KEPT:
        return None
    sums = (np.arange(1 << (31 - _SHIFT)) + 0.5) * (1 << _SHIFT)
    codes = np.rint(curve.encode(np.minimum(sums / (float(scale) * full), 1)) * 255)
    low = light.astype(np.int32)
    words = np.stack([np.zeros_like(low), low, low << 16])
    return (words, np.empty(0, np.uint8), (_SCALE * _STEP).bit_length() - 1) if proportional else (words, codes.astype(np.uint8), _SHIFT)


def blur_integers(
    codes: NDArray[np.uint8],
    channels: int,
    taps: Taps,
    shape: tuple[int, int],
    tables: Tables,
    border: str,
) -> NDArray[np.uint8]:
    """(H, W * C) uint8 blurred by the taps of a kernel of this ``shape``."""
    from blurdata.convolution import _kernels

    earlier = int(taps.begin is not None)
    pairs = (len(codes) + 1) // 2 + (shape[0] + earlier) // 2
    rows, columns, left = sources(codes.shape, channels, shape, border, above=earlier, rows=2 * pairs)
    words = _padded((pairs, stride_of(len(columns), _kernels.BLOCK)), np.int32)
    stride, nothing = words.shape[1], (taps.rows[:0], taps.columns[:0], taps.upper[:0])
    begin_rows, begin_columns, begin_weights = taps.begin or nothing
    out = np.empty(codes.shape, np.uint8)
    _kernels.blur_words(
        codes,
        tables[0],
        rows,
        columns,
        left,
        taps.rows * stride + taps.columns * channels,
        taps.upper,
        taps.lower,
        taps.ends,
        begin_rows * stride + begin_columns * channels,
        begin_weights,
        *tables[1:],
        words,
        np.empty(2 * _kernels.BLOCK + codes.shape[1], np.int32),
        out.reshape(-1),
    )
    return out
