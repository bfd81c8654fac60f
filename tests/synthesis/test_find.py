"""Which films lie at a path, what they are called, and what is left out."""

import os
from pathlib import Path

import cv2
import pytest
from filming import moving, write_film
from typer.testing import CliRunner

from blurdata.cli import build_app
from blurdata.errors import SourceError
from blurdata.files import write_png
from blurdata.synthesis.find import find_films
from blurdata.synthesis.make import open_films, resolve

PLAN = resolve("gopro", window=3, variant="blur")


def frames(folder: Path, count: int = 3) -> None:
    """A folder of frames."""
    for i, frame in enumerate(moving(count)):
        write_png(folder / f"{i:06d}.png", frame)


def test_keys_are_unique_whatever_films_are_called(tmp_path: Path) -> None:
    """A number that tells films of one name apart is none that another film bears in its own name."""
    names = ["a/clip.mkv", "b/clip.mkv", "clip~2.mkv", "c/clip.mkv"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_film(tmp_path / name, moving(6))

    keys = open_films([tmp_path / name for name in names], PLAN).keys

    assert keys[::2] == [f"{name}_03_00/000001" for name in ("clip", "clip~3", "clip~2", "clip~4")]
    assert len(set(keys)) == len(keys) == 8


def test_every_film_of_a_folder_is_found(tmp_path: Path) -> None:
    """Videos and folders of frames count at any depth, in natural order behind the splits, and are called by their path."""
    for name in ("train/day10/seq", "train/seqA", "test/seqB", "extra/seqC", "seqD", "seqD/more", "val"):
        frames(tmp_path / name)
    for name in ("clip.mkv", "train/day9.mkv", "extra/.hidden.mkv"):
        write_film(tmp_path / name, moving(3))
    (tmp_path / "notes.txt").write_text("no film")

    films, left_out = find_films(tmp_path)
    pairs = open_films([tmp_path], PLAN, cache=tmp_path / ".analysis")

    names = ["train/day9", "train/day10/seq", "train/seqA", "test/seqB", "clip", "extra/seqC", "seqD", "seqD/more", "val"]
    assert [film.full_name for film in films] == names
    assert [film.split for film in films] == ["train"] * 3 + ["test"] + [""] * 5
    assert left_out == []
    assert pairs.keys == [f"{name}_03_00/000001" for name in names]
    assert [pair.meta["sequence"] for pair in pairs][:4] == ["day9_03_00", "day10/seq_03_00", "seqA_03_00", "seqB_03_00"]
    assert len(list((tmp_path / ".analysis").glob("*.npz"))) == len(names)


def test_frames_that_a_folder_holds_twice_are_refused(tmp_path: Path) -> None:
    """A PNG and a JPEG of each frame are no film of twice the length: both are named."""
    frames(tmp_path / "take", 6)
    for path in sorted((tmp_path / "take").iterdir()):
        cv2.imwrite(str(path.with_suffix(".jpg")), cv2.imread(str(path)))

    with pytest.raises(SourceError, match=r"take: holds 000000\.jpg and 000000\.png, and a frame is one file; leave one kind"):
        open_films([tmp_path], PLAN)


def test_a_picture_beside_films_is_none_and_told(tmp_path: Path) -> None:
    """A cover hides no video and makes no film; it is left out and told in one line, while frames beside a video are a film too."""
    frames(tmp_path / "films" / "covers", 1)
    frames(tmp_path / "films" / "frames", 4)
    write_film(tmp_path / "films" / "frames" / "clip.mkv", moving(6))
    frames(tmp_path / "films", 2)

    done = CliRunner().invoke(
        build_app(), ["synthesize", str(tmp_path / "films"), "--window", "3", "--variant", "blur", "--out", str(tmp_path / "pairs")]
    )

    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "pairs").rglob("*_03_00")) == ["clip_03_00", "frames_03_00"]
    assert f"Note: {tmp_path / 'films' / '000000.png'} and 2 more left out" in done.stderr


def test_a_file_of_another_kind_is_told(tmp_path: Path) -> None:
    """Videos are known by their suffix in any case; a file that is none, no picture and no text is told, alone in an error."""
    (tmp_path / "films").mkdir()
    for name, codec in {"A.MTS": "libx264", "b.m2t": "libx264", "C.VOB": "mpeg2video"}.items():
        write_film(tmp_path / "films" / name, moving(6), codec=codec, pix_fmt="yuv420p")
    for name in ("recording", "proxy.LRV", "frame_1.dng"):
        (tmp_path / "films" / name).write_bytes(b"a\0b")
    for name in ("README", "times.csv", "subtitles.ass"):
        (tmp_path / "films" / name).write_text("text")
    (tmp_path / "other").mkdir()
    (tmp_path / "films" / "recording").rename(tmp_path / "other" / "recording")

    films, left_out = find_films(tmp_path)

    assert sorted(film.name for film in films) == ["films/A", "films/C", "films/b"]
    assert [path.name for path in left_out] == ["frame_1.dng", "proxy.LRV", "recording"]
    with pytest.raises(SourceError, match=r"other: holds no frames but files of other kinds \(recording\); give a video"):
        find_films(tmp_path / "other")


def test_pictures_alone_are_a_film_too_short(tmp_path: Path) -> None:
    """Where there is nothing but a picture or two, that they are too few is told."""
    frames(tmp_path / "few", 2)

    with pytest.raises(SourceError, match="2 frames are fewer than one exposure of 3"):
        open_films([tmp_path], PLAN)


@pytest.mark.parametrize("given", [".", "train", "train/GOPR0001_11_00"])
def test_finished_pairs_are_refused(tmp_path: Path, given: str) -> None:
    """GOPRO_Large, or a part of it, is no source of frames; its folder of sharp pictures is one for who names just that."""
    for half in ("blur", "blur_gamma", "sharp"):
        frames(tmp_path / "train" / "GOPR0001_11_00" / half, 6)
    write_film(tmp_path / "clip.mkv", moving(6))

    with pytest.raises(SourceError, match=r"GOPR0001_11_00: holds finished pairs .*GOPRO_Large_all\.$"):
        open_films([tmp_path / given], PLAN)
    assert len(open_films([tmp_path / "train" / "GOPR0001_11_00" / "sharp"], PLAN)) == 2


def test_own_pairs_among_the_films_are_left_out(tmp_path: Path) -> None:
    """A run into a folder below that of its films goes on there; the pairs it wrote are no films, and refused by themselves."""
    frames(tmp_path / "take", 9)
    command = ["synthesize", str(tmp_path), "--window", "3", "--out", str(tmp_path / "pairs")]
    first = CliRunner().invoke(build_app(), command)
    (tmp_path / "pairs" / "take_03_00" / "sharp" / "000002.png").unlink()

    again = CliRunner().invoke(build_app(), command)

    assert (first.exit_code, again.exit_code) == (0, 0), again.output
    assert (tmp_path / "pairs" / "take_03_00" / "sharp" / "000002.png").is_file()
    assert f"Note: {tmp_path / 'pairs' / 'take_03_00'} left out" in again.stderr
    with pytest.raises(SourceError, match=r"take_03_00: holds finished pairs"):
        open_films([tmp_path / "pairs"], PLAN)


@pytest.mark.parametrize("name", [b"bad\xff", b"bad\\name"])
def test_a_name_that_no_pair_can_bear_is_one_sentence(tmp_path: Path, name: bytes) -> None:
    """A film whose name is no UTF-8, or holds a backslash, is to be renamed, be it a video, a folder of frames or below such a folder."""
    folder = tmp_path / os.fsdecode(name)
    frames(folder / "deep")
    write_film(tmp_path / "good.mkv", moving(3))
    video = (tmp_path / "good.mkv").rename(tmp_path / os.fsdecode(name + b".mkv"))

    for path in (video, tmp_path):
        with pytest.raises(SourceError, match=r"bad.*: its name cannot be that of pairs, .*; rename it\.$"):
            open_films([path], PLAN)
    assert open_films([folder / "deep"], PLAN).keys == ["deep_03_00/000001"]


def test_frames_may_be_called_anything(tmp_path: Path) -> None:
    """The files of frames give no name to pairs, so that one that is no UTF-8 does no harm."""
    frames(tmp_path / "take")
    (tmp_path / "take" / "000001.png").rename(tmp_path / "take" / os.fsdecode(b"000001\xff.png"))

    assert len(open_films([tmp_path / "take"], PLAN)) == 1
