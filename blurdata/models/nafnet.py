"""NAFNet (Chen et al., ECCV 2022): a U-Net of blocks without nonlinear activations, 17,111,907 parameters at width 32.

Written from the paper: the gate is a product of two halves of the channels, attention is one global average and a 1x1
convolution, and both residuals of a block start at zero (``beta``, ``gamma``).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from blurdata.models.layers import ChannelNorm, conv
from blurdata.models.padding import AnySize


class NAFNet(AnySize):
    """The U-Net with a residual to the input; skips are added, not concatenated.

    Args:
        width: Channels of the first level; 32 and 64 are published.
        encoder: Blocks at each level on the way down.
        middle: Blocks at the bottom.
        decoder: Blocks at each level on the way up.

    Example:
        >>> NAFNet().parameter_count
        17111907
    """

    def __init__(
        self, width: int = 32, *, encoder: Sequence[int] = (1, 1, 1, 28), middle: int = 1, decoder: Sequence[int] = (1, 1, 1, 1)
    ) -> None:
        super().__init__()
        channels = [width << level for level in range(len(encoder) + 1)]
        self.embed = conv(3, width, 3)
        self.encode = nn.ModuleList([_blocks(c, n) for c, n in zip(channels[:-1], encoder, strict=True)])
        self.halve = nn.ModuleList([nn.Conv2d(c, 2 * c, 2, 2) for c in channels[:-1]])
        self.bottom = _blocks(channels[-1], middle)
        self.upsample = nn.ModuleList([nn.Sequential(conv(c, 2 * c, 1, bias=False), nn.PixelShuffle(2)) for c in channels[:0:-1]])
        self.decode = nn.ModuleList([_blocks(c, n) for c, n in zip(channels[-2::-1], decoder, strict=True)])
        self.head = conv(width, 3, 3)
        self.levels = len(encoder)

    @classmethod
    def small(cls) -> "NAFNet":
        """Width 8, four blocks at the deepest level: 383,067 parameters."""
        return cls(8, encoder=(1, 1, 1, 4))

    @property
    def multiple(self) -> int:  # type: ignore[override]
        """Sides are padded to a multiple of 2 to the number of levels."""
        return 1 << self.levels

    def body(self, blurry: Tensor) -> Tensor:
        """Restore sides that are multiples of ``2 ** levels``."""
        x = self.embed(blurry)
        skips = []
        for blocks, halve in zip(self.encode, self.halve, strict=True):
            x = blocks(x)
            skips.append(x)
            x = halve(x)
        x = self.bottom(x)
        for upsample, blocks, skip in zip(self.upsample, self.decode, reversed(skips), strict=True):
            x = blocks(upsample(x) + skip)
        restored: Tensor = self.head(x) + blurry
        return restored


class NAFBlock(nn.Module):
    """Depthwise mixing with a gate and channel attention, then a gated pointwise half."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        c = channels
        self.norm1, self.norm2 = ChannelNorm(c, 1e-6), ChannelNorm(c, 1e-6)
        self.spatial = nn.Sequential(conv(c, 2 * c, 1), conv(2 * c, 2 * c, 3, groups=2 * c))
        self.attend = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv(c, c, 1))
        self.out1 = conv(c, c, 1)
        self.pointwise, self.out2 = conv(c, 2 * c, 1), conv(c, c, 1)
        self.beta = nn.Parameter(torch.zeros(c, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(c, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        mixed = _gate(self.spatial(self.norm1(x)))
        x = x + self.beta * self.out1(mixed * self.attend(mixed))
        out: Tensor = x + self.gamma * self.out2(_gate(self.pointwise(self.norm2(x))))
        return out


def _gate(x: Tensor) -> Tensor:
    left, right = x.chunk(2, 1)
    return left * right


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*[NAFBlock(channels) for _ in range(count)])
