"""``blurdata doctor``: is this installation sound?"""

from typing import Annotated

import typer

from blurdata.cli._next import say_next


def run(as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False) -> None:
    """Check this installation: versions, video codecs, CUDA, and packages that break each other; exit 1 on a fault.

    Examples:
      blurdata doctor
      blurdata doctor --json
    """
    import json

    from blurdata.cli._doctor import examine

    found = examine()
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    else:
        for heading in ("versions", "video", "storage", "cuda"):
            typer.echo(heading)
            for name, value in found[heading].items():
                typer.echo(f"  {name:<24} {value}")
        for fault in found["faults"]:
            typer.echo(f"FAULT: {fault}")
        if found["ok"]:
            typer.echo("No fault found.")
            say_next("demo", "--out", "demo")
    if not found["ok"]:
        raise typer.Exit(1)
