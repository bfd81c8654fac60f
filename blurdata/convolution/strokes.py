"""How is a sparse PSF, such as a stroke, applied to float light? Tap by tap over a padded picture."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from blurdata.color import Curve
from blurdata.convolution.border import sources, stride_of
from blurdata.scratch import Scratch

_OCTAVES, _MANTISSA_BITS = 24, 9  # of the table over float light
_padded = Scratch()


def blur_floats(light: NDArray[np.float32], kernel: NDArray[np.floating], border: str) -> NDArray[np.float32]:
    """(H, W, C) float32 light blurred tap by tap in float32."""
    from blurdata.convolution import _kernels

    height, width, channels = light.shape
    rows, columns, left = sources((height, width * channels), channels, kernel.shape, border)
    padded = _padded((len(rows) + 1, stride_of(len(columns), _kernels.BLOCK)), np.float32)
    _kernels.pad_up(light.reshape(height, -1), rows, columns, left, padded)
    return _run_taps(padded, kernel, channels, (height, width * channels)).reshape(light.shape)


def blur_codes(codes: NDArray[np.uint8], channels: int, kernel: NDArray[np.floating], curve: Curve, border: str) -> NDArray[np.uint8]:
    """(H, W * C) uint8 blurred tap by tap in float32 light, for curves of one channel."""
    from blurdata.convolution import _kernels

    rows, columns, left = sources(codes.shape, channels, kernel.shape, border)
    padded = _padded((len(rows) + 1, stride_of(len(columns), _kernels.BLOCK)), np.float32)
    _kernels.light_up(codes, curve.light_of_codes(8)[0].astype(np.float32), rows, columns, left, padded)
    return codes_of(_run_taps(padded, kernel, channels, codes.shape), curve)


def codes_of(light: NDArray[np.float32], curve: Curve) -> NDArray[np.uint8]:
    """uint8 codes of float32 light, any shape, for curves of one channel."""
    from blurdata.convolution import _kernels

    table, lowest, shift = _float_table(curve)
    out = np.empty(light.shape, np.uint8)
    _kernels.codes_of_light(light.reshape(-1).view(np.int32), table, lowest, shift, out.reshape(-1))
    return out


def _run_taps(padded: NDArray[np.float32], kernel: NDArray[np.floating], channels: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    from blurdata.convolution import _kernels

    flipped = np.asarray(kernel, np.float32)[::-1, ::-1]
    at = np.nonzero(flipped)
    offsets = at[0] * padded.shape[1] + at[1] * channels
    out = np.empty(shape, np.float32)
    if len(offsets) == 0:
        out[:] = 0
        return out
    _kernels.run_taps(padded, offsets, np.ascontiguousarray(flipped[at]), out)
    return out


@lru_cache(maxsize=16)
def _float_table(curve: Curve) -> tuple[NDArray[np.uint8], np.int32, np.int32]:
    """Codes over the bits of light from 2 ** -24 to 1, in steps of 2 ** -9 of each octave."""
    shift = 23 - _MANTISSA_BITS
    lowest, highest = (int(np.float32(x).view(np.int32)) for x in (2.0**-_OCTAVES, 1.0))
    bits = lowest + ((np.arange(((highest - lowest) >> shift) + 1) << shift) + (1 << (shift - 1)))
    light = bits.astype(np.int32).view(np.float32)
    return np.rint(curve.encode(np.minimum(light, 1)) * 255).astype(np.uint8), np.int32(lowest), np.int32(shift)
