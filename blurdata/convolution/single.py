"""How is one picture blurred by one PSF?"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from blurdata.color import Curve, decodable_curve
from blurdata.convolution import strokes, words
from blurdata.convolution.border import check_border, source_index
from blurdata.convolution.light import Light, Picture, check_picture, in_light

_WORD_NS, _TAP_NS, _FFT_NS = 0.03, 0.05, 18.0
_MOST_TAPS = 4000  # beyond them transforms are quicker whatever their shape


def convolve(image: Picture, kernel: NDArray[np.floating], *, curve: str | Path | Curve = "srgb", border: str = "reflect") -> Picture:
    """``image`` blurred by ``kernel`` in linear light: ``encode(sum over i of kernel[i] * decode(image)[x - i])``.

    A true convolution: a bright point becomes the PSF, not its mirror image. Integers come out within 1 code value of a
    float64 direct sum. Light beyond full scale is clipped for integers only; floats are never clipped, so highlights above 1
    bloom as they should. A NaN or infinity spoils what the kernel spreads it to, and nothing else.

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
        >>> image[2, 2] = 200
        >>> convolve(image, np.array([[0.25, 0.5, 0.25]]), curve="linear")[2]
        array([  0,  50, 100,  50,   0], dtype=uint8)
    """
    response, weights = decodable_curve(curve), check_kernel(kernel)
    check_picture(image, response)
    check_border(border)
    pixels = np.ascontiguousarray(image if image.ndim == 3 else image[..., None])
    return _blur(pixels, weights, response, border).reshape(image.shape)


def blur_planes(planes: Picture, kernel: NDArray[np.floating], response: Curve, border: str, out: Picture) -> None:
    """``out`` = (C, H, W) ``planes`` blurred as by :func:`convolve`, arguments not checked."""
    if response.channels > 1:
        out[:] = _blur(np.ascontiguousarray(planes.transpose(1, 2, 0)), kernel, response, border).transpose(2, 0, 1)
        return
    for plane, target in zip(planes, out, strict=True):
        target[:] = _blur(np.ascontiguousarray(plane)[..., None], kernel, response, border)[..., 0]


def _blur(pixels: Picture, kernel: NDArray[np.floating], response: Curve, border: str) -> Picture:
    """(H, W, C) contiguous pixels of any of the types, blurred."""
    if pixels.dtype == np.uint8 and response.channels == 1:
        return _blur_bytes(pixels, kernel, response, border)
    return in_light(pixels, response, lambda light: blur_light(light, kernel, border, lines=pixels.dtype != np.uint16))


def blur_light(light: Light, kernel: NDArray[np.floating], border: str, *, lines: bool = True) -> Light:
    """(H, W, C) linear light blurred; float64 is kept, anything else is float32 where single taps are the cheapest way.

    The product of two ``lines`` is off by 1e-7 of the highest weight: in light nothing, but many codes of 16 bits near black.
    """
    if light.dtype == np.float64 or _way(kernel, np.inf, lines=lines) == "fft":
        exact = np.asarray(light, np.float64)
        return _fft(exact, kernel, border) if np.isfinite(exact).all() else _fft_of_broken(exact, kernel, border)
    return _taps(light, kernel, border) if lines else strokes.blur_floats(np.ascontiguousarray(light, np.float32), kernel, border)


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


def _way(kernel: NDArray[np.floating], words_cost: float, *, lines: bool = True) -> str:
    """The cheapest way to apply a kernel: ``words`` or ``taps`` one by one, ``separable`` as two lines, else ``fft``.

    Costs in nanoseconds a sample, measured on one core of a 2020s server (``tools/bench/augment.py --ways`` prints them anew).
    """
    taps = np.count_nonzero(kernel)
    costs = {"words": _WORD_NS * words_cost, "taps": 0.5 + _TAP_NS * taps, "fft": _FFT_NS}
    if lines and min(kernel.shape) > 1 and factors(kernel) is not None:
        costs["separable"] = 1.0 + _TAP_NS * sum(kernel.shape)
    if (kernel < 0).any():
        return "fft"  # sums that cancel need float64
    return min(costs, key=lambda way: costs[way])


def factors(kernel: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The column and row whose product the kernel is, or None."""
    exact = np.asarray(kernel, np.float64)
    column, row, total = exact.sum(axis=1, keepdims=True), exact.sum(axis=0, keepdims=True), exact.sum()
    if total == 0 or np.abs(column * row / total - exact).max() > 1e-7 * np.abs(exact).max():
        return None
    return column, row / total


class _Plan(NamedTuple):
    """Words of a kernel if it has any, the cheapest way with them, and that without."""

    taps: words.Taps | None
    way: str
    other_way: str


@lru_cache(maxsize=64)
def _plan_of(weights: bytes, shape: tuple[int, ...], dtype: str) -> _Plan:
    """Kept, because the frames of a clip and the planes of a batch share a kernel, and a disk takes half a millisecond to plan."""
    kernel = np.frombuffer(weights, dtype).reshape(shape)
    taps = words.taps_of(kernel) if np.count_nonzero(kernel) <= _MOST_TAPS else None
    return _Plan(taps, _way(kernel, taps.cost if taps else np.inf), _way(kernel, np.inf))


def _blur_bytes(planes: NDArray[np.uint8], kernel: NDArray[np.floating], response: Curve, border: str) -> NDArray[np.uint8]:
    height, width, channels = planes.shape
    codes = planes.reshape(height, width * channels)
    taps, way, other_way = _plan_of(kernel.tobytes(), kernel.shape, kernel.dtype.str)
    tables = words.integer_tables(response, taps.scale) if taps else None
    way = way if tables else other_way
    if taps and tables and way == "words":
        return words.blur_integers(codes, channels, taps, kernel.shape, tables, border).reshape(planes.shape)
    if way == "taps":
        return strokes.blur_codes(codes, channels, kernel, response, border).reshape(planes.shape)
    light = cv2.LUT(planes, response.light_of_codes(8)[0].astype(np.float32)).reshape(planes.shape)
    return strokes.codes_of((_taps if way == "separable" else _fft)(light, kernel, border), response)


def _taps(light: Light, kernel: NDArray[np.floating], border: str) -> Light:
    """Tap by tap in float32, as two lines where the kernel is their product."""
    light = np.ascontiguousarray(light, np.float32)
    lines = factors(kernel) if min(kernel.shape) > 1 else None
    for part in lines or (kernel,):
        light = strokes.blur_floats(light, part, border)
    return light


def _fft_of_broken(light: Light, kernel: NDArray[np.floating], border: str) -> Light:
    """As a direct sum has it: what is not finite spoils the samples that it has a weight in, where a transform spoils them all."""
    blurred = _fft(np.where(np.isfinite(light), light, 0), kernel, border)
    for sign in (1, -1):
        footprint = (kernel * sign > 0).astype(np.float64)
        for value in (np.nan, np.inf, -np.inf):
            places = np.isnan(light) if np.isnan(value) else light == value
            if places.any() and footprint.any():
                blurred[_fft(places.astype(np.float64), footprint, border) > 0.5] += sign * value
    return blurred


def _fft(light: Light, kernel: NDArray[np.floating], border: str) -> Light:
    """By Fourier transforms in the type of ``light``, whose rounding is relative to the brightest light of the picture."""
    height, width, _ = light.shape
    top, left = kernel.shape[0] // 2, kernel.shape[1] // 2
    rows, columns = source_index(height, top, top, border), source_index(width, left, left, border)
    shape = [fft.next_fast_len(n, real=True) for n in (len(rows), len(columns))]
    padded = np.zeros((light.shape[2], *shape), light.dtype)  # a plane for each channel: transforms of whole rows are quicker
    padded[:, : len(rows), : len(columns)] = light.transpose(2, 0, 1)[:, np.maximum(rows, 0)][:, :, np.maximum(columns, 0)]
    padded[:, : len(rows)][:, rows < 0] = 0
    padded[:, :, : len(columns)][:, :, columns < 0] = 0
    spectrum = fft.rfft2(padded, overwrite_x=True)
    spectrum *= fft.rfft2(np.asarray(kernel, light.dtype), shape)
    blurred = fft.irfft2(spectrum, shape, overwrite_x=True)[:, 2 * top : 2 * top + height, 2 * left : 2 * left + width]
    return np.ascontiguousarray(blurred.transpose(1, 2, 0))
