"""Does averaging the published frames give the published blur? ``blurdata reproduce GOPRO_Large_all GOPRO_Large``.

For each sequence ``GOPRxxxx_yy_zz`` (yy frames were averaged) each ground truth is located by content, its window is blended both
ways, as the mean of code values (``blur``) and of light under gamma 2.2 (``blur_gamma``), with the very integers that synthesis
uses, and compared with the published pictures. Equality is not to be expected: the authors blended the video itself, and even the
ground truths differ from the frames by less than one code value.
"""

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from blurdata.color import curve
from blurdata.errors import SourceError
from blurdata.files import list_images, natural_key, read_image
from blurdata.naming import some
from blurdata.pairs import Image
from blurdata.progress import SILENT, Advance
from blurdata.synthesis.blend import LightSum
from blurdata.synthesis.folder import INDEX
from blurdata.synthesis.locate import Window, file_number, locate, thumbnail, windows

CURVES = {"blur": "linear", "blur_gamma": "gamma22"}
EQUAL_DB = 100.0
"""PSNR that equal pictures count as."""

_NAME = re.compile(r".+_(\d+)_\d+")
_SPLITS = ("train", "val", "test")


@dataclass
class SequenceReport:
    """What was found of one sequence.

    Attributes:
        name: ``train/GOPR0372_07_00`` or the bare name.
        window: M of its name.
        pairs: Ground truths in ``sharp``.
        blended: Those whose window is whole and was compared.
        psnr_blur: Mean PSNR in dB to ``blur``, over the pictures compared; None where there is none.
        psnr_blur_gamma: The same to ``blur_gamma``.
        lowest_blur: The lowest PSNR in dB to ``blur``; None where there is none.
        lowest_blur_name: Its picture, ``blur/000047.png``.
        lowest_blur_gamma: The same to ``blur_gamma``.
        lowest_blur_gamma_name: Its picture.
        renumbered: Ground truths whose frame bears another number than the published rule gives, ``(n - 1) M + (M + 1) / 2``.
        missing_truths: Numbers of ground truths of which no frame is in ``_all``.
        missing_frames: ``"<n>: <frame>"``, frames that the window of ground truth n lacks, by the file numbers beside them, or
            ``"<n>: between <frame> and <frame>"`` where the files were numbered anew without them, or ``"<n>: before the first"``.
        missing_pictures: Published pictures that should stand beside ``sharp/n.png`` and do not, or ``sharp/n.png`` itself.
    """

    name: str
    window: int
    pairs: int = 0
    blended: int = 0
    psnr_blur: float | None = None
    psnr_blur_gamma: float | None = None
    lowest_blur: float | None = None
    lowest_blur_name: str | None = None
    lowest_blur_gamma: float | None = None
    lowest_blur_gamma_name: str | None = None
    renumbered: int = 0
    missing_truths: list[int] = field(default_factory=list)
    missing_frames: list[str] = field(default_factory=list)
    missing_pictures: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not (self.missing_truths or self.missing_frames or self.missing_pictures)

    def as_json(self) -> dict[str, Any]:
        """JSON-able."""
        return {**asdict(self), "complete": self.complete}


def find_sequences(frames_root: Path, published_root: Path) -> list[tuple[str, Path, Path]]:
    """Name, folder of all frames and published folder of each published sequence.

    Raises:
        SourceError: If a root holds no sequences, or names differ throughout.
    """
    published = dict(_folders(published_root, lambda folder: (folder / "sharp").is_dir()))
    if not published:
        msg = f"{published_root}: holds no GOPRxxxx_yy_zz/sharp; give GOPRO_Large (blur, blur_gamma and sharp)."
        raise SourceError(msg)
    frames = dict(_folders(frames_root, lambda folder: not (folder / "sharp").is_dir()))
    if not set(frames) & set(published):
        there = f"looked for {some(published, limit=3)}, there is {some(frames, limit=3) or 'none'}"
        remedy = "give GOPRO_Large_all (the frames alone)"
        if (published_root / INDEX).is_file():
            remedy = f"{published_root} was made by blurdata synthesize, give the published GOPRO_Large in its place"
        elif _folders(frames_root, lambda folder: (folder / "sharp").is_dir()):
            remedy += ", the two folders may be swapped"
        msg = f"{frames_root}: holds no sequence of {published_root} ({there}); {remedy}."
        raise SourceError(msg)
    return [(name, frames.get(name, frames_root / name), folder) for name, folder in published.items()]


def _folders(root: Path, wanted: Callable[[Path], bool]) -> list[tuple[str, Path]]:
    if not root.is_dir():
        msg = f"{root}: there is no such folder; check the path."
        raise SourceError(msg)
    splits = [root / split for split in _SPLITS if (root / split).is_dir()]
    inside = [(f"{top.name}/" if splits else "", folder) for top in splits or [root] for folder in top.iterdir() if folder.is_dir()]
    found = [(prefix + folder.name, folder) for prefix, folder in inside if _NAME.fullmatch(folder.name) and wanted(folder)]
    return sorted(found, key=lambda each: natural_key(each[0]))


def reproduce_sequence(
    name: str, frames_folder: Path, published_folder: Path, *, workers: int = 2, advance: Advance = SILENT
) -> SequenceReport:
    """Blend the windows of one sequence again and compare.

    Args:
        name: Its name, which ends in ``_yy_zz`` with yy the number of frames averaged.
        frames_folder: All its frames.
        published_folder: Folder of ``sharp`` and of ``blur``, ``blur_gamma`` or both.
        workers: Threads that decode and blend.
        advance: Told of each ground truth that is done.

    Raises:
        SourceError: If the name says no odd M, or pictures are broken or differ in size.
    """
    window = _window_of(name)
    truths = _numbered(published_folder / "sharp")
    result = SequenceReport(name, window, pairs=len(truths))
    variants = [variant for variant in CURVES if (published_folder / variant).is_dir()]
    if not truths or not variants:
        msg = f"{published_folder}: needs pictures in sharp and in blur or blur_gamma."
        raise SourceError(msg)
    result.missing_pictures = _missing_pictures(published_folder, truths, variants)
    frames = _numbered(frames_folder) if frames_folder.is_dir() else {}
    if not frames:
        result.missing_truths = list(truths)
        advance(len(truths))
        return result
    with ThreadPoolExecutor(workers) as pool:
        published = {n: {v: published_folder / v / path.name for v in variants} for n, path in truths.items()}
        found = _find_windows(list(truths), list(truths.values()), list(frames), list(frames.values()), window, published, pool)
        _record(result, found, list(frames))
        whole = [each for each in found if each.centre is not None and not each.missing]
        advance(len(found) - len(whole))
        scores = _scores(whole, truths, list(frames.values()), published_folder, variants, pool, advance)
    result.blended = len(whole)
    for variant in variants:
        psnrs = [
            (score[variant], f"{variant}/{truths[each.number].name}") for each, score in zip(whole, scores, strict=True) if variant in score
        ]
        if psnrs:
            lowest, name = min(psnrs)
            setattr(result, f"psnr_{variant}", round(float(np.mean([psnr for psnr, _ in psnrs])), 3))
            setattr(result, f"lowest_{variant}", round(lowest, 3))
            setattr(result, f"lowest_{variant}_name", name)
    return result


def _missing_pictures(published: Path, truths: Mapping[int, Path], variants: Sequence[str]) -> list[str]:
    """Published pictures that should be there and are not: ``blur/n.png`` beside a ground truth, ``sharp/n.png`` where its blur is."""
    stems = {path.stem for path in truths.values()}
    blurred = {path.stem: path.name for variant in variants for path in list_images(published / variant)}
    without_truth = sorted((name for stem, name in blurred.items() if stem not in stems), key=natural_key)
    without_blur = [f"{v}/{path.name}" for v in variants for path in truths.values() if not (published / v / path.name).is_file()]
    return [*(f"sharp/{name}" for name in without_truth), *without_blur]


def _find_windows(
    numbers: Sequence[int],
    truths: Sequence[Path],
    file_numbers: Sequence[int],
    frames: Sequence[Path],
    window: int,
    published: Mapping[int, Mapping[str, Path]],
    pool: ThreadPoolExecutor,
) -> list[Window]:
    def small(path: Path) -> Any:
        return thumbnail(read_image(path))

    sharp: dict[int, Image] = {}

    def error_of(truth: int, frame: int) -> float:
        if truth not in sharp:
            sharp.clear()
            sharp[truth] = read_image(truths[truth])
        return _error(sharp[truth], read_image(frames[frame]), frames[frame])

    read = lru_cache(2 * window + 2)(read_image)  # two windows and their published blur are blended again and again

    def misfit(number: int, weights: Mapping[int, int]) -> float:
        variant = next((variant for variant, path in published[number].items() if path.is_file()), None)
        if variant is None:
            return 0.0
        path = published[number][variant]
        shots = [shot for f, weight in weights.items() for shot in [read(frames[f])] * weight]
        return _error(read(path), blend(shots, CURVES[variant]), path)

    thumbs = [np.stack(list(pool.map(small, paths))) for paths in (truths, frames)]
    first = bisect_left(file_numbers, file_number(numbers[0], window))
    centres, _ = locate(thumbs[0], thumbs[1], error_of, window=window, first=first)
    return windows(numbers, centres, file_numbers, window, misfit)


def _record(result: SequenceReport, found: Sequence[Window], file_numbers: Sequence[int]) -> None:
    middle = result.window // 2 + 1
    for each in found:
        if each.centre is None:
            result.missing_truths.append(each.number)
            continue
        result.renumbered += file_numbers[each.centre] != (each.number - 1) * result.window + middle
        result.missing_frames += [f"{each.number}: {_where(frame)}" for frame in each.missing]


def _where(frame: int | tuple[int, int] | None) -> str:
    if isinstance(frame, tuple):
        return f"between {frame[0]} and {frame[1]}"
    return "before the first" if frame is None else str(frame)


def _scores(
    whole: Sequence[Window],
    truths: dict[int, Path],
    frames: Sequence[Path],
    published: Path,
    variants: Sequence[str],
    pool: ThreadPoolExecutor,
    advance: Advance,
) -> list[dict[str, float]]:
    def score(each: Window) -> dict[str, float]:
        shots = [read_image(frames[f]) for f in each.frames]
        out = {}
        for variant in variants:
            path = published / variant / truths[each.number].name
            if path.is_file():
                out[variant] = _psnr(read_image(path), blend(shots, CURVES[variant]), path)
        return out

    scores = []
    for each in pool.map(score, whole):
        scores.append(each)
        advance()
    return scores


def blend(frames: Sequence[Image], curve_name: str) -> Image:
    """The mean of frames in the light of a curve, with synthesis' own integers.

    Example:
        >>> int(blend([np.full((1, 1, 3), code, np.uint8) for code in (0, 255, 255)], "linear")[0, 0, 0])
        170
    """
    total = LightSum(curve(curve_name), bits=8 * frames[0].itemsize, samples=len(frames))
    for frame in frames:
        total.add(frame)
    return total.codes()


def _error(a: Image, b: Image, path: Path) -> float:
    """Mean squared error in 8-bit codes."""
    if a.shape != b.shape or a.dtype != b.dtype:
        msg = f"{path}: is {b.dtype} {b.shape[1]}x{b.shape[0]}, the picture it is compared with {a.dtype} {a.shape[1]}x{a.shape[0]}."
        raise SourceError(msg)
    scale = 257 if a.dtype == np.uint16 else 1
    return float(np.mean((a.astype(np.float32) - b) ** 2, dtype=np.float64)) / scale**2


def _psnr(a: Image, b: Image, path: Path) -> float:
    error = _error(a, b, path)
    return min(EQUAL_DB, 10 * math.log10(255**2 / error)) if error else EQUAL_DB


def _window_of(name: str) -> int:
    match = _NAME.fullmatch(name.rpartition("/")[2])
    window = int(match.group(1)) if match else 0
    if window < 3 or window % 2 == 0:
        msg = f"{name}: the name should end in _yy_zz with yy, odd and at least 3, the number of frames averaged."
        raise SourceError(msg)
    return window


def _numbered(folder: Path) -> dict[int, Path]:
    """Number -> picture, in order of number."""
    found: dict[int, Path] = {}
    for path in list_images(folder):
        if not path.stem.isdigit() or int(path.stem) in found:
            msg = f"{path}: pictures should be named by a number each, such as 000047.png."
            raise SourceError(msg)
        found[int(path.stem)] = path
    return dict(sorted(found.items()))
