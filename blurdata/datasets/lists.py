"""Lists of pairs as the authors publish them: one line a pair, ground truth first, paths relative to the set's parent folder."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from blurdata.datasets.base import UNMATCHED, Entry, Triple, check_option
from blurdata.errors import PairMismatch, SourceError
from blurdata.naming import counted, some
from blurdata.paths import too_long

_SHOWN = 120  # characters


class Line(NamedTuple):
    """A line of a list: both names, and where it stands, for errors."""

    sharp: str
    blurry: str
    where: str


def find_list(name: str, places: Sequence[Path]) -> Path | None:
    """The first ``name`` in ``places``, be it a file or what is no list at all, or None."""
    return next((place / name for place in places if os.path.lexists(place / name)), None)


def read_list(path: Path) -> list[Line]:
    """Every line of a list; a trailing blank and a missing last newline are how they are published.

    Raises:
        SourceError: If the file cannot be read, a line is not two names, or a name would leave the folder of the set.
    """
    if not path.is_file():  # a pipe would be waited for
        msg = f"{path}: is no list of pairs but a folder, a link to nothing or the like; put the list there or take it away."
        raise SourceError(msg)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: is no list of pairs that can be read ({error})."
        raise SourceError(msg) from error
    pairs = []
    for number, line in enumerate(lines, start=1):
        names, where = line.split(), f"{path}, line {number}"
        if not names:
            continue
        if len(names) != 2:
            msg = f"{where}: a line names the ground truth and the blurry picture, got '{shown(line.strip())}'."
            raise SourceError(msg)
        for name in names:
            _check_relative(name, where)
        pairs.append(Line(names[0], names[1], where))
    return pairs


def shown(text: str) -> str:
    """A text of a stranger's list as an error repeats it: not whole where it is long."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _check_relative(name: str, where: str) -> None:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or "\x00" in name or (len(name) > 1 and name[1] == ":"):
        msg = f"{where}: '{shown(name)}' points outside the folder of the set; only relative names without '..' are read."
        raise SourceError(msg)
    if too_long(name):
        msg = f"{where}: '{shown(name)}' is longer than the name of a file can be."
        raise SourceError(msg)


def locate(name: str, base: Path, where: str) -> Path:
    """The file that a list's name means below ``base``, whether it is there or not; ``where`` names the line in errors.

    Raises:
        SourceError: If a link on the way leads out of ``base``.
    """
    path = base / name
    inside = os.path.realpath(base)
    if not Path(os.path.realpath(path)).is_relative_to(inside):
        msg = f"{where}: '{name}' is a link that leads outside {base}; put the pictures themselves there."
        raise SourceError(msg)
    return path


def present_pairs(located: Sequence[Triple], *, where: Path, unmatched: str) -> tuple[list[Triple], list[str]]:
    """Those of (key, blurry file, sharp file) whose files exist, and a sentence for each of the others.

    A pair of which *both* halves are missing is a shortfall and only told; one that has lost a half is an error.

    Raises:
        PairMismatch: If a pair has one half and ``unmatched`` is ``"error"``; the sentence lists them.
    """
    check_option("unmatched", unmatched, UNMATCHED)
    there, lone, told = [], {}, []
    for key, blurry, sharp in located:
        has = blurry.is_file(), sharp.is_file()
        if all(has):
            there.append((key, blurry, sharp))
        elif any(has):
            lone[key] = f"has no {'sharp' if has[0] else 'blurry'} half"
        else:
            told.append(f"{key}: is listed and not there")
    if lone and unmatched == "error":
        named = some(f"{key} {lacks}" for key, lacks in lone.items())
        msg = f"{where}: {counted(len(lone), 'pair')} without the other half: {named}; complete the set, or use unmatched=leave-out."
        raise PairMismatch(msg)
    return there, told + [f"{key}: {lacks}" for key, lacks in lone.items()]


def distinct_pairs(entries: Sequence[Entry], *, unmatched: str) -> tuple[list[Entry], list[str]]:
    """The first entry of each key, and a sentence for each that comes again; all of them where ``unmatched`` is ``"error"``.

    Example:
        >>> train, test = (Entry("1", Path("a"), Path("b"), {"split": split}) for split in ("train", "test"))
        >>> [entry.meta["split"] for entry in distinct_pairs([train, test], unmatched="leave-out")[0]]
        ['train']
    """
    if unmatched == "error":
        return list(entries), []
    first: dict[str, Entry] = {}
    told = []
    for entry in entries:
        if first.setdefault(entry.key, entry) is not entry:
            told.append(f"{entry.key}: is listed in '{first[entry.key].meta.get('split')}' and again in '{entry.meta.get('split')}'")
    return list(first.values()), told
