"""Every published layout in miniature."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from blurdata.files import write_atomic, write_png

J, R = "RealBlur-J_ECC_IMCORR_centroid_itensity_ref", "RealBlur-R_BM3D_ECC_IMCORR_centroid_itensity_ref"


def mark(path: Path, level: int) -> None:
    """A small flat picture that is told by its level."""
    write_png(path, np.full((6, 8, 3), level % 256, np.uint8))


def gopro(root: Path) -> None:
    """Two training frames and one test frame, in both variants."""
    for split, sequence, number in (
        ("train", "GOPR0372_07_00", 47),
        ("train", "GOPR0372_07_00", 48),
        ("test", "GOPR0384_11_00", 1),
    ):
        for level, half in enumerate(("blur", "blur_gamma", "sharp")):
            mark(root / split / sequence / half / f"{number:06d}.png", number + 60 * level)


def reds(root: Path) -> None:
    """One clip of training and two frames of validation."""
    for split, clip, number in (("train", "000", 0), ("train", "000", 1), ("val", "000", 8), ("val", "000", 9)):
        for level, half in enumerate(("blur", "blur_comp", "sharp")):
            mark(root / split / f"{split}_{half}" / clip / f"{number:08d}.png", number + 60 * level)


def realblur(root: Path, *, swap: bool = False) -> None:
    """Scene 183 (train, with its reference pair) and scene 230 (test), J bright and R dark, lists as published."""
    for kind, folder, level in (("J", J, 90), ("R", R, 10)):
        for scene, number in ((183, 1), (183, 7), (230, 1), (230, 2)):
            for half in ("gt", "blur"):
                shade = (100 - level if swap else level) + number
                mark(root / folder / f"scene{scene}" / half / f"{half}_{number}.png", shade)
        for split, members in (("train", ((183, 7), (183, 1))), ("test", ((230, 2),))):
            lines = [f"{folder}/scene{s}/gt/gt_{n}.png {folder}/scene{s}/blur/blur_{n}.png " for s, n in members]
            write_atomic(root / f"RealBlur_{kind}_{split}_list.txt", "\n".join(lines))


def rsblur(root: Path) -> None:
    """One pair of each split, and the saturated list."""
    lists = {"train": "0001/000022", "val": "0002/000042", "test": "0019/003090", "test_saturation": "0019/003090"}
    for split, name in lists.items():
        mark(root / "RSBlur" / name / "gt" / "gt_sharp.png", 100)
        mark(root / "RSBlur" / name / "real_blur" / "real_blur.png", 50)
        line = f"RSBlur/{name}/gt/gt_sharp.png RSBlur/{name}/real_blur/real_blur.png"
        write_atomic(root / "datalist" / "RSBlur" / f"RSBlur_real_{split}.txt", line + "\n")


def hide(root: Path) -> None:
    """Two test groups and one training picture, ground truths in one folder."""
    for name in ("train/7fromGOPR0950", "test/test-close-ups/1fromGOPR1033", "test/test-long-shot/2fromGOPR1034"):
        mark(root / f"{name}.png", 50)
        mark(root / "GT" / f"{name.rpartition('/')[2]}.png", 100)


def bsd(root: Path) -> None:
    """One frame a split of one configuration."""
    for split in ("train", "valid", "test"):
        for half in ("Blur", "Sharp"):
            mark(root / "BSD_2ms16ms" / split / "022" / half / "RGB" / "00000000.png", 50)


def dvd(root: Path) -> None:
    """One training and one test video, as JPEG."""
    for video in ("IMG_0001", "IMG_0030"):
        for half in ("GT", "input"):
            path = root / "quantitative_datasets" / video / half / "00000.png"
            mark(path, 70)


def kohler(root: Path) -> None:
    """One picture under two shakes with three frames of truth each."""
    for shake in (1, 2):
        mark(root / "BlurryImages" / f"Blurry1_{shake}.png", 10 * shake)
        for frame in (1, 2, 3):
            mark(root / f"Image1_Kernel{shake}" / f"GroundTruth1_{shake}_{frame}.png", 100 + 10 * shake + frame)


LAYOUTS: dict[str, tuple[Callable[[Path], None], str, list[str], dict[str, int]]] = {
    "gopro": (
        gopro,
        "?variant=blur",
        ["train/GOPR0372_07_00/000047", "train/GOPR0372_07_00/000048", "test/GOPR0384_11_00/000001"],
        {"train": 2103, "test": 1111},
    ),
    "gopro-train": (gopro, "?variant=blur&split=train", ["GOPR0372_07_00/000047", "GOPR0372_07_00/000048"], {"train": 2103}),
    "reds": (
        reds,
        "",
        ["train/000/00000000", "train/000/00000001", "val/000/00000008", "val/000/00000009"],
        {"train": 24000, "val": 3000},
    ),
    "reds-val300": (reds, "?variant=blur_comp&subset=val300", ["000/00000009"], {"val": 300}),
    "realblur-j": (realblur, "", ["scene183/7", "scene183/1", "scene230/2"], {"train": 3758, "test": 980}),
    "realblur-r": (realblur, "?include_reference=no", ["scene183/7", "scene230/2"], {"train": 3576, "test": 980}),
    "rsblur": (rsblur, "", ["0001/000022", "0002/000042", "0019/003090"], {"train": 8878, "val": 1120, "test": 3360}),
    "rsblur-saturated": (rsblur, "?saturated=yes", ["0019/003090"], {"test": 1626}),
    "hide": (
        hide,
        "",
        ["train/7fromGOPR0950", "test/test-close-ups/1fromGOPR1033", "test/test-long-shot/2fromGOPR1034"],
        {"train": 6397, "test": 2025},
    ),
    "bsd": (bsd, "?config=2ms16ms&split=val", ["BSD_2ms16ms/valid/022/00000000"], {"valid": 2000}),
    "dvd": (dvd, "", ["IMG_0001/00000", "IMG_0030/00000"], {"train": 5708, "test": 1000}),
    "kohler": (kohler, "", ["1_1", "1_2"], {"test": 48}),
}
