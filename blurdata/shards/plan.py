"""What goes into which shard: a plan that is fixed before the first pair is made.

A shard is a pure function of (plan, index), so any machine may build it, twice if need be, with identical bytes. Cutting
by a size that is only met while writing is what makes other formats' builds impossible to resume.
"""

import itertools
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from blurdata.errors import PlanMismatch
from blurdata.pairs import PairSource, check_key
from blurdata.recipe import Recipe, recipe_id

HALVES = ("blurry", "sharp")
CHUNK_SIDES = range(16, 1025)
_RESERVED = {*HALVES, "extras"}

Compression = Literal["none", "zstd"]


class Settings(Recipe):
    """How shards are cut and stored.

    Args:
        pairs: Most pairs a shard holds.
        megabytes: Most raw megabytes (10^6 bytes of blurry and sharp pixels) a shard holds; one pair is never split.
        chunk: Most pixels a side of the HDF5 chunks, which cut a picture evenly (720 rows into six of 120); 128 reads crops fastest
            from a local disk, 256 makes fewer and larger requests on a network disk.
        compression: ``none``, or ``zstd`` for about a third less space and a third of the reading speed.
        extras: Whether the pairs' extra arrays (blur maps, PSFs, masks) are stored too.
    """

    pairs: int = Field(64, ge=1, le=4096)
    megabytes: float = Field(200, gt=0, le=4000)
    chunk: int = Field(128, ge=CHUNK_SIDES[0], le=CHUNK_SIDES[-1])
    compression: Compression = "none"
    extras: bool = True


class Plan(Recipe):
    """Which pairs go into which shard, and what they are made of.

    Args:
        source: Text that opens the source again; it may name a place of one machine and is no part of the id.
        fingerprint: Hash of the source's content.
        recipe: The source's resolved recipe.
        settings: How shards are cut and stored.
        keys: All pairs' keys in order.
        cuts: Shard ``i`` holds pairs ``cuts[i]`` to ``cuts[i + 1]`` (excluded).
    """

    format: Literal["blurdata-plan"] = "blurdata-plan"
    version: Literal[1] = 1
    source: str
    fingerprint: Annotated[str, Field(max_length=256)]
    recipe: dict[str, Any]
    settings: Settings
    keys: tuple[str, ...] = Field(min_length=1)
    cuts: tuple[int, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_keys(self.keys)
        if self.cuts[0] != 0 or self.cuts[-1] != len(self.keys) or any(a >= b for a, b in itertools.pairwise(self.cuts)):
            msg = f"cuts must rise from 0 to the number of keys ({len(self.keys)})"
            raise ValueError(msg)
        return self

    def __len__(self) -> int:
        """Number of shards."""
        return len(self.cuts) - 1

    @cached_property
    def id(self) -> str:
        """16 hex digits that are the same on every machine: a hash of all but ``source``."""
        return recipe_id(self.model_dump(mode="json", exclude={"source"}))

    @cached_property
    def recipe_id(self) -> str:
        """The id of the source's recipe."""
        return recipe_id(self.recipe)

    def shard_keys(self, index: int) -> tuple[str, ...]:
        """Keys of one shard in order."""
        return self.keys[self.cuts[index] : self.cuts[index + 1]]


def check_keys(keys: Sequence[str]) -> None:
    """Raise ValueError unless keys are clean, unique, and can live side by side as HDF5 groups."""
    known: set[str] = set()
    for key in keys:
        check_key(key)
        if key in known:
            msg = f"the key '{key}' comes twice"
            raise ValueError(msg)
        known.add(key)
    for key in keys:
        parts = key.split("/")
        for depth in range(1, len(parts)):
            above = "/".join(parts[:depth])
            if parts[depth] in _RESERVED and above in known:
                msg = f"the keys '{above}' and '{key}' cannot live in one shard; rename one of them"
                raise ValueError(msg)


def make_plan(source: PairSource, settings: Settings | None = None) -> Plan:
    """The plan for all pairs of a source.

    Raises:
        PlanMismatch: If the source has no pairs, or keys that cannot be stored together.
    """
    settings = settings or Settings()
    keys = tuple(source.keys)
    if not keys:
        msg = f"{source.text or 'The source'}: holds no pairs, so there is nothing to pack."
        raise PlanMismatch(msg)
    try:
        return Plan(
            source=source.text,
            fingerprint=source.fingerprint(),
            recipe=dict(source.recipe),
            settings=settings,
            keys=keys,
            cuts=tuple(cut(_sizes(source), settings.pairs, int(settings.megabytes * 1e6))),
        )
    except ValidationError as error:
        msg = f"{source.text or 'The source'}: cannot be packed: {_first(error)}."
        raise PlanMismatch(msg) from None


def _sizes(source: PairSource) -> Iterator[int]:
    """Raw bytes of each pair; a source that cannot tell without making pairs is judged by its first."""
    if type(source).nbytes is PairSource.nbytes:
        return itertools.repeat(source.nbytes(0), len(source))
    return (source.nbytes(index) for index in range(len(source)))


def cut(sizes: Iterator[int], most_pairs: int, most_bytes: int) -> list[int]:
    """Where shards begin and end, so that each holds at most ``most_pairs`` pairs and ``most_bytes`` bytes.

    Example:
        >>> cut(iter([10, 10, 10, 99, 10]), most_pairs=2, most_bytes=50)
        [0, 2, 3, 4, 5]
    """
    cuts, pairs, total, index = [0], 0, 0, 0
    for index, size in enumerate(sizes, start=1):
        if pairs and (pairs == most_pairs or total + size > most_bytes):
            cuts.append(index - 1)
            pairs = total = 0
        pairs, total = pairs + 1, total + size
    return [*cuts, index]


def _first(error: ValidationError) -> str:
    """The first thing that is wrong, as a part of a sentence."""
    first = error.errors()[0]
    return str(first.get("ctx", {}).get("error") or first["msg"]).rstrip(".")
