"""``blurdata clean``: remove what killed builds left behind."""

from pathlib import Path
from typing import Annotated

import typer

from blurdata.cli._next import say_next


def run(
    shards: Annotated[Path, typer.Argument(help="Folder of shards.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be removed.")] = False,
) -> None:
    """Remove temporary files of killed builds, of this and of other machines; never a shard, nor what a living build holds.

    Examples:
      blurdata clean shards
    """
    from blurdata.errors import SourceError
    from blurdata.layouts import is_shards
    from blurdata.naming import counted
    from blurdata.shards.publish import leftovers, sweep

    if not shards.is_dir():
        msg = f"{shards}: is no folder; give the folder of shards."
        raise SourceError(msg)
    gone = leftovers(shards, any_host=True) if dry_run else sweep(shards, any_host=True)
    for path in gone:
        typer.echo(str(path))
    typer.echo(f"{shards}: {counted(len(gone), 'leftover')} {'would be removed' if dry_run else 'removed'}")
    if is_shards(shards):
        say_next("verify", shards)
    else:
        typer.echo("Next: the command that was stopped, again; it goes on where it was", err=True)
