"""What lies between two frames: virtual frames along bidirectional optical flow, in linear light.

A linear cross-fade would add nothing: its virtual frames are mixtures of the two neighbours, so their mean is the mean of the
frames, up to the weight of the ends. Only motion adds information.

For a moment t between frames A and B (Baker et al., IJCV 2011, section 3.3, with the flow inverted by fixed-point iteration instead of
splatting): the motion u at pixel y solves ``u = F_AB(y - t u)``, and likewise from B's side; of both candidates the one whose two
ends look more alike is taken, and an end that the other frame cannot see (its forward and backward flow disagree) is left out.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from blurdata.color import Curve
from blurdata.pairs import Image
from blurdata.synthesis.flow import both_flows
from blurdata.synthesis.frames import grey_of
from blurdata.synthesis.kernels import visible, warp_between

Light = NDArray[np.float32]


class Between(Protocol):
    """Virtual frames between two frames."""

    def light(self, moment: float) -> Light:
        """(H, W, 3) float32 linear light at ``moment`` in (0, 1)."""


class Interpolator(Protocol):
    """Makes a :class:`Between` of two neighbouring frames."""

    def __call__(self, before: Image, after: Image) -> Between:
        """Look at two (H, W, 3) frames of code values."""


class DisInterpolator:
    """Virtual frames by bidirectional DIS flow with occlusion handling.

    Args:
        curve: How codes relate to light.
        bits: 8 or 16.
        threads: Threads over rows; the result does not depend on it.
    """

    def __init__(self, curve: Curve, *, bits: int, threads: int = 2) -> None:
        self._light = np.broadcast_to(curve.light_of_codes(bits), (3, 1 << bits)).astype(np.float32)
        self._threads = threads

    def __call__(self, before: Image, after: Image) -> Between:
        """Flow both ways, and which pixels of each frame the other one sees."""
        forward, backward = both_flows(grey_of(before), grey_of(after))
        return _DisBetween(self._linear(before), self._linear(after), forward, backward, self._threads)

    def _linear(self, frame: Image) -> Light:
        return np.stack([self._light[c][frame[..., c]] for c in range(3)], axis=-1)


class _DisBetween:
    def __init__(self, a: Light, b: Light, forward: Light, backward: Light, threads: int) -> None:
        self._arrays = (a, b, forward, backward, visible(forward, backward), visible(backward, forward))
        self._threads = threads

    def light(self, moment: float) -> Light:
        """Linear light at ``moment``."""
        out = np.empty_like(self._arrays[0])
        rows = np.linspace(0, out.shape[0], self._threads + 1).astype(int)

        def band(i: int) -> Any:
            return warp_between(out, *self._arrays, np.float32(moment), rows[i], rows[i + 1])

        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(band, range(self._threads)))
        return out
