"""The light dehazing-style network reused for deblurring, 280,347 parameters.

A stand-in of the published *size* (280.35 K): the dehazing network of Tsai and Chen (Appl. Sci. 2022, 12, 6725; inception-like
blocks, attention gates, spatial pyramid pooling) without its colour-space and min-max front end. What its author changed
beyond that is not published, so this is not claimed to be the author's network.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blurdata.models.layers import conv, double
from blurdata.models.padding import AnySize


class DehazeDeblurNet(AnySize):
    """The light network: encoder, pyramid pooling, decoder with attention gates, residual to the input.

    Args:
        width: Channels of the first level; 32 gives the published size.

    Example:
        >>> DehazeDeblurNet().parameter_count
        280347
    """

    multiple = 32  # two halvings, then a pool of 8

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        w = width
        self.encode1, self.halve1 = InceptionBlock(3, w), nn.Conv2d(w, w, 2, 2)
        self.encode2, self.halve2 = InceptionBlock(w, 2 * w), nn.Conv2d(2 * w, 2 * w, 2, 2)
        self.encode3 = InceptionBlock(2 * w, 4 * w)
        self.pyramid = PyramidPooling(4 * w)
        self.double1, self.gate1, self.decode1 = double(4 * w, 2 * w), AttentionGate(2 * w), InceptionBlock(4 * w, 2 * w)
        self.double2, self.gate2, self.decode2 = double(2 * w, w), AttentionGate(w), InceptionBlock(2 * w, w)
        self.head = nn.Conv2d(w, 3, 1)

    @classmethod
    def small(cls) -> "DehazeDeblurNet":
        """Width 16: about 71 k parameters."""
        return cls(16)

    def body(self, blurry: Tensor) -> Tensor:
        """Restore sides that are multiples of 32."""
        level1 = self.encode1(blurry)
        level2 = self.encode2(self.halve1(level1))
        x = self.pyramid(self.encode3(self.halve2(level2)))
        up = self.double1(x)
        x = self.decode1(torch.cat([self.gate1(level2, up), up], 1))
        up = self.double2(x)
        x = self.decode2(torch.cat([self.gate2(level1, up), up], 1))
        restored: Tensor = blurry + self.head(x)
        return restored


class InceptionBlock(nn.Module):
    """Four cascaded 3x3 convolutions (fields of 3, 5, 7, 9 px) side by side, fused, plus a 1x1 shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        quarter = outputs // 4
        self.cascade = nn.ModuleList([conv(inputs if i == 0 else quarter, quarter, 3) for i in range(4)])
        self.fuse = nn.Conv2d(outputs, outputs, 1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        step, parts = x, []
        for layer in self.cascade:
            step = F.relu(layer(step))
            parts.append(step)
        return F.relu(self.fuse(torch.cat(parts, 1)) + self.shortcut(x))


class PyramidPooling(nn.Module):
    """The input beside its maxima over 8, 4 and 2 px squares, each squeezed to a quarter; pools 4 and 2 share one layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        quarter = channels // 4
        self.squeeze = nn.ModuleDict(
            {
                "identity": nn.Conv2d(channels, quarter, 1),
                "coarse": nn.Conv2d(channels, quarter, 1),
                "fine": nn.Conv2d(channels, quarter, 1),
            },
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        size = x.shape[-2:]
        parts = [F.relu(self.squeeze["identity"](x))]
        for side, name in ((8, "coarse"), (4, "fine"), (2, "fine")):
            pooled = F.relu(self.squeeze[name](F.max_pool2d(x, side)))
            parts.append(F.interpolate(pooled, size, mode="bilinear", align_corners=False))
        return torch.cat(parts, 1)


class AttentionGate(nn.Module):
    """Weighs a skip connection by what the coarser level found: ``skip * relu(P relu(G up + S skip))``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.from_up, self.from_skip, self.weigh = (nn.Conv2d(channels, channels, 1) for _ in range(3))

    def forward(self, skip: Tensor, up: Tensor) -> Tensor:
        """The gated skip, (B, C, H, W)."""
        return skip * F.relu(self.weigh(F.relu(self.from_up(up) + self.from_skip(skip))))
