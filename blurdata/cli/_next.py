"""The lines with which a command ends: notes on what it left out, and what to run next, ready to be pasted."""

from collections.abc import Iterable
from pathlib import Path

import typer

from blurdata.errors import command


def say_next(*words: object, behind: str = "") -> None:
    """Name the next command on stderr; ``behind`` is what follows it in words."""
    typer.echo(f"Next: {command(*words)}{behind}", err=True)


def say_notes(remarks: Iterable[str]) -> None:
    """Each remark as a note of its own on stderr."""
    for remark in remarks:
        typer.echo(f"Note: {remark}.", err=True)


def say_pack(source: str) -> None:
    """Name the command that stores a source as shards, in a folder that is not there yet; shards as they are need none."""
    from blurdata.layouts import is_shards
    from blurdata.paths import user_path

    if is_shards(folder := user_path(source.removeprefix("shards:"))):
        say_next("report", folder, "--out", "report.html")
    else:
        say_next("pack", source, "--out", free_folder("shards"))


def free_folder(name: str) -> str:
    """The name if no such folder is there, else with the first number that makes it one.

    Example:
        >>> free_folder("/no/such/folder")
        '/no/such/folder'
    """
    number = 2
    free = name
    while Path(free).exists():
        free, number = f"{name}{number}", number + 1
    return free
