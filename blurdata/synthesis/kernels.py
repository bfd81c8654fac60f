"""The loops over pixels, compiled by numba; a plain numpy reference of each lives in the tests. All of them release the GIL."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np

Loop = TypeVar("Loop", bound=Callable[..., Any])


def _cache_writable() -> bool:
    where = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(where) if where else Path(__file__).parent / "__pycache__"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def compiled(loop: Loop) -> Loop:
    """Compile without the GIL, and keep the result on disk where that is possible."""
    done: Loop = numba.njit(nogil=True, cache=_cache_writable())(loop)
    return done


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
def visible(forward: Any, backward: Any) -> Any:
    """(H, W) uint8: 1 where following ``forward`` and then ``backward`` comes back to within 0.5 px plus 5 % of the way."""
    height, width = forward.shape[:2]
    out = np.empty((height, width), np.uint8)
    for y in range(height):
        for x in range(width):
            u, v = forward[y, x, 0], forward[y, x, 1]
            bx, by = _sample2(backward, x + u, y + v)
            gap = (u + bx) ** 2 + (v + by) ** 2
            limit = np.float32(0.5) + np.float32(0.05) * np.sqrt(u * u + v * v)
            out[y, x] = gap <= limit * limit
    return out


@compiled
def _sample2(flow: Any, x: Any, y: Any) -> Any:
    """A two-channel field at (x, y), bilinear, edges held."""
    height, width = flow.shape[:2]
    x = min(max(x, np.float32(0)), np.float32(width - 1))
    y = min(max(y, np.float32(0)), np.float32(height - 1))
    x0, y0 = int(x), int(y)
    x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
    fx, fy = np.float32(x - x0), np.float32(y - y0)
    one = np.float32(1)
    w00, w01, w10, w11 = (one - fx) * (one - fy), fx * (one - fy), (one - fx) * fy, fx * fy
    return (
        w00 * flow[y0, x0, 0] + w01 * flow[y0, x1, 0] + w10 * flow[y1, x0, 0] + w11 * flow[y1, x1, 0],
        w00 * flow[y0, x0, 1] + w01 * flow[y0, x1, 1] + w10 * flow[y1, x0, 1] + w11 * flow[y1, x1, 1],
    )


@compiled
def _sample3(image: Any, x: Any, y: Any) -> Any:
    """A three-channel picture at (x, y), bilinear, edges held."""
    height, width = image.shape[:2]
    x = min(max(x, np.float32(0)), np.float32(width - 1))
    y = min(max(y, np.float32(0)), np.float32(height - 1))
    x0, y0 = int(x), int(y)
    x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
    fx, fy = np.float32(x - x0), np.float32(y - y0)
    one = np.float32(1)
    w00, w01, w10, w11 = (one - fx) * (one - fy), fx * (one - fy), (one - fx) * fy, fx * fy
    return (
        w00 * image[y0, x0, 0] + w01 * image[y0, x1, 0] + w10 * image[y1, x0, 0] + w11 * image[y1, x1, 0],
        w00 * image[y0, x0, 1] + w01 * image[y0, x1, 1] + w10 * image[y1, x0, 1] + w11 * image[y1, x1, 1],
        w00 * image[y0, x0, 2] + w01 * image[y0, x1, 2] + w10 * image[y1, x0, 2] + w11 * image[y1, x1, 2],
    )


@compiled
def _seen(mask: Any, x: Any, y: Any) -> Any:
    """Whether the pixel nearest to (x, y) lies inside and is marked."""
    height, width = mask.shape
    if x < -0.5 or y < -0.5 or x > width - 0.5 or y > height - 0.5:
        return -1
    return mask[min(int(y + np.float32(0.5)), height - 1), min(int(x + np.float32(0.5)), width - 1)]


@compiled
def warp_between(out: Any, a: Any, b: Any, forward: Any, backward: Any, seen_a: Any, seen_b: Any, t: Any, top: Any, bottom: Any) -> None:
    """Rows ``top`` to ``bottom`` of the frame at moment ``t``; see :mod:`blurdata.synthesis.interpolate`."""
    width = out.shape[1]
    s = np.float32(1) - t
    for y in range(top, bottom):
        for x in range(width):
            px, py = np.float32(x), np.float32(y)
            u, v = forward[y, x, 0], forward[y, x, 1]
            p, q = backward[y, x, 0], backward[y, x, 1]
            for _ in range(3):
                u, v = _sample2(forward, px - t * u, py - t * v)
                p, q = _sample2(backward, px - s * p, py - s * q)
            ax, ay, bx, by = px - t * u, py - t * v, px + s * u, py + s * v
            cx, cy, dx, dy = px + t * p, py + t * q, px - s * p, py - s * q
            a0, a1, a2 = _sample3(a, ax, ay)
            b0, b1, b2 = _sample3(b, bx, by)
            c0, c1, c2 = _sample3(a, cx, cy)
            d0, d1, d2 = _sample3(b, dx, dy)
            if abs(c0 - d0) + abs(c1 - d1) + abs(c2 - d2) < abs(a0 - b0) + abs(a1 - b1) + abs(a2 - b2):
                a0, a1, a2, b0, b1, b2 = c0, c1, c2, d0, d1, d2
                ax, ay, bx, by = cx, cy, dx, dy
            in_a, in_b = _seen(seen_a, ax, ay), _seen(seen_b, bx, by)
            w = s  # share of A
            if in_a < 0 and in_b >= 0:
                w = np.float32(0)  # A's end lies outside the picture
            elif in_b < 0 and in_a >= 0:
                w = np.float32(1)
            elif in_a == 0 and in_b == 1:
                w = np.float32(1)  # A's pixel is hidden in B, so B's end shows what covers it
            elif in_b == 0 and in_a == 1:
                w = np.float32(0)
            out[y, x, 0] = w * a0 + (np.float32(1) - w) * b0
            out[y, x, 1] = w * a1 + (np.float32(1) - w) * b1
            out[y, x, 2] = w * a2 + (np.float32(1) - w) * b2
