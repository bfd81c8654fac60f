"""The loops over pixels, compiled by numba; a plain numpy reference of each lives in the tests. All of them release the GIL."""

from typing import Any

import numpy as np

from blurdata.compiled import compiled


@compiled
def add_light_1(total: Any, a: Any, table: Any) -> None:
    """Add the light of one (N, 3) frame to ``total``; ``table`` is (3, codes)."""
    for i in range(total.shape[0]):
        for c in range(3):
            total[i, c] += table[c, a[i, c]]


@compiled
def add_light_4(total: Any, a: Any, b: Any, d: Any, e: Any, table: Any) -> None:
    """Add the light of four (N, 3) frames at once: the sum is read and written once for all."""
    for i in range(total.shape[0]):
        for c in range(3):
            total[i, c] += table[c, a[i, c]] + table[c, b[i, c]] + table[c, d[i, c]] + table[c, e[i, c]]


@compiled
def add_light_3(total: Any, a: Any, b: Any, d: Any, table: Any) -> None:
    """Add the light of three (N, 3) frames at once."""
    for i in range(total.shape[0]):
        for c in range(3):
            total[i, c] += table[c, a[i, c]] + table[c, b[i, c]] + table[c, d[i, c]]


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
