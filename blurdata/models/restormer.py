"""Restormer (Zamir et al., CVPR 2022): a transformer whose attention runs over channels, 26,126,644 parameters.

Written from the paper. Attention compares channels, not pixels, so its cost grows with the number of pixels and not with its
square: ``softmax(q k^T * temperature) v`` over c/heads x c/heads with q and k normalised along the pixels (MDTA); the
feed-forward half gates one branch by the other, ``gelu(a) * b`` (GDFN).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blurdata.models.layers import ChannelNorm, conv
from blurdata.models.padding import AnySize


class Restormer(AnySize):
    """The four-level encoder-decoder with refinement and a residual to the input.

    Args:
        width: Channels of the first level.
        blocks: Transformer blocks at the four levels.
        refinement: Blocks behind the decoder.
        heads: Attention heads at the four levels.
        expansion: Hidden channels of the feed-forward half as a multiple of its input.

    Example:
        >>> Restormer().parameter_count
        26126644
    """

    multiple = 8

    def __init__(
        self,
        width: int = 48,
        *,
        blocks: Sequence[int] = (4, 6, 6, 8),
        refinement: int = 4,
        heads: Sequence[int] = (1, 2, 4, 8),
        expansion: float = 2.66,
    ) -> None:
        super().__init__()
        c1, c2, c3, c4 = (width << level for level in range(4))

        def level(channels: int, index: int, count: int) -> nn.Sequential:
            return nn.Sequential(*[TransformerBlock(channels, heads[index], expansion) for _ in range(count)])

        self.embed = conv(3, c1, 3, bias=False)
        self.encode1, self.down1 = level(c1, 0, blocks[0]), _down(c1)
        self.encode2, self.down2 = level(c2, 1, blocks[1]), _down(c2)
        self.encode3, self.down3 = level(c3, 2, blocks[2]), _down(c3)
        self.latent = level(c4, 3, blocks[3])
        self.up3, self.reduce3, self.decode3 = _up(c4), conv(c4, c3, 1, bias=False), level(c3, 2, blocks[2])
        self.up2, self.reduce2, self.decode2 = _up(c3), conv(c3, c2, 1, bias=False), level(c2, 1, blocks[1])
        self.up1, self.decode1 = _up(c2), level(c2, 0, blocks[0])  # level 1 keeps both halves: 2 * width channels
        self.refine = level(c2, 0, refinement)
        self.head = conv(c2, 3, 3, bias=False)

    @classmethod
    def small(cls) -> "Restormer":
        """Width 16 and few blocks: 1,144,443 parameters."""
        return cls(16, blocks=(1, 2, 2, 2), refinement=1)

    def body(self, blurry: Tensor) -> Tensor:
        """Restore sides that are multiples of 8."""
        level1 = self.encode1(self.embed(blurry))
        level2 = self.encode2(self.down1(level1))
        level3 = self.encode3(self.down2(level2))
        x = self.latent(self.down3(level3))
        x = self.decode3(self.reduce3(torch.cat([self.up3(x), level3], 1)))
        x = self.decode2(self.reduce2(torch.cat([self.up2(x), level2], 1)))
        x = self.decode1(torch.cat([self.up1(x), level1], 1))
        restored: Tensor = self.head(self.refine(x)) + blurry
        return restored


class TransformerBlock(nn.Module):
    """``x += MDTA(norm(x)); x += GDFN(norm(x))``."""

    def __init__(self, channels: int, heads: int, expansion: float) -> None:
        super().__init__()
        self.norm1, self.attention = ChannelNorm(channels, 1e-5), ChannelAttention(channels, heads)
        self.norm2, self.feed = ChannelNorm(channels, 1e-5), GatedFeedForward(channels, int(channels * expansion))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        x = x + self.attention(self.norm1(x))
        out: Tensor = x + self.feed(self.norm2(x))
        return out


class ChannelAttention(nn.Module):
    """Multi-head attention between channels (MDTA)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = conv(channels, 3 * channels, 1, bias=False)
        self.mix = conv(3 * channels, 3 * channels, 3, groups=3 * channels, bias=False)
        self.out = conv(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        batch, channels, height, width = x.shape
        qkv = self.mix(self.qkv(x)).view(batch, 3, self.heads, channels // self.heads, height * width)
        q, k, v = qkv.unbind(1)
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        weights = (q @ k.transpose(-2, -1) * self.temperature).softmax(-1)
        out: Tensor = self.out((weights @ v).reshape(batch, channels, height, width))
        return out


class GatedFeedForward(nn.Module):
    """Two depthwise branches, one gating the other (GDFN)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.expand = conv(channels, 2 * hidden, 1, bias=False)
        self.mix = conv(2 * hidden, 2 * hidden, 3, groups=2 * hidden, bias=False)
        self.out = conv(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        gate, value = self.mix(self.expand(x)).chunk(2, 1)
        out: Tensor = self.out(F.gelu(gate) * value)
        return out


def _down(channels: int) -> nn.Sequential:
    return nn.Sequential(conv(channels, channels // 2, 3, bias=False), nn.PixelUnshuffle(2))


def _up(channels: int) -> nn.Sequential:
    return nn.Sequential(conv(channels, 2 * channels, 3, bias=False), nn.PixelShuffle(2))
