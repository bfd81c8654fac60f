"""How do sharp frames become one blurry photograph: frames, cuts, exposure windows, interpolation, blending."""

from blurdata.synthesis.kernel_pairs import KernelPairs, KernelRecipe, open_convolve
from blurdata.synthesis.make import open_video, synthesize
from blurdata.synthesis.recipe import SynthesisRecipe
from blurdata.synthesis.source import FilmPairs

__all__ = ["FilmPairs", "KernelPairs", "KernelRecipe", "SynthesisRecipe", "open_convolve", "open_video", "synthesize"]
