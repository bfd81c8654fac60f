"""The truth about blur: a camera whose exposure is integrated exactly, over a scene whose light is known everywhere.

It shares no code with frame blending and is what blending is measured against. A scene of layers at depths
(:mod:`blurdata.synthesis.reference_scene`) moves along a known path with rotation; the exposure ``B(x) = integral of L(x, t) dt`` is
summed by Gauss-Legendre quadrature with twice as many panels each time, until nothing changes by more than the tolerance. The
integrand is smooth (splines in space, sines in time), so a few hundred moments reach 1e-5.

Axes: x to the right, y down, as in arrays and optical flow; time in units of one's choice, usually exposures.

How far frame blending stays from it, as PSNR in dB of 8-bit sRGB codes (58.9 dB is what rounding alone leaves). Two layers, blur of 24 px
on average and 37 px at most with 3 degrees of rotation, M frames from the first to the last moment of the exposure; end samples
weigh half, but for the plain mean; printed by ``tools/bench/reference_camera.py``:

| no light above white, M =  |    3 |    5 |    7 |   13 |   25 |   49 |   97 |  193 |
|----------------------------|------|------|------|------|------|------|------|------|
| light under sRGB (the truth) | 23.4 | 31.1 | 36.4 | 47.2 | 56.9 | 58.7 | 58.8 | 58.9 |
| the same, plain mean       | 22.9 | 28.6 | 32.3 | 38.9 | 45.0 | 50.5 | 54.9 | 57.4 |
| light under gamma 2.2      | 23.4 | 30.9 | 35.9 | 43.8 | 46.9 | 47.3 | 47.5 | 47.5 |
| code values (``blur``)     | 21.3 | 24.1 | 24.6 | 24.7 | 24.7 | 24.7 | 24.7 | 24.7 |
| sRGB and DIS flow between  | 25.7 | 38.4 | 47.9 | 56.9 | 58.1 | 58.6 | 58.8 | 58.9 |

With twelve lamps 5 to 60 times white in the view, frames that were clipped first lose the trails, and more frames do not help:

| 12 lamps, M =              |    3 |    5 |    7 |   13 |   25 |   49 |   97 |  193 |
|----------------------------|------|------|------|------|------|------|------|------|
| light under sRGB           | 18.4 | 21.1 | 21.7 | 22.1 | 22.1 | 22.1 | 22.1 | 22.1 |
| code values (``blur``)     | 16.9 | 18.1 | 18.4 | 18.4 | 18.5 | 18.5 | 18.5 | 18.5 |
| sRGB and DIS flow between  | 20.0 | 21.9 | 22.0 | 22.1 | 22.1 | 22.1 | 22.1 | 22.1 |
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata import psf
from blurdata.color import Curve, curve
from blurdata.pairs import Image, Pair
from blurdata.sensor import Sensor, photograph
from blurdata.synthesis.reference_scene import Layer, composite, hdr_scene

__all__ = ["Exposure", "Layer", "Motion", "ReferenceCamera", "Sway", "hdr_scene"]

Float = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_MOST_PANELS = 1024


@dataclass(frozen=True)
class Sway:
    """One sine of a hand: ``amplitude * sin(2 pi (cycles t + phase))``.

    Args:
        x_px: Amplitude to the right, at depth 1.
        y_px: Amplitude downwards.
        roll_deg: Amplitude of the rotation.
        cycles: Cycles per unit of time.
        phase: Share of a cycle by which it runs ahead at time 0.
    """

    x_px: float = 0.0
    y_px: float = 0.0
    roll_deg: float = 0.0
    cycles: float = 1.0
    phase: float = 0.0


@dataclass(frozen=True)
class Motion:
    """How the picture of the scene moves over the sensor: a steady part and sines.

    Args:
        x_px: Way to the right per unit of time of a plane at depth 1; a plane at depth z moves 1/z of it.
        y_px: Way downwards.
        roll_deg: Rotation about the middle of the view, from x towards y (clockwise as seen), the same at every depth.
        sways: Sines on top.

    Example:
        >>> Motion(x_px=8.0).pose(0.5)
        (4.0, 0.0, 0.0)
    """

    x_px: float = 0.0
    y_px: float = 0.0
    roll_deg: float = 0.0
    sways: tuple[Sway, ...] = ()

    def pose(self, time: float) -> tuple[float, float, float]:
        """Shift x, y in px at depth 1 and rotation in degrees at a moment."""
        x, y, roll = self.x_px * time, self.y_px * time, self.roll_deg * time
        for sway in self.sways:
            swing = float(np.sin(2 * np.pi * (sway.cycles * time + sway.phase)))
            x, y, roll = x + sway.x_px * swing, y + sway.y_px * swing, roll + sway.roll_deg * swing
        return x, y, roll


@dataclass(frozen=True, eq=False)
class Exposure:
    """One exposure in linear light, not clipped.

    Attributes:
        blurry: (H, W, 3) float64, the integral.
        sharp: (H, W, 3) float64, the middle moment.
        blur_vectors: (H, W, 2) float32 px: from where to where the point that is seen in the middle moment moves, x and y down.
        psf: (K, L) float32, the blur of the point in the middle of the view, centred.
        psf_offset_px: x, y down: centroid of that point's path relative to its place in the middle moment.
        samples: Moments that the integral was summed over.
        error: Largest change at the last doubling, relative to 1 + light.
    """

    blurry: Float
    sharp: Float
    blur_vectors: NDArray[np.float32]
    psf: NDArray[np.float32]
    psf_offset_px: tuple[float, float]
    samples: int
    error: float


@dataclass(frozen=True, eq=False)
class ReferenceCamera:
    """A camera in front of a scene.

    Args:
        layers: The scene, nearest first; the last one covers everything.
        motion: How it moves.
        size_hw: Height and width of the view, centred in the layers.
        response: Curve from light to code values.

    Example:
        >>> camera = ReferenceCamera(hdr_scene((32, 40), foreground=None), Motion(x_px=6.0, roll_deg=1.0), (32, 40))
        >>> exposure = camera.expose(0.0, 1.0)
        >>> exposure.blurry.shape, exposure.error < 1e-5, round(float(exposure.blur_vectors[16, 20, 0]), 1)
        ((32, 40, 3), True, 6.0)
    """

    layers: tuple[Layer, ...]
    motion: Motion
    size_hw: tuple[int, int]
    response: str | Curve = "srgb"

    def __post_init__(self) -> None:
        if not self.layers or self.layers[-1].cover is not None:
            msg = "The last layer must cover everything (cover=None)."
            raise ValueError(msg)

    def light(self, time: float) -> Float:
        """(H, W, 3) linear light of a moment, not clipped."""
        return composite(self.layers, [self._place(layer, time) for layer in self.layers])

    def frame(self, time: float, *, bits: int = 8) -> Image:
        """(H, W, 3) code values of a moment: clipped, encoded, rounded once; an infinitely short shutter without noise."""
        top = (1 << bits) - 1
        codes = np.floor(np.clip(curve(self.response).encode(np.clip(self.light(time), 0, 1)), 0, 1) * top + 0.5)
        return codes.astype(np.uint8) if bits == 8 else codes.astype(np.uint16)

    def frames(self, start: float, stop: float, count: int, *, bits: int = 8) -> list[Image]:
        """``count`` frames at equal distances, the first at ``start`` and the last at ``stop``."""
        return [self.frame(float(time), bits=bits) for time in np.linspace(start, stop, count)]

    def expose(self, start: float, stop: float, *, tolerance: float = 1e-5) -> Exposure:
        """The exposure from ``start`` to ``stop``.

        Raises:
            ValueError: If ``stop`` does not lie behind ``start``, or the tolerance is not reached.
        """
        if not stop > start:
            msg = f"An exposure must end after it starts, got {start} to {stop}."
            raise ValueError(msg)
        panels, before, error = 2, self._integral(start, stop, 1), np.inf
        while True:
            now = self._integral(start, stop, panels)
            error = float((np.abs(now - before) / (1 + np.abs(now))).max())
            if error <= tolerance:
                break
            if panels >= _MOST_PANELS:
                msg = f"The exposure changes by {error:.2g} at {panels * len(_NODES)} samples, over the tolerance {tolerance:g}."
                raise ValueError(msg)
            panels, before = 2 * panels, now
        middle = (start + stop) / 2
        point, offset = self.psf_at((self.size_hw[0] - 1) / 2, (self.size_hw[1] - 1) / 2, start, stop)
        vectors = self.displacement(middle, stop) - self.displacement(middle, start)
        return Exposure(now, self.light(middle), vectors.astype(np.float32), point, offset, panels * len(_NODES), error)

    def displacement(self, seen: float, other: float) -> Float:
        """(H, W, 2) px, x and y down: where the points seen at moment ``seen`` lie at moment ``other``, less where they were."""
        depth = self._depth(seen)
        y, x = _grid(self.size_hw)
        there_y, there_x = self._project(*self._back_project(y, x, depth, seen), depth, other)
        return np.stack([there_x - x, there_y - y], axis=-1)

    def psf_at(
        self, y: float, x: float, start: float, stop: float, *, points: int = 513
    ) -> tuple[NDArray[np.float32], tuple[float, float]]:
        """PSF of the point seen at (y, x) in the middle moment: (K, L) float32, centred; and by how much that moved it (x, y down)."""
        middle = (start + stop) / 2
        at = (np.array([[float(y)]]), np.array([[float(x)]]))
        depth = self._depth(middle, *at)
        scene = self._back_project(*at, depth, middle)
        path = np.array([[float(v[0, 0]) for v in self._project(*scene, depth, float(t))[::-1]] for t in np.linspace(start, stop, points)])
        path -= (x, y)
        centroid = ((path[:-1] + path[1:]) / 2).mean(axis=0)
        return psf.from_path(path * (1, -1)), (float(centroid[0]), float(centroid[1]))

    def pair(
        self, key: str, start: float, stop: float, *, sensor: Sensor | None = None, rng: np.random.Generator | None = None, bits: int = 8
    ) -> Pair:
        """The exposure as a camera stores it: clipped, with the sensor's noise and the response.

        Args:
            key: The pair's key.
            start: When the shutter opens.
            stop: When it closes.
            sensor: Noise, mosaic, rim and so on; its ``saturation`` must be off, since light above white is known here. None: nothing.
            rng: Source of the sensor's draws.
            bits: 8 or 16.

        Raises:
            ValueError: If the sensor makes up light above white, or draws without ``rng``.
        """
        sensor = sensor or Sensor(saturation=None, noise=None, rim_px=0)
        if sensor.saturation is not None or (rng is None and sensor.noise is not None):
            msg = "A reference pair needs a sensor with saturation=None, and rng where it has noise."
            raise ValueError(msg)
        exposure = self.expose(start, stop)
        shot = photograph(
            exposure.blurry,
            exposure.sharp,
            sensor=sensor,
            rng=rng or np.random.default_rng(0),
            source_curve=self.response,
            bits=bits,
        )
        rim = slice(sensor.rim_px, -sensor.rim_px or None)
        vectors = exposure.blur_vectors[rim, rim]
        length = np.hypot(vectors[..., 0], vectors[..., 1])
        meta: dict[str, Any] = {
            "source": "reference_camera",
            "curve": shot.meta["response"],
            "samples": exposure.samples,
            "exposure": stop - start,
            "blur_px_mean": float(length.mean()),
            "blur_px_p95": float(np.percentile(length, 95)),
            "blur_px_max": float(length.max()),
            **shot.meta,
        }
        return Pair(key, shot.blurry, shot.sharp, meta, {"psf": exposure.psf, "blur_vectors": np.ascontiguousarray(vectors)})

    def _integral(self, start: float, stop: float, panels: int) -> Float:
        """Mean light over the exposure, by 8-node Gauss-Legendre quadrature in each of ``panels`` equal parts."""
        total = np.zeros((*self.size_hw, 3))
        width = (stop - start) / panels
        for panel in range(panels):
            for node, weight in zip(_NODES, _WEIGHTS, strict=True):
                total += weight / 2 / panels * self.light(start + (panel + (node + 1) / 2) * width)
        return total

    def _place(self, layer: Layer, time: float) -> tuple[Float, Float]:
        """Texture coordinates (y, x) that the pixels see on a layer."""
        y, x = self._back_project(*_grid(self.size_hw), layer.depth, time)
        return y + (layer.light.shape[0] - self.size_hw[0]) / 2, x + (layer.light.shape[1] - self.size_hw[1]) / 2

    def _back_project(self, y: Float, x: Float, depth: Float | float, time: float) -> tuple[Float, Float]:
        """Where the scene point seen at (y, x) lies at pose zero."""
        shift_x, shift_y, roll = self.motion.pose(time)
        cos, sin = np.cos(np.deg2rad(roll)), np.sin(np.deg2rad(roll))
        middle_y, middle_x = (self.size_hw[0] - 1) / 2, (self.size_hw[1] - 1) / 2
        u, v = x - middle_x - shift_x / depth, y - middle_y - shift_y / depth
        return -sin * u + cos * v + middle_y, cos * u + sin * v + middle_x

    def _project(self, y: Float, x: Float, depth: Float | float, time: float) -> tuple[Float, Float]:
        """Where a scene point, given at pose zero, is seen."""
        shift_x, shift_y, roll = self.motion.pose(time)
        cos, sin = np.cos(np.deg2rad(roll)), np.sin(np.deg2rad(roll))
        middle_y, middle_x = (self.size_hw[0] - 1) / 2, (self.size_hw[1] - 1) / 2
        u, v = x - middle_x, y - middle_y
        return sin * u + cos * v + middle_y + shift_y / depth, cos * u - sin * v + middle_x + shift_x / depth

    def _depth(self, time: float, y: Float | None = None, x: Float | None = None) -> Float:
        """Depth of what is seen at each pixel: the nearest layer that covers at least half of it."""
        rows, columns = _grid(self.size_hw) if y is None or x is None else (y, x)
        depth = np.full(rows.shape, self.layers[-1].depth)
        for layer in reversed(self.layers[:-1]):
            there_y, there_x = self._back_project(rows, columns, layer.depth, time)
            top, left = (layer.light.shape[0] - self.size_hw[0]) / 2, (layer.light.shape[1] - self.size_hw[1]) / 2
            depth = np.where(layer.cover_at(there_y + top, there_x + left) >= 0.5, layer.depth, depth)
        return depth


def _grid(size_hw: tuple[int, int]) -> tuple[Float, Float]:
    y, x = np.mgrid[: size_hw[0], : size_hw[1]].astype(np.float64)
    return y, x
