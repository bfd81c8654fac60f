"""Is a folder of shards what was written? And if not: build again exactly what is broken."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blurdata.errors import OutputError, PlanMismatch, ShardCorrupt, SourceError, output_error
from blurdata.files import make_folder
from blurdata.layouts import INDEX, PLAN, is_shards
from blurdata.pairs import PairSource
from blurdata.progress import SILENT, Advance
from blurdata.shards.build import build_all, write_index
from blurdata.shards.plan import Plan, make_plan
from blurdata.shards.publish import hash_file, publish
from blurdata.shards.records import (
    Index,
    Sidecar,
    make_index,
    no_plan,
    plan_ids,
    read_record,
    shard_path,
    sidecar_path,
    to_json,
)
from blurdata.shards.recover import recover_plan
from blurdata.shards.shardfile import ShardFile
from blurdata.shards.source import open_input

STRAY = "is not in the plan; remove it or move it away"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Args:
        file: Name of the file at fault.
        problem: What is wrong with it.
        shard: The shard's index, or None where the whole set is at fault.
        key: The pair at fault, or None where it is more than one pair.
    """

    file: str
    problem: str
    shard: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        """The fault as one line."""
        return f"{self.file}{f', pair {self.key!r}' if self.key else ''}: {self.problem}"


def verify(out: Path | str, *, advance: Advance = SILENT) -> list[Fault]:
    """All faults of a set of shards: hashes, checksums, counts, keys, sizes; an empty list when it is sound.

    Args:
        out: The folder of shards.
        advance: Told the number of pairs that were checked.

    Raises:
        SourceError: If the folder is not there or never held shards.

    Example:
        >>> import tempfile, numpy as np
        >>> from blurdata.pairs import Pair, PairList
        >>> from blurdata.shards import build
        >>> grey, folder = np.full((32, 48, 3), 128, np.uint8), Path(tempfile.mkdtemp())
        >>> _ = build(PairList([Pair("a/0", grey, grey)]), folder)
        >>> sound = verify(folder)
        >>> next(folder.glob("*.h5")).unlink()
        >>> sound, [fault.shard for fault in verify(folder)][:1]
        ([], [0])
    """
    folder = Path(out)
    if not is_shards(folder) and not any(folder.glob("shard-*")):
        raise SourceError(no_plan(folder))
    try:
        plan = read_record(folder / PLAN, Plan)
    except (FileNotFoundError, ShardCorrupt) as error:
        return [Fault(PLAN, _reason(error) + "; --repair with --source makes it again, and so does the same `blurdata pack`")]
    faults = [*_wrong_plan(folder, plan), *_stray_files(folder, plan)]
    sidecars: list[Sidecar] = []
    for index in range(len(plan)):
        faults += _check_shard(folder, plan, index, sidecars)
        advance(len(plan.shard_keys(index)))
    return faults + _check_index(folder, plan, sidecars)


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, ShardCorrupt) else "is missing"


def _wrong_plan(folder: Path, plan: Plan) -> Iterator[Fault]:
    """A damaged plan that can still be read has another id than all that was made by it."""
    if (others := plan_ids(folder)) and plan.id not in others:
        yield Fault(PLAN, f"is not the plan that its shards were made by ({', '.join(sorted(others))}); this one is {plan.id}")


def _stray_files(folder: Path, plan: Plan) -> Iterator[Fault]:
    known = {path.name for index in range(len(plan)) for path in (shard_path(folder, index), sidecar_path(folder, index))}
    for path in sorted(folder.glob("shard-*")):
        if path.name not in known:
            yield Fault(path.name, STRAY)


def _check_shard(folder: Path, plan: Plan, index: int, sidecars: list[Sidecar]) -> list[Fault]:
    """Faults of one shard; its sidecar, if it can be read, is added to ``sidecars``."""
    path, side = shard_path(folder, index), sidecar_path(folder, index)
    faults = []
    try:
        sidecar = read_record(side, Sidecar)
        sidecars.append(sidecar)
        if (sidecar.plan_id, sidecar.recipe_id, sidecar.index) != (plan.id, plan.recipe_id, index):
            faults.append(Fault(side.name, "belongs to another plan or shard", index))
        elif sidecar.keys != plan.shard_keys(index):
            faults.append(Fault(side.name, "lists other keys than the plan", index))
        elif path.exists():
            faults += _check_bytes(path, sidecar, index)
    except (FileNotFoundError, ShardCorrupt) as error:
        faults.append(Fault(side.name, _reason(error), index))
    return faults + list(_check_content(path, plan, index))


def _check_bytes(path: Path, sidecar: Sidecar, index: int) -> Iterator[Fault]:
    try:
        if (size := path.stat().st_size) != sidecar.bytes:
            yield Fault(path.name, f"has {size} bytes, {sidecar.bytes} were written", index)
        elif hash_file(path, sidecar.kind) != sidecar.hash:
            yield Fault(path.name, "has another hash than was written", index)
    except OSError as error:
        yield Fault(path.name, f"cannot be read ({error.strerror})", index)


def _check_content(path: Path, plan: Plan, index: int) -> Iterator[Fault]:
    """Every pair of a shard is there, reads back as written, and nothing else is there."""
    try:
        with ShardFile(path) as shard:
            if (shard.plan_id, shard.recipe_id, shard.index) != (plan.id, plan.recipe_id, index):
                yield Fault(path.name, f"says that it is shard {shard.index} of plan {shard.plan_id}", index)
                return
            for key in plan.shard_keys(index):
                try:
                    shard.check(key)
                except ShardCorrupt as error:
                    yield Fault(path.name, error.reason, index, key)
            if tuple(shard.metas()) != plan.shard_keys(index):
                yield Fault(path.name, "holds the meta data of other pairs than the plan names", index)
    except ShardCorrupt as error:
        yield Fault(path.name, error.reason, index, error.key)


def _check_index(folder: Path, plan: Plan, sidecars: list[Sidecar]) -> list[Fault]:
    try:
        found = read_record(folder / INDEX, Index)
    except (FileNotFoundError, ShardCorrupt) as error:
        return [Fault(INDEX, _reason(error))]
    if found.plan_id != plan.id:
        return [Fault(INDEX, "belongs to another plan")]
    if len(sidecars) == len(plan) and found != make_index(plan, sidecars):
        return [Fault(INDEX, "does not agree with the sidecars")]
    return []


def repair(out: Path | str, source: PairSource | str | None = None, *, workers: int = 1, advance: Advance = SILENT) -> list[Fault]:
    """Build again the shards that are broken or missing, and only those; returns the faults that were found.

    Args:
        out: The folder of shards.
        source: What the shards were packed from; by default what the plan names. It must be given if the plan is lost.
        workers: Processes to build with.
        advance: Told the number of pairs that were checked, then the number that were built.

    Raises:
        PlanMismatch: If the source is not what the shards were packed from.
        SourceError: If the source is no longer there.
        OutputError: If the folder cannot be written, or a folder lies where a file belongs; nothing is removed then.

    Example:
        >>> import tempfile, numpy as np
        >>> from blurdata.pairs import Pair, PairList
        >>> from blurdata.shards import build
        >>> grey, folder = np.full((32, 48, 3), 128, np.uint8), Path(tempfile.mkdtemp())
        >>> pairs = PairList([Pair("a/0", grey, grey)])
        >>> _ = build(pairs, folder)
        >>> next(folder.glob("*.h5")).unlink()
        >>> len(repair(folder, pairs)) > 0, verify(folder)
        (True, [])
    """
    folder = Path(out)
    faults = left = verify(folder, advance=advance)
    if not faults:
        return []
    _refuse_folders(folder)
    make_folder(folder)
    if any(fault.file == PLAN for fault in faults) and _plan_again(folder, source):
        left = verify(folder, advance=advance)
        faults = [*faults, *(fault for fault in left if fault not in faults)]
    plan = read_record(folder / PLAN, Plan)
    broken = sorted({fault.shard for fault in left if fault.shard is not None})
    if broken:
        opened = _open_again(plan, source, folder)
        for index in broken:
            _remove(sidecar_path(folder, index))
        build_all(plan, opened, folder, broken, workers=workers, advance=advance)
    write_index(plan, folder)
    return faults


def _refuse_folders(folder: Path) -> None:
    """Raise OutputError where a folder lies in the place of a file, before anything is removed that can then not be made again."""
    for path in (folder / PLAN, folder / INDEX, *sorted(folder.glob("shard-*.h5")), *sorted(folder.glob("shard-*.json"))):
        if path.is_dir():
            msg = f"{path}: is a folder where a file belongs; remove it or move it away, then repair again."
            raise OutputError(msg)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(path, error) from error


def _plan_again(folder: Path, source: PairSource | str | None) -> bool:
    """Put a lost or damaged plan back in its place; False where the plan is what the source leads to, and the shards are wrong."""
    try:
        there = read_record(folder / PLAN, Plan)
    except (FileNotFoundError, ShardCorrupt):
        there = None
    if there is None and source is None:
        msg = f"{folder / PLAN}: is lost, and with it the name of the source; give the source (--source) to repair it."
        raise SourceError(msg)
    opened = _open(there, source, folder)
    if there is not None and make_plan(opened, there.settings).id == there.id:
        return False
    publish(folder / PLAN, to_json(recover_plan(folder, opened, there.settings if there else None)))
    return True


def _open(plan: Plan | None, source: PairSource | str | None, folder: Path) -> PairSource:
    """The source that is given, or else the one that a plan names."""
    if isinstance(source, PairSource):
        return source
    if not (text := source or (plan.source if plan else "")):
        msg = f"{folder}: was packed from pairs in memory; give the source to repair it."
        raise SourceError(msg)
    return open_input(text)


def _open_again(plan: Plan, source: PairSource | str | None, folder: Path) -> PairSource:
    """The source of a plan, proven to be the same."""
    opened = _open(plan, source, folder)
    if make_plan(opened, plan.settings).id != plan.id:
        msg = f"{opened.text}: is not what {folder} was packed from, or has changed since; nothing was repaired."
        raise PlanMismatch(msg)
    return opened
