"""``blurdata verify``: is a set of shards what was written?"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blurdata.cli._workers import Workers, available_cpus

if TYPE_CHECKING:
    from blurdata.training import Verdict


def run(
    shards: Annotated[Path, typer.Argument(help="Folder of shards.")],
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
    controls that see through shuffled, swapped, shifted and unblurred pairs. Exits 1 where the set fails.

    Examples:
      blurdata verify shards
      blurdata verify shards --repair
      blurdata verify shards --by-training
    """
    import json

    from blurdata.progress import progress
    from blurdata.shards import repair as repair_shards
    from blurdata.shards import verify

    if (where or seeds != 4) and not by_training:
        raise typer.BadParameter("--where and --seeds go with --by-training.")
    if source is not None and not repair:
        raise typer.BadParameter("--source goes with --repair.")
    count = workers or available_cpus()
    with progress("checking", _count(shards)) as advance:
        faults = repair_shards(shards, source, workers=count, advance=advance) if repair else verify(shards, advance=advance)
    left = verify(shards) if repair and faults else faults
    verdict = _train(shards, where, seeds, count) if by_training and not left else None
    if as_json:
        told = {"verdict": asdict(verdict)} if verdict else {}
        typer.echo(json.dumps({"shards": str(shards), "faults": [asdict(fault) for fault in left], **told}, indent=1))
    else:
        _tell(shards, [str(fault) for fault in faults], [str(fault) for fault in left])
    if left:
        lost = any(fault.file == "plan.json" for fault in left)
        hint = (
            f"blurdata verify --repair{' --source SOURCE' if lost else ''}"
            if not repair
            else "remove what is not in the plan, or the same blurdata pack again for"
        )
        typer.echo(f"Next: {hint} {shards}", err=True)
        raise typer.Exit(1)
    if verdict and not as_json:
        _tell_verdict(verdict)
    typer.echo(f"Next: blurdata report {shards} --out report.html", err=True)
    if verdict and verdict.status == "fail":
        raise typer.Exit(1)


def _train(shards: Path, where: str, seeds: int, workers: int) -> "Verdict":
    from blurdata.progress import progress
    from blurdata.recipe import read_recipe
    from blurdata.shards import ShardSource
    from blurdata.shards.where import parse_where
    from blurdata.training import TrainRecipe, verify_by_training

    keep = parse_where(where) if where else None
    ShardSource(shards, where)  # tells a field that no pair has
    recipe = read_recipe("verdict", TrainRecipe)
    with progress("train and judge", 100, unit="%") as advance:
        return verify_by_training(ShardSource(shards), recipe, seeds=seeds, workers=workers, keep=keep, advance=advance)


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
        typer.echo("  Train without what gains nothing: --where, or balance the sampler over blur length.", err=True)


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
