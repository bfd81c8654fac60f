"""How do two cameras' pictures become a pair: geometry, light, crop, quality."""

from blurdata.alignment.pair import align_pair, align_scene
from blurdata.alignment.recipe import AlignRecipe
from blurdata.alignment.results import Alignment, Quality, Reference

__all__ = ["AlignRecipe", "Alignment", "Quality", "Reference", "align_pair", "align_scene"]
