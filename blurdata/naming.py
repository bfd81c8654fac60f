"""How are the pictures of a published set named, and which names mean the same picture?

The same picture is ``GOPR0384_11_00/sharp/000001.png`` in one layout, ``GOPR0384_11_00-000001.png`` in another, and its restored
version ``scene001_blur_1.png`` belongs to ``scene001/gt/gt_1.png``. What they share are the words and numbers that do not say
which half of a pair the file is: its *name tokens*.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from blurdata.errors import SourceError
from blurdata.files import IMAGE_SUFFIXES, UNREAD_SUFFIXES, is_image, natural_key

BLURRY_WORDS = ("blurry", "blur", "blurred", "input", "lq", "lr", "blur_gamma")
SHARP_WORDS = ("sharp", "gt", "target", "groundtruth", "ground_truth", "hq", "clean")
RESTORED_WORDS = ("restored", "restoration", "deblurred", "deblur", "output", "out", "result", "results", "pred", "prediction")
GOPRO_NAME = re.compile(r"(GOPR\d+)_(\d+)_(\d+)")  # GOPRxxxx_yy_zz: yy frames were averaged, zz is a counter
SPLITS = ("train", "val", "valid", "validation", "test")
_ROLE_TOKENS = {word for words in (BLURRY_WORDS, SHARP_WORDS, RESTORED_WORDS) for name in words for word in name.split("_")}

Tokens = tuple[str, ...]


def name_tokens(name: str) -> Tokens:
    """Words and numbers of a relative name, without its suffix and without words that say which half of a pair it is.

    Numbers lose their leading zeros; case does not count.

    Example:
        >>> name_tokens("scene001_blur_1.png") == name_tokens("scene001/gt/gt_1.png") == ("scene001", "1")
        True
        >>> name_tokens("GOPR0384_11_00/sharp/000001.png") == name_tokens("GOPR0384_11_00-000001.png")
        True
    """
    stem = str(Path(name).with_suffix("")) if Path(name).suffix.lower() in IMAGE_SUFFIXES else name
    words = [word for word in re.split(r"[^0-9a-z]+", stem.lower()) if word]
    kept = [word for word in words if word not in _ROLE_TOKENS]
    return tuple(word.lstrip("0") or "0" if word.isdigit() else word for word in kept)


def walk_images(folder: Path) -> list[Path]:
    """Every picture under ``folder``, at any depth, in natural order; hidden ones are skipped, links that lead back up too.

    Raises:
        SourceError: If ``folder`` cannot be listed.
    """
    found = [path for inside, names in _walk(folder) for name in names if is_image(path := inside / name)]
    return sorted(found, key=lambda path: natural_key(path.relative_to(folder).as_posix()))


def count_unread(folder: Path) -> int:
    """How many pictures under ``folder``, at any depth, are of kinds that are not read, such as HEIC; hidden ones are skipped.

    Raises:
        SourceError: If ``folder`` cannot be listed.
    """
    return sum(name.lower().endswith(UNREAD_SUFFIXES) and not name.startswith(".") for _, names in _walk(folder) for name in names)


def first_image(folder: Path) -> Path | None:
    """The picture under ``folder`` that is met first, or None; no more is listed than that takes.

    Raises:
        SourceError: If ``folder`` cannot be listed.
    """
    return next((path for inside, names in _walk(folder) for name in sorted(names) if is_image(path := inside / name)), None)


def walk_folders(folder: Path) -> list[Path]:
    """``folder`` and every folder under it, in natural order; hidden ones are skipped, links that lead back up too.

    Raises:
        SourceError: If ``folder`` cannot be listed.
    """
    return sorted((inside for inside, _ in _walk(folder)), key=lambda path: natural_key(path.relative_to(folder).as_posix()))


def _walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    if not folder.is_dir():
        msg = f"{folder}: there is no such folder; check the path."
        raise SourceError(msg)
    for inside, folders, names in os.walk(folder, followlinks=True, onerror=_refuse):
        here = Path(inside)
        folders[:] = [name for name in folders if not name.startswith(".") and not _leads_back(here / name, folder)]
        yield here, names


def _leads_back(path: Path, top: Path) -> bool:
    """Whether a linked folder holds a folder on the way to it, so that it would be walked for ever."""
    if not path.is_symlink():
        return False
    target = path.resolve()
    way = [parent for parent in path.parents if parent == top or parent.is_relative_to(top)]
    return any(parent.resolve().is_relative_to(target) for parent in way)


def _refuse(error: OSError) -> None:
    msg = f"{error.filename}: cannot be listed ({error.strerror})."
    raise SourceError(msg) from error


def counted(number: int, noun: str) -> str:
    """A number of things in words.

    Example:
        >>> counted(1, "fault"), counted(0, "fault")
        ('1 fault', '0 faults')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def without_folders(text: str) -> str:
    """A source's text that may be published: of every absolute path only the last name.

    Example:
        >>> without_folders("video:/home/me/ride.mp4?recipe=/home/me/mine.yaml"), without_folders("hf:owner/name")
        ('video:ride.mp4?recipe=mine.yaml', 'hf:owner/name')
    """
    return re.sub(r"(?<=[:=])/[^:?&=]*/(?=[^:?&=/])", "", text)


def some(names: Iterable[str], limit: int = 10) -> str:
    """The first few of a list of names, for a sentence.

    Example:
        >>> some(["a", "b", "c"], limit=2)
        'a, b and 1 more'
    """
    listed = list(names)
    rest = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + rest
