"""How does a camera's raw file become linear light, and how is a sharp one cleaned: RealBlur-R.

As ``dcraw_emu -w -W -g 1 1 -q 3 -4``: the camera's white balance, no automatic brightness, linear, AHD, 16 bits.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.alignment.light import Light
from blurdata.color import curve
from blurdata.errors import MissingDependency, SourceError
from blurdata.pairs import Image

RAW_SUFFIXES = (".dng", ".arw", ".nef", ".cr2", ".cr3", ".raf", ".orf", ".rw2", ".pef", ".srw")
_PATCH, _SEARCH = 5, 13  # px
_STRENGTH = 1.5  # of the noise's sigma, as published for BM3D


def read_raw(path: Path) -> Image:
    """A raw file as (H, W, 3) uint16 RGB in linear light.

    Raises:
        MissingDependency: If rawpy is not installed.
        SourceError: If LibRaw cannot read the file.
    """
    try:
        import rawpy
    except ImportError as error:
        msg = "Raw files are read by rawpy, which is not installed; `pip install blurdata[raw]`."
        raise MissingDependency(msg) from error
    try:
        with rawpy.imread(str(path)) as raw:
            picture = raw.postprocess(
                use_camera_wb=True,
                no_auto_bright=True,
                gamma=(1, 1),
                output_bps=16,
                demosaic_algorithm=rawpy.DemosaicAlgorithm.AHD,
                output_color=rawpy.ColorSpace.sRGB,
            )
    except (rawpy.LibRawError, OSError, ValueError) as error:
        msg = f"{path}: is no raw file that LibRaw can read ({error}); fetch or export it again."
        raise SourceError(msg) from error
    return np.ascontiguousarray(picture)


def denoised(picture: Image, name: str) -> Image:
    """The picture cleaned by non-local means (Buades et al., CVPR 2005) in gamma-encoded values, where noise is about even.

    Args:
        picture: (H, W, 3) uint8 or uint16.
        name: Its curve; linear light is encoded as sRGB meanwhile.
    """
    full = 255 if picture.dtype == np.uint8 else 65535
    seen = "srgb" if name == "linear" else name
    codes = picture.astype(np.float32) if seen == name else Light(seen, full).encode(picture / np.float32(full))
    strength = _STRENGTH * noise_sigma(codes)
    if strength < 0.25 * full / 255:
        return picture
    noisy = np.clip(np.rint(codes), 0, full).astype(np.uint16)
    clean = np.asarray(cv2.fastNlMeansDenoising(noisy, [strength], None, _PATCH, _SEARCH, cv2.NORM_L1))
    light = clean.astype(np.float64) if seen == name else curve(seen).decode(clean / full) * full
    rounded = np.rint(light)
    return rounded.astype(np.uint8) if full == 255 else rounded.astype(np.uint16)


def noise_sigma(codes: NDArray[np.float32]) -> float:
    """Standard deviation of the noise: the median response to a mask that is blind to edges (Immerkaer 1996)."""
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    seen = np.abs(cv2.filter2D(codes, cv2.CV_32F, mask))
    return float(np.median(seen)) / (0.6745 * 6)
