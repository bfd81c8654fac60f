"""How do code values of a picture become light, and which of them can be trusted."""

import numpy as np
from numpy.typing import NDArray

from blurdata.alignment.geometry import Float, Float32
from blurdata.color import curve

_CLIPPED = 1.5 / 255  # nearer than this to the end of the code values a sample may be clipped
_LOW, _HIGH, _NODES = -0.5, 2.0, 5 * 2048 + 1  # a table of the curve: with gain undone, codes leave [0, 1]


class Light:
    """Curve and depth of a pair's code values; looked up in a table, ten times as fast as the formulas.

    Args:
        name: Of a curve, see :func:`blurdata.color.curve`.
        full: Largest code value, 255 or 65535.
    """

    def __init__(self, name: str, full: int) -> None:
        self.full = full
        chart = curve(name)
        nodes = np.linspace(_LOW, _HIGH, _NODES)
        if chart.channels == 1:
            self._codes, self._lights = [nodes], [chart.decode(nodes)]
        else:
            lights = chart.decode(np.repeat(nodes[:, None], chart.channels, axis=1))
            self._codes, self._lights = [nodes] * chart.channels, list(lights.T)

    def decode(self, codes: NDArray[np.floating]) -> Float32:
        """Linear light of (H, W, C) code values, 1 for the largest."""
        return self._looked_up(codes / self.full, self._codes, self._lights)

    def encode(self, light: NDArray[np.floating]) -> Float32:
        """Code values of linear light (H, W, C)."""
        return np.asarray(self._looked_up(light, self._lights, self._codes) * np.float32(self.full))

    def trusted(self, codes: NDArray[np.floating]) -> Float32:
        """1 where a sample is not clipped, else 0."""
        edge = _CLIPPED * self.full
        return ((codes > edge) & (codes < self.full - edge)).astype(np.float32)

    @staticmethod
    def _looked_up(values: NDArray[np.floating], x: list[Float], y: list[Float]) -> Float32:
        if len(x) == 1:
            return np.asarray(np.interp(values, x[0], y[0]), np.float32)
        return np.asarray(np.stack([np.interp(values[..., c], x[c], y[c]) for c in range(values.shape[-1])], -1), np.float32)
