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
    done: Loop = numba.njit(nogil=True, error_model="numpy", cache=_cache_writable())(loop)
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
