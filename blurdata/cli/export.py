"""``blurdata export``: a source as a Hugging Face set."""

import shlex
from pathlib import Path
from typing import Annotated

import typer


def run(
    source: Annotated[
        str, typer.Argument(help="KIND:PATH?option=value, or a folder of shards.", metavar="SOURCE|SHARDS", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder to write.", metavar="DIR", show_default=False)],
    license_id: Annotated[str | None, typer.Option("--license", help="Licence for the card, such as cc-by-4.0.", metavar="ID")] = None,
    title: Annotated[str, typer.Option("--title", "--name", help="Heading of the card.")] = "",
    file_mb: Annotated[int, typer.Option(min=1, help="A new file begins beyond this size.", metavar="MB")] = 500,
) -> None:
    """Write pairs as Parquet files with Image features and a dataset card, for Hugging Face `datasets`.

    Examples:
      blurdata export pairs:data/mine --out hub/mine --license cc-by-4.0
      blurdata export shards/ --out hub/mine
    """
    from blurdata.datasets import export_parquet
    from blurdata.naming import counted
    from blurdata.progress import progress
    from blurdata.shards import open_input

    opened = open_input(source)
    with progress("exporting", len(opened)) as advance:
        files = export_parquet(opened, out, license_id=license_id, name=title, file_mb=file_mb, advance=advance)
    typer.echo(f"{counted(len(opened), 'pair')} in {counted(len(files), 'file')} under {out}")
    typer.echo(f"Next: look at {out / 'README.md'}, then `{shlex.join(['hf', 'upload', 'NAME', str(out)])}` publishes it.", err=True)
