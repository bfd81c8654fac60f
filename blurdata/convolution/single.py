"""How is one picture blurred by one PSF?"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from blurdata.color import Curve
from blurdata.color import curve as open_curve
from blurdata.convolution.border import check_border, source_index

Picture = NDArray[Any]


def convolve(image: Picture, kernel: NDArray[np.floating], *, curve: str | Path | Curve = "srgb", border: str = "reflect") -> Picture:
    """``image`` blurred by ``kernel`` in linear light: ``encode(sum over i of kernel[i] * decode(image)[x - i])``.

    A true convolution: a bright point becomes the PSF, not its mirror image. Integers come out within 1 code value of a
    float64 direct sum. Light beyond full scale is clipped for integers only; floats are never clipped, so highlights above 1
    bloom as they should.

    Args:
        image: (H, W) or (H, W, C) uint8, uint16, or floats that hold code values (0 to 1, HDR above).
        kernel: (K, L) finite weights with odd sides, as the functions of :mod:`blurdata.psf` make them.
        curve: How code values relate to light: ``"srgb"``, ``"gamma22"``, ``"linear"`` or the path of a measured table.
        border: Beyond the edge: ``"reflect"`` (without repeating the edge), ``"replicate"`` or ``"constant"`` (0).

    Returns:
        A new array of the same shape and dtype.

    Raises:
        TypeError: If the image's dtype is another one.
        ValueError: If a shape, weight, curve or border is wrong.

    Example:
        >>> image = np.zeros((5, 5), np.uint8)
        >>> image[2, 2] = 255
        >>> convolve(image, np.array([[0.25, 0.5, 0.25]]), curve="linear")[2]
        array([  0,  64, 128,  64,   0], dtype=uint8)
    """
    response, weights = open_curve(curve), check_kernel(kernel)
    _check_picture(image, response)
    check_border(border)
    planes = image if image.ndim == 3 else image[..., None]
    return _direct_fft(planes, weights, response, border).reshape(image.shape)


def check_kernel(kernel: NDArray[np.floating]) -> NDArray[np.floating]:
    """``kernel`` as an array of finite weights with odd sides, or a ValueError."""
    weights = np.asarray(kernel)
    if weights.ndim != 2 or weights.shape[0] % 2 == 0 or weights.shape[1] % 2 == 0:
        msg = f"kernel must be (K, L) with odd sides, so that it has a centre, got shape {weights.shape}."
        raise ValueError(msg)
    if weights.dtype.kind not in "fiu" or not np.isfinite(weights).all():
        msg = f"kernel must hold finite numbers, got dtype {weights.dtype} with some that are not."
        raise ValueError(msg)
    return weights


def _check_picture(image: Picture, response: Curve) -> None:
    if not isinstance(image, np.ndarray) or image.dtype not in (np.uint8, np.uint16, np.float16, np.float32, np.float64):
        msg = f"image must be a numpy array of uint8, uint16 or floats, got {getattr(image, 'dtype', type(image).__name__)}."
        raise TypeError(msg)
    if image.ndim not in (2, 3) or 0 in image.shape:
        msg = f"image must be (H, W) or (H, W, C) and hold something, got shape {image.shape}."
        raise ValueError(msg)
    if not response.invertible:
        msg = f"The curve '{response.name}' is forward-only, light cannot be had from codes; use srgb, gamma22, linear or a measured table."
        raise ValueError(msg)
    if response.channels > 1 and image.shape[2:] != (response.channels,):
        msg = f"The curve {response.name} has {response.channels} channels, the image has shape {image.shape}."
        raise ValueError(msg)


def _direct_fft(planes: Picture, kernel: NDArray[np.floating], response: Curve, border: str) -> Picture:
    height, width, _ = planes.shape
    top, left = kernel.shape[0] // 2, kernel.shape[1] // 2
    rows, columns = source_index(height, top, top, border), source_index(width, left, left, border)
    full = np.iinfo(planes.dtype).max if planes.dtype.kind == "u" else 1
    light = response.decode(planes / np.float64(full))[rows][:, columns]
    light[rows < 0] = 0
    light[:, columns < 0] = 0
    shape = [fft.next_fast_len(n, real=True) for n in light.shape[:2]]
    spectrum = fft.rfft2(light, shape, axes=(0, 1)) * fft.rfft2(kernel.astype(np.float64), shape)[..., None]
    blurred = fft.irfft2(spectrum, shape, axes=(0, 1))[2 * top :, 2 * left :][:height, :width]
    if planes.dtype.kind == "f":
        return np.asarray(response.encode(blurred), planes.dtype)
    return np.asarray(np.rint(response.encode(np.clip(blurred, 0, 1)) * full), planes.dtype)
