"""``blurdata evaluate``: score restored pictures by a published protocol."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blurdata.cli._workers import Workers
from blurdata.processes import available_cpus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blurdata.datasets import FilePairs
    from blurdata.metrics.evaluation import Row


class ProtocolName(StrEnum):
    """The protocols, for the command's help."""

    plain = "plain"
    realblur = "realblur"
    gopro_matlab = "gopro-matlab"


def run(
    restored: Annotated[Path, typer.Argument(help="Folder of restored pictures, in any nesting.", show_default=False)],
    sharp: Annotated[
        str, typer.Argument(help="Folder of ground truths, or a source such as realblur-j:PATH?split=test.", show_default=False)
    ],
    protocol: Annotated[ProtocolName, typer.Option(help="How to score; the protocols' numbers cannot be compared.", show_default=False)],
    clip: Annotated[bool, typer.Option("--clip", help="realblur: clip to [0, 1] after alignment, as RSBlur does.")] = False,
    out: Annotated[
        list[Path] | None,
        typer.Option(help="Write here, everything as .json or one line an image as .csv; may be given for each.", metavar="FILE"),
    ] = None,
    workers: Workers = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Score a part: ground truths may lack a restored picture.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Score restored pictures against their ground truth.

    Examples:
      blurdata evaluate results/gopro GOPRO_Large/test --protocol gopro-matlab
      blurdata evaluate results/RealBlur_J 'realblur-j:RealBlur?split=test' --protocol realblur --out scores.json
      blurdata evaluate mine/restored mine/sharp --protocol plain --out scores.csv

    Pictures are paired by name. With --out a run that is stopped carries on where it was.
    """
    files = out or []
    _check(files, clip, protocol)
    from blurdata.processes import start_fork_server

    if workers != 1:
        start_fork_server("blurdata.metrics.evaluation")  # which imports at the same time as this process
    from blurdata.files import write_atomic
    from blurdata.metrics import Protocol, Task, evaluate, match_restored, tables
    from blurdata.metrics.matching import restored_names
    from blurdata.naming import counted
    from blurdata.progress import progress

    chosen = Protocol(protocol.value, clip=clip)
    truths, about = _ground_truths(sharp)
    outputs = restored_names(restored)
    tasks = [Task(key, outputs[name], truths[key]) for name, key in match_restored(outputs, truths, allow_missing=allow_missing)]
    journal = _journal(files)
    if missing := len(truths) - len(tasks):
        about["lacking"] += [f"{missing} of {counted(len(truths), 'ground truth')} have no restored picture"]
    with progress("scoring", len(tasks), unit="pictures") as advance:
        rows = evaluate(tasks, chosen, workers=workers or available_cpus(), journal=journal, advance=advance)
    record = json.dumps(tables.as_json(rows, chosen, {"restored": str(restored), **about}), indent=1, allow_nan=False)
    for path in files:
        write_atomic(path, tables.as_csv(rows, chosen) if path.suffix.lower() == ".csv" else record + "\n")
    typer.echo(record if as_json else tables.as_text(rows, chosen))
    if journal is not None and not any(row.status == "failed" for row in rows):
        journal.unlink(missing_ok=True)
    _say_end(files, rows, about["lacking"])


def _check(files: list[Path], clip: bool, protocol: ProtocolName) -> None:
    if clip and protocol is not ProtocolName.realblur:
        raise typer.BadParameter("only the realblur protocol can clip.", param_hint="--clip")
    for path in files:
        if path.suffix.lower() not in (".json", ".csv"):
            raise typer.BadParameter(f"a file of scores ends in .json or .csv, got '{path}'.", param_hint="--out")


def _say_end(files: list[Path], rows: "Sequence[Row]", lacking: list[str]) -> None:
    """Of what the scores are no scores, and what to do next; exit 1 where pictures could not be scored."""
    from blurdata.naming import counted, some

    if lacking:
        typer.echo(f"blurdata: these are the scores of a part: {some(lacking, limit=3)}.", err=True)
    if failed := sum(row.status == "failed" for row in rows):
        told = f"{failed} of {counted(len(rows), 'picture')} could not be scored; mend them and run the same command again."
        typer.echo(f"blurdata: {told}", err=True)
        raise typer.Exit(1)
    if files:
        typer.echo(f"Next: compare {', '.join(map(str, files))} with another run of the same protocol id.", err=True)
    else:
        typer.echo("Next: the same command with --out scores.json or --out scores.csv keeps the score of every image.", err=True)


def _ground_truths(sharp: str) -> tuple[dict[str, Path], dict[str, Any]]:
    """Sharp files by name, and what is known of their origin."""
    from blurdata.files import fingerprint_files
    from blurdata.metrics.matching import sharp_names
    from blurdata.recipe import recipe_id

    source = None if Path(sharp).is_dir() else _source(sharp)
    if source is not None:
        files = {entry.key: entry.sharp for entry in source.entries}
        recipe, root, kind = dict(source.recipe), source.root, str(source.recipe["kind"])
        lacking = source.shortfall() + source.faults()
    else:
        root, kind, lacking = Path(sharp), "folder", []
        files = sharp_names(root)
        recipe = {"kind": kind}
    fingerprint = fingerprint_files(files.values(), root=root)
    about = {"sharp": sharp, "kind": kind, "recipe_id": recipe_id(recipe), "recipe": recipe, "sharp_fingerprint": fingerprint}
    return files, {**about, "lacking": lacking}


def _source(text: str) -> "FilePairs | None":
    """The source of pictures on disk that ``text`` names; None where it is a plain path."""
    from blurdata.datasets import FilePairs
    from blurdata.errors import SourceError
    from blurdata.sources import kinds, open_source

    if text.partition(":")[0] not in kinds():
        return None
    source = open_source(text)
    if not isinstance(source, FilePairs):
        msg = f"'{text}' has no sharp pictures on disk to score against; give a folder or a source of pictures."
        raise SourceError(msg)
    return source


def _journal(files: list[Path]) -> Path | None:
    """A hidden file beside the first result; proves that it can be written before hours are spent."""
    from blurdata.files import make_folder

    for path in files:
        make_folder(path.parent)
    return files[0].with_name(f".{files[0].name}.partial") if files else None
