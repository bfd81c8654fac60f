"""The small fixed baseline that judges data sets on a CPU in a minute or two: about 120 k parameters.

Pixels are unshuffled by 2 so that most work runs at half size; dilated 3x3 convolutions up to 8 see 70 px at full size, enough for
the blur of the common sets; the answer is a residual, so an untrained network leaves the picture as it is.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from blurdata.models.layers import conv
from blurdata.models.padding import AnySize


class BaselineNet(AnySize):
    """Residual blocks of dilated convolutions at half resolution.

    Args:
        width: Channels of every layer.
        dilations: One residual block for each.

    Example:
        >>> 100_000 < BaselineNet().parameter_count < 140_000
        True
    """

    multiple = 2

    def __init__(self, width: int = 32, *, dilations: Sequence[int] = (1, 2, 4, 8, 4, 2)) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.PixelUnshuffle(2), conv(12, width, 3))
        self.blocks = nn.Sequential(*[_Residual(width, dilation) for dilation in dilations])
        last = conv(width, 12, 3)
        self.head = nn.Sequential(nn.LeakyReLU(0.1), last, nn.PixelShuffle(2))
        for parameter in last.parameters():
            nn.init.zeros_(parameter)

    @classmethod
    def small(cls) -> "BaselineNet":
        """Width 16, for tests."""
        return cls(16, dilations=(1, 2, 4))

    def body(self, blurry: Tensor) -> Tensor:
        """Restore even sides."""
        x = self.embed(blurry)
        restored: Tensor = blurry + self.head(x + self.blocks(x))
        return restored


class _Residual(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(conv(width, width, 3, dilation=dilation), nn.LeakyReLU(0.1), conv(width, width, 3))

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) to the same shape."""
        out: Tensor = x + self.layers(x)
        return out
