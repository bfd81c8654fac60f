"""Where do large temporary arrays come from? From the last call: fresh memory costs more in page faults than the blur itself."""

import threading
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_LIMIT_BYTES = 64 << 20  # larger ones are not kept

_kept = threading.local()


def scratch(name: str, shape: tuple[int, int], dtype: DTypeLike) -> NDArray[Any]:
    """An array with unspecified contents that is valid until this thread asks for the same name again."""
    count = shape[0] * shape[1]
    size = count * np.dtype(dtype).itemsize
    buffer = getattr(_kept, name, None)
    if buffer is None or buffer.nbytes < size:
        buffer = np.zeros(size, np.uint8)
        if size <= _LIMIT_BYTES:
            setattr(_kept, name, buffer)
    return np.asarray(buffer[:size].view(dtype).reshape(shape))
