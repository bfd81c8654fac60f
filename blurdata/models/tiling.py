"""Restoring whole pictures: in one go, or in overlapping tiles where memory is small."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from blurdata.pairs import Image

_Run = Callable[[Image], NDArray[np.float32]]
_Span = tuple[int, int]
_Band = tuple[int, NDArray[np.float32]]


PRECISIONS = ("fp32", "bf16")


@torch.inference_mode()
def restore(model: nn.Module, blurry: Image, *, tile: int | None = None, overlap: int = 32, precision: str = "fp32") -> Image:
    """Restore one picture.

    With tiles, memory beyond the two pictures is that of one tile in the network and one row of tiles, whatever the picture's size.
    Networks with global attention (Restormer, NAFNet) see each tile alone, so tiles change their answer a little. Other networks give what
    they give for the whole picture, but for rounding, where a quarter of the overlap hides what they see of a tile's padded rim. Of the
    small baseline with random weights (field of view about 58 px), tiles of 192 px that overlap by 32, 64 and 90 px change 3.3, 0.07 and
    less than 0.001 % of the values, by 4, 1 and 1 codes at most.

    Args:
        model: Any network of this package, in evaluation mode, on any device.
        blurry: (H, W, 3) uint8 or uint16 RGB.
        tile: Side of the square tiles in px, or None for the whole picture at once.
        overlap: Px by which neighbouring tiles overlap; the outer quarter of it counts for nothing and the seam is a linear ramp over
            the rest, so no edge shows. At the picture's own border there is no ramp: what a tile gives there counts in full.
        precision: ``fp32``, or ``bf16`` autocast of the network.

    Returns:
        (H, W, 3) of the same dtype, rounded once and clipped.

    Raises:
        ValueError: If the overlap is negative or the tile not larger than twice the overlap, the precision is another, or the picture is
            not of integers.

    Example:
        >>> from blurdata.models import BaselineNet
        >>> grey = np.full((40, 50, 3), 128, np.uint8)
        >>> bool((restore(BaselineNet().eval(), grey) == grey).all())
        True
    """
    check_tiles(tile, overlap)
    if precision not in PRECISIONS:
        msg = f"precision must be one of {', '.join(PRECISIONS)}, got '{precision}'."
        raise ValueError(msg)
    if blurry.ndim != 3 or blurry.shape[2] != 3 or blurry.dtype not in (np.uint8, np.uint16):
        msg = f"blurry must be (H, W, 3) uint8 or uint16, got {blurry.shape} {blurry.dtype}."
        raise ValueError(msg)
    device = next(model.parameters()).device
    top = np.float32(np.iinfo(blurry.dtype).max)

    def run(part: Image) -> NDArray[np.float32]:
        """(h, w, 3) integers to (h, w, 3) float32 code values over [0, 1]."""
        batch = torch.from_numpy(part.transpose(2, 0, 1)[None] / top).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            restored: Tensor = model(batch)
        return restored[0].float().permute(1, 2, 0).cpu().numpy()

    if tile is None or max(blurry.shape[:2]) <= tile:
        return _as_integers(run(blurry), blurry.dtype)
    out = np.empty_like(blurry)
    multiple = int(getattr(model, "multiple", 1))
    rows, columns = (_spans(length, tile, overlap, multiple) for length in blurry.shape[:2])
    for y, band in _bands(run, blurry, rows, columns, overlap):
        out[y : y + len(band)] = _as_integers(band, blurry.dtype)
    return out


def check_tiles(tile: int | None, overlap: int) -> None:
    """Raise ValueError unless tiles of this side can overlap by so much; None is no tiles."""
    if tile is not None and not 0 <= 2 * overlap < tile:
        msg = f"tile must be larger than twice the overlap, which is not negative, got tile {tile} and overlap {overlap}."
        raise ValueError(msg)


def _as_integers(picture: NDArray[np.float32], dtype: np.dtype[Any]) -> Image:
    top = np.iinfo(dtype).max
    return np.floor(np.clip(picture, 0, 1).astype(np.float64) * top + 0.5).astype(dtype)


def _bands(run: _Run, blurry: Image, rows: Sequence[_Span], columns: Sequence[_Span], overlap: int) -> Iterator[_Band]:
    """Finished rows from top to bottom: where they start, and (h, W, 3) float32. Only one row of tiles is held."""
    height, width = blurry.shape[:2]
    total, weight = np.zeros((0, width, 3), np.float32), np.zeros((0, width, 1), np.float32)
    for (top, bottom), (following, _) in zip(rows, [*rows[1:], (height, height)], strict=True):
        grow = bottom - top - len(total)
        total, weight = (np.pad(held, ((0, grow), (0, 0), (0, 0))) for held in (total, weight))
        for left, right in columns:
            ramp = np.outer(_ramp((top, bottom), height, overlap), _ramp((left, right), width, overlap))[..., None]
            total[:, left:right] += run(blurry[top:bottom, left:right]) * ramp
            weight[:, left:right] += ramp
        done = following - top
        yield top, total[:done] / weight[:done]
        total, weight = total[done:], weight[done:]


def _spans(length: int, tile: int, overlap: int, multiple: int) -> list[_Span]:
    """Where tiles start and stop so that they cover ``length``.

    They start at multiples of what the network pads to, so that its grids lie in a tile as in the whole picture; the last one may be
    up to ``multiple - 1`` px longer.
    """
    if length <= tile:
        return [(0, length)]
    unit = multiple if tile - overlap >= multiple else 1
    step = (tile - overlap) // unit * unit
    last = (length - tile) // unit * unit
    return [*((start, start + tile) for start in range(0, last, step)), (last, length)]


def _ramp(span: _Span, length: int, overlap: int) -> NDArray[np.float32]:
    """Weights of a tile along one axis of ``length``: they fall to 0 towards other tiles, and stay 1 up to the picture's own border."""
    start, stop = span
    inside, rim = np.arange(start, stop), overlap // 4
    before = inside - start + 1.0 if start > 0 else np.inf
    behind = stop - inside if stop < length else np.inf
    ramp = (np.minimum(before, behind) - rim) / (overlap + 1.0 - 2 * rim)
    return np.clip(ramp, 0, np.ones(stop - start)).astype(np.float32)
