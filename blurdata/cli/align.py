"""``blurdata align``: pairs from the pictures of two cameras."""

from pathlib import Path
from typing import Annotated

import typer

from blurdata.cli._next import say_next
from blurdata.cli._workers import Workers
from blurdata.processes import available_cpus


def run(
    captures: Annotated[Path, typer.Argument(help="Folder of scenes, each with both cameras' files.", metavar="CAPTURES")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the pairs; a killed run goes on there.")],
    recipe: Annotated[str, typer.Option("--recipe", help="Name or path of a recipe.")] = "realblur_j",
    workers: Workers = None,
    overlay: Annotated[
        list[str] | None, typer.Option("--overlay", help="Key of a pair (scene001/3) to draw before and after, or 'all'; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what alignment.json holds.")] = False,
) -> None:
    """Align two-camera captures into blurry/sharp pairs in RealBlur's layout.

    Examples:
      blurdata align captures --out pairs --recipe realblur_j
      blurdata align captures --out pairs --recipe mine.yaml --overlay scene001/3 --overlay scene002/1

    A scene is a folder with left/NAME.jpg (sharp, mirrored) and right/NAME.jpg (blurry); its first pair is the static reference. The
    recipe says where else files are, and the crop, scale and limits. Pairs that cannot be aligned are listed with the reason in
    alignment.json and are not written. Exit code 1 if not one pair could be aligned.
    """
    import json
    from contextlib import ExitStack

    from blurdata.alignment.run import INDEX, align_folder, check_overlays, draw_overlays
    from blurdata.alignment.source import read_align_recipe
    from blurdata.datasets.realblur import FOLDERS
    from blurdata.errors import SourceError
    from blurdata.naming import counted
    from blurdata.progress import progress
    from blurdata.sources import source_text

    plan = read_align_recipe(recipe)
    count = workers or available_cpus()
    check_overlays(captures, plan, overlay or [])
    with ExitStack() as stack:
        index = align_folder(captures, out, plan, workers=count, advance=lambda total: stack.enter_context(progress("align", total)))
    drawn = draw_overlays(captures, out, plan, index["pairs"], overlay or [])
    refused = [pair for pair in index["pairs"] if pair["status"] != "ok"]
    if as_json:
        typer.echo(json.dumps(index))
    else:
        for name, value in index["summary"].items():
            typer.echo(f"{name:<10} {value}")
        for pair in refused[:20]:
            typer.echo(f"  {pair['key']}  {pair['status']}")
        if len(refused) > 20:
            typer.echo(f"  … and {len(refused) - 20} more in {out / INDEX}")
        for path in drawn:
            typer.echo(f"overlay    {path}")
    if not index["summary"]["pairs"]:
        msg = f"{captures}: not one of {counted(len(refused), 'pair')} could be aligned; the first: {refused[0]['status']}."
        raise SourceError(msg)
    kind = "realblur-r" if plan.curve == "linear" else "realblur-j"
    named = plan.root == FOLDERS["R" if plan.curve == "linear" else "J"]
    say_next("report", source_text(kind, out if named else out / plan.root))
