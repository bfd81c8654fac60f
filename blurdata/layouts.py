"""What every writer makes sure of before its work begins.

Pairs lie in a folder as pictures or as shards, never as both, and no picture is overwritten by what is made of it.
"""

from collections.abc import Iterable
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


def refuse_originals(targets: Iterable[Path], originals: Iterable[Path]) -> None:
    """Raise OutputError where something would be written over one of the pictures that it is made of, by whatever path."""
    places = {path.resolve() for path in originals}
    for target in targets:
        if target.resolve() in places:
            msg = f"{target}: is one of the pictures itself; choose another --out."
            raise OutputError(msg)
