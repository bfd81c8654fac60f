"""How is a PSF applied, fast and right? b = k * I in linear light.

:func:`convolve` takes one numpy picture, :func:`convolve_batch` a torch batch with a PSF for each sample.
"""

from typing import TYPE_CHECKING, Any

from blurdata.convolution.imagenet import imagenet_c_blur
from blurdata.convolution.single import convolve

if TYPE_CHECKING:
    from blurdata.convolution.batch import convolve_batch

__all__ = ["convolve", "convolve_batch", "imagenet_c_blur"]


def __getattr__(name: str) -> Any:
    if name == "convolve_batch":  # the only one that needs torch
        from blurdata.convolution.batch import convolve_batch

        return convolve_batch
    msg = f"module 'blurdata.convolution' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
