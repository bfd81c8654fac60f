"""Augmentations that blurry and sharp must share: crops, flips and quarter turns, and those GoPro networks were trained with.

Sampled from one generator, applied without further chance (but for the noise, which has a generator of its own).
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from blurdata.recipe import Recipe
from blurdata.scratch import Scratch
from blurdata.shards.chunks import Box

Tensor = torch.Tensor
_split_planes, _one_plane = Scratch(), Scratch()
# (flip, turns) -> whether to transpose, and then which axes to mirror as OpenCV counts them
_AS_TRANSPOSED = {
    (False, 0): (False, None),
    (True, 0): (False, 1),
    (False, 2): (False, -1),
    (True, 2): (False, 0),
    (True, 1): (True, None),
    (False, 1): (True, 0),
    (False, 3): (True, 1),
    (True, 3): (True, -1),
}


class Augment(Recipe):
    """Which augmentations a training sample gets, each drawn once for both halves (and all frames of a clip).

    Args:
        flip: Mirror left to right, with probability one half.
        turn: Turn by 0, 90, 180 or 270 degrees; with ``flip`` this gives all eight positions of a square.
        permute_channels: Put R, G and B in a random order.
        saturation: Factor range for the saturation in HSV; (1, 1) leaves it alone.
        noise_sd: Noise is added to the blurry half alone, with a standard deviation that is itself drawn: the size of a normal
            draw with this one, in code values of [0, 1].

    Example:
        >>> Augment.gopro().saturation
        (0.5, 1.5)
    """

    flip: bool = True
    turn: bool = True
    permute_channels: bool = False
    saturation: tuple[float, float] = (1.0, 1.0)
    noise_sd: float = 0.0

    @classmethod
    def gopro(cls) -> "Augment":
        """Those of Nah et al. (CVPR 2017, section 4.2): flips, turns, channel order, saturation in [0.5, 1.5], noise N(0, (2/255)²)."""
        return cls(permute_channels=True, saturation=(0.5, 1.5), noise_sd=2 / 255)

    def draw(self, rng: np.random.Generator) -> "Moves":
        """What one sample gets."""
        return Moves(
            flip=self.flip and bool(rng.integers(2)),
            turns=int(rng.integers(4)) if self.turn else 0,
            channels=tuple(rng.permutation(3).tolist()) if self.permute_channels else (0, 1, 2),
            saturation=float(rng.uniform(*self.saturation)) if self.saturation != (1.0, 1.0) else 1.0,
            noise_sigma=abs(float(rng.normal(0, self.noise_sd))) if self.noise_sd else 0.0,
            noise_seed=int(rng.integers(2**62)) if self.noise_sd else 0,
        )


@dataclass(frozen=True)
class Moves:
    """The augmentation of one sample."""

    flip: bool = False
    turns: int = 0
    channels: tuple[int, ...] = (0, 1, 2)
    saturation: float = 1.0
    noise_sigma: float = 0.0
    noise_seed: int = 0

    def geometry(self, array: NDArray[Any]) -> NDArray[Any]:
        """Flip, then turn counter-clockwise, an (H, W, ...) array; a view, so that all moves cost one copy."""
        array = array[:, ::-1] if self.flip else array
        return np.rot90(array, self.turns) if self.turns else array

    def moved_hw(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Height and width of what ``geometry`` makes of an array of this height and width."""
        height, width = size_hw
        return (width, height) if self.turns % 2 else (height, width)

    def planes(self, array: NDArray[Any], out: NDArray[Any]) -> None:
        """Write what ``geometry`` makes of an (H, W, C) array to a (C, H, W) one; pictures four times as fast as numpy copies the view."""
        if array.shape[2] != 3 or array.dtype not in (np.uint8, np.uint16):
            out[...] = np.moveaxis(self.geometry(array), -1, 0)
            return
        transpose, mirror = _AS_TRANSPOSED[self.flip, self.turns]
        if not transpose and mirror is None:
            cv2.split(array, list(out))
            return
        planes = _split_planes((3, *array.shape[:2]), array.dtype)
        cv2.split(array, list(planes))
        for plane, target in zip(planes, out, strict=True):
            if mirror is None:
                cv2.transpose(plane, target)
            else:
                upright = cv2.transpose(plane, _one_plane(target.shape, target.dtype)) if transpose else plane
                cv2.flip(upright, mirror, target)

    def vectors(self, field: NDArray[Any]) -> NDArray[Any]:
        """An (H, W, 2) field of (x right, y down) vectors: moved like a picture, and the vectors turned with it."""
        x, y = np.moveaxis(self.geometry(field), -1, 0)
        x = -x if self.flip else x
        for _ in range(self.turns):  # a quarter turn counter-clockwise takes right to up
            x, y = y, -x
        return np.stack((x, y), -1)

    def colour(self, image: Tensor) -> Tensor:
        """Channel order and saturation of (..., 3, H, W) pictures."""
        if self.channels != (0, 1, 2):
            image = image[..., list(self.channels), :, :]
        return saturate(image, self.saturation) if self.saturation != 1.0 else image

    def noise(self, image: Tensor) -> Tensor:
        """Noise for the blurry half."""
        if not self.noise_sigma:
            return image
        top = _top(image)
        generator = torch.Generator().manual_seed(self.noise_seed)
        grain = torch.randn(image.shape, generator=generator) * (self.noise_sigma * top)
        return (image.float() + grain).round_().clamp_(0, top).to(image.dtype)


def saturate(image: Tensor, factor: float) -> Tensor:
    """Multiply the HSV saturation of (..., 3, H, W) integer pictures, at most to 1; hue and value stay.

    With V = max(R, G, B) and S = (V - min) / V, a channel c becomes V - (V - c) f where f = min(factor, 1 / S).
    """
    value = image.float().amax(-3, keepdim=True)
    depth = value - image.float()
    most = value / depth.amax(-3, keepdim=True).clamp_(min=1e-6)
    return (value - depth * most.clamp_(max=factor)).round_().clamp_(0, _top(image)).to(image.dtype)


def _top(image: Tensor) -> int:
    return 255 if image.dtype == torch.uint8 else 65535


def draw_box(size_hw: tuple[int, int], crop_hw: tuple[int, int], rng: np.random.Generator) -> Box:
    """Where a crop lies, each place equally likely."""
    y, x = (int(rng.integers(size - crop + 1)) for size, crop in zip(size_hw, crop_hw, strict=True))
    return y, x, *crop_hw
