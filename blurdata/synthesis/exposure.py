"""One exposure: the frames of a window go in, one after the other, and a pair comes out."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blurdata.color import Curve, curve
from blurdata.pairs import Image, Pair
from blurdata.sensor import Sensor, photograph
from blurdata.synthesis.blend import LightSum
from blurdata.synthesis.interpolate import Between
from blurdata.synthesis.recipe import SynthesisRecipe
from blurdata.synthesis.room import Room
from blurdata.synthesis.vectors import BlurVectors
from blurdata.synthesis.windows import Window, generator


class _Gap(NamedTuple):
    """What lies between two frames of the window, their masks of clipped places, and the steps from one to the other."""

    between: Between
    masks: tuple[NDArray[np.float32], NDArray[np.float32]] | None
    steps: int


class Exposure:
    """The open shutter.

    Args:
        window: Which frames belong to it.
        recipe: How they are averaged.
        bits: 8 or 16.
        room: Where the sums' memory comes from.
    """

    def __init__(self, window: Window, recipe: SynthesisRecipe, *, bits: int, room: Room | None = None) -> None:
        self.window = window
        self._room = room
        self._recipe, self._bits = recipe, bits
        self._curve = curve(recipe.curve)
        self._steps = dict(zip(window.frames[1:], _steps(window), strict=True))
        self.samples = sum(self._steps.values()) + 1
        self._inner = 1 if recipe.end_weight == 1.0 else 2  # weights are whole numbers: the ends count 1
        self._light = self._sum(self._curve, bits=bits) if recipe.variant != "blur" else None
        self._code = self._sum(curve("linear"), bits=bits) if recipe.variant != "blur_gamma" else None
        self._mask = self._sum(curve("linear"), bits=8) if recipe.sensor else None
        self._vectors = BlurVectors() if recipe.blur_vectors else None
        self._sharp: Image | None = None
        self._last: Image | None = None
        self._gaps: list[_Gap] = []

    def _sum(self, light_curve: Curve, *, bits: int) -> LightSum:
        return LightSum(light_curve, bits=bits, samples=self._inner * self.samples, room=self._room)

    @property
    def last(self) -> Image | None:
        """The frame added last."""
        return self._last

    def add(self, number: int, frame: Image, between: Between | None) -> None:
        """Add frame ``number`` of the film, and before it the virtual frames since the last one."""
        frames = self.window.frames
        if between is not None and self._last is not None:
            masks = (self._share(self._last), self._share(frame)) if self._mask else None
            self._gaps = [*self._gaps[-2:], _Gap(between, masks, self._steps[number])]
            self._fill(final=number == frames[-1])
        if self._vectors is not None and self._last is not None:
            self._vectors.add(self._last, frame, after_middle=self._sharp is not None)
        weight = 1 if number in (frames[0], frames[-1]) else self._inner
        for total in (self._light, self._code):
            if total is not None:
                total.add(frame, weight)
        if self._mask is not None:
            self._mask.add(self._clipped(frame), weight)
        if number == self.window.centre:
            self._sharp = frame
        self._last = frame

    def _fill(self, *, final: bool) -> None:
        """Add the virtual frames of the last gap but one, which has both its neighbours now; and of the last where nothing follows."""
        gaps = [None] * (3 - len(self._gaps)) + self._gaps + [None]
        for earlier, gap, later in zip(gaps, gaps[1:], gaps[2:], strict=False):
            if gap is None or (later is None and not final):
                continue
            near = [other.between if other and other.steps == gap.steps else None for other in (earlier, later)]
            between = gap.between.bent(*near)
            between.add_to(self._light, self._code, gap.steps, self._inner)
            if self._mask is not None and gap.masks is not None:
                between.add_mask_to(self._mask, gap.masks, gap.steps, self._inner)

    def finish(self, meta: dict[str, Any]) -> Pair:
        """Close the shutter: the mean, rounded once; ``extras`` hold ``blur`` where both variants are asked for, and the blur vectors."""
        extras: dict[str, NDArray[Any]] = {}
        assert self._sharp is not None
        if self._vectors is not None:
            extras["blur_vectors"] = self._vectors.vectors()
        if self._recipe.sensor is not None:
            return self._photograph(self._recipe.sensor, meta, extras)
        if self._light is not None:
            blurry = self._light.codes()
            if self._code is not None:
                extras["blur"] = self._code.codes()
        else:
            assert self._code is not None
            blurry = self._code.codes()
        variant = "blur" if self._recipe.variant == "blur" else "blur_gamma"
        return Pair(self.window.key, blurry, self._sharp, {**meta, "variant": variant}, extras)

    def _clipped(self, frame: Image) -> NDArray[np.uint8]:
        """255 where the source is clipped, else 0."""
        least = self._recipe.saturation_code * (1 if self._bits == 8 else 257)
        return np.asarray(np.where(frame >= least, np.uint8(255), np.uint8(0)))

    def _share(self, frame: Image) -> NDArray[np.float32]:
        return np.asarray(self._clipped(frame) != 0, np.float32)

    def _photograph(self, sensor: Sensor, meta: dict[str, Any], extras: dict[str, NDArray[Any]]) -> Pair:
        """What the camera makes of the mean light; from here on everything is float64 until one rounding."""
        assert self._light is not None
        assert self._mask is not None
        assert self._sharp is not None
        taken = photograph(
            self._light.mean(),
            self._curve.decode(self._sharp / ((1 << self._bits) - 1)),
            sensor=sensor,
            rng=generator(self._recipe.seed, self.window.key),
            mask=self._mask.mean(),
            source_curve=self._curve,
            bits=self._bits,
        )
        rim = slice(sensor.rim_px, -sensor.rim_px or None)
        cut = {name: np.ascontiguousarray(array[rim, rim]) for name, array in extras.items()}
        return Pair(self.window.key, taken.blurry, taken.sharp, {**meta, "variant": "blur_gamma", **taken.meta}, cut)


def _steps(window: Window) -> list[int]:
    """Steps between each two frames, as many as time goes by: twice as many where one between them was lost.

    Pictures that a quicker file shows two and three times in turn lie equally far apart, whatever their numbers.
    """
    least = min(window.apart)
    return [round(window.virtual * apart / least) if window.virtual > 1 else 1 for apart in window.apart]
