"""How a network does on pairs: the untouched blurry picture and the restored one, scored alike."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from torch import nn

from blurdata.errors import BlurDataError, SourceError
from blurdata.metrics import Protocol
from blurdata.models import restore
from blurdata.naming import counted
from blurdata.pairs import Image, Pair, PairSource
from blurdata.training.processes import Processes

_SMALL_PX = 16  # pairs of smaller sides are scored to check them: a score may need more


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


def check_pairs(us: Processes, test: PairSource, protocol: str, *, advance: Callable[[], None] = lambda: None) -> None:
    """Read all test pairs once, shared out to all processes: what is damaged or too small to score would else be told after hours.

    Args:
        us: This process among all.
        test: The pairs.
        protocol: How they will be scored.
        advance: Called after each pair of this process.

    Raises:
        SourceError: In all processes, if a pair cannot be read or scored, or there is none.
    """
    faults = [] if len(test) else [f"{test.text}: holds no pairs to test on."]
    for index in range(us.rank, len(test), us.world):
        try:
            pair = test[index]
            if min(pair.size) < _SMALL_PX:
                Protocol(protocol).score(pair.blurry, pair.sharp)
        except (BlurDataError, ValueError) as error:
            faults.append(fault_of(test.keys[index], error))
        advance()
    tell_faults(us, faults)


def fault_of(key: str, error: Exception) -> str:
    """The sentence for a test pair that cannot be used."""
    return str(error) if isinstance(error, BlurDataError) else f"Test pair '{key}': {error}"


def tell_faults(us: Processes, faults: Sequence[str]) -> None:
    """Raise SourceError in all processes if any has found a fault."""
    found = [one for each in us.gather(list(faults)) for one in each]
    if found:
        more = f" (and {counted(len(found) - 1, 'more test pair')} that cannot be used)" if len(found) > 1 else ""
        raise SourceError(found[0].rstrip(".") + more + ".")
