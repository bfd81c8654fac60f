"""Plain paired folders: two sibling folders, one blurry and one sharp, paired by name and never by the order of a listing.

Any nesting is found: ``PATH/{blurry,sharp}/…``, ``PATH/{train,test}/{input,target}/…``, ``PATH/<scene>/{blur,gt}/…``. Names are
compared without suffix; where a name says which half it is (``12_blurred.png``, ``12_gt.png``) that word is set aside. Arrays that go
along (blur vectors, PSFs) are read from ``PATH/extras/<name>/<key>.npy``, where ``blurdata synthesize`` and ``convert`` write them,
and meta data from ``PATH/pairs.jsonl``, where ``convert`` writes it, or from ``<sequence>/meta/*.json``, where ``synthesize`` does.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from blurdata.datasets.base import Entry, FilePairs, match_names, number_positions
from blurdata.errors import PairMismatch, SourceError
from blurdata.naming import BLURRY_WORDS, SHARP_WORDS, SPLITS, first_image, name_tokens, some, walk_folders, walk_images
from blurdata.pairs import check_meta
from blurdata.recipe import recipe_id

LIST = "pairs.jsonl"
SYNTHESIS = "synthesis.json"  # with it, a folder is one that `blurdata synthesize` wrote


def open_folders(
    path: str | Path, blurry: str | None = None, sharp: str | None = None, split: str | None = None, unmatched: str = "error"
) -> FilePairs:
    """Open paired folders as a PairSource.

    Args:
        path: A folder that holds the two folders, at any depth and any number of times.
        blurry: Name of the blurry folders; by default one of blurry, blur, blurred, input, lq, lr, blur_gamma.
        sharp: Name of the sharp folders; by default one of sharp, gt, target, groundtruth, ground_truth, hq, clean.
        split: Only the pairs below a folder of this name (``train``, ``val``, ``test``).
        unmatched: ``"error"``, or ``"leave-out"`` to go on without the pictures that have no partner.

    Raises:
        SourceError: If there are no such folders, or it is not clear which of them are meant.
        PairMismatch: If pictures have no partner; the sentence lists them.

    Example:
        >>> from tempfile import mkdtemp
        >>> import numpy as np
        >>> from blurdata.files import write_png
        >>> root = Path(mkdtemp())
        >>> for half in ("blurry", "sharp"):
        ...     write_png(root / half / "a.png", np.zeros((4, 6, 3), np.uint8))
        >>> open_folders(root).keys
        ['a']
    """
    root = Path(path)
    entries: list[Entry] = []
    told: list[str] = []
    for parent in walk_folders(root):
        if split is not None and split not in parent.relative_to(root).parts:
            continue
        blurries, sharps = _halves(parent, blurry, sharp)
        if blurries and sharps:
            found, left_out = _pair_up(root, parent, blurries[0], sharps[0], unmatched)
            entries += found
            told += left_out
        else:
            told += [_lone(root, folder, "sharp" if blurries else "blurry") for folder in blurries + sharps if first_image(folder)]
    if not entries:
        wanted = f" below a folder named '{split}'" if split else ""
        msg = f"{root}: holds no two sibling folders with pairs{wanted}, such as blurry/ and sharp/; name them with ?blurry=…&sharp=…"
        raise SourceError(msg)
    recipe: dict[str, Any] = {"kind": "pairs", "blurry": blurry, "sharp": sharp, "split": split, "unmatched": unmatched}
    made = read_synthesis(root / SYNTHESIS)
    if made:
        recipe["synthesis"] = made
    metas = read_list(root / LIST) or (_marks(entries) if made else {})
    if metas:  # meta data are part of what is packed, so a change of them is another recipe
        recipe["listed"] = recipe_id(metas)
    listed = [replace(entry, meta={**entry.meta, **metas.get(entry.key, {})}) for entry in number_positions(entries)]
    return FilePairs(root, listed, recipe, faults=told)


def read_list(path: Path) -> dict[str, dict[str, Any]]:
    """Meta data by key from lines of JSON such as ``{"key": "a/1", "meta": {"blur_px_p95": 3.0}}``; none if there is no such file.

    Raises:
        SourceError: If a line is something else; it names the line.
    """
    metas: dict[str, dict[str, Any]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read ({error}); remove it to go on without its meta data."
        raise SourceError(msg) from error
    for number, line in enumerate(lines, start=1):
        try:
            item = json.loads(line)
            key, meta = str(item["key"]), dict(item["meta"])
            check_meta(key, meta)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            msg = f'{path}, line {number}: is not {{"key": …, "meta": {{…}}}} ({error}); mend or remove it.'
            raise SourceError(msg) from error
        metas[key] = meta
    return metas


def read_synthesis(path: Path) -> dict[str, Any]:
    """The recipe, with its id, by which ``blurdata synthesize`` made a folder; none if it did not.

    Raises:
        SourceError: If the file is there and cannot be read.
    """
    made = _read_object(path)
    if made.get("format") != "blurdata-synthesis":
        return {}
    return {"recipe_id": made.get("recipe_id"), **dict(made.get("recipe") or {})}


def _marks(entries: Iterable[Entry]) -> dict[str, dict[str, Any]]:
    """Meta data by key from the JSON that ``synthesize`` writes beside each pair; where a pair lies is told by its folder."""
    metas: dict[str, dict[str, Any]] = {}
    for entry in entries:
        path = entry.blurry.parent.parent / "meta" / f"{entry.blurry.stem}.json"
        if meta := _read_object(path):
            metas[entry.key] = {**meta, **{name: entry.meta[name] for name in ("split", "sequence")}, "variant": entry.blurry.parent.name}
            try:
                check_meta(entry.key, metas[entry.key])
            except ValueError as error:
                msg = f"{path}: holds no meta data of a pair ({error}); make the pair again, or remove the file."
                raise SourceError(msg) from error
    return metas


def _read_object(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, TypeError, RecursionError) as error:
        msg = f"{path}: cannot be read ({error}); run blurdata synthesize again, or remove it to go on without its meta data."
        raise SourceError(msg) from error


def _halves(parent: Path, blurry: str | None, sharp: str | None) -> tuple[list[Path], list[Path]]:
    """The blurry and the sharp folder inside ``parent``; where it does not hold both, what there is of either."""
    folders = sorted(folder for folder in parent.iterdir() if folder.is_dir())
    sharps = [folder for folder in folders if _is_half(folder.name, sharp, SHARP_WORDS)]
    blurries = [folder for folder in folders if _is_half(folder.name, blurry, BLURRY_WORDS)]
    for option, found in (("blurry", blurries), ("sharp", sharps)):
        if blurries and sharps and len(found) > 1:
            msg = f"{parent}: {some([folder.name for folder in found])} could each be the {option} half; name one with ?{option}=…"
            raise SourceError(msg)
    return blurries, sharps


def _lone(root: Path, folder: Path, other: str) -> str:
    return f"{folder.relative_to(root).as_posix()}: has no folder of {other} pictures beside it"


def _is_half(name: str, given: str | None, words: tuple[str, ...]) -> bool:
    return name == given if given else name.lower() in words


def _pair_up(root: Path, parent: Path, blurry: Path, sharp: Path, unmatched: str) -> tuple[list[Entry], list[str]]:
    prefix = "" if parent == root else parent.relative_to(root).as_posix() + "/"
    blurry_names, sharp_names = named_images(blurry), named_images(sharp)
    if not set(blurry_names) & set(sharp_names):  # names that say which half they are
        blurry_names, sharp_names = _by_tokens(blurry, blurry_names), _by_tokens(sharp, sharp_names)
    matched, told = match_names(blurry_names, sharp_names, where=parent, unmatched=unmatched)
    parts = prefix.rstrip("/").split("/") if prefix else []
    split = next((part for part in parts if part in SPLITS), None)
    entries = []
    for name, blurry_file, sharp_file in matched:
        key = prefix + name
        scene = "/".join(part for part in key.split("/")[:-1] if part != split)
        meta = {"source": "pairs", "split": split, "scene": scene or None, "sequence": key.rpartition("/")[0]}
        entries.append(Entry(key, blurry_file, sharp_file, meta, _extras(root, key)))
    return entries, [f"{prefix}{sentence}" for sentence in told]


def _extras(root: Path, key: str) -> dict[str, Path]:
    """NumPy files of the arrays that go along with a pair."""
    kinds = sorted(folder for folder in (root / "extras").glob("*") if folder.is_dir())
    return {kind.name: file for kind in kinds if (file := kind / f"{key}.npy").is_file()}


def named_images(folder: Path) -> dict[str, Path]:
    """Pictures under ``folder`` by their relative name without suffix, in natural order.

    Raises:
        PairMismatch: If two files differ in their suffix alone.
    """
    named: dict[str, Path] = {}
    for path in walk_images(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in named:
            msg = f"{folder}: {path.name} and {named[name].name} have one name; remove one of them."
            raise PairMismatch(msg)
        named[name] = path
    return named


def _by_tokens(folder: Path, named: Mapping[str, Path]) -> dict[str, Path]:
    """The same files by the words and numbers of their names that do not say which half they are."""
    renamed: dict[str, Path] = {}
    for name, path in named.items():
        parent, _, stem = name.rpartition("/")
        tokens = "_".join(name_tokens(stem)) or stem
        key = f"{parent}/{tokens}" if parent else tokens
        if key in renamed:
            msg = f"{folder}: {path.name} and {renamed[key].name} would be the same picture '{key}'; rename one of them."
            raise PairMismatch(msg)
        renamed[key] = path
    return renamed
