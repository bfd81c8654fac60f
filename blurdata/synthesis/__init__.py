"""How do sharp frames become one blurry photograph: frames, cuts, exposure windows, interpolation, blending."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from blurdata.synthesis.make import open_video, synthesize
from blurdata.synthesis.recipe import SynthesisRecipe
from blurdata.synthesis.source import FilmPairs

if TYPE_CHECKING:
    from blurdata.synthesis.kernel_pairs import KernelPairs, KernelRecipe, open_convolve

__all__ = ["FilmPairs", "KernelPairs", "KernelRecipe", "SynthesisRecipe", "open_convolve", "open_video", "synthesize"]

_CONVOLVES = ("KernelPairs", "KernelRecipe", "open_convolve")


def __getattr__(name: str) -> Any:
    if name in _CONVOLVES:  # workers that blend film do without the imports of convolution
        return getattr(import_module("blurdata.synthesis.kernel_pairs"), name)
    msg = f"module 'blurdata.synthesis' has no attribute {name!r}"
    raise AttributeError(msg)
