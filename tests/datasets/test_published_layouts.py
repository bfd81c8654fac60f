"""Every published layout, built in miniature, opens with the right pairs, splits, scenes and counts."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blurdata.datasets import open_gopro, open_kohler, open_realblur_j, open_realblur_r
from blurdata.errors import PairMismatch, SourceError
from blurdata.files import write_atomic, write_png
from blurdata.sources import open_source

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


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_published_layout_opens(name: str, tmp_path: Path) -> None:
    """Keys, order, the published counts and the shortfall are right, and the source opens again after pickling and by its text."""
    build, query, keys, published = LAYOUTS[name]
    build(tmp_path)
    kind = name if name.startswith("realblur") else name.split("-")[0]

    source = open_source(f"{kind}:{tmp_path}{query}")

    assert list(source.keys) == keys
    summary = source.summary()
    assert {key.removeprefix("published_"): count for key, count in summary.items() if key.startswith("published_")} == published
    assert sum("published" in sentence and sentence.startswith("split") for sentence in summary["shortfall"]) == len(published)
    assert summary["faults"] == []
    assert pickle.loads(pickle.dumps(source)).keys == source.keys
    assert open_source(source.text).fingerprint() == source.fingerprint()
    for index, pair in enumerate(source):
        assert {"split", "scene", "sequence", "position"} <= set(pair.meta)
        assert source.nbytes(index) == pair.blurry.nbytes + pair.sharp.nbytes


@pytest.mark.parametrize(("variant", "level"), [("blur", 47), ("blur_gamma", 107)])
def test_gopro_gives_the_named_variant(variant: str, level: int, tmp_path: Path) -> None:
    """The variant decides the folder and is told in meta with the curve it was averaged in."""
    gopro(tmp_path)

    pair = open_gopro(tmp_path, variant=variant, split="train")[0]

    assert (pair.blurry[0, 0, 0], pair.sharp[0, 0, 0]) == (level, 167)
    assert pair.meta["variant"] == variant
    assert pair.meta["curve"] == {"blur": "linear", "blur_gamma": "gamma22"}[variant]
    assert pair.meta["exposure_s"] == pytest.approx(7 / 240)


def test_gopro_without_a_variant_is_refused(tmp_path: Path) -> None:
    """There is no silent default, and a misspelt variant lists the right ones."""
    gopro(tmp_path)

    with pytest.raises(SourceError, match="option 'variant' must be given"):
        open_source(f"gopro:{tmp_path}")
    with pytest.raises(SourceError, match="blur, blur_gamma"):
        open_source(f"gopro:{tmp_path}?variant=gamma")


def test_gopro_as_mprnet_flattens_it(tmp_path: Path) -> None:
    """Flattened names give the same keys, splits and positions as the published tree."""
    gopro(tmp_path / "tree")
    for split in ("train", "test"):
        for pair in open_gopro(tmp_path / "tree", variant="blur", split=split):
            flat = pair.key.replace("/", "-") + ".png"
            write_png(tmp_path / "flat" / split / "input" / flat, pair.blurry)
            write_png(tmp_path / "flat" / split / "target" / flat, pair.sharp)

    tree, flat = (open_gopro(tmp_path / name, variant="blur") for name in ("tree", "flat"))

    assert flat.keys == tree.keys
    assert [pair.meta for pair in flat] == [pair.meta for pair in tree]
    assert all(np.array_equal(a.blurry, b.blurry) for a, b in zip(flat, tree, strict=True))


def test_gopro_tells_which_frames_a_sequence_lacks(tmp_path: Path) -> None:
    """A sequence of the training set with missing numbers is named with them."""
    gopro(tmp_path)

    _, sentence = open_gopro(tmp_path, variant="blur", split="train").summary()["shortfall"]

    assert sentence == "GOPR0372_07_00: lacks 98 of the 100 published pairs (000049, 000050, 000051, 000052, 000053, 000054 and 92 more)"


def test_gopro_opened_by_the_folder_of_a_split_is_held_against_that_split(tmp_path: Path) -> None:
    """The other split is not in that folder, so it is not missing from it."""
    gopro(tmp_path)

    summary = open_gopro(tmp_path / "test", variant="blur").summary()

    assert (summary["published_test"], summary["shortfall"]) == (1111, ["split 'test' has 1 of the published 1111 pairs (1110 missing)"])
    assert "published_train" not in summary


def test_gopro_tells_swapped_and_equal_variants(tmp_path: Path) -> None:
    """A mean in light is the brighter one: folders that are swapped, or hold the same, are told whichever variant is opened."""
    for name, plain, gamma in (("right", 50, 60), ("swapped", 60, 50), ("same", 55, 55)):
        for half, level in (("blur", plain), ("blur_gamma", gamma), ("sharp", 70)):
            mark(tmp_path / name / "train" / "GOPR0372_07_00" / half / "000047.png", level)

    told = {name: open_gopro(tmp_path / name, variant="blur").summary()["faults"] for name in ("right", "swapped", "same")}

    assert told["right"] == []
    assert ["are swapped" in fault for fault in told["swapped"]] == [True]
    assert ["the same pictures" in fault for fault in told["same"]] == [True]


def test_frames_that_lost_a_half_are_listed(tmp_path: Path) -> None:
    """A frame without its sharp half is an error that names it, and can be left out on purpose."""
    gopro(tmp_path)
    (tmp_path / "train/GOPR0372_07_00/sharp/000048.png").unlink()

    with pytest.raises(PairMismatch, match=r"1 blurry pictures have no sharp half \(000048\)"):
        open_gopro(tmp_path, variant="blur")
    source = open_gopro(tmp_path, variant="blur", split="train", unmatched="leave-out")

    assert source.keys == ["GOPR0372_07_00/000047"]
    assert source.summary()["faults"] == ["GOPR0372_07_00/000048: has no sharp half"]


def test_realblur_reads_the_ground_truth_first(tmp_path: Path) -> None:
    """The first name of a line is the sharp half, whatever the folders are called, and references can be left out."""
    realblur(tmp_path)
    mark(tmp_path / J / "scene183" / "blur" / "blur_7.png", 3)

    pair = open_realblur_j(tmp_path, split="train")[0]

    assert (pair.blurry[0, 0, 0], pair.sharp[0, 0, 0]) == (3, 97)
    assert (pair.meta["scene"], pair.meta["reference"], pair.meta["variant"]) == ("scene183", False, "J")
    assert [p.meta["reference"] for p in open_realblur_j(tmp_path, split="train")] == [False, True]


def test_realblur_without_lists_goes_by_the_published_scenes(tmp_path: Path) -> None:
    """Where the lists are missing the published test scenes split the set, without references in test."""
    realblur(tmp_path)
    for path in tmp_path.glob("*.txt"):
        path.unlink()

    source = open_realblur_j(tmp_path)

    assert [(pair.key, pair.meta["split"]) for pair in source] == [("scene183/1", "train"), ("scene183/7", "train"), ("scene230/2", "test")]
    assert open_realblur_j(tmp_path, split="test", include_reference=True).keys == ["scene230/1", "scene230/2"]


def test_realblur_j_and_r_are_told_apart(tmp_path: Path) -> None:
    """Each looks like itself; where the two folders are swapped both say so."""
    realblur(tmp_path / "right")
    realblur(tmp_path / "wrong", swap=True)

    for opener, kind, other in ((open_realblur_j, "J", "R"), (open_realblur_r, "R", "J")):
        right, wrong = opener(tmp_path / "right").summary(), opener(tmp_path / "wrong").summary()
        assert (right["looks_like"], right["faults"]) == (kind, [])
        assert wrong["looks_like"] == other
        assert any("swapped" in fault for fault in wrong["faults"])


def test_a_broken_picture_does_not_keep_a_set_from_being_told(tmp_path: Path) -> None:
    """J or R, and which variant of GoPro, are asked of a few pictures; which of all are broken is the audit's to say."""
    realblur(tmp_path)
    for path in (tmp_path / J).rglob("gt_*.png"):
        path.write_bytes(b"\x89PNG")
    gopro(tmp_path / "gopro")
    for path in (tmp_path / "gopro").rglob("blur_gamma/*.png"):
        path.write_bytes(b"\x89PNG")

    assert open_realblur_j(tmp_path, split="train").summary()["looks_like"] == "unclear"
    assert open_gopro(tmp_path / "gopro", variant="blur").summary()["faults"] == []


def test_one_realblur_alone_is_told_by_its_brightness(tmp_path: Path) -> None:
    """Without the other set beside it a dark set is R and a bright one J."""
    realblur(tmp_path)
    (tmp_path / R).rename(tmp_path / "elsewhere")

    assert open_realblur_j(tmp_path).looks_like == "J"
    assert open_realblur_r(tmp_path / "elsewhere").looks_like == "R"


@pytest.mark.parametrize("exposure", [1.0, 0.3])
def test_exposure_does_not_decide_between_j_and_r(exposure: float, tmp_path: Path) -> None:
    """Pictures with the tones of photographs are told at any exposure: bright linear ones are R and dark encoded ones J."""
    rng = np.random.default_rng(0)
    for number in range(2, 8):
        light = np.clip(np.exp(rng.normal(-1.6, 0.9, (24, 32, 3))) * exposure, 0, 1)
        for kind, codes in (("J", light ** (1 / 2.2)), ("R", light)):
            for half in ("gt", "blur"):
                write_png(tmp_path / kind / "scene183" / half / f"{half}_{number}.png", np.rint(codes * 255).astype(np.uint8))

    assert open_realblur_j(tmp_path / "J", split="train").looks_like == "J"
    assert open_realblur_r(tmp_path / "R", split="train").looks_like == "R"
    assert open_realblur_j(tmp_path / "R", split="train").summary()["faults"] != []


def test_lists_of_the_other_realblur_are_refused(tmp_path: Path) -> None:
    """A list of R under the name of J's is an error."""
    realblur(tmp_path)
    (tmp_path / "RealBlur_R_train_list.txt").rename(tmp_path / "RealBlur_J_train_list.txt")

    with pytest.raises(SourceError, match="swapped"):
        open_realblur_j(tmp_path)


@pytest.mark.parametrize("name", ["../secret/gt/gt_7.png", "/etc/gt/gt_7.png", f"{J}/scene183/../../gt/gt_7.png", "C:\\gt\\gt_7.png"])
def test_a_list_that_points_outside_is_refused(name: str, tmp_path: Path) -> None:
    """Names with '..' and absolute names are an error that gives the line."""
    realblur(tmp_path)
    write_atomic(tmp_path / "RealBlur_J_train_list.txt", f"{name} {J}/scene183/blur/blur_7.png ")

    with pytest.raises(SourceError, match=r"line 1: .* points outside"):
        open_realblur_j(tmp_path)


def test_a_link_that_leads_outside_is_refused(tmp_path: Path) -> None:
    """A listed picture that is a link out of the set is an error, for files and for folders."""
    realblur(tmp_path / "set")
    mark(tmp_path / "secret" / "gt_7.png", 1)
    target = tmp_path / "set" / J / "scene183" / "gt" / "gt_7.png"
    target.unlink()
    target.symlink_to(tmp_path / "secret" / "gt_7.png")

    with pytest.raises(SourceError, match="a link that leads outside"):
        open_realblur_j(tmp_path / "set")


def test_a_list_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Editors on Windows put one before the first name."""
    rsblur(tmp_path)
    path = tmp_path / "datalist" / "RSBlur" / "RSBlur_real_test.txt"
    keys = open_source(f"rsblur:{tmp_path}?split=test").keys
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    assert open_source(f"rsblur:{tmp_path}?split=test").keys == keys


def test_a_list_with_a_broken_line_is_refused(tmp_path: Path) -> None:
    """A line that is not two names is an error that gives its number."""
    realblur(tmp_path)
    write_atomic(tmp_path / "RealBlur_J_train_list.txt", "\nonly-one-name\n")

    with pytest.raises(SourceError, match="line 2"):
        open_realblur_j(tmp_path)


def test_listed_pairs_that_are_not_there_are_told(tmp_path: Path) -> None:
    """Pairs whose two files are missing are a shortfall; a pair that lost one half is an error."""
    realblur(tmp_path)
    for half in ("gt", "blur"):
        (tmp_path / J / "scene183" / half / f"{half}_7.png").unlink()

    source = open_realblur_j(tmp_path, split="train")

    assert source.keys == ["scene183/1"]
    assert source.summary()["faults"] == ["scene183/7: is listed and not there"]
    (tmp_path / J / "scene183" / "gt" / "gt_1.png").unlink()
    with pytest.raises(PairMismatch, match="scene183/1 has no sharp half"):
        open_realblur_j(tmp_path, split="train")


def test_a_pair_in_the_lists_of_both_splits_is_an_error_or_told(tmp_path: Path) -> None:
    """It would leak; who leaves out keeps it in train and is told, as an audit is."""
    realblur(tmp_path)
    with (tmp_path / "RealBlur_J_test_list.txt").open("a") as stream:
        stream.write(f"\n{J}/scene183/gt/gt_7.png {J}/scene183/blur/blur_7.png ")

    with pytest.raises(SourceError, match="1 pair listed twice: scene183/7"):
        open_realblur_j(tmp_path)
    source = open_realblur_j(tmp_path, unmatched="leave-out")
    assert list(source.keys).count("scene183/7") == 1
    assert source.faults() == ["scene183/7: is listed in 'train' and again in 'test'"]


def test_rsblur_scenes_are_blocks_of_ids(tmp_path: Path) -> None:
    """Ids 22 and 41 of a day are one scene, 42 the next; a missing list is an error that names it."""
    rsblur(tmp_path)

    source = open_source(f"rsblur:{tmp_path}")

    assert [pair.meta["scene"] for pair in source] == ["0001/001", "0002/002", "0019/154"]
    with pytest.raises(SourceError, match=r"RSBlur_real_test_non_saturation\.txt"):
        open_source(f"rsblur:{tmp_path}?saturated=no")
    with pytest.raises(SourceError, match="split=test"):
        open_source(f"rsblur:{tmp_path}?saturated=yes&split=train")


def test_kohler_takes_the_frame_that_is_asked_for(tmp_path: Path) -> None:
    """The middle frame of the path by default, any other on request, and one truth for all shakes where there is no path."""
    kohler(tmp_path / "path")
    for shake in (1, 2):
        mark(tmp_path / "one" / f"blurred_3_{shake}.png", shake)
    mark(tmp_path / "one" / "sharp_3.png", 9)

    assert [pair.sharp[0, 0, 0] for pair in open_kohler(tmp_path / "path")] == [112, 122]
    assert [pair.sharp[0, 0, 0] for pair in open_kohler(tmp_path / "path", frame="3")] == [113, 123]
    with pytest.raises(SourceError, match="'7'"):
        open_kohler(tmp_path / "path", frame="7")
    one = open_kohler(tmp_path / "one")
    assert (one.keys, one[1].sharp[0, 0, 0], one.summary()["shortfall"]) == (["3_1", "3_2"], 9, [])


def test_hide_without_a_ground_truth_is_told(tmp_path: Path) -> None:
    """A picture whose ground truth is missing is listed."""
    hide(tmp_path)
    (tmp_path / "GT" / "7fromGOPR0950.png").unlink()

    with pytest.raises(PairMismatch, match="7fromGOPR0950"):
        open_source(f"hide:{tmp_path}")
    assert len(open_source(f"hide:{tmp_path}?split=test")) == 2


@pytest.mark.parametrize("kind", ["reds", "realblur-j", "rsblur", "hide", "bsd", "dvd", "kohler", "gopro"])
def test_a_folder_of_another_set_is_refused(kind: str, tmp_path: Path) -> None:
    """An empty folder and a missing one are errors for every kind, never an empty source."""
    query = "?variant=blur" if kind == "gopro" else ""
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(SourceError):
            open_source(f"{kind}:{path}{query}")


@pytest.mark.parametrize("kind", ["reds", "realblur-j", "rsblur", "hide", "bsd", "dvd", "gopro"])
def test_a_wrong_split_lists_the_right_ones(kind: str, tmp_path: Path) -> None:
    """A split that does not exist is an error that names those that do."""
    LAYOUTS[kind][0](tmp_path)
    query = "?variant=blur&split=dev" if kind == "gopro" else "?split=dev"

    with pytest.raises(SourceError, match="train"):
        open_source(f"{kind}:{tmp_path}{query}")
