"""Layers that several of the networks are made of."""

import torch
from torch import Tensor, nn


def conv(inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, bias: bool = True, dilation: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size (or halves it with stride 2)."""
    return nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel // 2), groups=groups, bias=bias, dilation=dilation)


def double(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """A transposed 3x3 convolution that doubles the size."""
    return nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1)


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each pixel of (B, C, H, W), with weight and bias."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each pixel's channel vector."""
        mean = x.mean(1, keepdim=True)
        centred = x - mean
        scale = torch.rsqrt(centred.square().mean(1, keepdim=True) + self.eps)
        return centred * scale * self.weight[:, None, None] + self.bias[:, None, None]
