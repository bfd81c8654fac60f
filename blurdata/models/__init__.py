"""Reference networks: blurry picture in, restored picture out.

Every network takes (B, 3, H, W) float in [0, 1] of any size (it pads to what it needs and crops back) and gives the same shape,
not clamped. Each is written from its published description and has a ``small()`` variant for CPUs and tests.
"""

from blurdata.models.baseline import BaselineNet
from blurdata.models.dehaze import DehazeDeblurNet
from blurdata.models.nafnet import NAFNet
from blurdata.models.noblur import NoBlurUNet
from blurdata.models.restormer import Restormer
from blurdata.models.tiling import restore

__all__ = ["BaselineNet", "DehazeDeblurNet", "NAFNet", "NoBlurUNet", "Restormer", "restore"]
