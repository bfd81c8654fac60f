"""No-Blur: a U-Net autoencoder, 8,600,067 trainable parameters at the published width.

Nine 3x3 layers with batch normalisation and ReLU between an encoder that halves four times and a decoder that doubles four
times, skips from encoder levels 3, 2 and 1, and a linear 3-channel head without a residual to the input.
"""

import torch
from torch import Tensor, nn

from blurdata.models.layers import conv, double
from blurdata.models.padding import AnySize


class NoBlurUNet(AnySize):
    """The No-Blur U-Net.

    Args:
        width: Channels of the first level; 64 is the published size.

    Example:
        >>> NoBlurUNet().parameter_count
        8600067
    """

    multiple = 16

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        w = width
        self.down = nn.ModuleList(
            [_block(conv(i, o, 3, stride=2), o) for i, o in [(3, w), (w, 2 * w), (2 * w, 4 * w), (4 * w, 8 * w)]],
        )
        self.middle = _block(conv(8 * w, 8 * w, 3), 8 * w)
        self.up = nn.ModuleList(
            [_block(double(i, o), o) for i, o in [(8 * w, 8 * w), (12 * w, 4 * w), (6 * w, 2 * w), (3 * w, w)]],
        )
        self.head = nn.ConvTranspose2d(w, 3, 3, 1, 1)

    @classmethod
    def small(cls) -> "NoBlurUNet":
        """Width 16: 539 k parameters."""
        return cls(16)

    def body(self, blurry: Tensor) -> Tensor:
        """Restore sides that are multiples of 16."""
        levels = []
        x = blurry
        for layer in self.down:
            x = layer(x)
            levels.append(x)
        x = self.up[0](self.middle(x))
        for layer, skip in zip(list(self.up)[1:], levels[-2::-1], strict=True):
            x = layer(torch.cat([skip, x], 1))
        restored: Tensor = self.head(x)
        return restored


def _block(layer: nn.Module, channels: int) -> nn.Sequential:
    # Keras' defaults: epsilon 1e-3, momentum 0.99 (which torch counts from the other side)
    return nn.Sequential(layer, nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01), nn.ReLU(inplace=True))
