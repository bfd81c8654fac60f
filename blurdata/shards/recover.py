"""Making a lost plan again: the source tells what was packed, the shards that are left tell how, and the plan's id proves it."""

import itertools
from pathlib import Path

from blurdata.errors import PlanMismatch, ShardCorrupt
from blurdata.pairs import PairSource
from blurdata.shards.plan import CHUNK_SIDES, Compression, Plan, Settings, make_plan
from blurdata.shards.records import Sidecar, shard_path, sidecars_in
from blurdata.shards.shardfile import ShardFile

_LIKELY = (Settings().chunk, 256, 64, 512, 32, 16, 1024)


def recover_plan(folder: Path, source: PairSource, likely: Settings | None = None) -> Plan:
    """The plan of the shards in a folder.

    Settings are those that the shards show (chunks, compression, extras); how many pairs and megabytes a shard may hold is the
    default, or else what the largest shard holds. ``likely`` settings are tried first.

    Raises:
        PlanMismatch: If no such settings lead to the plan that the sidecars name.
    """
    sidecars = [sidecar for _, sidecar in sidecars_in(folder)]
    if not sidecars:
        msg = f"{folder}: no sidecar is left to tell which plan its shards are of; empty the folder and run `blurdata pack` again."
        raise PlanMismatch(msg)
    wanted = sidecars[0].plan_id
    if likely and (plan := make_plan(source, likely)).id == wanted:
        return plan
    sides, compression = _storage(folder, sidecars)
    most = max(len(sidecar.keys) for sidecar in sidecars)
    for pairs in dict.fromkeys((Settings().pairs, most)):
        plan = make_plan(source, Settings(pairs=pairs, compression=compression))  # hashes all of the source; what follows does not
        for side, extras in itertools.product(sides, (True, False)):
            other = _stored_as(plan, side, extras=extras)
            if other.id == wanted:
                return other
    msg = (
        f"{source.text or 'The source'}: does not lead to the plan {wanted} of the shards in {folder}; "
        "run the same `blurdata pack` with the same options again, it makes the plan anew and keeps shards that are whole."
    )
    raise PlanMismatch(msg)


def _storage(folder: Path, sidecars: list[Sidecar]) -> tuple[list[int], Compression]:
    """Sides that may have been asked for, likely ones first, and the compression, as the first pair that can be read shows them.

    Small pictures, of one chunk, leave all sides open, and chunks of huge pixels are cut further: then the likely ones are all there is.
    """
    for sidecar in sidecars:
        try:
            with ShardFile(shard_path(folder, sidecar.index)) as shard:
                possible, compression = shard.storage(sidecar.keys[0])
        except ShardCorrupt:
            continue
        likely = [side for side in _LIKELY if side in possible]
        told = possible if possible.stop < CHUNK_SIDES.stop else ()
        return list(dict.fromkeys((*likely, *told, *_LIKELY))), compression
    return [*_LIKELY], Settings().compression


def _stored_as(plan: Plan, chunk: int, *, extras: bool) -> Plan:
    """The same plan, its pairs stored otherwise."""
    settings = plan.settings.model_copy(update={"chunk": chunk, "extras": extras})
    fields = {name: getattr(plan, name) for name in Plan.model_fields}
    return Plan.model_construct(**fields | {"settings": settings})
