"""A scene whose light is known everywhere: layers at depths, each a smooth function of position.

The light of a layer is ``sum over k of c[k] * beta(x - k)`` with ``beta`` the cubic B-spline and the texture's samples as ``c``: never
negative, twice differentiable, a soft lens of 0.58 px, and known between the pixels without any further choice of interpolation.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from blurdata.color import curve
from blurdata.compiled import compiled

Float = NDArray[np.float64]
Photograph = Literal["astronaut", "coffee", "chelsea", "rocket"]


@dataclass(frozen=True, eq=False)
class Layer:
    """One plane of the scene, parallel to the sensor.

    Args:
        light: (H, W, 3) linear light, 1 is white, lamps far above; mirrored beyond its rim.
        cover: (H, W), 1 where the plane is, 0 where one looks through it; None where it is everywhere.
        depth: Distance; a plane at depth 2 moves half as far as one at depth 1.

    Raises:
        ValueError: If shapes, signs or the depth are wrong.
    """

    light: Float
    cover: Float | None = None
    depth: float = 1.0

    def __post_init__(self) -> None:
        if (
            self.light.ndim != 3
            or self.light.shape[2] != 3
            or min(self.light.shape[:2]) < 2
            or not np.isfinite(self.light).all()
            or self.light.min() < 0
        ):
            msg = f"light must be (H, W, 3), finite and at least 0, got shape {self.light.shape}."
            raise ValueError(msg)
        if self.cover is not None and (self.cover.shape != self.light.shape[:2] or self.cover.min() < 0 or self.cover.max() > 1):
            msg = f"cover must be (H, W) in [0, 1] like the light's {self.light.shape[:2]}, got shape {self.cover.shape}."
            raise ValueError(msg)
        if not self.depth > 0:
            msg = f"depth must be above 0, got {self.depth}."
            raise ValueError(msg)

    def light_at(self, y: Float, x: Float) -> Float:
        """(H, W, 3) light at (H, W) positions in texture pixels."""
        out = np.empty((*y.shape, 3))
        _spline(out, self.light, y, x)
        return out

    def cover_at(self, y: Float, x: Float) -> Float:
        """(H, W) share of the view that the plane covers there."""
        if self.cover is None:
            return np.ones(y.shape)
        out = np.empty((*y.shape, 1))
        _spline(out, self.cover[..., None], y, x)
        return out[..., 0]


@compiled
def _spline(out: Any, samples: Any, y: Any, x: Any) -> None:
    """Cubic B-spline with (H, W, C) ``samples`` as coefficients, mirrored about the middle of the outermost ones."""
    rows, columns, channels = samples.shape
    weights = np.empty((2, 4))
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            top, left = int(np.floor(y[i, j])), int(np.floor(x[i, j]))
            for axis, f in ((0, y[i, j] - top), (1, x[i, j] - left)):
                weights[axis, 0] = (1 - f) ** 3 / 6
                weights[axis, 1] = (4 - 6 * f * f + 3 * f * f * f) / 6
                weights[axis, 2] = (1 + 3 * f + 3 * f * f - 3 * f * f * f) / 6
                weights[axis, 3] = f * f * f / 6
            for c in range(channels):
                out[i, j, c] = 0.0
            for m in range(4):
                row = abs(top + m - 1) % (2 * rows - 2)
                row = min(row, 2 * rows - 2 - row)
                for n in range(4):
                    column = abs(left + n - 1) % (2 * columns - 2)
                    column = min(column, 2 * columns - 2 - column)
                    weight = weights[0, m] * weights[1, n]
                    for c in range(channels):
                        out[i, j, c] += weight * samples[row, column, c]


def composite(layers: tuple[Layer, ...], places: list[tuple[Float, Float]]) -> Float:
    """Light of the layers seen from the front, each looked up at its own (y, x); the first layer is nearest."""
    seen, through = np.zeros((*places[0][0].shape, 3)), np.ones((*places[0][0].shape, 1))
    for layer, (y, x) in zip(layers, places, strict=True):
        if layer.cover is None:
            return seen + through * layer.light_at(y, x)
        cover = layer.cover_at(y, x)[..., None]
        seen = seen + through * cover * layer.light_at(y, x)
        through = through * (1 - cover)
    return seen


def hdr_scene(
    size_hw: tuple[int, int] = (128, 160),
    *,
    background: Photograph = "astronaut",
    foreground: Photograph | None = "coffee",
    lights: int = 12,
    brightest: float = 60.0,
    depths: tuple[float, float] = (0.6, 1.0),
    seed: int = 0,
) -> tuple[Layer, ...]:
    """Photographs that come with scikit-image, with lamps far above white, in one or two layers.

    Args:
        size_hw: Height and width of the view in pixels; the layers are larger by half, so that a moved camera sees something new.
        background: Photograph of the far layer.
        foreground: Photograph of an oval in the near layer, None for a single layer.
        lights: Number of lamps, coloured spots of 1 to 2 px on the far layer.
        brightest: Light of the brightest lamp, 1 is white; the others lie between 5 and this.
        depths: Depth of the near and the far layer.
        seed: Places, colours and brightness of the lamps.

    Returns:
        Layers, nearest first.

    Raises:
        ValueError: If the view is larger than the photographs allow.

    Example:
        >>> near, far = hdr_scene((64, 80))
        >>> near.depth < far.depth, bool(far.light.max() > 5)
        (True, True)
    """
    rng = np.random.default_rng(seed)
    height, width = (3 * n // 2 for n in size_hw)
    light = _photograph(background, (height, width))
    y, x = np.mgrid[:height, :width]
    for _ in range(lights):
        radius, tint = rng.uniform(1.0, 2.0), rng.uniform(0.3, 1.0, 3)
        power = 5.0 * (max(brightest, 5.0) / 5.0) ** rng.uniform()
        place = rng.uniform(0.15, 0.85, 2) * (height, width)
        spot = np.clip(radius + 0.5 - np.hypot(y - place[0], x - place[1]), 0.0, 1.0)
        light = light + power * spot[..., None] * tint / tint.max()
    far = Layer(light, depth=depths[1])
    if foreground is None:
        return (far,)
    oval = 1.0 - np.hypot((y - 0.58 * height) / (0.17 * height), (x - 0.42 * width) / (0.14 * width))
    return Layer(_photograph(foreground, (height, width)), np.clip(oval * 0.15 * height + 0.5, 0.0, 1.0), depths[0]), far


def _photograph(name: Photograph, size_hw: tuple[int, int]) -> Float:
    """Linear light of the middle of a photograph, halved in size, which hides its own noise and compression."""
    from skimage import data

    picture = np.asarray(getattr(data, name)(), np.float64) / 255
    even = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
    light = curve("srgb").decode(even).reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, 3).mean(axis=(1, 3))
    if size_hw[0] > 2 * light.shape[0] or size_hw[1] > 2 * light.shape[1]:
        have, want = f"{light.shape[1]}x{light.shape[0]}", f"{size_hw[1]}x{size_hw[0]}"
        msg = f"The photograph '{name}' is {have} at half size, too small for a layer of {want}; choose a smaller view."
        raise ValueError(msg)
    pads = [max(0, wanted - there) for wanted, there in zip(size_hw, light.shape[:2], strict=True)]
    light = np.pad(light, [(pads[0] // 2, pads[0] - pads[0] // 2), (pads[1] // 2, pads[1] - pads[1] // 2), (0, 0)], mode="reflect")
    top, left = (light.shape[0] - size_hw[0]) // 2, (light.shape[1] - size_hw[1]) // 2
    return light[top : top + size_hw[0], left : left + size_hw[1]]
