"""What can be measured on a pair joins its meta data, so that a condition or a balanced sampler can go by it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from blurdata.pairs import Image, Pair, PairSource
from blurdata.quality.facts import measure_pair

_CLIPPED = 250 / 255  # of full code


def brightness(sharp: Image) -> float:
    """Mean code of a picture as a share of full code."""
    return float(sharp.mean()) / np.iinfo(sharp.dtype).max


def clipped(sharp: Image) -> float:
    """Share of a picture's samples with at least 250 of 255 codes."""
    return float((sharp >= np.iinfo(sharp.dtype).max * _CLIPPED).mean())


def measures(pair: Pair) -> dict[str, float]:
    """``measured_px``, the blur's length as both halves tell it, where they do; ``brightness`` and ``clipped`` of the sharp half.

    Example:
        >>> grey = np.full((64, 64, 3), 51, np.uint8)
        >>> measures(Pair("a", grey, grey))["brightness"]
        0.2
    """
    length = measure_pair(pair).measured_px
    known = {"measured_px": round(length, 2)} if np.isfinite(length) else {}
    return known | {"brightness": round(brightness(pair.sharp), 4), "clipped": round(clipped(pair.sharp), 4)}


class Measured(PairSource):
    """A source whose pairs' meta data also hold their :func:`measures`: ``measured:KIND:PATH?option=value``.

    Published sets say nothing of their blur; packed as ``measured:realblur-j:RealBlur?split=train`` their shards take
    ``where="measured_px < 25"`` and ``balance: measured_px``. A pair of 1280x720 takes some 0.3 s of a core to measure.

    Args:
        source: The pairs.

    Example:
        >>> from blurdata.pairs import PairList
        >>> grey = np.full((64, 64, 3), 51, np.uint8)
        >>> sorted(Measured(PairList([Pair("a", grey, grey, {"scene": "s"})]))[0].meta)
        ['brightness', 'clipped', 'measured_px', 'scene']
    """

    def __init__(self, source: PairSource) -> None:
        self._source = source
        self.text = f"measured:{source.text}" if source.text else ""
        self.recipe: Mapping[str, Any] = {**source.recipe, "measured": True}

    @property
    def keys(self) -> Sequence[str]:
        """Keys in order."""
        return self._source.keys

    def __getitem__(self, index: int) -> Pair:
        return self._known(self._source[index])

    def pairs(self, start: int = 0, stop: int | None = None) -> Iterator[Pair]:
        """Pairs in order."""
        return (self._known(pair) for pair in self._source.pairs(start, stop))

    @staticmethod
    def _known(pair: Pair) -> Pair:
        return replace(pair, meta={**pair.meta, **measures(pair)})

    def nbytes(self, index: int) -> int:
        """Raw bytes of both halves of a pair."""
        return self._source.nbytes(index)

    def fingerprint(self) -> str:
        """The source's; the recipe tells the two apart."""
        return self._source.fingerprint()

    def remarks(self) -> Sequence[str]:
        """The source's."""
        return self._source.remarks()

    def summary(self) -> Mapping[str, Any]:
        """The source's."""
        return self._source.summary()
