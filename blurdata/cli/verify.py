"""``blurdata verify``: is a set of shards what was written, and does a set do its job?"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blurdata.cli._next import say_next
from blurdata.cli._workers import Workers
from blurdata.errors import command
from blurdata.json_values import finite
from blurdata.processes import available_cpus

if TYPE_CHECKING:
    from blurdata.shards.verify import Fault
    from blurdata.training import Verdict


def run(
    shards: Annotated[
        str, typer.Argument(help="Folder of shards; with --by-training also KIND:PATH?option=value.", metavar="SHARDS|SOURCE")
    ],
    repair: Annotated[bool, typer.Option("--repair", help="Build again what is broken or missing, and only that.")] = False,
    source: Annotated[str | None, typer.Option(help="With --repair: what the shards were packed from, if it has moved.")] = None,
    by_training: Annotated[
        bool, typer.Option("--by-training", help="Train a small network on the set and say whether it does its job: pass, weak or fail.")
    ] = False,
    where: Annotated[str, typer.Option(help="With --by-training: train only on pairs that meet this, such as 'blur_px_p95 < 25'.")] = "",
    seeds: Annotated[int, typer.Option(min=3, help="With --by-training: how many trainings.")] = 4,
    workers: Workers = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Check hashes, checksums, counts, keys and sizes of all shards; lists every fault and exits 1 if there is one.

    With --by-training a small network is then trained on some scenes and judged by others (about five minutes on two cores), against
    controls that see through shuffled, swapped, shifted and unblurred pairs; of a source that is no folder of shards nothing else is
    checked. Exits 1 where the set fails.

    Examples:
      blurdata verify shards
      blurdata verify shards --repair
      blurdata verify shards --by-training
      blurdata verify 'shards:shards?where=blur_px_p95 < 25' --by-training
    """
    import json

    if (where or seeds != 4) and not by_training:
        raise typer.BadParameter("--where and --seeds go with --by-training.")
    if source is not None and not repair:
        raise typer.BadParameter("--source goes with --repair.")
    count = workers or available_cpus()
    folder = _folder(shards)
    if folder is None and (repair or not by_training):
        msg = f"'{shards}' is no folder of shards, and only these are checked; give the folder, or --by-training, which takes any source."
        raise typer.BadParameter(msg)
    faults, left = _check(folder, source, count, repair=repair) if folder else ([], [])
    verdict = _train(shards, where, seeds, count) if by_training and not left else None
    if as_json:
        told = {"verdict": finite(asdict(verdict))} if verdict else {}
        typer.echo(json.dumps({"shards" if folder else "source": shards, "faults": [asdict(fault) for fault in left], **told}, indent=1))
    elif folder:
        _tell(folder, [str(fault) for fault in faults], [str(fault) for fault in left])
    if folder and left:
        _say_remedy(folder, left, repaired=repair)
        raise typer.Exit(1)
    if verdict and not as_json:
        _tell_verdict(verdict)
    say_next("report", shards, "--out", "report.html")
    if verdict and verdict.status == "fail":
        raise typer.Exit(1)


def _folder(text: str) -> Path | None:
    """The folder of shards that a text names as a whole; None for any other source."""
    from blurdata.paths import user_path
    from blurdata.sources import kinds

    kind, colon, rest = text.partition(":")
    if not colon or kind not in kinds():
        return user_path(text)
    return user_path(rest) if kind == "shards" and "?" not in rest else None


def _check(folder: Path, source: str | None, workers: int, *, repair: bool) -> "tuple[list[Fault], list[Fault]]":
    """The faults that were found, and those that are left."""
    from blurdata.progress import progress
    from blurdata.shards import repair as repair_shards
    from blurdata.shards import verify

    with progress("checking", _count(folder)) as advance:
        if not repair:
            return (faults := verify(folder, advance=advance)), faults
        faults = repair_shards(folder, source, workers=workers, advance=advance)
    return faults, verify(folder) if faults else []


def _say_remedy(folder: Path, left: "list[Fault]", *, repaired: bool) -> None:
    from blurdata.layouts import PLAN
    from blurdata.naming import some
    from blurdata.shards.verify import STRAY

    strays = [fault.file for fault in left if fault.problem == STRAY]
    lost = any(fault.file == PLAN for fault in left)
    if len(strays) == len(left):
        typer.echo(f"Next: remove or move away {some(strays)}, which no repair touches, then {command('verify', folder)}", err=True)
    elif repaired:
        typer.echo(f"Next: the same blurdata pack again, which makes what is still wrong in {folder}", err=True)
    else:
        say_next("verify", "--repair", *(("--source", "SOURCE") if lost else ()), folder)


def _train(source: str, where: str, seeds: int, workers: int) -> "Verdict":
    from blurdata.progress import progress
    from blurdata.recipe import read_recipe
    from blurdata.shards import ShardSource, open_input
    from blurdata.shards.where import parse_where
    from blurdata.training import TrainRecipe, verify_by_training

    keep = parse_where(where) if where else None
    recipe = read_recipe("verdict", TrainRecipe)
    opened = open_input(source)
    if where and (folder := _folder(source)):
        ShardSource(folder, where)  # tells a field that no pair has
    with progress("train and judge", 100, unit="%") as advance:
        return verify_by_training(opened, recipe, seeds=seeds, workers=workers, keep=keep, advance=advance)


def _tell_verdict(verdict: "Verdict") -> None:
    typer.echo(
        f"{verdict.status}: trained on {verdict.train_crops} crops with {verdict.seeds} seeds, judged by {verdict.test_crops} crops "
        f"of {verdict.scenes} other scenes"
    )
    for reason in verdict.reasons:
        typer.echo(f"  {reason}")
    rows = [
        ("blurry pictures", f"{verdict.input_db:.2f} dB"),
        ("gain over them", f"{verdict.gain_db} dB"),
        ("gain over the best filter", f"{verdict.over_filter_db} dB"),
        ("rise of edge agreement", f"{verdict.agreement.mean:+.3f} [{verdict.agreement.low:+.3f}, {verdict.agreement.high:+.3f}]"),
        ("halves: shift, coherence, edges", f"{verdict.shift_px:.2f} px, {verdict.coherence:.2f}, {verdict.edge_ratio:.2f} times as wide"),
    ]
    for name, value in rows:
        typer.echo(f"  {name:<32}{value}")
    typer.echo("  gain by kind of crop")
    for one in verdict.bins:
        typer.echo(f"    {one.name:<30}{one.gain_db} dB  ({one.crops} crops){'' if one.helped else '  gains nothing'}")
    helped = {one.helped for one in verdict.bins if one.name.startswith("blur")}
    if helped == {True, False}:  # else nothing is to be left out, or nothing would be left
        typer.echo(
            "  Train without what gains nothing, or evenly: the pairs of measured:SOURCE, packed or as they are, take "
            "--where 'measured_px < 25' and, in a recipe of training, balance: measured_px.",
            err=True,
        )


def _count(shards: Path) -> int:
    from blurdata.errors import ShardCorrupt
    from blurdata.layouts import PLAN
    from blurdata.shards import Plan
    from blurdata.shards.records import read_record

    try:
        return len(read_record(shards / PLAN, Plan).keys)
    except (OSError, ShardCorrupt):
        return 0


def _tell(shards: Path, faults: list[str], left: list[str]) -> None:
    from blurdata.naming import counted

    for fault in faults:
        typer.echo(fault if fault in left else f"{fault} (repaired)")
    typer.echo(f"{shards}: {'sound' if not left else counted(len(left), 'fault')}")
