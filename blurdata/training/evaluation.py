"""How a network does on pairs: the untouched blurry picture and the restored one, scored alike."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from torch import nn

from blurdata.metrics import Protocol
from blurdata.models import restore
from blurdata.pairs import Image, Pair


@dataclass(frozen=True)
class Score:
    """PSNR in dB and SSIM of the blurry and of the restored picture of one pair, against its sharp half.

    Args:
        key: The pair.
        blurry_psnr: Of the untouched input.
        blurry_ssim: Of the untouched input.
        restored_psnr: Of the network's answer.
        restored_ssim: Of the network's answer.
    """

    key: str
    blurry_psnr: float
    blurry_ssim: float
    restored_psnr: float
    restored_ssim: float


def evaluate(model: nn.Module, pairs: Iterable[Pair], *, protocol: str = "plain") -> Iterator[tuple[Score, Image]]:
    """Restore each pair and score it; yields the score and the restored picture.

    Args:
        model: A network in evaluation mode.
        pairs: Any run of pairs.
        protocol: ``plain``, ``realblur`` or ``gopro-matlab``, see :mod:`blurdata.metrics`.

    Raises:
        ValueError: If there is no such protocol.
    """
    named = Protocol(protocol)
    for pair in pairs:
        restored = restore(model, pair.blurry)
        before, after = named.score(pair.blurry, pair.sharp), named.score(restored, pair.sharp)
        yield Score(pair.key, before.psnr, before.ssim, after.psnr, after.ssim), restored


def means(scores: Iterable[Score]) -> dict[str, float]:
    """The mean of each column over the pairs, as papers quote it; pairs that are identical (infinite PSNR) count 100 dB."""
    rows = [asdict(one) for one in scores]
    columns = [name for name in rows[0] if name != "key"] if rows else []
    return {name: fmean(min(float(row[name]), 100.0) for row in rows) for name in columns}


def as_rows(scores: Iterable[Score]) -> list[dict[str, Any]]:
    """The scores as JSON-able rows."""
    return [asdict(one) for one in scores]
