"""How is a whole folder of captures aligned: on all cores, resumable, the same bytes however often it was stopped.

References first, then the other pairs of their scenes. A pair's record is written after its pictures and marks it as done.
"""

import json
import shutil
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2

from blurdata.alignment.captures import Capture, Lenses, find_captures, read_lenses, to_depth
from blurdata.alignment.recipe import AlignRecipe
from blurdata.alignment.records import VERSION, Record, align_capture, content_of, counts_of, overlay_of
from blurdata.color import with_tables
from blurdata.errors import OutputError, SourceError
from blurdata.files import make_folder, write_atomic, write_png
from blurdata.layouts import refuse_shards
from blurdata.locks import leftovers, sweep
from blurdata.processes import worker_pool
from blurdata.progress import SILENT, Advance
from blurdata.recipe import recipe_id

INDEX = "alignment.json"
_RECORDS = ".alignment"


@dataclass(frozen=True)
class Task:
    """What a worker process needs to align one capture.

    Args:
        capture: The pair.
        recipe: How.
        lenses: Calibrations.
        kept: Folder of the records, or None to keep none.
        out: Folder of the set that pictures are written to, or None to write none.
    """

    capture: Capture
    recipe: AlignRecipe
    lenses: Lenses
    kept: Path | None
    out: Path | None


def align_folder(
    captures: Path, out: Path, recipe: AlignRecipe, *, workers: int = 1, advance: Callable[[int], Advance] | None = None
) -> Mapping[str, Any]:
    """Align a folder of captures into ``out`` in RealBlur's layout, with its list and ``alignment.json``.

    Args:
        captures: Folder of scenes.
        out: The result: ``<root>/sceneNNN/{gt/gt_K.png, blur/blur_K.png}``, the list, ``alignment.json``.
        recipe: How.
        workers: Processes.
        advance: Given the number of captures, returns what is told of each that is done.

    Returns:
        What ``alignment.json`` holds.

    Raises:
        SourceError: If there are no captures.
        OutputError: If ``out`` cannot be written, holds shards, or was made with another recipe.
    """
    refuse_shards(out)
    scenes = find_captures(captures, recipe)
    lenses = read_lenses(recipe)
    make_folder(out)
    _claim(out, recipe, lenses)
    sweep(leftovers(out))
    tell = advance(sum(len(scene) for scene in scenes.values())) if advance else SILENT
    records = align_all(scenes, recipe, lenses, kept=out / _RECORDS, out=out / recipe.root, workers=workers, advance=tell)
    index = {
        "format": "blurdata-alignment",
        "version": VERSION,
        "recipe_id": recipe.id,
        "recipe": with_tables(recipe.resolved()),
        "opencv": cv2.__version__,
        "summary": counts_of(records),
        "pairs": [{name: value for name, value in record.items() if name != "content"} for record in records.values()],
    }
    write_atomic(out / recipe.list_name, listed(records.values(), recipe.root))
    write_atomic(out / INDEX, json.dumps(index, indent=1) + "\n")
    return index


def align_all(
    scenes: Mapping[str, Sequence[Capture]],
    recipe: AlignRecipe,
    lenses: Lenses,
    *,
    kept: Path | None,
    out: Path | None,
    workers: int,
    advance: Advance = SILENT,
) -> dict[str, Record]:
    """The record of every capture, by key, in order; those that are kept already are not made again."""
    tasks = {capture.key: Task(capture, recipe, lenses, kept, out) for scene in scenes.values() for capture in scene}
    done: dict[str, Record] = {}
    try:
        with closing(_in_parallel(scenes, tasks, max(workers, 1))) as records:  # Ctrl-C between two records ends the workers too
            for record in records:
                done[record["key"]] = record
                advance(1, note="" if record["status"] == "ok" else f"{record['key']}: {record['status']}"[:90])
    except BrokenProcessPool as error:
        msg = "A worker process was killed, most likely for want of memory; run the same command again with fewer --workers."
        raise SourceError(msg) from error
    return {key: done[key] for key in tasks}


def _in_parallel(scenes: Mapping[str, Sequence[Capture]], tasks: Mapping[str, Task], workers: int) -> Generator[Record, None, None]:
    if workers == 1:
        for scene in scenes.values():
            reference = None
            for capture in scene:
                record = run_task(tasks[capture.key], reference)
                reference = reference or record
                yield record
        return
    with worker_pool(workers, __name__) as pool:
        running: set[Future[Record]] = {pool.submit(run_task, tasks[scene[0].key], None) for scene in scenes.values()}
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                record = future.result()
                yield record
                if record["reference"]:
                    rest = scenes[record["key"].partition("/")[0]][1:]
                    running |= {pool.submit(run_task, tasks[capture.key], record) for capture in rest}


def run_task(task: Task, reference: Record | None) -> Record:
    """Align one capture, or find that it was; write its pictures, then its record."""
    capture = task.capture
    path = task.kept / capture.scene / f"{capture.number}.json" if task.kept else None
    content = f"{content_of(capture)} {reference['content'] if reference else ''}"
    kept = _kept(path, content) if path else None
    if kept is not None and (task.out is None or kept["status"] != "ok" or all(half.is_file() for half in files_of(task.out, capture.key))):
        return kept
    record, aligned = align_capture(capture, task.recipe, task.lenses, reference)
    record["content"] = content
    if task.out is not None:
        for half, picture in zip(files_of(task.out, capture.key), (aligned.sharp, aligned.blurry), strict=True):
            if picture is None:
                half.unlink(missing_ok=True)  # of a run before a file changed
            else:
                write_png(half, to_depth(picture, task.recipe.bits))
    if path:
        write_atomic(path, json.dumps(record) + "\n")
    return record


def _kept(path: Path, content: str) -> Record | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("content") == content else None


def files_of(out: Path, key: str) -> tuple[Path, Path]:
    """The sharp and the blurry picture of a pair in RealBlur's layout."""
    scene, _, number = key.rpartition("/")
    return out / scene / "gt" / f"gt_{number}.png", out / scene / "blur" / f"blur_{number}.png"


def listed(records: Iterable[Record], root: str) -> str:
    """The list as published: ground truth first, one trailing blank, no last newline."""
    lines = []
    for record in records:
        if record["status"] == "ok":
            sharp, blurry = (path.as_posix() for path in files_of(Path(root), record["key"]))
            lines.append(f"{sharp} {blurry} ")
    return "\n".join(lines)


def _claim(out: Path, recipe: AlignRecipe, lenses: Lenses) -> None:
    """Refuse a folder of another recipe's pairs."""
    path = out / _RECORDS / "recipe.json"
    claim = {"recipe_id": recipe.id, "lenses": recipe_id(json.loads(json.dumps(asdict(lenses)))), "version": VERSION}
    if path.exists():
        try:
            same = json.loads(path.read_text(encoding="utf-8")) == claim
        except (OSError, ValueError):
            same = False
        if same:
            return
        if next(out.glob("*/*/gt/*.png"), None) is not None:
            msg = f"{out}: already holds pairs made with another recipe or calibration; choose another --out, or delete it first."
            raise OutputError(msg)
        shutil.rmtree(out / _RECORDS)  # another recipe made not one pair
    write_atomic(path, json.dumps(claim) + "\n")


def check_overlays(captures: Path, recipe: AlignRecipe, keys: Sequence[str]) -> None:
    """Raise SourceError where a key names no capture, before hours are spent on aligning them."""
    if not set(keys) - {"all"}:
        return
    there = [capture.key for scene in find_captures(captures, recipe).values() for capture in scene]
    if strange := [key for key in keys if key != "all" and key not in there]:
        msg = f"--overlay {strange[0]}: there is no such pair; the first is {there[0]}."
        raise SourceError(msg)


def draw_overlays(captures: Path, out: Path, recipe: AlignRecipe, records: Sequence[Record], keys: Sequence[str]) -> list[Path]:
    """Write ``overlay/<scene>_<K>.png`` of the pairs named, or of ``all``; returns the files.

    Raises:
        SourceError: If a key names a pair that was refused.
    """
    by_key = {record["key"]: record for record in records}
    wanted = [key for key, record in by_key.items() if record["status"] == "ok"] if "all" in keys else list(keys)
    if not wanted:
        return []
    by_capture = {capture.key: capture for scene in find_captures(captures, recipe).values() for capture in scene}
    lenses, drawn = read_lenses(recipe), []
    for key in wanted:
        status = by_key[key]["status"]
        if status != "ok":
            msg = f"--overlay {key}: {status}."
            raise SourceError(msg)
        drawn.append(out / "overlay" / f"{key.replace('/', '_')}.png")
        write_png(drawn[-1], overlay_of(by_capture[key], by_key[key], recipe, lenses))
    return drawn
