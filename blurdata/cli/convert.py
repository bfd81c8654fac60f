"""``blurdata convert``: pairs out of shards, or any source, into what other tools read."""

from pathlib import Path
from typing import Annotated

import typer

from blurdata.cli._next import say_pack


def run(
    source: Annotated[str, typer.Argument(help="A folder of shards, or KIND:PATH?option=value.", metavar="SOURCE|SHARDS")],
    out: Annotated[Path, typer.Option(help="Folder to write.", metavar="DIR")],
    to: Annotated[str, typer.Option(help="folders: blurry/ and sharp/ with PNGs; hf: Hugging Face Parquet.")] = "folders",
    license_id: Annotated[str | None, typer.Option("--license", help="With hf: licence for the card, such as cc-by-4.0.")] = None,
    extras: Annotated[bool, typer.Option(help="With folders: write blur maps, PSFs and masks too, as .npy.")] = True,
) -> None:
    """Write pairs as plain paired folders or as Hugging Face Parquet; `blurdata pack` is the way back.

    Examples:
      blurdata convert shards --out my_pairs
      blurdata convert 'shards:shards?where=blur_px_p95 < 25' --to hf --out my_parquet
      blurdata convert 'lmdb:datasets/GoPro/train' --out my_pairs
    """
    from blurdata.datasets import export_parquet
    from blurdata.naming import counted
    from blurdata.progress import progress
    from blurdata.shards import open_input
    from blurdata.shards.export import export_folders
    from blurdata.sources import source_text

    if to not in ("folders", "hf"):
        msg = f"--to is folders or hf, got '{to}'."
        raise typer.BadParameter(msg)
    if license_id is not None and to != "hf":
        raise typer.BadParameter("--license goes with --to hf: plain folders have no card.")
    opened = open_input(source)
    with progress("writing", len(opened)) as advance:
        if to == "folders":
            export_folders(opened, out, extras=extras, advance=advance)
        else:
            export_parquet(opened, out, license_id=license_id, advance=advance)
    typer.echo(f"{out}: {counted(len(opened), 'pair')}")
    say_pack(source_text("pairs" if to == "folders" else "hf", out))
