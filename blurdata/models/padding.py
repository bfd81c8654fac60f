"""Any input size: pad to a multiple by reflection, run, crop back."""

from abc import abstractmethod
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn


class AnySize(nn.Module):
    """Base of the networks: subclasses implement :meth:`body` for sides that are multiples of ``multiple``."""

    multiple: ClassVar[int] = 1

    @abstractmethod
    def body(self, blurry: Tensor) -> Tensor:
        """Restore (B, 3, H, W) with sides that are multiples of ``multiple``."""

    def forward(self, blurry: Tensor) -> Tensor:
        """Restore a batch of any size.

        Args:
            blurry: (B, 3, H, W) float, [0, 1], RGB.

        Returns:
            (B, 3, H, W), not clamped.

        Raises:
            ValueError: If the shape is not (B, 3, H, W), or the pictures hold no pixel; an empty batch is restored to one.
        """
        if blurry.ndim != 4 or blurry.shape[1] != 3 or 0 in blurry.shape[2:]:
            msg = f"A network takes (B, 3, H, W) pictures that hold something, got {tuple(blurry.shape)}."
            raise ValueError(msg)
        if not len(blurry):
            return blurry
        height, width = blurry.shape[-2:]
        restored = self.body(pad_to_multiple(blurry, self.multiple))
        return restored[..., :height, :width]

    @property
    def parameter_count(self) -> int:
        """Number of trainable parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


def pad_to_multiple(pictures: Tensor, multiple: int) -> Tensor:
    """Pad right and bottom by reflection until both sides are multiples; pictures thinner than the pad repeat their edge."""
    height, width = pictures.shape[-2:]
    down, right = -height % multiple, -width % multiple
    if not down and not right:
        return pictures
    mode = "reflect" if down < height and right < width else "replicate"
    return F.pad(pictures, (0, right, 0, down), mode=mode)
