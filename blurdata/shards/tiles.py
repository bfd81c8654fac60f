"""Between the rows of a picture and its chunks, each with its checksum behind it: one call for those that lie side by side.

A chunk is laid out as rows of ``row`` bytes; the checksum is HDF5's, in 4 bytes and low byte first.
"""

from typing import Any

import numpy as np

from blurdata.compiled import compiled, part
from blurdata.shards.fletcher import fletcher32


@part
def _copy(to: Any, of: Any) -> None:
    """Eight times as fast as the same loop over places in the middle of an array, or numba's assignment to a slice."""
    for j in range(to.size):
        to[j] = of[j]


@compiled
def fold(stored: Any, rows: Any, row: int) -> None:
    """Make chunks of rows.

    Args:
        stored: (n, chunk's bytes + 4) uint8, a line for each chunk: all of it is written, 0 beyond the picture.
        rows: (h, w) uint8 bytes of a picture's rows, at most as many as a chunk has.
        row: Bytes of a chunk's row.
    """
    size = stored.shape[1] - 4
    height, width = rows.shape
    for k in range(stored.shape[0]):
        count = min(row, width - k * row)
        for i in range(size // row):
            line = stored[k, i * row : (i + 1) * row]
            if i < height:
                _copy(line[:count], rows[i, k * row : k * row + count])
                line[count:] = 0
            else:
                line[:] = 0
        checksum = fletcher32(stored[k, :size])
        for place in range(4):
            stored[k, size + place] = (checksum >> np.uint64(8 * place)) & np.uint64(255)


@compiled
def unfold(rows: Any, stored: Any, row: int, down: int, across: int) -> bool:
    """Make rows of chunks; False, and no more written, at the first whose checksum is not that of its bytes.

    Args:
        rows: (h, w) uint8 to be filled where the chunks reach.
        stored: (n, chunk's bytes + 4) uint8, a line for each chunk.
        row: Bytes of a chunk's row.
        down: Row of the chunks that is the first of ``rows``.
        across: Place of the first chunk's first byte in ``rows``, negative where that lies outside.
    """
    size = stored.shape[1] - 4
    height, width = rows.shape
    for k in range(stored.shape[0]):
        written = np.uint64(0)
        for place in range(4):
            written |= np.uint64(stored[k, size + place]) << np.uint64(8 * place)
        if fletcher32(stored[k, :size]) != written:
            return False
        left = across + k * row
        first, last = max(0, left), min(width, left + row)
        for i in range(height):
            begin = (down + i) * row - left
            _copy(rows[i, first:last], stored[k, begin + first : begin + last])
    return True
