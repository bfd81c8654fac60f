"""How is a sparse PSF, such as a stroke, applied? Tap by tap over a padded picture of light."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blurdata.color import Curve
from blurdata.convolution.border import source_index
from blurdata.convolution.workspace import scratch

_LIGHT = 32767  # full scale of 15-bit light
_SHIFT = 17  # 2 ** 31 sums over 16384 codes in a table that stays in the first-level cache
_OCTAVES, _MANTISSA_BITS = 24, 9  # of the table over float light
MOST_CHANNELS = 32  # of a running sum, which looks back over a block
_FEW_TAPS = 100  # strokes of fewer have no even inside
_EVEN_WEIGHT = 25  # of 65536: where the inside is lower, rounding it alike along a row shows
_FLAT_KEPT = 0.25  # of a code: a curve this close at 15 bits may use integers

Ints = NDArray[np.int64]


class PairTaps(NamedTuple):
    """Taps two by two: ``rows``, ``columns`` of the first of each pair in the flipped kernel, and both 16-bit weights in a word.

    ``running`` taps are differences along the rows; their columns begin one before the kernel's first.
    """

    rows: Ints
    columns: Ints
    weights: NDArray[np.int32]
    vertical: bool
    scale: int
    running: bool = False


def pairs_of(kernel: NDArray[np.floating]) -> PairTaps | None:
    """The taps of a kernel as pairs of neighbours, vertical or horizontal, whichever are fewer; None if 16 bits do not hold them."""
    flipped = np.asarray(kernel, np.float64)[::-1, ::-1]
    if (flipped < 0).any() or abs(flipped.sum() - 1) > 1e-4:
        return None
    scale = 65536 if flipped.max() < 0.4999 else _LIGHT
    # each weight is the difference of the rounded running sum, so that the sum stays
    steps = np.diff(np.rint(np.cumsum(flipped.ravel()) * scale), prepend=0).astype(np.int64).reshape(flipped.shape)
    taps = _paired(steps, scale, running=False)
    if np.count_nonzero(steps) < _FEW_TAPS or flipped.max() * scale < _EVEN_WEIGHT:
        return taps
    even = _even_rows(flipped * scale)
    differences = np.pad(even, ((0, 0), (1, 0))) - np.pad(even, ((0, 0), (0, 1)))
    fewer = _paired(differences, scale, running=True)
    return fewer if len(fewer.weights) < 0.8 * len(taps.weights) else taps


def _even_rows(exact: NDArray[np.float64]) -> Ints:
    """Whole weights that are equal where the exact ones are, with about their sum and not above it.

    What rounding leaves of a row goes to the row's evenly highest taps, and what is left then to the next row.
    """
    whole = np.rint(exact).astype(np.int64)
    left = -0.5 * float((whole == whole.max(axis=1, keepdims=True)).sum(axis=1).max())
    for row, weights in zip(exact, whole, strict=True):
        highest = weights == weights.max()
        left += float(row.sum() - weights.sum())
        change = round(left / highest.sum()) if weights.max() > _EVEN_WEIGHT / 2 else 0
        weights[highest] += change
        left -= change * float(highest.sum())
    return whole


def _paired(steps: Ints, scale: int, *, running: bool) -> PairTaps:
    used = steps != 0
    down, right = _pair_starts(used), _pair_starts(used.T).T
    vertical = bool(down.sum() <= right.sum())
    rows, columns = np.nonzero(down if vertical else right)
    padded = np.pad(steps, ((0, 1), (0, 1)))
    second = padded[rows + vertical, columns + (not vertical)]
    words = ((padded[rows, columns] & 0xFFFF) | ((second & 0xFFFF) << 16)).astype(np.uint32).view(np.int32)
    return PairTaps(rows, columns, words, vertical, scale, running)


def _pair_starts(used: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where vertical pairs begin that cover every used place: at every second one of each run down a column."""
    at = np.arange(len(used))[:, None]
    last_gap = np.maximum.accumulate(np.where(used, -1, at), axis=0)
    return np.asarray(used & ((at - last_gap) % 2 == 1))


@lru_cache(maxsize=16)
def integer_tables(curve: Curve, scale: int) -> tuple[NDArray[np.int16], NDArray[np.uint8]] | None:
    """15-bit light of each 8-bit code, and the code of each sum; None if the curve is too steep at black for 15 bits."""
    if curve.channels > 1:
        return None
    full = 128 * 255 if curve.name == "linear" else _LIGHT  # codes as whole numbers stay exact
    light = np.rint(curve.light_of_codes(8)[0] * full)
    back = curve.encode(light / full) * 255
    if np.abs(back - np.arange(256)).max() > _FLAT_KEPT:
        return None
    sums = (np.arange(1 << (31 - _SHIFT)) + 0.5) * (1 << _SHIFT)
    codes = np.rint(curve.encode(np.minimum(sums / (float(scale) * full), 1)) * 255)
    return light.astype(np.int16), codes.astype(np.uint8)


def blur_integers(
    rows_of_codes: NDArray[np.uint8],
    channels: int,
    taps: PairTaps,
    shape: tuple[int, int],
    tables: tuple[NDArray[np.int16], NDArray[np.uint8]],
    border: str,
) -> NDArray[np.uint8]:
    """(H, W * C) uint8 blurred with 15-bit light and weights, exact sums between."""
    from blurdata.convolution import _kernels

    rows, columns, left = _sources(rows_of_codes.shape, channels, shape, border)
    lead = (shape[1] * channels, channels) if taps.running else (0, 0)
    zeros = lead[0] + lead[1]  # a running sum starts where the kernel sees nothing yet, and looks one pixel back
    columns, left = np.concatenate([np.full(zeros, -1), columns]), left + zeros
    padded = scratch("pairs", (len(rows) + 1, _stride(len(columns), _kernels.BLOCK)), np.int32)
    offsets, step = taps.rows * padded.shape[1] + taps.columns * channels, 0 if taps.vertical else channels
    out = np.empty(rows_of_codes.shape, np.uint8)
    _kernels.blur_pairs(rows_of_codes, tables[0], rows, columns, left, step, lead, offsets, taps.weights, tables[1], _SHIFT, padded, out)
    return out


def blur_floats(light: NDArray[np.float32], kernel: NDArray[np.floating], border: str) -> NDArray[np.float32]:
    """(H, W, C) float32 light blurred tap by tap in float32."""
    from blurdata.convolution import _kernels

    height, width, channels = light.shape
    rows, columns, left = _sources((height, width * channels), channels, kernel.shape, border)
    padded = scratch("light", (len(rows) + 1, _stride(len(columns), _kernels.BLOCK)), np.float32)
    _kernels.pad_up(light.reshape(height, -1), rows, columns, left, padded)
    return _run_taps(padded, kernel, channels, (height, width * channels)).reshape(light.shape)


def blur_codes(codes: NDArray[np.uint8], channels: int, kernel: NDArray[np.floating], curve: Curve, border: str) -> NDArray[np.uint8]:
    """(H, W * C) uint8 blurred tap by tap in float32 light, for curves of one channel."""
    from blurdata.convolution import _kernels

    rows, columns, left = _sources(codes.shape, channels, kernel.shape, border)
    padded = scratch("light", (len(rows) + 1, _stride(len(columns), _kernels.BLOCK)), np.float32)
    _kernels.light_up(codes, curve.light_of_codes(8)[0].astype(np.float32), rows, columns, left, padded)
    return codes_of(_run_taps(padded, kernel, channels, codes.shape), curve)


def codes_of(light: NDArray[np.float32], curve: Curve) -> NDArray[np.uint8]:
    """uint8 codes of float32 light, any shape, for curves of one channel."""
    from blurdata.convolution import _kernels

    table, lowest, shift = _float_table(curve)
    out = np.empty(light.shape, np.uint8)
    _kernels.codes_of_light(light.reshape(-1).view(np.int32), table, lowest, shift, out.reshape(-1))
    return out


def _run_taps(padded: NDArray[np.float32], kernel: NDArray[np.floating], channels: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    from blurdata.convolution import _kernels

    flipped = np.asarray(kernel, np.float32)[::-1, ::-1]
    at = np.nonzero(flipped)
    offsets = at[0] * padded.shape[1] + at[1] * channels
    out = np.empty(shape, np.float32)
    if len(offsets) == 0:
        out[:] = 0
        return out
    _kernels.run_taps(padded, offsets, np.ascontiguousarray(flipped[at]), out)
    return out


@lru_cache(maxsize=16)
def _float_table(curve: Curve) -> tuple[NDArray[np.uint8], np.int32, np.int32]:
    """Codes over the bits of light from 2 ** -24 to 1, in steps of 2 ** -9 of each octave."""
    shift = 23 - _MANTISSA_BITS
    lowest, highest = (int(np.float32(x).view(np.int32)) for x in (2.0**-_OCTAVES, 1.0))
    bits = lowest + ((np.arange(((highest - lowest) >> shift) + 1) << shift) + (1 << (shift - 1)))
    light = bits.astype(np.int32).view(np.float32)
    return np.rint(curve.encode(np.minimum(light, 1)) * 255).astype(np.uint8), np.int32(lowest), np.int32(shift)


def _sources(shape: tuple[int, ...], channels: int, kernel: tuple[int, ...], border: str) -> tuple[Ints, Ints, int]:
    """Source row of each padded row, source sample of each padded sample, and the padded samples before the first."""
    top, left = kernel[0] // 2, kernel[1] // 2
    rows = source_index(shape[0], top, top, border)
    columns = source_index(shape[1] // channels, left, left, border)
    samples = columns[:, None] * channels + np.arange(channels)
    return rows, np.where(columns[:, None] < 0, -1, samples).ravel(), left * channels


def _stride(samples: int, block: int) -> int:
    """Length of a padded row: a block may read past its end, and rows a multiple of 4 KiB apart would share cache lines."""
    stride = samples + block + 8
    return stride + 16 if stride % 1024 < 16 else stride
