"""How good is a restoration: PSNR, the SSIMs by name, and the published protocols."""

from blurdata.metrics.realblur import RealBlurScore, realblur_score
from blurdata.metrics.similarity import psnr, ssim

__all__ = ["RealBlurScore", "psnr", "realblur_score", "ssim"]
