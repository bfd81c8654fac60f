"""Every published layout, built in miniature, opens with the right pairs, splits, scenes and counts."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from layouts import LAYOUTS, gopro, hide, kohler, mark, rsblur

from blurdata.datasets import open_gopro, open_kohler
from blurdata.errors import PairMismatch, SourceError
from blurdata.files import write_png
from blurdata.sources import open_source


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

    with pytest.raises(PairMismatch, match=r"1 blurry picture without a sharp half \(000048\)"):
        open_gopro(tmp_path, variant="blur")
    source = open_gopro(tmp_path, variant="blur", split="train", unmatched="leave-out")

    assert source.keys == ["GOPR0372_07_00/000047"]
    assert source.summary()["faults"] == ["GOPR0372_07_00/000048: has no sharp half"]


def test_rsblur_scenes_are_blocks_of_ids(tmp_path: Path) -> None:
    """Ids 22 and 41 of a day are one scene, 42 the next; a missing list is an error that names it."""
    rsblur(tmp_path)

    source = open_source(f"rsblur:{tmp_path}")

    assert [pair.meta["scene"] for pair in source] == ["0001/001", "0002/002", "0019/154"]
    with pytest.raises(SourceError, match=r"RSBlur_real_test_non_saturation\.txt"):
        open_source(f"rsblur:{tmp_path}?saturated=no")
    with pytest.raises(SourceError, match="split=test"):
        open_source(f"rsblur:{tmp_path}?saturated=yes&split=train")


def test_reds_subset_of_val_is_of_no_other_split(tmp_path: Path) -> None:
    """The subset that NAFNet scores lies in val: asking for it in another split is an error, not val without a word."""
    LAYOUTS["reds"][0](tmp_path)

    with pytest.raises(SourceError, match="'split' must be one of val, got 'train'"):
        open_source(f"reds:{tmp_path}?split=train&subset=val300")


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


def test_hide_and_bsd_without_folders_of_splits(tmp_path: Path) -> None:
    """No key names a split that is not there: BSD's sequences may lie without one, HIDE's ground truths are no blurry pictures."""
    for half in ("Blur", "Sharp"):
        mark(tmp_path / "BSD_2ms16ms" / "022" / half / "RGB" / "00000000.png", 1)
    for name in ("GT/1fromGOPR1033", "1fromGOPR1033"):
        mark(tmp_path / "hide" / f"{name}.png", 1)

    assert open_source(f"bsd:{tmp_path}").keys == ["BSD_2ms16ms/022/00000000"]
    with pytest.raises(SourceError, match="neither train/ nor test/"):
        open_source(f"hide:{tmp_path / 'hide'}")


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


@pytest.mark.parametrize(
    ("layout", "text", "lone"),
    [
        ("gopro", "gopro:{}?variant=blur", "train/GOPR9999_11_00/blur"),
        ("dvd", "dvd:{}", "quantitative_datasets/IMG_9999/input"),
        ("bsd", "bsd:{}", "BSD_2ms16ms/test/999/Blur"),
        ("gopro", "pairs:{}?blurry=blur", "train/GOPR9999_11_00/blur"),
    ],
)
def test_a_folder_whose_other_half_is_gone_is_told(layout: str, text: str, lone: str, tmp_path: Path) -> None:
    """Its pictures make no pairs, so an audit must say so."""
    LAYOUTS[layout][0](tmp_path)
    mark(tmp_path / lone / "000001.png", 90)

    faults = open_source(text.format(tmp_path)).faults()

    assert len(faults) == 1
    assert lone.rpartition("/")[0].rpartition("/")[2] in faults[0]
    assert "beside it" in faults[0]


def test_a_lone_half_of_reds_is_told_except_of_test(tmp_path: Path) -> None:
    """The sharp half of test was never published."""
    LAYOUTS["reds"][0](tmp_path)
    shutil.rmtree(tmp_path / "val" / "val_sharp")
    mark(tmp_path / "test" / "test_blur" / "000" / "00000000.png", 90)

    assert open_source(f"reds:{tmp_path}").faults() == ["val/val_blur: has no val_sharp/ beside it"]
