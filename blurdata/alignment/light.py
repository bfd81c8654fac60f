"""How do code values of a picture become light, and which of them can be trusted."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata.alignment.geometry import Float32
from blurdata.color import curve
from blurdata.compiled import compiled

_CLIPPED = 1.5 / 255  # nearer than this to the end of the code values a sample may be clipped
_LOW, _HIGH, _STEPS = -0.5, 2.0, 10240  # a table of the curve: with gain undone, codes leave [0, 1]


class Light:
    """Curve and depth of a pair's code values; looked up in a table, twenty times as fast as the formulas.

    Args:
        name: Of a curve, see :func:`blurdata.color.curve`.
        full: Largest code value, 255 or 65535.
    """

    def __init__(self, name: str, full: int) -> None:
        self.full = full
        self._curve = curve(name)
        nodes = np.linspace(_LOW, _HIGH, _STEPS + 1)
        roots = np.linspace(0, _HIGH, _STEPS + 1)
        self._codes = (self._curve.encode(np.repeat(roots[:, None] ** 2, 3, axis=1)).T * full).astype(np.float32)
        self._lights = self._curve.decode(np.repeat(nodes[:, None], 3, axis=1)).T.astype(np.float32)

    def decode(self, codes: NDArray[np.floating]) -> Float32:
        """Linear light of (H, W, 3) code values, 1 for the largest."""
        light = np.empty(codes.shape, np.float32)
        scale = _STEPS / (_HIGH - _LOW)
        _look_up(np.ascontiguousarray(codes, np.float32), self._lights, np.float32(scale / self.full), np.float32(-_LOW * scale), light)
        return light

    def encode(self, light: NDArray[np.floating]) -> Float32:
        """Code values of linear light (H, W, 3), 0 where it is negative."""
        roots = np.sqrt(np.maximum(np.asarray(light, np.float32), 0))  # in which curves are nearly straight
        codes = np.empty(roots.shape, np.float32)
        _look_up(np.ascontiguousarray(roots), self._codes, np.float32(_STEPS / _HIGH), np.float32(0), codes)
        return codes

    def trusted(self, codes: NDArray[np.floating]) -> Float32:
        """1 where a sample is not clipped, else 0."""
        edge = _CLIPPED * self.full
        return ((codes > edge) & (codes < self.full - edge)).astype(np.float32)


@compiled
def _look_up(values: Any, table: Any, scale: Any, start: Any, out: Any) -> None:
    """Linear interpolation in equally spaced tables, one a channel; outside, the last step goes on."""
    last = table.shape[1] - 2
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            for c in range(values.shape[2]):
                at = values[i, j, c] * scale + start
                low = min(max(int(at), 0), last)
                out[i, j, c] = table[c, low] + (at - np.float32(low)) * (table[c, low + 1] - table[c, low])
