"""How do float32 code values become light and back, fast? The formulas of :class:`blurdata.color.Curve` on compiled loops."""

import numpy as np
from numpy.typing import NDArray

from blurdata.color import Curve

Float32 = NDArray[np.float32]


def decode(code: NDArray[np.floating], curve: Curve) -> Float32:
    """float32 light of float code values, within 2e-6 of their size; :meth:`blurdata.color.Curve.decode` says what is computed."""
    values = np.ascontiguousarray(code, np.float32)
    if curve.name == "linear":
        return values
    if curve.name not in ("srgb", "gamma22"):
        return np.asarray(curve.decode(values), np.float32)
    from blurdata.convolution import _power

    out = np.empty_like(values)
    if curve.name == "srgb":
        _power.decode_srgb(values.reshape(-1), out.reshape(-1))
    else:
        _power.power(values.reshape(-1), np.float32(2.2), out.reshape(-1))
    return out


def encode(light: NDArray[np.floating], curve: Curve) -> Float32:
    """float32 code values of light, not clipped, within 2e-6 of their size."""
    values = np.ascontiguousarray(light, np.float32)
    if curve.name == "linear":
        return values
    if curve.name not in ("srgb", "gamma22"):
        return np.asarray(curve.encode(values), np.float32)
    from blurdata.convolution import _power

    out = np.empty_like(values)
    if curve.name == "srgb":
        _power.encode_srgb(values.reshape(-1), out.reshape(-1))
    else:
        _power.power(values.reshape(-1), np.float32(1 / 2.2), out.reshape(-1))
    return out
