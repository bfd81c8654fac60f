"""The loops over pixels, compiled by numba; a plain numpy reference of each lives in the tests. All of them release the GIL."""

from typing import Any

import numpy as np

from blurdata.compiled import compiled, part

FIXED_BITS = np.int32(18)  # of the fixed-point factors of yuv8_to_rgb
_NOTHING = np.uint32(0)
CHROMA_UNIT = 16  # what one code of chroma is after its interpolation there


@compiled
def add_light_1(total: Any, a: Any, table: Any, fresh: bool) -> None:
    """Add the light of one frame of (3 N,) codes to ``total``, or to nothing where it is ``fresh`` and holds anything.

    ``table`` is (3 codes,), one channel's after the other's.
    """
    codes = table.size // 3
    for i in range(0, total.size, 3):
        for c in range(3):
            at, of = np.uintp(i + c), np.uintp(codes * c)
            before = _NOTHING if fresh else total[at]
            total[at] = before + table[of + a[at]]


@compiled
def add_light_3(total: Any, a: Any, b: Any, d: Any, table: Any, fresh: bool) -> None:
    """Add the light of three frames at once: the sum is read and written once for all."""
    codes = table.size // 3
    for i in range(0, total.size, 3):
        for c in range(3):
            at, of = np.uintp(i + c), np.uintp(codes * c)
            before = _NOTHING if fresh else total[at]
            total[at] = before + table[of + a[at]] + table[of + b[at]] + table[of + d[at]]


@compiled
def add_light_4(total: Any, a: Any, b: Any, d: Any, e: Any, table: Any, fresh: bool) -> None:
    """Add the light of four frames at once."""
    codes = table.size // 3
    for i in range(0, total.size, 3):
        for c in range(3):
            at, of = np.uintp(i + c), np.uintp(codes * c)
            before = _NOTHING if fresh else total[at]
            total[at] = before + table[of + a[at]] + table[of + b[at]] + table[of + d[at]] + table[of + e[at]]


@compiled
def add_codes_1(total: Any, a: Any, fresh: bool) -> None:
    """Add the codes of one frame, each (N,), to ``total``, or to nothing where it is ``fresh`` and holds anything."""
    for i in range(total.size):
        before = 0 if fresh else total[i]
        total[i] = before + a[i]


@compiled
def add_codes_4(total: Any, a: Any, b: Any, d: Any, e: Any, fresh: bool) -> None:
    """Add the codes of four frames at once."""
    for i in range(total.size):
        before = 0 if fresh else total[i]
        total[i] = before + a[i] + b[i] + d[i] + e[i]


@compiled
def mean_codes(out: Any, sums: Any, weight: int) -> None:
    """The means, rounded half up, of (N,) uint16 sums of ``weight`` codes, at most 256; exact, for a test tries them all."""
    factor = np.uint32(((1 << 25) + weight) // (2 * weight))
    half = np.uint32(1 << 23) + (factor >> np.uint32(1) if weight % 2 == 0 else _NOTHING)  # ties, which only even weights have, go up
    for i in range(out.size):
        out[i] = np.uint8((np.uint32(sums[i]) * factor + half) >> np.uint32(24))


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
def spread_chroma(out: Any, plane: Any, across: int, down: int, centred: bool) -> None:
    """Chroma at every pixel, as :func:`yuv8_to_rgb` has it: (H, W) uint16 of a plane of uint16, rounded once."""
    height, width = out.shape
    few, last = (width + across) >> across, ((height + down) >> down) - 1
    column = np.empty(few + 2, np.uint32)
    for i in range(height):
        near = i >> down
        far = min(max(near - 1 + 2 * (i & 1), 0), last) if down else near
        for k in range(few):
            column[k + 1] = 3 * np.uint32(plane[near, k]) + np.uint32(plane[far, k])
        column[0], column[few + 1] = column[1], column[few]
        for j in range(width):
            k = (j >> across) + 1
            if not across or (not centred and j & 1 == 0):
                value = 4 * column[k]
            elif centred:
                value = 3 * column[k] + column[k - 1 + 2 * (j & 1)]
            else:
                value = 2 * (column[k] + column[k + 1])
            out[i, j] = (value + 8) >> 4


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
    half = np.int32(1 << (FIXED_BITS - 1))
    luma, red, green_blue, green_red, blue = factors
    column, u, v = np.empty(few + 2, np.int16), np.empty(few << across, np.int16), np.empty(few << across, np.int16)
    r, g, b = np.empty(width, np.uint8), np.empty(width, np.uint8), np.empty(width, np.uint8)
    for i in range(height):
        near = i >> down
        far = min(max(near - 1 + 2 * (i & 1), 0), last) if down else near
        _chroma_row(u, cb, near, far, across, centred, column)
        _chroma_row(v, cr, near, far, across, centred, column)
        for j in range(width):
            light = np.int32((np.int32(y[i, j]) - black) * luma + half)
            r[j] = _code(np.int32(light + red * v[j]))
            g[j] = _code(np.int32(light - green_blue * u[j] - green_red * v[j]))
            b[j] = _code(np.int32(light + blue * u[j]))
        for j in range(width):  # apart from the arithmetic, which is quicker without
            out[i, 3 * j], out[i, 3 * j + 1], out[i, 3 * j + 2] = r[j], g[j], b[j]


@part
def _chroma_row(out: Any, plane: Any, near: int, far: int, across: int, centred: bool, column: Any) -> None:
    """One row of chroma at every pixel, ``CHROMA_UNIT`` a code: three quarters of the near row of samples and one of the far one."""
    few = column.size - 2
    for j in range(few):
        column[j + 1] = 3 * np.int16(plane[near, j]) + np.int16(plane[far, j]) - 512
    column[0], column[few + 1] = column[1], column[few]
    if not across:
        for j in range(few):
            out[j] = 4 * column[j + 1]
    elif centred:
        for j in range(few):
            out[2 * j], out[2 * j + 1] = column[j] + 3 * column[j + 1], 3 * column[j + 1] + column[j + 2]
    else:
        for j in range(few):
            out[2 * j], out[2 * j + 1] = 4 * column[j + 1], 2 * (column[j + 1] + column[j + 2])


@part
def _code(fixed: Any) -> Any:
    """The code of an int32 sum in fixed point. Without its casts and the callers' numba reckons in 64 bits, half as many to a vector."""
    return min(max(np.int32(fixed >> FIXED_BITS), np.int32(0)), np.int32(255))
