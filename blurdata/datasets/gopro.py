"""GoPro (Nah et al., CVPR 2017): two sets under one name, so the variant must be named.

``blur`` is the plain mean of code values (MPRNet, Restormer and most others train on it), ``blur_gamma`` the mean in light under
gamma 2.2 (the paper and DeepDeblur). Layouts: ``{train,test}/<sequence>/{blur,blur_gamma,sharp}/%06d.png`` as published, and
``{train,test}/{input,target}/<sequence>-%06d.png`` as MPRNet flattens it (which holds one variant without saying which).
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from blurdata.datasets.base import (
    Entry,
    FilePairs,
    Triple,
    check_option,
    lone_halves,
    match_names,
    number_positions,
    readable,
    split_folders,
)
from blurdata.datasets.folders import named_images
from blurdata.errors import SourceError
from blurdata.files import read_image
from blurdata.naming import GOPRO_NAME, some

PUBLISHED = {"train": 2103, "test": 1111}
CURVES = {"blur": "linear", "blur_gamma": "gamma22"}  # in which the frames were averaged
_FPS = 240
_SAMPLE = 12  # frames that are read to compare the variants
# training sequences: pairs and first number; numbers run on without gaps
_TRAIN = {
    "GOPR0372_07_00": (100, 47), "GOPR0372_07_01": (75, 601), "GOPR0374_11_00": (150, 1), "GOPR0374_11_01": (80, 203),
    "GOPR0374_11_02": (100, 541), "GOPR0374_11_03": (48, 2481), "GOPR0378_13_00": (110, 41), "GOPR0379_11_00": (100, 188),
    "GOPR0380_11_00": (60, 134), "GOPR0384_11_01": (100, 951), "GOPR0384_11_02": (100, 1301), "GOPR0384_11_03": (100, 2101),
    "GOPR0384_11_04": (100, 2801), "GOPR0385_11_00": (100, 101), "GOPR0386_11_00": (100, 247), "GOPR0477_11_00": (80, 1),
    "GOPR0857_11_00": (100, 1), "GOPR0868_11_01": (100, 221), "GOPR0868_11_02": (100, 681), "GOPR0871_11_01": (100, 181),
    "GOPR0881_11_00": (100, 1), "GOPR0884_11_00": (100, 186),
}  # fmt: skip


class GoProPairs(FilePairs):
    """GoPro as a PairSource that looks whether its two variants are what their folders say."""

    @cached_property
    def _variants(self) -> list[str]:
        """A mean taken in light is never darker than the mean of the same codes, at any pixel (Jensen), so swapped folders show."""
        step = max(len(self.entries) // _SAMPLE, 1)
        files = [entry.blurry for entry in self.entries[::step]]
        both = [tuple(file.parents[1] / variant / file.name for variant in ("blur", "blur_gamma")) for file in files]
        gains = [_mean(gamma) - _mean(plain) for plain, gamma in both if readable((plain, gamma))]
        if gains and not any(gains):
            return ["the folders blur/ and blur_gamma/ hold the same pictures"]
        return ["the folders blur/ and blur_gamma/ are swapped: blur_gamma is the darker one"] if gains and np.median(gains) < 0 else []

    def faults(self) -> list[str]:
        """What is wrong on disk, and with the two variants where both are there."""
        return super().faults() + self._variants


def _mean(path: Path) -> float:
    return float(read_image(path).mean())


def open_gopro(path: str | Path, variant: str, split: str | None = None, unmatched: str = "error") -> GoProPairs:
    """Open GoPro as a PairSource.

    Args:
        path: The folder ``GOPRO_Large`` (or one of its splits), or MPRNet's flattened one.
        variant: ``"blur"`` or ``"blur_gamma"``; there is no default because they are two data sets.
        split: ``"train"`` or ``"test"``; by default both.
        unmatched: ``"error"``, or ``"leave-out"`` to go on without frames that lost a half.

    Raises:
        SourceError: If the variant is not named or not there, or the folder is laid out in no known way.
        PairMismatch: If frames have lost a half; the sentence lists them.

    Example:
        >>> from tempfile import mkdtemp
        >>> import numpy as np
        >>> from blurdata.files import write_png
        >>> root = Path(mkdtemp())
        >>> for half in ("blur", "blur_gamma", "sharp"):
        ...     write_png(root / "train" / "GOPR0372_07_00" / half / "000047.png", np.zeros((4, 6, 3), np.uint8))
        >>> source = open_gopro(root, variant="blur_gamma", split="train")
        >>> source.keys, source.summary()["published_train"]
        (['GOPR0372_07_00/000047'], 2103)
    """
    check_option("variant", variant, CURVES)
    root = Path(path)
    entries: list[Entry] = []
    told: list[str] = []
    found = split_folders(root, ("train", "test"), split)
    for name, folder in found:
        flat = _flat_halves(folder)
        pairs, left_out = _flattened(folder, *flat, unmatched) if flat else _nested(folder, variant, unmatched)
        entries += [_entry(key, blurry, sharp, name, variant, several=len(found) > 1) for key, blurry, sharp in pairs]
        told += left_out
    recipe = {"kind": "gopro", "variant": variant, "split": split, "unmatched": unmatched}
    opened = split or (found[0][0] if found[0][1] == root else None)  # a folder of one split is that split's, not half a set
    published = {name: PUBLISHED[name] for name in ([opened] if opened else PUBLISHED)}
    return GoProPairs(root, number_positions(entries), recipe, published=published, lacking=_short_sequences(entries), faults=told)


def _flat_halves(folder: Path) -> tuple[Path, Path] | None:
    for base in (folder, folder / "GoPro"):
        if (base / "input").is_dir() and (base / "target").is_dir():
            return base / "input", base / "target"
    return None


def _flattened(folder: Path, blurry: Path, sharp: Path, unmatched: str) -> tuple[list[Triple], list[str]]:
    pairs, told = match_names(named_images(blurry), named_images(sharp), where=folder, unmatched=unmatched)
    return [(_unflattened(name), a, b) for name, a, b in pairs], told


def _unflattened(name: str) -> str:
    """``GOPR0884_11_00-000285`` back to ``GOPR0884_11_00/000285``."""
    sequence, dash, number = name.rpartition("-")
    return f"{sequence}/{number}" if dash and GOPRO_NAME.fullmatch(sequence) else name


def _nested(folder: Path, variant: str, unmatched: str) -> tuple[list[Triple], list[str]]:
    sequences = sorted(inside for inside in folder.iterdir() if (inside / "sharp").is_dir())
    if not sequences:
        msg = f"{folder}: holds no sequences with a folder sharp/ and no input/ beside target/; give the folder GOPRO_Large."
        raise SourceError(msg)
    lacking = [inside.name for inside in sequences if not (inside / variant).is_dir()]
    if lacking:
        msg = f"{folder}: {len(lacking)} sequences have no folder {variant}/ ({some(lacking)}); complete them or name the other variant."
        raise SourceError(msg)
    pairs: list[Triple] = []
    told = lone_halves(sorted(folder.iterdir()), variant, "sharp", folder)
    for inside in sequences:
        matched, left_out = match_names(named_images(inside / variant), named_images(inside / "sharp"), where=inside, unmatched=unmatched)
        pairs += [(f"{inside.name}/{name}", blurry, sharp) for name, blurry, sharp in matched]
        told += [f"{inside.name}/{sentence}" for sentence in left_out]
    return pairs, told


def _entry(key: str, blurry: Path, sharp: Path, split: str | None, variant: str, *, several: bool) -> Entry:
    sequence = key.rpartition("/")[0]
    parts = GOPRO_NAME.fullmatch(sequence)
    meta: dict[str, Any] = {"source": "gopro", "split": split, "variant": variant, "curve": CURVES[variant]}
    meta |= {"scene": sequence or None, "sequence": sequence}
    if parts:
        meta |= {"frames_averaged": int(parts[2]), "exposure_s": int(parts[2]) / _FPS}
    return Entry(f"{split}/{key}" if several else key, blurry, sharp, meta)


def _short_sequences(entries: list[Entry]) -> list[str]:
    """A sentence for every training sequence that is there and lacks published numbers."""
    numbers: dict[str, set[int]] = {}
    for entry in entries:
        sequence, _, number = entry.key.rpartition("/")
        if number.isdigit():
            numbers.setdefault(sequence.rpartition("/")[2], set()).add(int(number))
    told = []
    for sequence, (count, first) in _TRAIN.items():
        missing = sorted(set(range(first, first + count)) - numbers.get(sequence, set()))
        if missing and sequence in numbers:
            names = some([f"{number:06d}" for number in missing], limit=6)
            told.append(f"{sequence}: lacks {len(missing)} of the {count} published pairs ({names})")
    return told
