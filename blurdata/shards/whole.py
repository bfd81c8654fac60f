"""Are chunks what was written? One call for those that are read together, because a call costs a third of checking a chunk."""

from typing import Any

import numpy as np

from blurdata.compiled import compiled
from blurdata.shards.fletcher import fletcher32


@compiled
def all_whole(stored: Any) -> bool:
    """Whether each line of (n, size) uint8 ends with the checksum, in 4 bytes and low byte first, of what stands before it."""
    size = stored.shape[1] - 4
    for line in stored:
        written = np.uint64(0)
        for place in range(4):
            written |= np.uint64(line[size + place]) << np.uint64(8 * place)
        if fletcher32(line[:size]) != written:
            return False
    return True
