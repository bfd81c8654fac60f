"""``blurdata pack``: pairs into shards."""

from pathlib import Path
from typing import Annotated

import typer

from blurdata.cli._next import say_next, say_notes
from blurdata.cli._workers import Workers
from blurdata.processes import available_cpus


def run(
    source: Annotated[
        str, typer.Argument(help="What to pack: KIND:PATH?option=value, or another folder of shards.", metavar="SOURCE|SHARDS")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the shards; run the same command again to carry on after a stop.")],
    workers: Workers = None,
    task: Annotated[int, typer.Option(min=0, help="Which part this job builds, from 0 (cluster arrays).")] = 0,
    of: Annotated[int, typer.Option(min=1, help="How many parts there are.")] = 1,
    engine: Annotated[str, typer.Option(help="local, or ray: one task a shard on the Ray cluster that is found.")] = "local",
    compression: Annotated[str, typer.Option(help="none (fast), or zstd (about a third smaller, slower to read).")] = "none",
    chunk: Annotated[int, typer.Option(min=16, max=1024, help="Longest chunk side in px: 128 for local, 256 for network disks.")] = 128,
    pairs: Annotated[int, typer.Option(min=1, max=4096, help="Most pairs in a shard.")] = 64,
    megabytes: Annotated[float, typer.Option(min=0.001, max=4000, help="Most raw megabytes in a shard.")] = 200,
    extras: Annotated[bool, typer.Option(help="Also store blur maps, PSFs and masks where the source has them.")] = True,
) -> None:
    """Store the pairs of a source as HDF5 shards: checksummed, crash-safe, fast to crop from.

    Examples:
      blurdata pack pairs:my_pairs --out shards
      blurdata pack 'gopro:GOPRO_Large?split=train&variant=blur_gamma' --out shards
      blurdata pack 'shards:shards?where=blur_px_p95 < 25' --out fewer
      blurdata pack pairs:my_pairs --out shards --task 0 --of 16

    A build that was stopped or killed carries on with the same command. Any number of workers or tasks gives the same bytes.
    """
    import importlib.util

    from blurdata.naming import counted
    from blurdata.progress import progress
    from blurdata.recipe import parse_recipe
    from blurdata.shards import Settings, build, open_input

    _check(task, of, engine, ray=importlib.util.find_spec("ray") is not None)
    given = {"pairs": pairs, "megabytes": megabytes, "chunk": chunk, "compression": compression, "extras": extras}
    settings = parse_recipe(given, Settings, where="blurdata pack")
    opened = open_input(source)
    mine = len(opened) if of == 1 else -(-len(opened) // of)
    with progress("packing", mine) as advance:
        plan = build(opened, out, workers=workers or available_cpus(), settings=settings, task=task, of=of, engine=engine, advance=advance)
    say_notes(opened.remarks())
    done = (out / "index.json").exists()
    typer.echo(
        f"{out}: {counted(len(plan.keys), 'pair')} in {counted(len(plan), 'shard')}"
        + ("" if done else f"; task {task} of {of} is done, others are not")
    )
    if done:
        say_next("verify", out)
    else:
        typer.echo("Next: the other tasks; the last one writes index.json", err=True)


def _check(task: int, of: int, engine: str, *, ray: bool) -> None:
    if task >= of:
        msg = f"--task counts from 0, so with --of {of} it is at most {of - 1}, got {task}."
        raise typer.BadParameter(msg)
    if engine not in ("local", "ray"):
        msg = f"--engine is local or ray, got '{engine}'."
        raise typer.BadParameter(msg)
    if engine == "ray" and not ray:
        from blurdata.errors import MissingDependency

        msg = "The engine ray needs the package ray; run `pip install 'blurdata[ray]'`."
        raise MissingDependency(msg)
