"""Making a lost plan again: the source tells what was packed, the shards that are left tell how, and the plan's id proves it."""

import itertools
from collections.abc import Iterator
from pathlib import Path

from blurdata.errors import PlanMismatch, ShardCorrupt
from blurdata.pairs import PairSource
from blurdata.shards.plan import Compression, Plan, Settings, make_plan
from blurdata.shards.records import Sidecar, shard_path, sidecars_in
from blurdata.shards.shardfile import ShardFile


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
    for settings in itertools.chain([likely] if likely else [], _candidates(folder, sidecars)):
        plan = make_plan(source, settings)
        if plan.id == wanted:
            return plan
    msg = (
        f"{source.text or 'The source'}: does not lead to the plan {wanted} of the shards in {folder}; "
        "run the same `blurdata pack` with the same options again, it makes the plan anew and keeps shards that are whole."
    )
    raise PlanMismatch(msg)


def _candidates(folder: Path, sidecars: list[Sidecar]) -> Iterator[Settings]:
    """Settings that the shards may have been packed with, likely ones first."""
    default = Settings()
    most = max(len(sidecar.keys) for sidecar in sidecars)
    chunk, compression = _storage(folder, sidecars)
    pairs = dict.fromkeys((default.pairs, most))
    extras = (True, False)
    chunks = dict.fromkeys((chunk, default.chunk, 256, 64, 512, 32, 16, 1024))  # small pictures hide the chunk's size
    for one, count, more in itertools.product(chunks, pairs, extras):
        yield Settings(pairs=count, chunk=one, compression=compression, extras=more)


def _storage(folder: Path, sidecars: list[Sidecar]) -> tuple[int, Compression]:
    """Chunk side and compression of the first pair that can be read."""
    for sidecar in sidecars:
        try:
            with ShardFile(shard_path(folder, sidecar.index)) as shard:
                return shard.storage(sidecar.keys[0])
        except ShardCorrupt:
            continue
    return Settings().chunk, Settings().compression
