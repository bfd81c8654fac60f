"""The loops over pixels, compiled by numba; a plain numpy reference of each lives in the tests. All of them release the GIL."""

from typing import Any

import numpy as np

from blurdata.compiled import compiled, part

FIXED_BITS = np.int32(18)  # of the fixed-point factors of yuv8_to_rgb
CHROMA_UNIT = 16  # what one code of chroma is after its interpolation there
_FOUR = np.int32(4)
_QUARTERS = (np.int32(0), np.int32(1), np.int32(2), np.int32(3))


@compiled
def add_light_1(total: Any, a: Any, table: Any) -> None:
    """Add the light of one frame of (3 N,) codes to ``total``; ``table`` is (3 codes,), one channel's after the other's."""
    codes = table.size // 3
    for i in range(0, total.size, 3):
        for c in range(3):
            at, of = np.uintp(i + c), np.uintp(codes * c)
            total[at] += table[of + a[at]]


@compiled
def add_light_3(total: Any, a: Any, b: Any, d: Any, table: Any) -> None:
    """Add the light of three frames at once: the sum is read and written once for all."""
    codes = table.size // 3
    for i in range(0, total.size, 3):
        for c in range(3):
            at, of = np.uintp(i + c), np.uintp(codes * c)
            total[at] += table[of + a[at]] + table[of + b[at]] + table[of + d[at]]


@compiled
def add_light_4(total: Any, a: Any, b: Any, d: Any, e: Any, table: Any) -> None:
    """Add the light of four frames at once."""
    codes = table.size // 3
    for i in range(0, total.size, 3):
        for c in range(3):
            at, of = np.uintp(i + c), np.uintp(codes * c)
            total[at] += table[of + a[at]] + table[of + b[at]] + table[of + d[at]] + table[of + e[at]]


@compiled
def to_codes(out: Any, sums: Any, first: Any, steps: Any, shift: Any) -> None:
    """Code values of (N, 3) sums: the bucket of a sum narrows the codes, a binary search ends it."""
    for i in range(out.shape[0]):
        for c in range(3):
            value = np.uint64(sums[i, c])
            bucket = value >> shift
            low = np.int64(first[c, bucket])
            high = np.int64(first[c, bucket + np.uint64(1)])
            while low < high:
                middle = (low + high + 1) >> 1
                if steps[c, middle] <= value:
                    low = middle
                else:
                    high = middle - 1
            out[i, c] = low


@compiled
def yuv_to_rgb(out: Any, y: Any, cb: Any, cr: Any, scale: Any, offset: Any, matrix: Any) -> None:
    """(H, W, 3) uint16 RGB of three (H, W) uint16 planes.

    Args:
        out: Where the result goes.
        y: Luma; ``cb`` and ``cr`` are of the same size.
        cb: Blue difference.
        cr: Red difference.
        scale: What one code of luma and of chroma is worth.
        offset: Codes of black luma and of neutral chroma.
        matrix: Cr to red, Cb to green, Cr to green, Cb to blue.
    """
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            light = (y[i, j] - offset[0]) * scale[0]
            blue, red = (cb[i, j] - offset[1]) * scale[1], (cr[i, j] - offset[1]) * scale[1]
            out[i, j, 0] = np.uint16(min(max(light + matrix[0] * red, 0.0), 1.0) * 65535 + 0.5)
            out[i, j, 1] = np.uint16(min(max(light + matrix[1] * blue + matrix[2] * red, 0.0), 1.0) * 65535 + 0.5)
            out[i, j, 2] = np.uint16(min(max(light + matrix[3] * blue, 0.0), 1.0) * 65535 + 0.5)


@compiled
def yuv8_to_rgb(out: Any, y: Any, cb: Any, cr: Any, across: int, down: int, centred: bool, black: int, factors: Any) -> None:
    """(H, 3 W) uint8 RGB of three planes of 8 bits, whose rows may be longer than the picture's; integers, alike on every processor.

    Args:
        out: Where the result goes.
        y: Luma.
        cb: Blue difference.
        cr: Red difference.
        across: 1 where a row has half as many chroma samples, else 0.
        down: The same for columns; the samples lie between two rows.
        centred: Whether chroma samples lie between two columns, instead of on the left one.
        black: Code of black luma.
        factors: int32: luma; Cr to red, Cb to green, Cr to green (both taken away), Cb to blue.
    """
    height, width = out.shape[0], out.shape[1] // 3
    few = (width + across) >> across
    last = ((height + down) >> down) - 1
    # quarters: of an even pixel the sample before it and its own, of an odd one its own and the next
    even, odd = (_QUARTERS[1], _QUARTERS[3]) if centred else (_QUARTERS[0], _QUARTERS[2])
    half = np.int32(1 << (FIXED_BITS - 1))
    luma, slopes = factors[0], (factors[1], factors[2], factors[3], factors[4])
    blue, red = np.empty(few + 2, np.int32), np.empty(few + 2, np.int32)
    for i in range(height):
        near = i >> down
        far = min(max(near - 1 + 2 * (i & 1), 0), last) if down else near
        for j in range(few):
            blue[j + 1] = np.int32(3) * np.int32(cb[near, j]) + np.int32(cb[far, j]) - np.int32(512)
            red[j + 1] = np.int32(3) * np.int32(cr[near, j]) + np.int32(cr[far, j]) - np.int32(512)
        blue[0], blue[few + 1], red[0], red[few + 1] = blue[1], blue[few], red[1], red[few]
        if across:
            for j in range(width >> 1):
                u, v = even * blue[j] + (_FOUR - even) * blue[j + 1], even * red[j] + (_FOUR - even) * red[j + 1]
                _put(out, i, 6 * j, (np.int32(y[i, 2 * j]) - black) * luma + half, u, v, slopes)
                u, v = odd * blue[j + 1] + (_FOUR - odd) * blue[j + 2], odd * red[j + 1] + (_FOUR - odd) * red[j + 2]
                _put(out, i, 6 * j + 3, (np.int32(y[i, 2 * j + 1]) - black) * luma + half, u, v, slopes)
            if width & 1:
                u, v = even * blue[few - 1] + (_FOUR - even) * blue[few], even * red[few - 1] + (_FOUR - even) * red[few]
                _put(out, i, 3 * width - 3, (np.int32(y[i, width - 1]) - black) * luma + half, u, v, slopes)
        else:
            for j in range(width):
                _put(out, i, 3 * j, (np.int32(y[i, j]) - black) * luma + half, _FOUR * blue[j + 1], _FOUR * red[j + 1], slopes)


@part
def _put(out: Any, i: int, at: int, light: Any, u: Any, v: Any, slopes: Any) -> None:
    """One pixel; a row of its own instead of ``out`` and ``i`` would keep the loop from being vectorised."""
    low, high = np.int32(0), np.int32(255)
    out[i, at] = min(max((light + slopes[0] * v) >> FIXED_BITS, low), high)
    out[i, at + 1] = min(max((light - slopes[1] * u - slopes[2] * v) >> FIXED_BITS, low), high)
    out[i, at + 2] = min(max((light + slopes[3] * u) >> FIXED_BITS, low), high)
