"""Restoring whole pictures: in one go, or in overlapping tiles where memory is small."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from blurdata.pairs import Image


@torch.inference_mode()
def restore(model: nn.Module, blurry: Image, *, tile: int | None = None, overlap: int = 32) -> Image:
    """Restore one picture.

    Args:
        model: Any network of this package, in evaluation mode, on any device.
        blurry: (H, W, 3) uint8 or uint16 RGB.
        tile: Side of the square tiles in px, or None for the whole picture at once.
        overlap: Px by which neighbouring tiles overlap; the seam is a linear ramp, so no edge shows.

    Returns:
        (H, W, 3) of the same dtype, rounded once and clipped.

    Raises:
        ValueError: If the tile is not larger than twice the overlap.

    Example:
        >>> from blurdata.models import BaselineNet
        >>> grey = np.full((40, 50, 3), 128, np.uint8)
        >>> bool((restore(BaselineNet().eval(), grey) == grey).all())
        True
    """
    if tile is not None and tile <= 2 * overlap:
        msg = f"tile must be larger than twice the overlap, got tile {tile} and overlap {overlap}."
        raise ValueError(msg)
    top = np.iinfo(blurry.dtype).max
    device = next(model.parameters()).device
    picture = torch.from_numpy(blurry.astype(np.float32) / np.float32(top)).permute(2, 0, 1)[None]
    if tile is None or max(blurry.shape[:2]) <= tile:
        restored = model(picture.to(device)).float().cpu()
    else:
        restored = _tiled(model, picture, tile, overlap, device)
    out = restored[0].permute(1, 2, 0).double().clamp(0, 1).mul(top).add(0.5).floor().numpy()
    return np.ascontiguousarray(out.astype(blurry.dtype))


def _tiled(model: nn.Module, picture: Tensor, tile: int, overlap: int, device: torch.device) -> Tensor:
    total, weight = torch.zeros_like(picture), torch.zeros_like(picture[:, :1])
    for top in _starts(picture.shape[2], tile, overlap):
        for left in _starts(picture.shape[3], tile, overlap):
            part = picture[:, :, top : top + tile, left : left + tile]
            ramp = torch.from_numpy(np.outer(_ramp(part.shape[2], overlap), _ramp(part.shape[3], overlap)))[None, None]
            total[:, :, top : top + tile, left : left + tile] += model(part.to(device)).float().cpu() * ramp
            weight[:, :, top : top + tile, left : left + tile] += ramp
    return total / weight


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin so that they cover ``length``; the last one ends with the picture."""
    if length <= tile:
        return [0]
    return [*range(0, length - tile, tile - overlap), length - tile]


def _ramp(length: int, overlap: int) -> NDArray[np.float32]:
    distance = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1.0
    return np.minimum(distance / (overlap + 1.0), 1.0).astype(np.float32)
