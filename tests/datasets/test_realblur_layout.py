"""RealBlur's layout and lists: which is J and which R, what a list may say, what is missing or doubled."""

import os
from pathlib import Path

import numpy as np
import pytest
from layouts import J, R, gopro, mark, realblur, rsblur

from blurdata.datasets import open_gopro, open_realblur_j, open_realblur_r
from blurdata.errors import PairMismatch, SourceError
from blurdata.files import write_atomic, write_png
from blurdata.sources import open_source


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


def test_strangers_among_the_pictures_of_a_scene_are_no_pairs(tmp_path: Path) -> None:
    """Where there is no list, pairs are the files named as the set's are."""
    for name in ("gt/gt_3", "blur/blur_3", "gt/thumb", "gt/gt_3 (1)"):
        mark(tmp_path / J / "scene001" / f"{name}.png", 90)

    assert open_realblur_j(tmp_path).keys == ["scene001/3"]


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


def test_a_scene_that_a_list_has_is_in_that_split_alone(tmp_path: Path) -> None:
    """Aligned scenes are numbered from 1, as published test scenes are: what `blurdata align` listed is for training."""
    for number in (1, 2, 3):
        for half in ("gt", "blur"):
            mark(tmp_path / J / "scene002" / half / f"{half}_{number}.png", 90 + number)
    lines = [f"{J}/scene002/gt/gt_{n}.png {J}/scene002/blur/blur_{n}.png " for n in (1, 2, 3)]
    write_atomic(tmp_path / "RealBlur_J_train_list.txt", "\n".join(lines))

    source = open_realblur_j(tmp_path)

    assert [(pair.key, pair.meta["split"]) for pair in source] == [(f"scene002/{n}", "train") for n in (1, 2, 3)]
    with pytest.raises(SourceError, match="holds no pairs"):
        open_realblur_j(tmp_path, split="test")


def test_an_empty_list_has_no_pairs(tmp_path: Path) -> None:
    """It is not taken for a list that is missing, and it is told."""
    realblur(tmp_path)
    write_atomic(tmp_path / "RealBlur_J_test_list.txt", "")

    source = open_realblur_j(tmp_path)

    assert source.keys == ["scene183/7", "scene183/1"]
    assert source.faults() == ["RealBlur_J_test_list.txt: is empty"]
    with pytest.raises(SourceError, match=r"holds no pairs .*RealBlur_J_test_list\.txt: is empty"):
        open_realblur_j(tmp_path, split="test")


@pytest.mark.parametrize("opener", ["realblur-j", "rsblur"])
def test_swapped_columns_name_the_line(tmp_path: Path, opener: str) -> None:
    """Whoever exchanged the halves learns where."""
    (realblur if opener == "realblur-j" else rsblur)(tmp_path)
    name = "RealBlur_J_train_list.txt" if opener == "realblur-j" else "datalist/RSBlur/RSBlur_real_train.txt"
    lines = (tmp_path / name).read_text().splitlines()
    write_atomic(tmp_path / name, "\n".join([lines[0], *(" ".join(reversed(line.split())) for line in lines)]))

    with pytest.raises(SourceError, match=rf"{name}, line 2: .* is no ground truth"):
        open_source(f"{opener}:{tmp_path}?split=train")


@pytest.mark.parametrize("line", ["x" * 100_000, "../" + "x/" * 50_000 + " b", "x" * 100_000 + " b", "x/" * 50_000 + "gt/gt_1.png b"])
def test_a_long_line_is_not_repeated_whole(tmp_path: Path, line: str) -> None:
    """A list may be a stranger's, or no list at all."""
    realblur(tmp_path)
    write_atomic(tmp_path / "RealBlur_J_train_list.txt", line)

    with pytest.raises(SourceError, match="line 1") as told:
        open_realblur_j(tmp_path)

    assert len(str(told.value)) < 500 + len(str(tmp_path))


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop"])
def test_what_is_no_list_is_not_passed_over(tmp_path: Path, kind: str) -> None:
    """The published split would be taken instead of the list that somebody meant to be there."""
    realblur(tmp_path)
    path = tmp_path / "RealBlur_J_test_list.txt"
    path.unlink()
    {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "loop": lambda: path.symlink_to(path)}[kind]()

    with pytest.raises(SourceError, match=r"RealBlur_J_test_list\.txt: is no list"):
        open_realblur_j(tmp_path)


def test_a_scene_in_the_lists_of_both_splits_is_told(tmp_path: Path) -> None:
    """Other pairs of a scene that was trained on are no test."""
    realblur(tmp_path)
    write_atomic(tmp_path / "RealBlur_J_test_list.txt", f"{J}/scene183/gt/gt_7.png {J}/scene183/blur/blur_7.png ")
    write_atomic(tmp_path / "RealBlur_J_train_list.txt", f"{J}/scene183/gt/gt_1.png {J}/scene183/blur/blur_1.png ")

    for split in (None, "test"):
        assert open_realblur_j(tmp_path, split=split).faults() == ["scene183: is in the lists of train and of test"]


def test_a_line_that_names_two_pairs_is_refused(tmp_path: Path) -> None:
    """Its halves would be scored against each other."""
    realblur(tmp_path)
    write_atomic(tmp_path / "RealBlur_J_train_list.txt", f"{J}/scene183/gt/gt_7.png {J}/scene183/blur/blur_1.png ")

    with pytest.raises(SourceError, match="not the halves of one pair"):
        open_realblur_j(tmp_path)


def test_a_pack_of_both_splits_opens_whole(tmp_path: Path) -> None:
    """``train/{input,target}`` beside ``test/{input,target}``: both are opened, each is its split."""
    for split, name in (("train", "scene183_blur_7"), ("test", "scene230_blur_2")):
        for half in ("input", "target"):
            mark(tmp_path / split / half / f"{name}.png", 90)

    source = open_realblur_j(tmp_path)

    assert sorted(pair.meta["split"] for pair in source) == ["test", "train"]
    assert len(open_realblur_j(tmp_path, split="train")) == 1
