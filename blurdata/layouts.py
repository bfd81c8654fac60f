"""Pairs lie in a folder as pictures or as shards, never as both: what every writer makes sure of before its work begins."""

from pathlib import Path

from blurdata.errors import OutputError, SourceError
from blurdata.naming import first_image
from blurdata.paths import too_long

PLAN, INDEX = "plan.json", "index.json"


def is_shards(folder: Path) -> bool:
    """Whether a folder holds shards, or what is left of them."""
    if too_long(folder):  # a source with a long condition, say
        return False
    try:
        return folder.is_dir() and ((folder / PLAN).exists() or (folder / INDEX).exists() or any(folder.glob("shard-*.h5")))
    except PermissionError as error:
        msg = f"{folder}: cannot be read ({error.strerror}); change its rights."
        raise SourceError(msg) from error


def refuse_pictures(folder: Path) -> None:
    """Raise OutputError where shards are to go and pictures lie; shards that were begun there go on."""
    if folder.is_dir() and not is_shards(folder) and (picture := first_image(folder)) is not None:
        msg = f"{folder}: holds pictures ({picture.relative_to(folder)}), and shards need a folder of their own; choose another --out."
        raise OutputError(msg)


def refuse_shards(folder: Path) -> None:
    """Raise OutputError where pairs are to be written as pictures and shards lie."""
    if is_shards(folder):
        msg = f"{folder}: holds shards, and pairs as pictures need a folder of their own; choose another --out."
        raise OutputError(msg)
