"""Pictures of classes, and how they are parted so that no burst is on both sides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.errors import SourceError
from blurdata.files import list_images, natural_key, read_image
from blurdata.naming import counted, walk_images
from blurdata.paths import user_path
from blurdata.progress import SILENT, Advance

_TRAIN, _TEST = ("train", "training"), ("test", "val", "valid", "validation")
_RUN = 5  # consecutive names that count as one burst, whatever they show
_THUMB = 16
BURST_CODES = 16.0  # 650 photographs of fruits and their neighbours by name: 21 and more; moved by 1 % of the side: 6, by 2 %: 11


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures in memory.

    Args:
        images: (N, side, side, 3) uint8 RGB.
        labels: (N,) numbers of classes.
        names: Where each comes from, unique.
        groups: Runs of consecutive names of a class, five or a whole burst; a run stays on one side of a split and is resampled as one.
        splits: The set's own split of each, ``""`` where it has none.
        classes: Names of the classes, in order: as a Hugging Face set declares them, else by name.
        skipped: Names of pictures that were left out, for they lie in no folder of a class or beside the folders of the splits.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    groups: tuple[str, ...]
    splits: tuple[str, ...]
    classes: tuple[str, ...]
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)


def read_pictures(text: str, *, side: int = 224, advance: Advance = SILENT) -> Pictures:
    """Pictures of ``FOLDER/[SPLIT/]CLASS/…`` or of ``hf:NAME_OR_PATH`` (a Hugging Face set with an image and a label column).

    The shorter side is brought to ``side`` and the middle is cut out; pictures are held in memory, 150 kB each at 224 px. A class
    has all pictures under its folder, at any depth.

    Args:
        text: The folder or set. Splits are folders named train, val, test and the like.
        side: Side in px.
        advance: Called after each picture.

    Raises:
        SourceError: If there are fewer than two classes, or a picture cannot be read.

    Example:
        >>> import tempfile
        >>> from blurdata.files import write_png
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("ripe/1.png", "ripe/2.png", "green/1.png"):
        ...     write_png(folder / name, np.zeros((48, 64, 3), np.uint8))
        >>> pictures = read_pictures(str(folder), side=32)
        >>> pictures.images.shape, pictures.labels, pictures.classes
        ((3, 32, 32, 3), array([0, 1, 1]), ('green', 'ripe'))
    """
    listed, skipped, declared = _of_hugging_face(text[3:]) if text.startswith("hf:") else (*_of_folder(user_path(text)), [])
    there = {label for _, _, label, _ in listed}
    classes = [name for name in declared if name in there] or sorted(there, key=natural_key)
    if len(classes) < 2:
        count = "one class" if classes else "no class"
        msg = f"{text}: holds {count} of pictures; give a folder with one folder of pictures for each class, or hf:NAME."
        raise SourceError(msg)
    images = np.empty((len(listed), side, side, 3), np.uint8)
    for i, (_, _, _, picture) in enumerate(listed):
        images[i] = _square(read_image(picture) if isinstance(picture, Path) else picture(), side)
        advance()
    labels = np.array([classes.index(label) for _, _, label, _ in listed])
    return Pictures(
        images,
        labels,
        tuple(name for name, _, _, _ in listed),
        _groups([(split, label) for _, split, label, _ in listed], images),
        tuple(split for _, split, _, _ in listed),
        tuple(classes),
        tuple(skipped),
    )


def in_order(pictures: Pictures, grades: Sequence[str]) -> Pictures:
    """The same pictures with their classes in another order.

    Args:
        pictures: The pictures.
        grades: All names of their classes.

    Raises:
        SourceError: If these are others than the pictures'.

    Example:
        >>> pictures = Pictures(np.zeros((2, 8, 8, 3), np.uint8), np.array([0, 1]), ("a", "b"), ("a", "b"), ("",) * 2, ("good", "poor"))
        >>> turned = in_order(pictures, ["poor", "good"])
        >>> turned.classes, turned.labels
        (('poor', 'good'), array([1, 0]))
    """
    if sorted(grades) != sorted(pictures.classes):
        msg = f"ordered: names {', '.join(grades)}, the classes are {', '.join(pictures.classes)}; name each of them once, in order."
        raise SourceError(msg)
    places = np.array([grades.index(name) for name in pictures.classes])
    return replace(pictures, labels=places[pictures.labels], classes=tuple(grades))


def own_split(pictures: Pictures) -> tuple[list[int], list[int]] | None:
    """Numbers to train on and to test on by the set's own split, or None where it has none.

    Raises:
        SourceError: If a class is in the test pictures alone.

    Example:
        >>> splits = ("train", "test", "train")
        >>> pictures = Pictures(np.zeros((3, 8, 8, 3), np.uint8), np.zeros(3, int), *[("a", "b", "c")] * 2, splits, ("x",))
        >>> own_split(pictures)
        ([0, 2], [1])
    """
    train = [i for i, split in enumerate(pictures.splits) if split.lower() in _TRAIN]
    test = [i for i, split in enumerate(pictures.splits) if split.lower() == "test"]
    test = test or [i for i, split in enumerate(pictures.splits) if split.lower() in _TEST]
    if not train or not test:
        return None
    unseen = sorted({int(label) for label in pictures.labels[test]} - {int(label) for label in pictures.labels[train]})
    if unseen:
        names = ", ".join(f"'{pictures.classes[label]}'" for label in unseen)
        msg = f"Only the test pictures hold {names}, so no network can learn it; add some to train on, or leave it out."
        raise SourceError(msg)
    return train, test


def folds(pictures: Pictures, count: int) -> list[tuple[list[int], list[int]]]:
    """``count`` ways to train and test: whole runs of names, in turn, so that each picture is tested once.

    Raises:
        SourceError: If a class has fewer runs than folds.

    Example:
        >>> runs = tuple(f"{label} {run}" for label in "ab" for run in range(2) for _ in range(3))
        >>> names = tuple(f"{i}" for i in range(12))
        >>> pictures = Pictures(np.zeros((12, 8, 8, 3), np.uint8), np.repeat([0, 1], 6), names, runs, ("",) * 12, ("a", "b"))
        >>> [test for train, test in folds(pictures, 2)]
        [[0, 1, 2, 6, 7, 8], [3, 4, 5, 9, 10, 11]]
    """
    by_class = [
        list(dict.fromkeys(group for group, own in zip(pictures.groups, pictures.labels, strict=True) if own == label))
        for label in range(len(pictures.classes))
    ]
    fewest, name = min((len(runs), name) for runs, name in zip(by_class, pictures.classes, strict=True))
    if fewest < count:
        msg = (
            f"Class '{name}' has {counted(fewest, 'run')} of names ({_RUN}, or a whole burst), too few for {count} folds; "
            f"give it more pictures, part the set by folders train and test (and folds: 1)"
            + (f", or set folds: {fewest} in the recipe." if fewest > 1 else ".")
        )
        raise SourceError(msg)
    fold = np.zeros(len(pictures), int)
    for label, runs in enumerate(by_class):
        part = {run: i * count // len(runs) for i, run in enumerate(runs)}  # neighbouring runs stay together
        for i, group in enumerate(pictures.groups):
            if pictures.labels[i] == label:
                fold[i] = part[group]
    return [([i for i in range(len(pictures)) if fold[i] != k], [i for i in range(len(pictures)) if fold[i] == k]) for k in range(count)]


def nearest_across(pictures: Pictures, train: Sequence[int], test: Sequence[int]) -> NDArray[np.float64]:
    """For each test picture, the root mean square difference in codes to the training picture most like it, as thumbnails of 16 px.

    Copies and bursts on both sides show as values below ``BURST_CODES``; random photographs of one class lie around 40.

    Example:
        >>> images = np.random.default_rng(0).integers(0, 255, (3, 32, 32, 3), np.uint8)
        >>> images[2] = images[0]  # a copy, on the other side
        >>> pictures = Pictures(images, np.array([0, 1, 0]), ("a", "b", "c"), ("a", "b", "c"), ("",) * 3, ("x", "y"))
        >>> nearest_across(pictures, train=[0, 1], test=[2])
        array([0.])
    """
    values = _thumbs(pictures.images).astype(np.float64)
    squares = (values**2).sum(axis=1)
    distances = squares[list(test), None] + squares[None, list(train)] - 2 * values[list(test)] @ values[list(train)].T
    return np.asarray(np.sqrt(np.maximum(distances.min(axis=1), 0) / values.shape[1]), np.float64)


Listed = tuple[str, str, str, Path | Callable[[], NDArray[np.uint8]]]


def _of_folder(root: Path) -> tuple[list[Listed], list[str]]:
    """Name, split, class and file of every picture, and the names of those that belong to no class."""
    if not root.is_dir():
        msg = f"{root}: there is no such folder; give one with a folder of pictures for each class."
        raise SourceError(msg)
    inner = _folders(root)
    by_split = [folder for folder in inner if folder.name.lower() in _TRAIN + _TEST]
    found: list[Listed] = []
    skipped = list_images(root)
    for folder in by_split or [root]:
        split = folder.name if by_split else ""
        for label in _folders(folder):
            found += [(path.relative_to(root).as_posix(), split, label.name, path) for path in walk_images(label)]
    for folder in inner if by_split else []:
        skipped += list_images(folder) if folder in by_split else walk_images(folder)
    return found, [path.relative_to(root).as_posix() for path in skipped]


def _folders(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")), key=natural_key)


def _of_hugging_face(name: str) -> tuple[list[Listed], list[str], list[str]]:
    """The same of the rows of a set, and its classes in the order that it declares, if any.

    Rows without a label, as the hidden ones of a contest, belong to no class.
    """
    from datasets import ClassLabel, DatasetDict, Image, load_dataset, load_from_disk

    if not name:
        msg = "hf: names no set; give hf:NAME, or hf:FOLDER of one that was saved to disk."
        raise SourceError(msg)
    try:
        loaded = load_from_disk(name) if Path(name).is_dir() and any(Path(name).glob("dataset*.json")) else load_dataset(name)
    except (OSError, ValueError) as error:
        msg = f"hf:{name}: cannot be loaded ({error})."
        raise SourceError(msg) from error
    parts = dict(loaded) if isinstance(loaded, DatasetDict) else {"": loaded}
    found: list[Listed] = []
    skipped, declared = list[str](), list[str]()
    for split, rows in parts.items():
        image = next((column for column, kind in rows.features.items() if isinstance(kind, Image)), None)
        label = next((column for column, kind in rows.features.items() if isinstance(kind, ClassLabel) or column == "label"), None)
        if image is None or label is None:
            msg = f"hf:{name}: needs an image column and a label column, has {', '.join(rows.features)}."
            raise SourceError(msg)
        names = rows.features[label].names if isinstance(rows.features[label], ClassLabel) else None
        declared += [one for one in names or () if one not in declared]
        for i, value in enumerate(rows[label]):
            key = f"{split}/{i:06d}"
            if value is None or (names and value < 0):
                skipped.append(key)
            else:
                found.append(
                    (key, str(split), names[value] if names else str(value), partial(_decoded, rows, i, image, f"hf:{name}, {key}"))
                )
    return found, skipped, declared


def _decoded(rows: Any, number: int, column: str, where: str) -> NDArray[np.uint8]:
    """The picture of a row."""
    try:
        picture = rows[number][column]
    except (OSError, ValueError, SyntaxError) as error:  # Pillow's for what is damaged
        msg = f"{where}: its picture cannot be read ({error}); mend the set, or leave the row out."
        raise SourceError(msg) from error
    if picture is None:
        msg = f"{where}: has a label and no picture; leave the row out."
        raise SourceError(msg)
    return np.asarray(picture.convert("RGB"))


def _square(picture: NDArray[np.generic], side: int) -> NDArray[np.uint8]:
    """The middle of the picture, (side, side, 3) uint8."""
    codes = picture if picture.dtype == np.uint8 else (picture.astype(np.float32) / 257).round().astype(np.uint8)
    height, width = codes.shape[:2]
    if (height, width) != (side, side):
        least = min(height, width)
        top, left = (height - least) // 2, (width - least) // 2
        how = cv2.INTER_AREA if least > side else cv2.INTER_CUBIC
        codes = cv2.resize(np.ascontiguousarray(codes[top : top + least, left : left + least]), (side, side), interpolation=how)
    return np.asarray(codes, np.uint8)


def _thumbs(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(N, 768) small copies, by which pictures are told to be alike."""
    small = [cv2.resize(image, (_THUMB, _THUMB), interpolation=cv2.INTER_AREA) for image in images]
    return np.asarray(small, np.uint8).reshape(len(images), -1)


def _groups(places: Sequence[tuple[str, str]], images: NDArray[np.uint8]) -> tuple[str, ...]:
    """The run of each picture, from the split and class of the pictures in the order of their names; a burst is not cut."""
    thumbs = _thumbs(images).astype(np.float32)
    seen: dict[tuple[str, str], tuple[int, int, int]] = {}  # pictures so far, the run of the last of them, its number
    found = []
    for i, place in enumerate(places):
        count, run, last = seen.get(place, (0, 0, i))
        if count and count % _RUN == 0 and np.sqrt(np.mean((thumbs[i] - thumbs[last]) ** 2)) >= BURST_CODES:
            run += 1
        seen[place] = (count + 1, run, i)
        found.append("/".join((*place, str(run))))
    return tuple(found)
