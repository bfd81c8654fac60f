"""How far does the sharp picture of a pair lie from the centroid of its blurry one: the ``accurate`` estimator.

A kernel can be moved one way and the sharp picture the other without changing the blurry one. A pair is aligned when the
kernel's centroid is central; only the shift is sought, for the camera's pose does not change within a scene and a
similarity of each pair would add 0.2 to 0.7 px of noise at a corner.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from blurdata.alignment.drift import Drift
from blurdata.alignment.geometry import Float, Float32
from blurdata.alignment.kernel import blur_length, centroid, cleaned, convolved, estimate_kernel, spread

NOTHING = "too little can be seen in common: the pictures are clipped or flat"
_NO_KERNEL = "no blur kernel explains the blurry picture: nothing can be seen in common"
_COARSE = 4  # the first look is at a quarter of the size: the window it needs is wide
_ROOM_PX = 3  # around what the first look found


@dataclass(frozen=True)
class Shifted:
    """What was found.

    Args:
        shift: (x, y) px that the sharp picture must move; after it the kernel's centroid is central.
        kernel: The kernel that takes ``moved`` to the blurry picture, odd sides, sum 1.
        predicted: (H, W, C) float32 linear light, ``kernel * moved``: what the blurry picture should look like.
        weights: (H, W, C) float32, trust in each sample of the blurry picture.
        rest: (x, y) px by which ``predicted`` still lies beside the blurry picture.
        before: (x, y) px by which ``moved`` was moved: ``shift`` without the kernel's centroid and the rest.
    """

    shift: Float
    kernel: Float
    predicted: Float32
    weights: Float32
    rest: Float
    before: Float


Move = Callable[[Float], tuple[Float32, Float32]]


def accurate_shift(blurry: Float32, move: Move, *, limit_px: float, kernel_px: int) -> Shifted | str:
    """The shift of a pair by way of its kernel, or the reason why there is none.

    Args:
        blurry: (H, W, C) float32, linear light, gain and offset undone.
        move: Gives the sharp picture moved by a shift (x, y): linear light (H, W, C) float32, and the weights of ``blurry`` there, same
            shape, 0 where it is clipped or the sharp picture does not reach.
        limit_px: No pair is further apart.
        kernel_px: No kernel is longer than this.
    """
    first = _first_look(blurry, *move(np.zeros(2)), reach_px=limit_px + kernel_px / 2)
    if isinstance(first, str):
        return first
    coarse, radius = first
    if np.hypot(*coarse) > limit_px:
        return f"the pictures lie {np.hypot(*coarse):.0f} px apart, over the limit of {limit_px:g} px"
    sharp, weights = move(coarse)
    radius = min(radius, kernel_px // 2 + _ROOM_PX + _COARSE)  # further out lie ghosts of what repeats itself, such as a lattice
    kernel = cleaned(estimate_kernel(*_telling(blurry, sharp, weights), radius))
    if kernel.max() <= 0:
        return _NO_KERNEL
    if blur_length(kernel) > kernel_px:
        return f"the blur is {blur_length(kernel):.0f} px long, over the limit of {kernel_px} px, or the pictures do not show the same"
    predicted = convolved(sharp, kernel)
    rest = Drift(blurry, predicted, weights).shift()
    if rest is None:
        return NOTHING
    middle = centroid(kernel)
    return Shifted(coarse + middle + rest, kernel, predicted, weights, rest, coarse)


def _first_look(blurry: Float32, sharp: Float32, weights: Float32, *, reach_px: float) -> tuple[Float, int] | str:
    """Roughly where the kernel lies and how far it reaches around that, in px: a wide window at a quarter of the size."""
    small = [_smaller(picture) for picture in (blurry, sharp, weights)]
    radius = int(min(reach_px / _COARSE, min(small[0].shape[:2]) / 5))
    if radius < 2:
        return f"the pictures share only {blurry.shape[1]}x{blurry.shape[0]} px, too few to align"
    kernel = cleaned(estimate_kernel(*_telling(small[0], small[1], (small[2] > 0.99).astype(np.float32)), radius))
    if kernel.max() <= 0:
        return _NO_KERNEL
    middle = np.rint(centroid(kernel))
    around = np.roll(kernel, (-int(middle[1]), -int(middle[0])), (0, 1))
    # a whole shift: where the reference is the identity nothing is interpolated
    return np.rint(_COARSE * centroid(kernel)), int(_COARSE * (spread(around) + 0.5)) + _ROOM_PX


def _telling(blurry: Float32, sharp: Float32, weights: Float32) -> tuple[Float32, Float32, Float32]:
    """The plane that says most of the kernel: grey, or one channel where the others are clipped."""
    choices = [(blurry.mean(2), sharp.mean(2), weights.min(2))]
    for c in range(blurry.shape[2]):
        b, s, w = (np.ascontiguousarray(picture[..., c]) for picture in (blurry, sharp, weights))
        choices.append((b, s, w))
    noise = [blurry.shape[2], *([1] * blurry.shape[2])]  # the mean of the channels has less
    said = [quiet * _energy(b, w) for quiet, (b, _, w) in zip(noise, choices, strict=True)]
    return choices[int(np.argmax(said))]


def _energy(plane: Float32, weights: Float32) -> float:
    """Trusted gradient energy."""
    down, right = np.diff(plane[::2, ::2], axis=0), np.diff(plane[::2, ::2], axis=1)
    w = weights[::2, ::2]
    return float((w[1:] * down**2).sum() + (w[:, 1:] * right**2).sum())


def _smaller(picture: Float32) -> Float32:
    height, width = (side // _COARSE for side in picture.shape[:2])
    cut = picture[: height * _COARSE, : width * _COARSE]
    return np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA)).reshape(height, width, -1)
