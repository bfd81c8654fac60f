"""Where do sharp frames come from: a video, a folder of pictures, or arrays, all read forwards and numbered from 0.

A :class:`Film` is one run of frames of one size. It can be pickled and opened again in any process.
"""

import hashlib
import re
import statistics
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.errors import SourceError
from blurdata.files import count_channels, count_pages, fingerprint_files, list_images, read_image
from blurdata.pairs import Image, not_rgb

Grey = NDArray[np.uint8] | NDArray[np.uint16]
_CHANNELS = {1: "grey", 2: "grey with transparency", 3: "in colour", 4: "in colour with transparency"}


@dataclass(frozen=True)
class Scan:
    """One frame as the analysis pass sees it.

    Args:
        grey: (H, W) uint8 or uint16 brightness, upright, as deep as the frame.
        time_s: When the container says it is shown, or None.
        pts: Its time stamp in the container's own units, or None.
        key: Whether decoding can start here.
        bits: 8 or 16, of the frame that is read.
    """

    grey: Grey
    time_s: float | None = None
    pts: int | None = None
    key: bool = True
    bits: int = 8


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """Where to enter a video: the rising time stamps of its frames, and the frames at which decoding can start; both may be empty."""

    pts: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    keys: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))


class Film(ABC):
    """One run of frames of one size and depth.

    Attributes:
        name: Stem of the sequence names.
        place: What a message calls it: the path, where there is one.
        split: ``train``, ``test`` … where the tree says so, else ``""``.
        fps: Frames per second that the file states, or None.
        rate_unknown: Whether it is a video that states none, as raw streams (.h264) may; then no recipe's ``folder_fps`` is meant for it.
        length: Number of frames, where it is known before reading.
        notes: What a reader should know of the file: colour matrix, range, rotation, mirroring, pixels that are not square, codec. Flat and
            JSON-able; part of each pair's meta.
    """

    name: str
    place: str = "the frames"
    split: str = ""
    fps: float | None = None
    rate_unknown: bool = False
    length: int | None = None

    @property
    def full_name(self) -> str:
        """The name behind its split, which every key of its pairs begins with."""
        return f"{self.split}/{self.name}" if self.split else self.name

    @property
    def notes(self) -> dict[str, str | int | float]:
        """What the frames are converted from; those of folders and arrays are RGB already."""
        return {"color_matrix": "rgb", "color_range": "full", "rotation_deg": 0, "mirrored": False}

    def gaps(self) -> list[int]:
        """Frames before which frames are missing or another take begins, by the names of their files."""
        return []

    @abstractmethod
    def scan(self) -> Iterator[Scan]:
        """Every frame for the analysis pass."""

    @abstractmethod
    def read(self, start: int, stop: int, index: FrameIndex) -> Iterator[Image]:
        """Frames ``start`` to ``stop`` (excluded), RGB, as near to ``start`` as the film can be entered."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Hex hash of the content."""


class ArrayFilm(Film):
    """Frames in memory."""

    def __init__(self, frames: Sequence[Image] | NDArray[np.uint8] | NDArray[np.uint16]) -> None:
        self.name = "frames"
        self._frames = list(frames)
        if not self._frames:
            msg = "There are no frames; give a list of (H, W, 3) uint8 or uint16 arrays."
            raise ValueError(msg)
        self.length = len(self._frames)
        first = self._frames[0]
        for number, frame in enumerate(self._frames):
            if why := not_rgb(frame):
                msg = f"Frame {number} {why}"
                raise ValueError(msg)
            if frame.shape != first.shape or frame.dtype != first.dtype:
                msg = f"Frame {number} is {frame.dtype} {frame.shape}, the first is {first.dtype} {first.shape}; all must agree."
                raise ValueError(msg)

    def scan(self) -> Iterator[Scan]:
        """Every frame in grey."""
        for frame in self._frames:
            yield Scan(brightness_of(frame), bits=8 * frame.itemsize)

    def read(self, start: int, stop: int, index: FrameIndex) -> Iterator[Image]:
        """The frames themselves."""
        yield from (np.ascontiguousarray(frame) for frame in self._frames[start:stop])

    def fingerprint(self) -> str:
        """Hash over all pixels."""
        total = hashlib.blake2b(digest_size=16)
        for frame in self._frames:
            total.update(f"{frame.dtype}{frame.shape}".encode() + np.ascontiguousarray(frame).tobytes())
        return total.hexdigest()


class FolderFilm(Film):
    """Pictures of one folder in natural order.

    Raises:
        SourceError: If there are none, or two files of one stem, as a PNG and a JPEG of the same frame.
    """

    def __init__(self, folder: Path) -> None:
        self.name = (folder.name if folder.name.strip(".") else folder.resolve().name) or "frames"
        self._folder, self.place = folder, str(folder)
        self._paths = list_images(folder)
        if not self._paths:
            msg = f"{folder}: holds no pictures; give a folder of PNG, JPEG or TIFF frames, or a video."
            raise SourceError(msg)
        if twice := _same_stem(self._paths):
            msg = f"{folder}: holds {twice[0].name} and {twice[1].name}, and a frame is one file; leave one kind of file in the folder."
            raise SourceError(msg)
        self.length = len(self._paths)

    def scan(self) -> Iterator[Scan]:
        """Every frame in grey; a file of several pages is an error, for it is not one frame, and so is one of other channels."""
        channels = count_channels(self._paths[0])
        for path, frame in zip(self._paths, self.read(0, len(self._paths), FrameIndex()), strict=True):
            if (pages := count_pages(path)) > 1:
                msg = f"{path}: holds {pages} pages, and a frame is a file of its own; split it into files of one page each first."
                raise SourceError(msg)
            if (here := count_channels(path)) != channels:
                msg = (
                    f"{path}: is {_CHANNELS[here]}, but {self._paths[0].name} is {_CHANNELS[channels]}; "
                    "the frames of one folder must agree, convert it."
                )
                raise SourceError(msg)
            yield Scan(brightness_of(frame), bits=8 * frame.itemsize)

    def read(self, start: int, stop: int, index: FrameIndex) -> Iterator[Image]:
        """Decode the pictures; the first of a different size or depth is an error."""
        first = read_image(self._paths[0])
        for path in self._paths[start:stop]:
            frame = read_image(path)
            if frame.shape != first.shape or frame.dtype != first.dtype:
                msg = (
                    f"{path}: is {frame.dtype} {frame.shape[1]}x{frame.shape[0]}, but {self._paths[0].name} is "
                    f"{first.dtype} {first.shape[1]}x{first.shape[0]}; the frames of one folder must agree."
                )
                raise SourceError(msg)
            yield frame

    def gaps(self) -> list[int]:
        """Frames before which the numbers of the files skip some, or their words change."""
        return numbering_gaps([path.stem for path in self._paths])

    def fingerprint(self) -> str:
        """Hash over names and contents of the files."""
        return fingerprint_files(self._paths, root=self._folder)


def _same_stem(paths: Sequence[Path]) -> tuple[Path, Path] | None:
    """The first two files whose names are the same but for the suffix, or None."""
    known: dict[str, Path] = {}
    for path in paths:
        if (other := known.setdefault(path.stem, path)) is not path:
            return other, path
    return None


def grey_of(frame: Image) -> NDArray[np.uint8]:
    """(H, W) uint8 brightness of an RGB frame of either depth."""
    return in_8_bits(brightness_of(frame))


def brightness_of(frame: Image) -> Grey:
    """(H, W) brightness of an RGB frame, of its own depth."""
    grey: Grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))
    return grey


def in_8_bits(grey: Grey) -> NDArray[np.uint8]:
    """Brightness of either depth as uint8."""
    return np.asarray(grey if grey.dtype == np.uint8 else (grey >> 8).astype(np.uint8))


def numbering_gaps(names: Sequence[str]) -> list[int]:
    """Places where a numbered row of names skips numbers or another row begins; none without one number each, or if all steps are alike.

    Example:
        >>> numbering_gaps(["f01", "f02", "f10", "f11"]), numbering_gaps(["1", "3", "5"]), numbering_gaps(["a", "b"])
        ([2], [], [])
        >>> numbering_gaps(["left1", "left2", "right1", "right2"])
        [2]
    """
    split = [re.split(r"(\d+)", name) for name in names]
    others = [i for i, (one, two) in enumerate(pairwise(split), 1) if one[::2] != two[::2]]  # their words differ
    if others:
        if min(map(len, split)) < 3 or 2 * (len(others) + 1) > len(names):
            return []
        rows = pairwise([0, *others, len(names)])
        return sorted([*others, *(start + gap for start, stop in rows for gap in numbering_gaps(names[start:stop]))])
    changing = {i for parts in split for i in range(max(len(parts), len(split[0]))) if parts[i : i + 1] != split[0][i : i + 1]}
    if len(changing) != 1 or (place := changing.pop()) % 2 == 0:
        return []
    numbers = [int(parts[place]) for parts in split]
    steps = [after - before for before, after in pairwise(numbers)]
    usual = statistics.median_low([step for step in steps if step > 0] or [1])
    return [i for i, step in enumerate(steps, 1) if 2 * step > 3 * usual]
