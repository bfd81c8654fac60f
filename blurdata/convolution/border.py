"""What lies beyond the edge of a picture?"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


def continued(picture: NDArray[Any], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[Any]:
    """The samples of (H, W, C) at these rows and columns, by indices as of :func:`source_index`; a new contiguous array.

    Example:
        >>> continued(np.array([[[7], [8]]]), np.array([0]), source_index(2, 1, 1, "constant"))[0, :, 0]
        array([0, 7, 8, 0])
    """
    padded = picture.take(np.maximum(rows, 0), axis=0).take(np.maximum(columns, 0), axis=1)
    padded[rows < 0] = 0
    padded[:, columns < 0] = 0
    return padded


@lru_cache(maxsize=16)
def sources(
    shape: tuple[int, ...], channels: int, kernel: tuple[int, ...], border: str, *, above: int = 0, rows: int | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp], int]:
    """Source row of each padded row, source sample of each padded sample, and the padded samples before the first; not to be written to.

    Args:
        shape: Rows and interleaved samples of the picture.
        channels: Samples a pixel.
        kernel: Odd sides of the kernel; half of it is padded on each side.
        border: What lies beyond.
        above: Further rows above.
        rows: Padded rows in all, the rest below; by default what the kernel reads.
    """
    top, left = kernel[0] // 2 + above, kernel[1] // 2
    below = kernel[0] // 2 if rows is None else rows - shape[0] - top
    columns = source_index(shape[1] // channels, left, left, border)
    samples = columns[:, None] * channels + np.arange(channels)
    return source_index(shape[0], top, below, border), np.where(columns[:, None] < 0, -1, samples).ravel(), left * channels


def stride_of(samples: int, block: int) -> int:
    """Length of a padded row: a block may read past its end, and rows a multiple of 4 KiB apart would share cache lines."""
    stride = samples + block + 8
    return stride + 16 if stride % 1024 < 16 else stride
