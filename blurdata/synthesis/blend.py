"""How is light averaged exactly: code values become integers of linear light, integers are summed, the mean is rounded once.

Light is 24 bits for 8-bit frames and 48 bits for 16-bit ones, fewer for over 65,535 samples. The sums never overflow (uint64; uint32
for up to 256 samples of 24 bits), so neither order nor overlap can change a bit. The mean's code value is
``floor(max * encode(sum / weight) + 0.5)`` in float64; instead of a power for each pixel, the sums at which that value steps up are
found once, and each pixel looks up its step.

Where a curve is straight, as sRGB is in the dark, an even number of samples has means that lie half-way between two codes exactly, and
rounded light falls short of them. Light is 48 bits then for 8-bit frames too, and what lies within its rounding of half a code is one.

Where light is proportional to codes, as under the linear curve, the codes themselves are summed: the mean is the same, ten times as fast.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata.color import Curve, curve
from blurdata.pairs import Image
from blurdata.synthesis.kernels import add_codes_1, add_codes_4, add_light_1, add_light_3, add_light_4, mean_codes, to_codes
from blurdata.synthesis.room import Room

Sums = NDArray[Any]  # uint16, uint32 or uint64
_LINEAR = curve("linear")
_AT_ONCE = 4
_NEAR = 2.0**-44  # share of a sum within which its inverse is found; some hundred steps of float64


def white_of(bits: int, samples: int) -> int:
    """The integer that white light is, for so many frames of ``bits`` a sample."""
    coarse = bits <= 8 and samples % 2
    return (1 << (24 if coarse else min(48, 64 - samples.bit_length()))) - 1


@lru_cache(maxsize=8)
def light_table(curve: Curve, bits: int, full: int) -> NDArray[Any]:
    """(3, 2 ** bits) integer light of every code, ``full`` for white: uint32 where it fits, else uint64."""
    light = np.broadcast_to(curve.light_of_codes(bits), (3, 1 << bits))
    return np.floor(np.clip(light, 0, 1) * full + 0.5).astype(np.uint32 if full < 1 << 32 else np.uint64)


@lru_cache(maxsize=8)
def light_of_one_code(curve: Curve, bits: int, full: int) -> int | None:
    """The integer light of code 1 if that of every code is a multiple of it, for a curve that is one for all channels; else None."""
    table = light_table(curve, bits, full)[0]
    multiples = curve.channels == 1 and np.array_equal(table, np.arange(1 << bits, dtype=table.dtype) * table[1])
    return int(table[1]) if multiples else None


@dataclass(frozen=True)
class CodeSteps:
    """Where the code value of a sum steps up.

    Args:
        steps: (3, 2 ** bits) uint64: the least sum with code c; 0 for c = 0.
        first: (3, buckets + 1): code at the start of each bucket of ``2 ** shift`` sums.
        shift: Log2 of a bucket.
    """

    steps: NDArray[np.uint64]
    first: NDArray[Any]
    shift: int


@lru_cache(maxsize=32)
def code_steps(curve: Curve, bits: int, full: int, slack: int = 0) -> CodeSteps:
    """The steps of codes of ``bits`` for sums of which ``full`` is white, each ``slack`` before the formula's."""
    codes = np.arange(1, 1 << bits)
    steps = np.zeros((3, codes.size + 1), np.uint64)
    least = _least_sums(curve, codes, full)
    early = np.maximum(least - np.minimum(least, np.uint64(slack)), np.minimum(least, 1))  # black stays black
    steps[:, 1:] = np.where(least > full, least, early)
    shift = max(0, full.bit_length() - 16)
    begins = np.arange((full >> shift) + 2, dtype=np.uint64) << np.uint64(shift)
    first = np.stack([np.searchsorted(steps[c, 1:], begins, side="right") for c in range(3)])
    return CodeSteps(steps, first.astype(np.uint8 if bits <= 8 else np.uint16), shift)


def _least_sums(curve: Curve, codes: NDArray[np.int64], full: int) -> NDArray[np.uint64]:
    """(3, N) the least sum with each code or a higher one, ``full + 1`` where there is none; the formula decides, not its inverse."""
    guess = curve.decode(np.repeat(((codes - 0.5) / codes[-1])[:, None], 3, axis=1)) * full
    width = np.maximum(8, guess * _NEAR)
    low, high = (np.clip(edge, 0, float(full)).astype(np.uint64) for edge in (guess - width, guess + width))
    low, high = np.minimum(low, full), np.minimum(high, full)  # a float may lie above

    def reached(sums: NDArray[np.uint64]) -> NDArray[np.bool_]:
        return np.asarray(np.floor(np.clip(curve.encode(sums / full), 0, 1) * codes[-1] + 0.5) >= codes[:, None])

    low = np.where(reached(low), 0, low)  # which does not reach the code, unless it is 0 and does
    high = np.where(reached(high), high, full + 1)
    while (apart := high - low).max() > 1:
        middle = low + apart // 2
        enough = reached(middle)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.asarray(np.where(reached(low), low, high).T)


class LightSum:
    """The running sum of light of one exposure.

    Args:
        curve: How codes relate to light.
        bits: 8 or 16.
        samples: The most samples that will be added, counted with their weights.
        room: Where the sum's memory comes from.

    Example:
        >>> from blurdata.color import curve
        >>> total = LightSum(curve("linear"), bits=8, samples=3)
        >>> for code in (10, 20, 40):
        ...     total.add(np.full((2, 2, 3), code, np.uint8))
        >>> int(total.codes()[0, 0, 0])
        23
    """

    def __init__(self, curve: Curve, *, bits: int, samples: int, room: Room | None = None) -> None:
        self._curve, self._bits = curve, bits
        self._white = white_of(bits, samples)
        self._table = light_table(curve, bits, self._white)
        self._fine = _least_dtype(samples * self._white + 1)
        self._unit = light_of_one_code(curve, bits, self._white)  # None where light itself is summed
        self._dtype = self._fine if self._unit is None else _least_dtype(samples << bits)
        self._sum: Sums | None = None
        self._room = room or Room()
        self._waiting: list[Image] = []
        self.weight = 0

    @property
    def full(self) -> int:
        """The integer that is white."""
        return self._white if self._unit is None else (1 << self._bits) - 1

    def add(self, frame: Image, weight: int = 1) -> None:
        """Add the light of a frame, ``weight`` times."""
        for _ in range(weight):
            self._waiting.append(frame)
            self.weight += 1
            if len(self._waiting) == _AT_ONCE:
                self._fold()

    def open(self, shape: tuple[int, ...], weight: int) -> Sums:
        """The (H, W, 3) sum itself, for a caller that adds light of ``weight`` in all, of which ``full`` is white from now on."""
        self._fold()
        self.weight += weight
        if self._sum is None:
            self._sum = self._room.empty(shape, self._fine)
            self._sum.fill(0)
        elif self._unit is not None:
            self._sum = np.multiply(self._sum, self._unit, out=self._room.empty(shape, self._fine), dtype=self._fine)
        self._unit, self._dtype = None, self._fine
        return self._sum

    def add_light(self, light: NDArray[Any], weight: int = 1) -> None:
        """Add (H, W, 3) light in [0, 1], put on the integer grid, ``weight`` times."""
        total = self.open(light.shape, weight)
        grid = np.floor(np.clip(light, 0, 1) * np.float64(self.full) + 0.5)
        total += grid.astype(total.dtype) * total.dtype.type(weight)

    def sums(self) -> Sums:
        """(H, W, 3) the sum, ``weight`` times ``full`` where all frames are white."""
        self._fold()
        if self._sum is None:
            msg = "Nothing was added."
            raise ValueError(msg)
        return self._sum

    def mean(self) -> NDArray[np.float64]:
        """(H, W, 3) float64 mean light in [0, 1]."""
        return np.asarray(self.sums() / (self.weight * self.full))

    def codes(self) -> Image:
        """(H, W, 3) the mean's code values, rounded once, half up."""
        sums, white = self.sums(), self.weight * self.full
        out = self._room.empty(sums.shape, np.uint8 if self._bits <= 8 else np.uint16)
        if sums.dtype == np.uint16 and self._bits <= 8:
            mean_codes(out.reshape(-1), sums.reshape(-1), self.weight)
        else:
            slack = (self.weight + 1) // 2 if self._unit is None and self._white >= 1 << 32 else 0
            light = self._curve if self._unit is None else _LINEAR  # what codes are summed for is their own mean
            steps = code_steps(light, self._bits, white, slack)
            to_codes(out.reshape(-1, 3), sums.reshape(-1, 3), steps.first, steps.steps, np.uint64(steps.shift))
        return out

    def _fold(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        fresh = self._sum is None
        if self._sum is None:
            self._sum = self._room.empty(waiting[0].shape, self._dtype)
        total, table = self._sum.reshape(-1), self._table.reshape(-1)
        flat = [frame.reshape(-1) for frame in waiting]
        if self._unit is not None:
            if len(flat) == _AT_ONCE:
                add_codes_4(total, flat[0], flat[1], flat[2], flat[3], fresh)
            else:
                for number, frame in enumerate(flat):
                    add_codes_1(total, frame, fresh and number == 0)
        elif len(flat) == _AT_ONCE:
            add_light_4(total, flat[0], flat[1], flat[2], flat[3], table, fresh)
        elif len(flat) == 3:
            add_light_3(total, flat[0], flat[1], flat[2], table, fresh)
        else:
            for number, frame in enumerate(flat):
                add_light_1(total, frame, table, fresh and number == 0)


def _least_dtype(limit: int) -> type[np.unsignedinteger[Any]]:
    """The smallest of three that holds all integers below ``limit``."""
    return np.uint16 if limit <= 1 << 16 else np.uint32 if limit <= 1 << 32 else np.uint64
