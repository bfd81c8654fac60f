"""Sets of video clips: REDS, BSD and DVD, each one folder of numbered frames a clip for either half."""

from pathlib import Path
from typing import Any

from blurdata.datasets.base import Entry, FilePairs, check_option, lone_halves, match_names, number_positions, split_folders
from blurdata.datasets.folders import named_images
from blurdata.errors import SourceError
from blurdata.naming import some

REDS_PUBLISHED = {"train": 24000, "val": 3000, "test": 3000}
BSD_PUBLISHED = {"train": 6000, "valid": 2000, "test": 3000}  # of each configuration
DVD_PUBLISHED = {"train": 5708, "test": 1000}
_REDS_SHARP = {"blur": "sharp", "blur_comp": "sharp", "blur_jpeg": "sharp", "blur_bicubic": "sharp_bicubic"}
_BSD_EXPOSURE_S = {"1ms8ms": 0.008, "2ms16ms": 0.016, "3ms24ms": 0.024}
_DVD_TEST = ("720p_240fps_2", "IMG_0003", "IMG_0021", "IMG_0030", "IMG_0031", "IMG_0032", "IMG_0033", "IMG_0037", "IMG_0039", "IMG_0049")


def open_reds(
    path: str | Path, variant: str = "blur", split: str | None = None, subset: str | None = None, unmatched: str = "error"
) -> FilePairs:
    """Open REDS (Nah et al., NTIRE 2019) as a PairSource.

    Layout ``[{train,val,test}/]{split}_{blur,blur_comp,blur_bicubic,sharp,sharp_bicubic}/000…239/%08d.png``.

    Args:
        path: The folder ``REDS``, or the folder of one split.
        variant: ``"blur"``, ``"blur_comp"`` (MPEG), ``"blur_jpeg"`` or ``"blur_bicubic"`` (a quarter the size).
        split: ``"train"``, ``"val"`` or ``"test"``; by default those that are there.
        subset: ``"val300"``: only the frames of val whose number ends in 9, as NAFNet scores.
        unmatched: ``"error"``, or ``"leave-out"`` to go on without frames that lost a half.

    Raises:
        SourceError: If the folders are not there or an option is wrong.
        PairMismatch: If frames have lost a half; the sentence lists them.

    Example:
        >>> from tempfile import mkdtemp
        >>> import numpy as np
        >>> from blurdata.files import write_png
        >>> root = Path(mkdtemp())
        >>> for name in ("val/val_blur/000/00000009", "val/val_sharp/000/00000009"):
        ...     write_png(root / f"{name}.png", np.zeros((4, 6, 3), np.uint8))
        >>> open_reds(root, split="val").keys
        ['000/00000009']
    """
    root = Path(path)
    check_option("variant", variant, _REDS_SHARP)
    check_option("subset", subset, (None, "val300"))
    if split is not None:
        check_option("split", split, ("val",) if subset else REDS_PUBLISHED)
    split = "val" if subset else split
    halves: list[tuple[str, Path, Path]] = []
    for name in [split] if split else REDS_PUBLISHED:
        for base in (root, root / name):
            blurry, sharp = base / f"{name}_{variant}", base / f"{name}_{_REDS_SHARP[variant]}"
            if blurry.is_dir() and sharp.is_dir():
                halves.append((name, blurry, sharp))
    _need(halves, root, f"folders {split or 'train'}_{variant}/ and {split or 'train'}_{_REDS_SHARP[variant]}/")
    entries: list[Entry] = []
    told: list[str] = []
    for name in [split] if split else ("train", "val"):  # of test the sharp half was never published
        pair = f"{name}_{variant}", f"{name}_{_REDS_SHARP[variant]}"
        told += [sentence for one, other in (pair, pair[::-1]) for sentence in lone_halves((root, root / name), one, other, root)]
    for name, blurry, sharp in halves:
        found, left_out = _clips(blurry, sharp, unmatched, source="reds", split=name, variant=variant, prefix=_prefix(halves, name))
        entries += found
        told += left_out
    published = {name: count for name, count in REDS_PUBLISHED.items() if name in {half[0] for half in halves} or name == split}
    if subset:
        entries, published = [entry for entry in entries if entry.key.endswith("9")], {"val": 300}
    recipe = {"kind": "reds", "variant": variant, "split": split, "subset": subset, "unmatched": unmatched}
    return FilePairs(root, number_positions(entries), recipe, published=published, faults=told)


def open_bsd(path: str | Path, config: str | None = None, split: str | None = None, unmatched: str = "error") -> FilePairs:
    """Open BSD (Zhong et al., ESTRNN; a beam splitter, not RealBlur's BSD-B) as a PairSource.

    Layout ``BSD_<config>/{train,valid,test}/<sequence>/{Blur,Sharp}/RGB/%08d.png``.

    Args:
        path: The folder that holds the configurations, or one of them.
        config: ``"1ms8ms"``, ``"2ms16ms"`` or ``"3ms24ms"`` (sharp and blurry exposure); by default those that are there.
        split: ``"train"``, ``"valid"`` (or ``"val"``) or ``"test"``; by default all.
        unmatched: ``"error"``, or ``"leave-out"`` to go on without frames that lost a half.

    Raises:
        SourceError: If the folders are not there or an option is wrong.
        PairMismatch: If frames have lost a half; the sentence lists them.

    Example:
        >>> from tempfile import mkdtemp
        >>> import numpy as np
        >>> from blurdata.files import write_png
        >>> root = Path(mkdtemp())
        >>> for name in ("Blur", "Sharp"):
        ...     write_png(root / "BSD_2ms16ms" / "test" / "022" / name / "RGB" / "00000000.png", np.zeros((4, 6, 3), np.uint8))
        >>> open_bsd(root, config="2ms16ms", split="test").keys
        ['BSD_2ms16ms/test/022/00000000']
    """
    root = Path(path)
    split = "valid" if split == "val" else split
    check_option("config", config, (None, *_BSD_EXPOSURE_S))
    configs = [name for name in _BSD_EXPOSURE_S if config in (None, name)]
    folders = {name: root / f"BSD_{name}" for name in configs if (root / f"BSD_{name}").is_dir()}
    own = root.name.removeprefix("BSD_")
    folders = folders or ({own: root} if own in configs else {})
    _need(list(folders), root, "folders BSD_1ms8ms, BSD_2ms16ms or BSD_3ms24ms")
    entries: list[Entry] = []
    told: list[str] = []
    for name, folder in folders.items():
        for part, inside in split_folders(folder, tuple(BSD_PUBLISHED), split):
            told += lone_halves(sorted(inside.iterdir()), "Blur", "Sharp", root)
            for sequence in sorted(path for path in inside.iterdir() if (path / "Sharp").is_dir()):
                blurry, sharp = sequence / "Blur" / "RGB", sequence / "Sharp" / "RGB"
                names = {"config": name, "exposure_s": _BSD_EXPOSURE_S[name]}
                prefix = "".join(f"{above}/" for above in (f"BSD_{name}", part, sequence.name) if above)
                found, left_out = _clips(blurry, sharp, unmatched, source="bsd", split=part, variant=name, prefix=prefix, **names)
                entries += found
                told += left_out
    published = {part: count * len(folders) for part, count in BSD_PUBLISHED.items() if split in (None, part)}
    recipe = {"kind": "bsd", "config": config, "split": split, "unmatched": unmatched}
    return FilePairs(root, number_positions(entries), recipe, published=published, faults=told)


def open_dvd(path: str | Path, split: str | None = None, unmatched: str = "error") -> FilePairs:
    """Open DVD (DeepVideoDeblurring, Su et al., CVPR 2017) as a PairSource.

    Layout ``[quantitative_datasets/]<video>/{GT,input}/%05d.jpg``: 61 videos to train on, 10 to test.

    Args:
        path: The folder of the videos, or the one above it.
        split: ``"train"`` or ``"test"``; by default both.
        unmatched: ``"error"``, or ``"leave-out"`` to go on without frames that lost a half.

    Raises:
        SourceError: If the folders are not there or an option is wrong.
        PairMismatch: If frames have lost a half; the sentence lists them.

    Example:
        >>> from tempfile import mkdtemp
        >>> import numpy as np
        >>> from blurdata.files import write_png
        >>> root = Path(mkdtemp())
        >>> for name in ("GT", "input"):
        ...     write_png(root / "IMG_0030" / name / "00000.png", np.zeros((4, 6, 3), np.uint8))
        >>> open_dvd(root, split="test").keys
        ['IMG_0030/00000']
    """
    root = Path(path)
    check_option("split", split, (None, *DVD_PUBLISHED))
    base = root / "quantitative_datasets" if (root / "quantitative_datasets").is_dir() else root
    videos = sorted(folder for folder in base.glob("*") if (folder / "GT").is_dir())
    _need(videos, root, "videos with folders GT/ and input/")
    entries: list[Entry] = []
    told = lone_halves(sorted(base.glob("*")), "input", "GT", root)
    for video in videos:
        part = "test" if video.name in _DVD_TEST else "train"
        if split in (None, part):
            prefix = f"{video.name}/"
            found, left_out = _clips(video / "input", video / "GT", unmatched, source="dvd", split=part, variant=None, prefix=prefix)
            entries += found
            told += left_out
    published = {part: count for part, count in DVD_PUBLISHED.items() if split in (None, part)}
    recipe = {"kind": "dvd", "split": split, "unmatched": unmatched}
    return FilePairs(root, number_positions(entries), recipe, published=published, faults=told)


def _need(found: object, root: Path, what: str) -> None:
    if not found:
        msg = f"{root}: holds no {what}."
        raise SourceError(msg)


def _prefix(halves: list[tuple[str, Path, Path]], split: str) -> str:
    """REDS numbers its clips from 000 in every split, so keys name the split where several are open."""
    return f"{split}/" if len(halves) > 1 else ""


def _clips(
    blurry: Path, sharp: Path, unmatched: str, *, source: str, split: str | None, variant: str | None, prefix: str, **more: Any
) -> tuple[list[Entry], list[str]]:
    """Entries of two folders of frames; every folder below is a clip."""
    if not blurry.is_dir() or not sharp.is_dir():
        msg = f"{blurry.parent}: lacks {some([path.name for path in (blurry, sharp) if not path.is_dir()])}/."
        raise SourceError(msg)
    pairs, told = match_names(named_images(blurry), named_images(sharp), where=blurry.parent, unmatched=unmatched)
    entries = []
    for name, blurry_file, sharp_file in pairs:
        key = prefix + name
        clip = key.rpartition("/")[0]
        meta = {"source": source, "split": split, "scene": clip, "sequence": clip, "variant": variant, **more}
        entries.append(Entry(key, blurry_file, sharp_file, meta))
    return entries, [prefix + sentence for sentence in told]
