"""From the clip to verified shards of whole shots."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blurdata.demo.split import split_shots
from blurdata.errors import ShardCorrupt, SourceError
from blurdata.progress import progress
from blurdata.shards import Settings, build, open_shards, verify
from blurdata.shards.source import ShardSource
from blurdata.synthesis import FilmPairs, synthesize
from blurdata.synthesis.find import find_films
from blurdata.synthesis.frames import in_8_bits
from blurdata.synthesis.own_blur import own_blur

_RECIPE = "film"
_SHARD_PAIRS = 8  # small shards, so that two cores share the few pairs of a short clip
_OWN_BLUR_EVERY = 6  # frames: enough to tell, and quick

Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class Built:
    """What the demo built.

    Args:
        pairs: The source of all pairs.
        train: Shards of the shots to train on.
        test: Shards of the shots held out.
        train_shots: Numbers of the former.
        test_shots: Numbers of the latter.
        own_blur: How much of the film's own motion blur shows, see :func:`blurdata.synthesis.own_blur.own_blur`.
    """

    pairs: FilmPairs
    train: ShardSource
    test: ShardSource
    train_shots: list[int]
    test_shots: list[int]
    own_blur: float | None


def build_shards(clip: Path, out: Path, *, workers: int) -> Built:
    """Find the shots, make the pairs, pack and verify them; shards that are there already are kept.

    Raises:
        SourceError: If the clip has fewer than two shots with pairs.
        ShardCorrupt: If what was written does not verify.
    """
    pairs = synthesize(clip, _RECIPE, cache=out / ".analysis", show_progress=True)
    shots = [str(shot) for shot in pairs.shots]
    if len(shots) < 2:
        msg = f"{clip}: only {len(shots)} shot gives pairs, so nothing could be held out for a test; give a film with cuts."
        raise SourceError(msg)
    train_shots, test_shots = ([int(shot) for shot in side] for side in split_shots(shots))
    with progress("blend and pack", len(pairs)) as advance:
        for name, side in (("train", train_shots), ("test", test_shots)):
            build(pairs.select(side), out / "shards" / name, workers=workers, settings=Settings(pairs=_SHARD_PAIRS), advance=advance)
    for name in ("train", "test"):
        for fault in verify(out / "shards" / name):
            raise ShardCorrupt(out / "shards" / name, None, str(fault))
    train, test = (open_shards(out / "shards" / name) for name in ("train", "test"))
    return Built(pairs, train, test, train_shots, test_shots, own_blur(_neighbours(clip)))


def _neighbours(clip: Path) -> list[tuple[Grey, Grey]]:
    """Frames next to each other from all over the film; across a cut the flow agrees nowhere, so such a pair says nothing."""
    scans = [in_8_bits(scan.grey) for film in find_films(clip)[0] for scan in film.scan()]
    return [(scans[first], scans[first + 1]) for first in range(0, len(scans) - 1, _OWN_BLUR_EVERY)]
