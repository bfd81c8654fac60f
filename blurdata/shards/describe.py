"""What is inside a folder of shards, and where it came from."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from blurdata.errors import ShardCorrupt
from blurdata.layouts import INDEX
from blurdata.shards.publish import leftovers
from blurdata.shards.reader import ShardReader
from blurdata.shards.records import finished, shard_path


def describe(root: Path | str) -> dict[str, Any]:
    """Counts, sizes, settings, ids and provenance of a set of shards, JSON-able; it need not be finished.

    Raises:
        SourceError: If the folder holds no shards.
        ShardCorrupt: If the plan is damaged.

    Example:
        >>> import tempfile, numpy as np
        >>> from blurdata.pairs import Pair, PairList
        >>> from blurdata.shards import build
        >>> grey, folder = np.full((32, 48, 3), 128, np.uint8), tempfile.mkdtemp()
        >>> _ = build(PairList([Pair("a/0", grey, grey), Pair("a/1", grey, grey)]), folder)
        >>> found = describe(folder)
        >>> found["pairs"], found["shards"], found["complete"]
        (2, 1, True)
    """
    folder = Path(root)
    reader = ShardReader(folder, allow_incomplete=True)
    plan = reader.plan
    sidecars = [finished(folder, plan, index) for index in range(len(plan))]
    there = [sidecar for sidecar in sidecars if sidecar is not None]
    positions = reader.select("")
    metas = [meta for position in positions if (meta := _readable(partial(reader.meta, position), None)) is not None]
    return {
        "pairs": len(plan.keys),
        "shards": len(plan),
        "missing_shards": [index for index, sidecar in enumerate(sidecars) if sidecar is None],
        "complete": (folder / INDEX).exists() and len(there) == len(plan),
        "bytes": sum(shard_path(folder, sidecar.index).stat().st_size for sidecar in there),
        "sizes": _sizes(reader, positions),
        "extras": _readable(partial(reader.extra_names, positions[0]), []) if positions else [],
        "fields": sorted({name for meta in metas for name in meta}),
        "sequences": len({meta.get("sequence") for meta in metas if meta.get("sequence") is not None}),
        "plan_id": plan.id,
        "recipe_id": plan.recipe_id,
        "source": plan.source,
        "fingerprint": plan.fingerprint,
        "settings": plan.settings.resolved(),
        "recipe": plan.recipe,
        "written_with": dict(Counter(", ".join(f"{name} {version}" for name, version in one.libraries.items()) for one in there)),
        "leftovers": [path.name for path in leftovers(folder, any_host=True)],
    }


def _readable(read: Callable[[], Any], otherwise: Any) -> Any:
    """What can be read; damage is for ``verify`` to list."""
    try:
        return read()
    except ShardCorrupt:
        return otherwise


def _sizes(reader: ShardReader, positions: list[int]) -> dict[str, int]:
    """How many pairs there are of each size; what cannot be read counts as unreadable."""
    found: Counter[str] = Counter()
    for position in positions:
        try:
            height, width = reader.size(position)
            found[f"{width}x{height}"] += 1
        except ShardCorrupt:
            found["unreadable"] += 1
    return dict(found.most_common())
