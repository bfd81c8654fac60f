"""What lies beyond the edge of a picture?"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Border = Literal["reflect", "replicate", "constant"]
BORDERS = ("reflect", "replicate", "constant")


def check_border(border: str) -> str:
    """``border`` itself, or a ValueError that lists what there is."""
    if border not in BORDERS:
        msg = f"border must be reflect (the edge sample is not repeated), replicate or constant (0), got {border!r}."
        raise ValueError(msg)
    return border


def source_index(size: int, before: int, after: int, border: str) -> NDArray[np.intp]:
    """For positions ``-before`` to ``size - 1 + after`` the index of the sample to read, -1 for the constant 0.

    Example:
        >>> source_index(3, 4, 1, "reflect")
        array([0, 1, 2, 1, 0, 1, 2, 1])
    """
    at = np.arange(-before, size + after)
    if border == "replicate":
        return np.clip(at, 0, size - 1)
    if border == "constant":
        return np.where((at >= 0) & (at < size), at, -1)
    period = max(2 * (size - 1), 1)
    return (size - 1) - np.abs((at % period) - (size - 1))
