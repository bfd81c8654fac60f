"""Which pairs to learn from and which to judge by, and crops of them that fit in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np

from blurdata.errors import SourceError
from blurdata.naming import counted
from blurdata.pairs import Image, Pair, PairSource
from blurdata.shards.where import Where

Keep = Callable[[Mapping[str, Any]], bool]
_TEST_SPLITS = ("test", "val", "valid", "validation")
_EVERY = 3  # of the scenes of a set without a split of its own one in three is held out
_BLOCKS = 9  # into which a set without scenes is cut
_LEAST = 12  # pairs
_SIDE = 2  # pairs on either side of a split
_SMALLEST = 64  # px, of a side


@dataclass(frozen=True, eq=False)
class Crop:
    """An aligned crop of a pair.

    Args:
        key: The pair.
        scene: What it shows; crops of one scene stay on one side of a split and are resampled together.
        blurry: (H, W, 3) uint8 or uint16.
        sharp: Same shape and dtype.
        meta: The pair's.
    """

    key: str
    scene: str
    blurry: Image
    sharp: Image
    meta: Mapping[str, Any]


def draw_crops(
    source: PairSource,
    *,
    rounds: int = 1,
    train: int = 480,
    test: int = 64,
    side: int = 192,
    seed: int = 0,
    keep: Keep | None = None,
) -> list[tuple[list[Crop], list[Crop]]]:
    """Of each round, crops to train on and crops to judge by, from different scenes, evenly over the source.

    The source's own split decides where its pairs name one, in every round; else every third scene is held out, in each round another
    third, so that after three rounds few scenes are all judged by; a set of one scene is cut into nine runs of pairs. Where a crop
    lies depends on (seed, number of the pair) alone, so two sets with the same pictures get the same.

    Args:
        source: Any source with at least 12 pairs of at least 64 px.
        rounds: How often the set is parted; a round that would hold out next to nothing is left out.
        train: Crops to train on, at most; where there are fewer pairs a pair gives several.
        test: Crops to judge by, at most, one of a pair; shared by the rounds where they hold out different ones.
        side: Side of the crops in px; smaller pictures are taken whole.
        seed: Of the choice of pairs and places.
        keep: Says from a pair's meta and ``key`` whether to train on it; the pairs to judge by are not asked.

    Raises:
        SourceError: If there are too few pairs, they are too small, or one side of the split is empty.
    """
    drawn = _draw(source, train, test, side, seed, keep)
    splits = [_held_out([crops[0] for crops in drawn], turn + 1) for turn in range(rounds)]
    few = test if all(split == splits[0] for split in splits) else -(-test // len(splits))
    sides = [_sides(drawn, held, train, few, keep) for held in splits]
    filled = [(learn, judge) for learn, judge in sides if min(_pairs(learn), _pairs(judge)) >= _SIDE]
    if not filled:
        _check_sides(source, *sides[0])
    return filled


def draw_jointly(
    sources: Mapping[str, PairSource],
    *,
    train: int = 480,
    test: int = 64,
    side: int = 192,
    seed: int = 0,
    keep: Keep | None = None,
) -> dict[str, tuple[list[Crop], list[Crop]]]:
    """:func:`draw_crops` of several sets that may hold the same scenes, as variants of one do: no set trains on what another judges by.

    Every third scene is counted over all sets. A scene, or of sets of one scene a pair, that one set holds out by its own split is not
    trained on in the others either.

    Raises:
        SourceError: As :func:`draw_crops`.
    """
    drawn = {name: _draw(source, train, test, side, seed, keep) for name, source in sources.items()}
    first = {name: [crops[0] for crops in each] for name, each in drawn.items()}
    scenes = list(dict.fromkeys(scene for each in first.values() for scene in _scenes(each)))
    keys = list(dict.fromkeys(key for each in first.values() for key in _keys_of_one_scene(each)))
    held = {name: _held_out(each, 1, scenes, keys) for name, each in first.items()}
    found = {}
    for name, each in drawn.items():
        taken = {_unit(crop, first[other]) for other in drawn if other != name for crop in compress(first[other], held[other])}
        mine = [out or not taken & {("scene", crop.scene), ("key", crop.key)} for crop, out in zip(first[name], held[name], strict=True)]
        found[name] = _sides(list(compress(each, mine)), list(compress(held[name], mine)), train, test, keep)
        _check_sides(sources[name], *found[name], " when scenes that another set holds out are left")
    return found


def _draw(source: PairSource, train: int, test: int, side: int, seed: int, keep: Keep | None) -> list[list[Crop]]:
    """The crops of each pair that is looked at."""
    indices = spread(len(source), train + 2 * test)
    if len(indices) < _LEAST:
        msg = f"{source.text or 'the source'}: {len(indices)} pairs are too few to train on and to judge by; it takes at least {_LEAST}."
        raise SourceError(msg)
    times = -(-train * 3 // (2 * len(indices)))  # about two in three pairs are trained on
    drawn = [_crops(source[index], index, times, side, seed) for index in indices]
    if isinstance(keep, Where):
        keep.check_names({name for crops in drawn for name in crops[0].meta})
    return drawn


def _pairs(crops: Sequence[Crop]) -> int:
    return len({crop.key for crop in crops})


def _check_sides(source: PairSource, learn: Sequence[Crop], judge: Sequence[Crop], when: str = "") -> None:
    if min(_pairs(learn), _pairs(judge)) < _SIDE:
        msg = (
            f"{source.text or 'the source'}: {counted(_pairs(learn), 'pair')} left to train on and {_pairs(judge)} to judge by{when}; "
            f"it takes {_SIDE} of each at least."
        )
        raise SourceError(msg)


def _sides(
    drawn: Sequence[Sequence[Crop]], held: Sequence[bool], train: int, test: int, keep: Keep | None
) -> tuple[list[Crop], list[Crop]]:
    """Crops to train on and to judge by."""
    learn = [
        crops for crops, out in zip(drawn, held, strict=True) if not out and (keep is None or keep({**crops[0].meta, "key": crops[0].key}))
    ]
    judge = [crops[0] for crops, out in zip(drawn, held, strict=True) if out]
    flat = [crops[turn] for turn in range(len(learn[0]) if learn else 0) for crops in learn]
    return [flat[i] for i in spread(len(flat), train)], [judge[i] for i in spread(len(judge), test)]


def draw_all(source: PairSource, *, count: int = 64, side: int = 192, seed: int = 0) -> list[Crop]:
    """Crops to judge by from a set that is for testing only: its own test split where its pairs name one, else all pairs, evenly.

    Raises:
        SourceError: If there is no pair, or one is too small.
    """
    crops = [_crops(source[index], index, 1, side, seed)[0] for index in spread(len(source), 3 * count)]
    if not crops:
        msg = f"{source.text or 'the source'}: holds no pairs."
        raise SourceError(msg)
    held = _held_by_split(crops) or [True] * len(crops)
    test = [crop for crop, out in zip(crops, held, strict=True) if out]
    return [test[i] for i in spread(len(test), count)]


def spread(total: int, most: int) -> list[int]:
    """At most ``most`` of ``total`` numbers from 0 on, evenly spread.

    Example:
        >>> spread(3, 9), spread(9, 3)
        ([0, 1, 2], [1, 4, 7])
    """
    return list(range(total)) if total <= most else [(2 * i + 1) * total // (2 * most) for i in range(most)]


def _crops(pair: Pair, index: int, times: int, side: int, seed: int) -> list[Crop]:
    if min(pair.size) < _SMALLEST:
        msg = f"Pair '{pair.key}' has a side of {min(pair.size)} px; training takes pictures of at least {_SMALLEST} px."
        raise SourceError(msg)
    height, width = (min(side, length) for length in pair.size)
    scene = str(pair.meta.get("scene") or pair.meta.get("sequence") or pair.key.rpartition("/")[0])
    crops = []
    for turn in range(times):
        rng = np.random.default_rng([seed, index, turn])
        y, x = int(rng.integers(pair.size[0] - height + 1)), int(rng.integers(pair.size[1] - width + 1))
        blurry, sharp = (half[y : y + height, x : x + width].copy() for half in (pair.blurry, pair.sharp))
        crops.append(Crop(pair.key, scene, blurry, sharp, pair.meta))
    return crops


def _held_out(crops: Sequence[Crop], first: int, scenes: Sequence[str] | None = None, keys: Sequence[str] | None = None) -> list[bool]:
    """Whether each pair is to judge by: by the source's own split, else every third scene from ``first``, else such runs of pairs.

    ``scenes`` and ``keys`` are those of all sets that are parted together; by default the set's own.
    """
    by_split = _held_by_split(crops)
    if by_split:
        return by_split
    if len(set(_scenes(crops))) > 1:
        scenes = scenes or list(dict.fromkeys(_scenes(crops)))
        out = set(scenes[first % min(_EVERY, len(scenes)) :: _EVERY])
        return [crop.scene in out for crop in crops]
    order = {key: place for place, key in enumerate(keys or _keys_of_one_scene(crops))}
    return [order[crop.key] * _BLOCKS // len(order) % _EVERY == first % _EVERY for crop in crops]


def _scenes(crops: Sequence[Crop]) -> list[str]:
    return [crop.scene for crop in crops]


def _keys_of_one_scene(crops: Sequence[Crop]) -> list[str]:
    """The keys of a set that is parted by pairs; none of one that has scenes."""
    return [crop.key for crop in crops] if len(set(_scenes(crops))) == 1 else []


def _unit(crop: Crop, of: Sequence[Crop]) -> tuple[str, str]:
    """What is held out with a crop: its scene, or itself where the set has no other scene."""
    return ("scene", crop.scene) if len(set(_scenes(of))) > 1 else ("key", crop.key)


def _held_by_split(crops: Sequence[Crop]) -> list[bool] | None:
    """Whether each pair is of the test split; None where the source has no split into two sides."""
    held = [str(crop.meta.get("split") or "").lower() in _TEST_SPLITS for crop in crops]
    return held if any(held) and not all(held) else None
