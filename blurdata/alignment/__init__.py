"""How do two cameras' pictures become a pair: geometry, light, crop, quality."""

from blurdata.alignment.pair import align_pair, align_scene
from blurdata.alignment.recipe import AlignRecipe
from blurdata.alignment.results import Alignment, Quality, Reference
from blurdata.alignment.source import CapturePairs, open_captures

__all__ = ["AlignRecipe", "Alignment", "CapturePairs", "Quality", "Reference", "align_pair", "align_scene", "open_captures"]
