"""The file of findings that a person has judged harmless: one ``KIND KEY`` a line, ``#`` begins a comment line."""

from pathlib import Path

from blurdata.errors import SourceError, did_you_mean
from blurdata.quality import KINDS


def read_ignore(path: Path) -> frozenset[tuple[str, str]]:
    """(kind, key) of every line.

    Raises:
        SourceError: If the file cannot be read, or a line names no kind; a misspelt line would silently ignore nothing.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read ({error}); an ignore file has one 'KIND KEY' a line."
        raise SourceError(msg) from error
    found = set()
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        kind, _, key = text.partition(" ")
        if kind not in KINDS or not key.strip():
            hint = did_you_mean(kind, KINDS)
            msg = f"{path}, line {number}: '{text}' is no 'KIND KEY'; {hint}the kinds are {', '.join(KINDS)}."
            raise SourceError(msg)
        found.add((kind, key.strip()))
    return frozenset(found)
