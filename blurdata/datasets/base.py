"""What every published set has in common: a list of file pairs, with counts that are checked against the published ones."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata.errors import PairMismatch, SourceError
from blurdata.files import fingerprint_files, image_bytes, read_image
from blurdata.naming import counted, some
from blurdata.pairs import Pair, PairSource, check_key

Triple = tuple[str, Path, Path]  # name or key, blurry file, sharp file
UNMATCHED = ("error", "leave-out")  # what happens to pictures without a partner


@dataclass(frozen=True)
class Entry:
    """One pair on disk: its key, its two files, what is known of it without opening them, and NumPy files of arrays that go along."""

    key: str
    blurry: Path
    sharp: Path
    meta: Mapping[str, Any] = field(default_factory=dict)
    extras: Mapping[str, Path] = field(default_factory=dict)


class FilePairs(PairSource):
    """A PairSource over picture files.

    Args:
        root: The folder that names are relative to.
        entries: The pairs, in order.
        recipe: What was asked for (kind, variant, split), JSON-able.
        published: Pairs per split as the authors state them, for the splits that were asked for; ``{}`` where nothing is published.
        lacking: Sentences about what is short of the published set beyond the counts of splits.
        faults: Sentences about what is wrong with the set, beside a shortfall.

    Raises:
        SourceError: If there are no pairs, a key appears twice or is no clean relative name.
    """

    def __init__(
        self,
        root: Path,
        entries: Sequence[Entry],
        recipe: Mapping[str, Any],
        *,
        published: Mapping[str, int] | None = None,
        lacking: Sequence[str] = (),
        faults: Sequence[str] = (),
    ) -> None:
        if not entries:
            why = f" ({some(faults)})" if faults else ""
            msg = f"{root}: holds no pairs of the kind '{recipe['kind']}'{why}; check the path and the options."
            raise SourceError(msg)
        self.root, self.entries, self.recipe = root, list(entries), dict(recipe)
        self.published, self._lacking, self._faults = dict(published or {}), list(lacking), list(faults)
        self._keys = [entry.key for entry in entries]
        check_keys(root, self._keys)

    @property
    def keys(self) -> Sequence[str]:
        """Keys in order; known without opening a picture."""
        return self._keys

    def __getitem__(self, index: int) -> Pair:
        """The pair at ``index``, read from its files."""
        entry = self.entries[index]
        extras = {name: _array(path) for name, path in entry.extras.items()}
        return Pair(entry.key, read_image(entry.blurry), read_image(entry.sharp), entry.meta, extras)

    def nbytes(self, index: int) -> int:
        """Raw bytes of both halves, from the headers of the two files."""
        entry = self.entries[index]
        return image_bytes(entry.blurry) + image_bytes(entry.sharp)

    def fingerprint(self) -> str:
        """Hash over names and contents of all files."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        return fingerprint_files(
            (path for entry in self.entries for path in (entry.blurry, entry.sharp, *entry.extras.values())), root=self.root
        )

    def counts(self) -> dict[str, int]:
        """Pairs per split; the split is ``"all"`` where the set has none."""
        return dict(Counter(str(entry.meta.get("split") or "all") for entry in self.entries))

    def shortfall(self) -> list[str]:
        """A sentence for every split that has another number of pairs than the published one, and what else is known to lack."""
        counts = self.counts()
        return [
            f"split '{split}' has {counts.get(split, 0)} of the published {total} pairs ({total - counts.get(split, 0)} missing)"
            if counts.get(split, 0) < total
            else f"split '{split}' has {counts[split]} pairs, more than the published {total}"
            for split, total in self.published.items()
            if counts.get(split, 0) != total
        ] + self._lacking

    def faults(self) -> list[str]:
        """Sentences about what is wrong with the set as it lies on disk, without the shortfall."""
        return list(self._faults)

    def summary(self) -> Mapping[str, Any]:
        """Pairs and scenes by split, the published counts, what is short of them, and faults."""
        scenes = {(entry.meta.get("split"), entry.meta.get("scene")) for entry in self.entries if entry.meta.get("scene")}
        told: dict[str, Any] = {"pairs": len(self), "scenes": len(scenes)}
        told |= {f"pairs_{split}": count for split, count in sorted(self.counts().items())}
        told |= {f"published_{split}": count for split, count in sorted(self.published.items())}
        return told | {"shortfall": self.shortfall(), "faults": self.faults()}


def check_keys(where: object, keys: Iterable[str]) -> None:
    """Raise SourceError unless keys are clean relative names, each once; ``where`` names the set."""
    counts = Counter(keys)
    try:
        for key in counts:
            check_key(key)
    except ValueError as error:
        msg = f"{where}: {error}"
        raise SourceError(msg) from error
    twice = [key for key, count in counts.items() if count > 1]
    if twice:
        msg = f"{where}: {counted(len(twice), 'pair')} listed twice: {some(twice)}; leave one of each out."
        raise SourceError(msg)


def readable(paths: Iterable[Path]) -> bool:
    """Whether pictures can be read, for looks at a few of a set; who reads every pair tells which cannot."""
    try:
        for path in paths:
            read_image(path)
    except SourceError:
        return False
    return True


def _array(path: Path) -> NDArray[Any]:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        msg = f"{path}: is no whole NumPy file; make it again or delete it."
        raise SourceError(msg) from error
    return np.asarray(array)


def number_positions(entries: Iterable[Entry]) -> list[Entry]:
    """Entries with ``position`` set: their order within the run that ``sequence`` names, from 0."""
    seen: Counter[str] = Counter()
    placed = []
    for entry in entries:
        sequence = str(entry.meta["sequence"])
        placed.append(replace(entry, meta={**entry.meta, "position": seen[sequence]}))
        seen[sequence] += 1
    return placed


def match_names(blurry: Mapping[str, Path], sharp: Mapping[str, Path], *, where: Path, unmatched: str) -> tuple[list[Triple], list[str]]:
    """Pair two folders' files by name.

    Args:
        blurry: Names to files of the blurry half, in order.
        sharp: The same of the sharp half.
        where: For the error.
        unmatched: ``"error"``, or ``"leave-out"``: go on without them and say so.

    Returns:
        (name, blurry file, sharp file) in the order of ``blurry``, and one sentence for each name without a partner.

    Raises:
        PairMismatch: If names are unmatched and ``unmatched`` is ``"error"``; the sentence lists them.
    """
    check_option("unmatched", unmatched, UNMATCHED)
    only_blurry = [name for name in blurry if name not in sharp]
    only_sharp = [name for name in sharp if name not in blurry]
    told = [f"{name}: has no sharp half" for name in only_blurry] + [f"{name}: has no blurry half" for name in only_sharp]
    if told and unmatched == "error":
        sides = [
            f"{counted(len(names), f'{half} picture')} without a {other} half ({some(names)})"
            for names, half, other in ((only_blurry, "blurry", "sharp"), (only_sharp, "sharp", "blurry"))
            if names
        ]
        msg = f"{where}: {'; '.join(sides)}; complete the set, or leave these out with unmatched=leave-out."
        raise PairMismatch(msg)
    return [(name, path, sharp[name]) for name, path in blurry.items() if name in sharp], told


def lone_halves(folders: Iterable[Path], half: str, other: str, root: Path) -> list[str]:
    """A sentence for each folder that holds the folder ``half`` and not ``other``, for none of its pictures makes a pair."""
    alone = [folder for folder in folders if (folder / half).is_dir() and not (folder / other).is_dir()]
    return [f"{'' if folder == root else folder.relative_to(root).as_posix() + '/'}{half}: has no {other}/ beside it" for folder in alone]


def check_option(name: str, value: object, allowed: Iterable[str | None]) -> None:
    """Raise SourceError unless ``value`` is one of ``allowed``."""
    choices = list(allowed)
    if value not in choices:
        msg = f"Option '{name}' must be one of {', '.join(choice for choice in choices if choice)}, got {value!r}."
        raise SourceError(msg)


def split_folders(root: Path, splits: Sequence[str], split: str | None) -> list[tuple[str | None, Path]]:
    """(split, folder) of the splits that lie in ``root``; ``root`` itself where it is one split.

    Args:
        root: A set's folder, or the folder of one split.
        splits: Names of the folders.
        split: The one that is wanted, or None for all that are there.

    Raises:
        SourceError: If ``root`` or the wanted split is not there.
    """
    if split is not None:
        check_option("split", split, splits)
    if not root.is_dir():
        msg = f"{root}: there is no such folder; check the path."
        raise SourceError(msg)
    there: list[tuple[str | None, Path]] = [(name, root / name) for name in splits if (root / name).is_dir()]
    if not there:
        own = root.name if root.name in splits else None
        if split is None or own in (split, None):
            return [(split or own, root)]
    wanted = [(name, folder) for name, folder in there if split in (None, name)]
    if not wanted:
        msg = f"{root}: has no folder of the split '{split}'; there are {some([str(name) for name, _ in there]) or 'none'}."
        raise SourceError(msg)
    return wanted
