"""Sets of single pictures with one pool of ground truths: HIDE and Köhler's benchmark."""

import re
from pathlib import Path

from blurdata.datasets.base import Entry, FilePairs, check_option, match_names, number_positions, split_folders
from blurdata.datasets.folders import named_images, open_folders
from blurdata.errors import SourceError
from blurdata.naming import walk_images

HIDE_PUBLISHED = {"train": 6397, "test": 2025}
KOHLER_PUBLISHED = {"test": 48}  # 4 pictures under 12 camera shakes
_HIDE_VIDEO = re.compile(r"\d+from(\w+)", re.IGNORECASE)
_BLURRY = re.compile(r"blur(?:ry|red)?[_-]?(\d+)[_-](\d+)", re.IGNORECASE)
_SHARP = re.compile(r"(?:ground[_-]?truth|gt|sharp|image|img)[_-]?(\d+)(?:[_-](\d+))?(?:[_-](\d+))?", re.IGNORECASE)


def open_hide(path: str | Path, split: str | None = None, unmatched: str = "error") -> FilePairs:
    """Open HIDE (Shen et al., ICCV 2019) as a PairSource.

    Layout ``{train,test}/[test-close-ups|test-long-shot/]<n>from<video>.png`` with all ground truths in ``GT/``, or the flattened
    ``{input,target}/`` of MPRNet's test pack.

    Args:
        path: The folder ``HIDE_dataset``, or a flattened one.
        split: ``"train"`` or ``"test"``; by default both.
        unmatched: ``"error"``, or ``"leave-out"`` to go on without pictures that have no ground truth.

    Raises:
        SourceError: If the folders are not there or an option is wrong.
        PairMismatch: If pictures have no ground truth; the sentence lists them.

    Example:
        >>> from tempfile import mkdtemp
        >>> import numpy as np
        >>> from blurdata.files import write_png
        >>> root = Path(mkdtemp())
        >>> for name in ("test/test-long-shot/2fromGOPR1034", "GT/2fromGOPR1034"):
        ...     write_png(root / f"{name}.png", np.zeros((4, 6, 3), np.uint8))
        >>> open_hide(root, split="test").keys
        ['test/test-long-shot/2fromGOPR1034']
    """
    root = Path(path)
    check_option("split", split, (None, *HIDE_PUBLISHED))
    recipe = {"kind": "hide", "split": split, "unmatched": unmatched}
    published = {name: count for name, count in HIDE_PUBLISHED.items() if split in (None, name)}
    if not (root / "GT").is_dir():
        pack = open_folders(root, unmatched=unmatched)
        flat = [_hide_entry(e.key, e.blurry, e.sharp, str(e.meta["split"] or split or "test")) for e in pack.entries]
        flat = [entry for entry in flat if split in (None, entry.meta["split"])]
        return FilePairs(root, number_positions(flat), recipe, published=published, faults=pack.faults())
    truths = named_images(root / "GT")
    by_stem = {name.rpartition("/")[2]: file for name, file in truths.items()}
    entries, told = [], []
    for name, folder in split_folders(root, tuple(HIDE_PUBLISHED), split):
        if folder == root:
            msg = f"{root}: has neither train/ nor test/ beside GT/; give the folder HIDE_dataset."
            raise SourceError(msg)
        blurry = named_images(folder)
        sharp = {key: by_stem[stem] for key in blurry if (stem := key.rpartition("/")[2]) in by_stem}
        pairs, left_out = match_names(blurry, sharp, where=folder, unmatched=unmatched)
        entries += [_hide_entry(f"{name}/{key}", a, b, name) for key, a, b in pairs]
        told += [f"{name}/{sentence}" for sentence in left_out]
    return FilePairs(root, number_positions(entries), recipe, published=published, faults=told)


def _hide_entry(key: str, blurry: Path, sharp: Path, split: str | None) -> Entry:
    video = _HIDE_VIDEO.fullmatch(key.rpartition("/")[2])
    scene = video[1] if video else None
    meta = {"source": "hide", "split": split, "scene": scene, "sequence": scene or key, "frames_averaged": 11}
    return Entry(key, blurry, sharp, meta)


def open_kohler(path: str | Path, frame: str = "middle", unmatched: str = "error") -> FilePairs:
    """Open Köhler's benchmark, or a set made like it (few sharp pictures, each under many blurs), as a PairSource.

    ``Blurry<picture>_<shake>.png`` belongs to ``GroundTruth<picture>_<shake>_<frame>.png`` (199 frames along the camera's path in the
    original), to ``GroundTruth<picture>_<shake>.png``, or to the one ``GroundTruth<picture>.png`` of all shakes; at any depth.

    Args:
        path: The folder.
        frame: Which of the frames is the ground truth: ``"middle"`` (the default), ``"first"``, ``"last"`` or a number.
        unmatched: ``"error"``, or ``"leave-out"`` to go on without pictures that have no ground truth.

    Raises:
        SourceError: If there are no such names or the frame is not there.
        PairMismatch: If pictures have no ground truth; the sentence lists them.

    Example:
        >>> from tempfile import mkdtemp
        >>> import numpy as np
        >>> from blurdata.files import write_png
        >>> root = Path(mkdtemp())
        >>> for name in ("Blurry1_2", "GroundTruth1_2_1", "GroundTruth1_2_2", "GroundTruth1_2_3"):
        ...     write_png(root / f"{name}.png", np.zeros((4, 6, 3), np.uint8))
        >>> open_kohler(root)[0].meta["ground_truth"]
        'GroundTruth1_2_2'
    """
    root = Path(path)
    blurry: dict[str, Path] = {}
    truths: dict[str, dict[int, Path]] = {}
    for file in walk_images(root):
        if found := _BLURRY.fullmatch(file.stem):
            blurry[f"{int(found[1])}_{int(found[2])}"] = file
        elif found := _SHARP.fullmatch(file.stem):
            name = "_".join(str(int(part)) for part in found.groups()[:2] if part)
            truths.setdefault(name, {})[int(found[3] or 0)] = file
    if not blurry or not truths:
        msg = f"{root}: holds no pictures named like Blurry1_1.png beside GroundTruth1_1_1.png or GroundTruth1.png."
        raise SourceError(msg)
    owner = {name: name if name in truths else name.split("_")[0] for name in blurry}
    sharp = {name: _chosen(truths[owner[name]], frame, name) for name in blurry if owner[name] in truths}
    pairs, told = match_names(blurry, sharp, where=root, unmatched=unmatched)
    entries = []
    for name, blurry_file, sharp_file in pairs:
        scene = name.split("_")[0]
        meta = {"source": "kohler", "split": "test", "scene": scene, "sequence": scene, "ground_truth": sharp_file.stem}
        entries.append(Entry(name, blurry_file, sharp_file, meta))
    recipe = {"kind": "kohler", "frame": frame, "unmatched": unmatched}
    published = KOHLER_PUBLISHED if any(len(frames) > 1 for frames in truths.values()) else {}  # only the original has paths of frames
    return FilePairs(root, number_positions(entries), recipe, published=published, faults=told)


def _chosen(frames: dict[int, Path], frame: str, name: str) -> Path:
    numbers = sorted(frames)
    places = {"first": 0, "middle": (len(numbers) - 1) // 2, "last": -1}
    if frame in places:
        return frames[numbers[places[frame]]]
    if not frame.isdigit() or int(frame) not in frames:
        msg = f"Blurry{name} has no ground-truth frame '{frame}'; option 'frame' is first, middle, last or {numbers[0]} to {numbers[-1]}."
        raise SourceError(msg)
    return frames[int(frame)]
