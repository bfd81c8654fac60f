"""Memory that is used again: the first touch of fresh memory costs more than reading a crop, or blurring a picture, into it."""

import math
import threading
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_KEPT_BYTES = 64 << 20  # larger arrays are made anew each time


class Scratch(threading.local):
    """One array a thread, lent until the next call.

    Example:
        >>> scratch = Scratch()
        >>> first = scratch((2, 3), np.uint16)
        >>> np.shares_memory(first, scratch((4,), np.uint8))
        True
    """

    def __init__(self) -> None:
        self._bytes = np.empty(0, np.uint8)

    def __call__(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An array of any content."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        found = self._bytes if self._bytes.size >= size else np.empty(size, np.uint8)
        if size <= _KEPT_BYTES:
            self._bytes = found
        return found[:size].view(dtype).reshape(shape)
