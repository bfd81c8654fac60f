"""Building shards: plan, make what is missing, publish, and write the index when all are there."""

import itertools
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import h5py

import blurdata
from blurdata.errors import PlanMismatch, ShardCorrupt, SourceError
from blurdata.files import make_folder
from blurdata.layouts import INDEX, PLAN, refuse_pictures
from blurdata.pairs import Pair, PairSource
from blurdata.progress import SILENT, Advance
from blurdata.shards.encode import encode_shard
from blurdata.shards.plan import Plan, Settings, make_plan
from blurdata.shards.pool import run_all, start_server
from blurdata.shards.publish import publish, sweep
from blurdata.shards.records import (
    Sidecar,
    finished,
    hash_kind,
    make_index,
    plan_ids,
    read_record,
    shard_path,
    sidecar_path,
    sidecars_in,
    to_json,
)
from blurdata.shards.shardfile import ShardFile
from blurdata.shards.sink import Sink
from blurdata.shards.source import open_input

_ENGINES = ("local", "ray")


def build(
    source: PairSource | str,
    out: Path | str,
    *,
    workers: int = 1,
    settings: Settings | None = None,
    task: int = 0,
    of: int = 1,
    engine: str = "local",
    advance: Advance = SILENT,
) -> Plan:
    """Store all pairs of a source as shards; the same call after a crash carries on where it stopped.

    Args:
        source: The pairs, or the text that names them; each worker process gets a pickled copy.
        out: Folder of the shards; made if need be. It may be the folder of an unfinished build of the same plan.
        workers: Processes on this machine; the bytes do not depend on it. With more than one, call this under
            ``if __name__ == "__main__":`` as Python's ``multiprocessing`` demands.
        settings: How shards are cut and stored.
        task: Which part to build, from 0; for arrays of cluster jobs that share ``out``.
        of: Number of parts. Whichever task finds all shards there writes the index.
        engine: ``"local"`` processes, or ``"ray"``: one task a shard on the Ray cluster that is found.
        advance: Told the number of pairs that were stored.

    Returns:
        The plan that ``out`` now holds.

    Raises:
        PlanMismatch: If ``out`` holds shards of another source, recipe or setting, or the source changes while it is read.
        OutputError: If ``out`` is full or read-only, or holds pictures.
        ShardError: If a worker dies; finished shards stay.

    Example:
        >>> import tempfile, numpy as np
        >>> from blurdata.pairs import Pair, PairList
        >>> from blurdata.shards import build, verify
        >>> grey = np.full((32, 48, 3), 128, np.uint8)
        >>> folder = tempfile.mkdtemp()
        >>> plan = build(PairList([Pair("a/0", grey, grey), Pair("a/1", grey, grey)]), folder)
        >>> len(plan), verify(folder)
        (1, [])
    """
    _check_arguments(workers, task, of, engine)
    out = Path(out)
    refuse_pictures(out)
    source = open_input(source) if isinstance(source, str) else source
    if workers > 1 and engine == "local":
        start_server()  # half a second, which passes while the plan is made
    plan = prepare(source, out, settings)
    mine = range(task, len(plan), of)
    todo = [index for index in mine if finished(out, plan, index) is None]
    advance(sum(len(plan.shard_keys(index)) for index in set(mine) - set(todo)))
    build_all(plan, source, out, todo, workers=workers, engine=engine, advance=advance)
    return plan


def build_all(
    plan: Plan, source: PairSource, out: Path, todo: list[int], *, workers: int = 1, engine: str = "local", advance: Advance = SILENT
) -> None:
    """Build the shards ``todo``, remove leftovers, and write the index if all shards are there now."""
    job = _Builder(plan, source, out, hash_kind(out))
    if todo:
        (out / INDEX).unlink(missing_ok=True)
    try:
        with closing(_results(engine, job, todo, workers)) as results:  # workers end here, not when a traceback is forgotten
            for index in results:
                advance(len(plan.shard_keys(index)))
    finally:
        sweep(out)
    write_index(plan, out)


def _check_arguments(workers: int, task: int, of: int, engine: str) -> None:
    if workers < 1:
        msg = f"workers must be at least 1, got {workers}."
        raise ValueError(msg)
    if not 0 <= task < of:
        msg = f"task must be between 0 and {of - 1} (it counts from 0), got {task} of {of}."
        raise ValueError(msg)
    if engine not in _ENGINES:
        msg = f"engine must be one of {', '.join(_ENGINES)}, got {engine!r}."
        raise ValueError(msg)


def _results(engine: str, job: Callable[[int], None], todo: list[int], workers: int) -> Generator[int, None, None]:
    """Indices of shards as they are finished."""
    if engine == "ray":
        from blurdata.shards.engine_ray import run_on_ray

        yield from run_on_ray(job, todo)
    elif workers == 1 or len(todo) < 2:
        for index in todo:
            job(index)
            yield index
    else:
        yield from run_all(job, todo, workers)


def prepare(source: PairSource, out: Path, settings: Settings | None) -> Plan:
    """Make the folder and the plan in it, or accept the same plan that is there.

    Raises:
        PlanMismatch: If the folder holds the plan, or a shard, of something else.
    """
    fresh = not out.exists()
    make_folder(out)
    try:
        plan = make_plan(source, settings)
    except BaseException:
        if fresh:
            with suppress(OSError):
                out.rmdir()  # for there is nothing to go on with
        raise
    try:
        there = read_record(out / PLAN, Plan)
    except (FileNotFoundError, ShardCorrupt):  # a damaged plan is made again if the shards are of this one
        _check_sidecars(plan, out)
        publish(out / PLAN, to_json(plan))
    else:
        if there.id != plan.id and plan_ids(out) == {plan.id}:
            publish(out / PLAN, to_json(plan))  # the file was damaged and can still be read: all that was made is of this plan
        elif there.id != plan.id and not _begun(out):
            publish(out / PLAN, to_json(plan))  # a build that ended before its first shard, as by a picture that was mended since
        elif there.id != plan.id:
            raise PlanMismatch(f"{out}: holds shards of another plan ({_difference(there, plan)}); choose another --out or empty this one.")
    return plan


def _begun(out: Path) -> bool:
    """Whether a folder holds a shard, finished or being made, or an index."""
    return (out / INDEX).exists() or any(next(out.glob(pattern), None) for pattern in ("shard-*", ".shard-*"))


def _difference(there: Plan, new: Plan) -> str:
    """What differs between two plans, the most telling first."""
    for name in ("recipe", "settings"):
        old, now = (dict(getattr(plan, name)) for plan in (there, new))
        for field in sorted({*old, *now}):
            if old.get(field) != now.get(field):
                return f"{name}: {field} is {old.get(field)!r} there and {now.get(field)!r} now"
    return "the source's files or keys have changed" if there.keys == new.keys else f"{len(there.keys)} pairs there, {len(new.keys)} now"


def _check_sidecars(plan: Plan, out: Path) -> None:
    for path, sidecar in sidecars_in(out):
        if sidecar.plan_id != plan.id:
            raise PlanMismatch(f"{path}: belongs to another plan ({sidecar.plan_id}, this one is {plan.id}); choose another --out.")


class _Builder:
    """Makes one shard after the other; each is a pure function of plan and index, safe to make twice or in two places at once.

    A source is read on from where the last shard ended: a video need not be entered again, which costs up to a group of pictures.
    """

    def __init__(self, plan: Plan, source: PairSource, out: Path, kind: str) -> None:
        self._plan, self._source, self._out, self._kind = plan, source, out, kind
        self._pairs: Iterator[Pair] = iter(())
        self._next: int | None = None

    def __call__(self, index: int) -> None:
        """Make shard ``index`` unless it is there."""
        plan, folder = self._plan, self._out
        if finished(folder, plan, index) is not None:
            return
        if index != self._next:
            self._pairs = _read(self._source, plan.cuts[index])
        self._next = None  # until this one is done
        path = shard_path(folder, index)
        digest = publish(path, partial(self._encode, index), check=partial(_compare, plan, index), kind=self._kind)
        sidecar = Sidecar(
            plan_id=plan.id,
            recipe_id=plan.recipe_id,
            index=index,
            keys=plan.shard_keys(index),
            bytes=path.stat().st_size,
            hash=digest,
            libraries={"blurdata": blurdata.__version__, "h5py": h5py.__version__, "hdf5": h5py.version.hdf5_version},
        )
        publish(sidecar_path(folder, index), to_json(sidecar))
        self._next = index + 1

    def _encode(self, index: int, descriptor: int) -> None:
        count = self._plan.cuts[index + 1] - self._plan.cuts[index]
        encode_shard(self._plan, index, itertools.islice(self._pairs, count), Sink(descriptor))
        if index + 1 == len(self._plan) and (more := next(self._pairs, None)) is not None:
            raise PlanMismatch(f"The source gave pair '{more.key}' beyond the plan's last; it changed since the plan was made.")


def _read(source: PairSource, start: int) -> Iterator[Pair]:
    """The pairs from ``start`` on; what the system says of the source's files is not taken for a fault of the output."""
    try:
        yield from source.pairs(start)
    except OSError as error:
        msg = f"{source.text or 'The source'}: cannot be read ({error}); check its files."
        raise SourceError(msg) from error


def _compare(plan: Plan, index: int, path: Path) -> None:
    """Read a shard back before it gets its name."""
    with ShardFile(path) as shard:
        for key in plan.shard_keys(index):
            shard.check(key)


def write_index(plan: Plan, out: Path) -> None:
    """Write the index if all shards are there."""
    sidecars = [finished(out, plan, index) for index in range(len(plan))]
    present = [sidecar for sidecar in sidecars if sidecar is not None]
    if len(present) < len(sidecars):
        return
    data = to_json(make_index(plan, present))
    try:
        same = (out / INDEX).read_bytes() == data
    except FileNotFoundError:  # or another builder has just begun and taken it away
        same = False
    if not same:
        publish(out / INDEX, data)
