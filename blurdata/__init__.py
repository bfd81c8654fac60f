"""Make, store, check and use image-blur data.

The names below are imported on first use, so that ``import blurdata`` is quick and never loads torch.

Example:
    >>> import blurdata
    >>> blurdata.psf.disk(2.0).sum().round(6)
    np.float32(1.0)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blurdata import psf
    from blurdata.convolution import convolve, convolve_batch
    from blurdata.pairs import Pair, PairSource
    from blurdata.sources import open_source

__version__: str

_HOME = {
    "Pair": "blurdata.pairs",
    "PairSource": "blurdata.pairs",
    "convolve": "blurdata.convolution",
    "convolve_batch": "blurdata.convolution",
    "open_source": "blurdata.sources",
}
__all__ = ["Pair", "PairSource", "__version__", "convolve", "convolve_batch", "open_source", "psf"]


def __getattr__(name: str) -> Any:
    if name == "psf":
        return import_module("blurdata.psf")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name == "__version__":
        return _version()
    msg = f"module 'blurdata' has no attribute {name!r}"
    raise AttributeError(msg)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("blurdata")
    except PackageNotFoundError:  # run from a plain copy of the folder
        return "0+unknown"


def __dir__() -> list[str]:
    return sorted(__all__)
