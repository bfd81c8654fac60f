"""How is a PSF applied, fast and right? b = k * I in linear light.

:func:`convolve` takes one numpy picture, :func:`convolve_batch` a torch batch with a PSF for each sample. Where the blur changes
over the picture: :func:`camera_blur` (roll and zoom), :func:`convolve_tiled` (a grid of PSFs), :func:`convolve_depth` (defocus by depth).
"""

from typing import TYPE_CHECKING, Any

from blurdata.convolution.camera import camera_blur
from blurdata.convolution.depth import convolve_depth
from blurdata.convolution.imagenet import imagenet_c_blur
from blurdata.convolution.single import convolve
from blurdata.convolution.tiles import convolve_tiled

if TYPE_CHECKING:
    from blurdata.convolution.batch import convolve_batch

__all__ = ["camera_blur", "convolve", "convolve_batch", "convolve_depth", "convolve_tiled", "imagenet_c_blur"]


def __getattr__(name: str) -> Any:
    if name == "convolve_batch":  # the only one that needs torch
        from blurdata.convolution.batch import convolve_batch

        return convolve_batch
    msg = f"module 'blurdata.convolution' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
