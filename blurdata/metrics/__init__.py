"""How good is a restoration: PSNR, the SSIMs by name, and the published protocols."""

from blurdata.metrics.evaluation import Row, Task, evaluate
from blurdata.metrics.matching import match_restored
from blurdata.metrics.protocols import PROTOCOLS, Protocol, Score
from blurdata.metrics.realblur import RealBlurScore, realblur_score
from blurdata.metrics.similarity import psnr, ssim

__all__ = ["PROTOCOLS", "Protocol", "RealBlurScore", "Row", "Score", "Task", "evaluate", "match_restored", "psnr", "realblur_score", "ssim"]
