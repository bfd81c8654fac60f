"""Making a lost plan again: the source tells what was packed, the shards that are left tell how, and the plan's id proves it."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from blurdata.errors import PlanMismatch, ShardCorrupt
from blurdata.layouts import INDEX
from blurdata.pairs import PairSource
from blurdata.shards.plan import Compression, Plan, Settings, make_plan
from blurdata.shards.records import Index, read_record, sidecars_in
from blurdata.shards.shardfile import ShardFile

_LIKELY = (Settings().chunk, 256, 64, 512, 32, 16, 1024)


def recover_plan(folder: Path, source: PairSource, likely: Settings | None = None) -> Plan:
    """The plan of the shards in a folder: that which most of the index, the sidecars and the shards say they are of.

    Settings are those that the shards show (chunks, compression, extras); how many pairs and megabytes a shard may hold is the
    default, or else what the largest shard holds. ``likely`` settings are tried first.

    Raises:
        PlanMismatch: If nothing says which plan it was, or no such settings lead to it.
    """
    told = list(_told(folder))
    if not told:
        msg = (
            f"{folder}: no index, sidecar or shard is left to tell which plan they are of; empty the folder and run `blurdata pack` again."
        )
        raise PlanMismatch(msg)
    wanted = Counter(plan_id for plan_id, _ in told).most_common(1)[0][0]
    if likely and (plan := make_plan(source, likely)).id == wanted:
        return plan
    sides, compressions = _storage(folder, wanted)
    most = max(pairs for plan_id, pairs in told if plan_id == wanted)
    for pairs in dict.fromkeys((Settings().pairs, most)):
        plan = make_plan(source, Settings(pairs=pairs))  # hashes all of the source; what follows does not
        for side, compression, extras in itertools.product(sides, compressions, (True, False)):
            other = _stored_as(plan, {"chunk": side, "compression": compression, "extras": extras})
            if other.id == wanted:
                return other
    msg = (
        f"{source.text or 'The source'}: does not lead to the plan {wanted} of the shards in {folder}; "
        "run the same `blurdata pack` with the same options again, it makes the plan anew and keeps shards that are whole."
    )
    raise PlanMismatch(msg)


def _told(folder: Path) -> Iterator[tuple[str, int]]:
    """The id of the plan that each file which can be read says it is of, and how many pairs a shard holds, the index first."""
    with suppress(FileNotFoundError, ShardCorrupt):
        index = read_record(folder / INDEX, Index)
        yield index.plan_id, max(shard.pairs for shard in index.shards)
    for _, sidecar in sidecars_in(folder):
        yield sidecar.plan_id, len(sidecar.keys)
    for path in _shards(folder):
        with suppress(ShardCorrupt), ShardFile(path) as shard:
            yield str(shard.plan_id), len(shard.metas())


def _shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("shard-*.h5"))


def _storage(folder: Path, plan_id: str) -> tuple[list[int], Sequence[Compression]]:
    """Sides that may have been asked for, likely ones first, and the compression, as the first shard that can be read shows them.

    Where pictures are so small that a chunk holds them, and where pixels are so huge that chunks are cut further, the likely ones are all
    there is.
    """
    for path in _shards(folder):
        with suppress(ShardCorrupt), ShardFile(path) as shard:
            shown = [shard.storage(key) for key in shard.metas()]
            if shard.plan_id != plan_id or not shown:
                continue
            sides = [side for side, _ in shown if side is not None]
            possible = range(max(side.start for side in sides), min(side.stop for side in sides)) if sides else range(0)
            likely = [side for side in _LIKELY if side in possible]
            return list(dict.fromkeys((*likely, *possible, *_LIKELY))), [shown[0][1]]
    return [*_LIKELY], ("none", "zstd")


def _stored_as(plan: Plan, how: dict[str, object]) -> Plan:
    """The same plan, its pairs stored otherwise."""
    settings = plan.settings.model_copy(update=how)
    fields = {name: getattr(plan, name) for name in Plan.model_fields}
    return Plan.model_construct(**fields | {"settings": settings})
