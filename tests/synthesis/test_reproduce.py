"""Re-blending published frames: exact where nothing is wrong, and the published flaws are found where they are planted."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from blurdata.cli import build_app
from blurdata.errors import SourceError
from blurdata.files import read_image, write_png
from blurdata.synthesis.locate import windows
from blurdata.synthesis.reproduce import find_sequences, reproduce_sequence

M, PAIRS, FIRST = 7, 5, 3
SEQUENCE = "GOPR0001_07_00"


def film(frames: int, seed: int = 0) -> list[NDArray[np.uint8]]:
    """A textured scene that moves by about two pixels a frame."""
    rng = np.random.default_rng(seed)
    scene = cv2.resize(rng.integers(0, 256, (40, 90, 3), dtype=np.uint8), (360, 160), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(scene[20 + n % 5 : 84 + n % 5, 2 * n : 2 * n + 96]) for n in range(frames)]


def numpy_blend(frames: list[NDArray[np.uint8]], gamma: float) -> NDArray[np.uint8]:
    """The mean everybody writes, in float64."""
    mean = np.mean([(frame / 255) ** gamma for frame in frames], axis=0) ** (1 / gamma)
    return np.floor(255 * mean + 0.5).astype(np.uint8)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A sound ``GOPRO_Large_all`` and ``GOPRO_Large`` of one sequence: ground truths 3 to 7, frames 15 to 49 and some around."""
    frames = dict(enumerate(film(54), start=1))
    for number, frame in frames.items():
        write_png(tmp_path / "all" / "train" / SEQUENCE / f"{number:06}.png", frame)
    for n in range(FIRST, FIRST + PAIRS):
        window = [frames[i] for i in range((n - 1) * M + 1, n * M + 1)]
        for variant, gamma in (("blur", 1.0), ("blur_gamma", 2.2)):
            write_png(tmp_path / "pub" / "train" / SEQUENCE / variant / f"{n:06}.png", numpy_blend(window, gamma))
        write_png(tmp_path / "pub" / "train" / SEQUENCE / "sharp" / f"{n:06}.png", window[M // 2])
    return tmp_path


def frames_of(tree: Path) -> Path:
    """Folder of all frames."""
    return tree / "all" / "train" / SEQUENCE


def report(tree: Path) -> object:
    """What is found of the one sequence."""
    ((name, frames, published),) = find_sequences(tree / "all", tree / "pub")
    return reproduce_sequence(name, frames, published)


def shift(folder: Path, by: int, start: int = 0) -> None:
    """Give the files from number ``start`` on other numbers."""
    for path in sorted(folder.iterdir(), reverse=by > 0):
        if int(path.stem) >= start:
            path.rename(folder / f"{int(path.stem) + by:06}.png")


def test_a_sound_tree_comes_back(tree: Path) -> None:
    """All windows are found whole and both variants are matched to one code value."""
    found = report(tree)

    assert (found.pairs, found.blended, found.renumbered, found.complete) == (PAIRS, PAIRS, 0, True)
    assert found.psnr_blur > 70
    assert found.psnr_blur_gamma > 70


def test_the_lowest_picture_is_named(tree: Path) -> None:
    """One published blur that was spoilt shows in the lowest PSNR, with its name, in the table and in JSON."""
    path = tree / "pub" / "train" / SEQUENCE / "blur_gamma" / "000005.png"
    spoilt = 255 - read_image(path)
    write_png(path, spoilt)

    found = report(tree)
    shown = call(str(tree / "all"), str(tree / "pub"))
    told = json.loads(call(str(tree / "all"), str(tree / "pub"), "--json").stdout)["sequences"][0]

    assert found.lowest_blur_gamma_name == "blur_gamma/000005.png"
    assert found.lowest_blur_gamma < 20 < found.psnr_blur_gamma < found.psnr_blur
    assert found.lowest_blur <= found.psnr_blur
    assert f"{found.lowest_blur_gamma:.2f} dB at blur_gamma/000005.png" in shown.stdout
    assert told["lowest_blur_gamma_name"] == "blur_gamma/000005.png"


def test_variants_are_not_confused(tree: Path) -> None:
    """With the two variants swapped the PSNR falls by far."""
    folder = tree / "pub" / "train" / SEQUENCE
    (folder / "blur").rename(folder / "x")
    (folder / "blur_gamma").rename(folder / "blur")
    (folder / "x").rename(folder / "blur_gamma")

    found = report(tree)

    assert found.complete
    assert max(found.psnr_blur, found.psnr_blur_gamma) < 55


@pytest.mark.parametrize("by", [5, 1, 40])
def test_shifted_numbers_do_not_matter(tree: Path, by: int) -> None:
    """Frames whose numbers are all shifted are located by content, and counted as renumbered."""
    shift(frames_of(tree), by + 100)
    shift(frames_of(tree), -100)

    found = report(tree)

    assert (found.blended, found.renumbered, found.complete) == (PAIRS, PAIRS, True)
    assert found.psnr_blur_gamma > 70


def test_numbers_that_jump_in_the_middle_do_not_matter(tree: Path) -> None:
    """A jump of the numbers between two ground truths, with no frame missing, is no fault."""
    shift(frames_of(tree), 1000, start=27)

    found = report(tree)

    assert (found.blended, found.complete) == (PAIRS, True)
    assert found.psnr_blur > 70


def test_the_published_flaw(tree: Path) -> None:
    """As in GOPR0384_11_05: the first frames are gone and the rest is numbered as if they never were."""
    for number in range(1, 17):
        (frames_of(tree) / f"{number:06}.png").unlink()
    shift(frames_of(tree), -2)  # the first frame left, 17, bears number 15

    found = report(tree)

    assert not found.complete
    assert found.missing_frames == ["3: 13", "3: 14"]  # two frames lack before frame 15 = ground truth 3 less one
    assert (found.blended, found.renumbered) == (PAIRS - 1, PAIRS)
    assert found.psnr_blur > 70


def test_frames_missing_inside_are_named(tree: Path) -> None:
    """Deleted frames are named by their numbers, only their windows are left out."""
    for number in (29, 31, 47):
        (frames_of(tree) / f"{number:06}.png").unlink()

    found = report(tree)

    assert found.missing_frames == ["5: 29", "5: 31", "7: 47"]
    assert found.missing_truths == []
    assert found.blended == PAIRS - 2
    assert found.psnr_blur > 70


def test_missing_frames_are_seen_through_new_numbers(tree: Path) -> None:
    """A frame that is gone is noticed even where the rest was numbered through: the ground truths are too close."""
    (frames_of(tree) / "000030.png").unlink()
    shift(frames_of(tree), -1, start=31)

    found = report(tree)
    shown = call(str(tree / "all"), str(tree / "pub"))

    assert not found.complete
    assert found.missing_frames == ["5: between 25 and 31"]  # 28 is there, as any number is
    assert "window of ground truth 5 lacks 1 frame between 25 and 31" in shown.stdout
    assert found.blended == PAIRS - 1
    assert found.renumbered == 3


@pytest.mark.parametrize("gone", [[26], [28], [29], [31], [27, 28], [28, 29], [29, 30], [26, 28, 29], [28, 35], [26, 27, 28, 29, 30, 31]])
def test_the_published_blur_says_whose_window_lacks_a_frame(tree: Path, gone: list[int]) -> None:
    """Whichever frames between two ground truths are gone and the rest numbered through, the windows that lack them are named, no other."""
    for number in gone:
        (frames_of(tree) / f"{number:06}.png").unlink()
    for new, path in enumerate(sorted(frames_of(tree).iterdir()), start=1):
        path.rename(path.with_stem(f"{new:06}"))

    found = report(tree)

    assert sorted(int(each.partition(":")[0]) for each in found.missing_frames) == sorted((number - 1) // M + 1 for number in gone)
    assert found.blended == PAIRS - len({(number - 1) // M for number in gone})
    assert min(found.lowest_blur, found.lowest_blur_gamma) > 70


def test_without_published_blur_the_middle_is_taken(tree: Path) -> None:
    """Where no published picture can tell, a missing frame is taken to lie between the two windows."""
    (frames_of(tree) / "000030.png").unlink()
    shift(frames_of(tree), -1, start=31)
    for variant in ("blur", "blur_gamma"):
        for n in (4, 5):
            (tree / "pub" / "train" / SEQUENCE / variant / f"{n:06}.png").unlink()

    assert report(tree).missing_frames == ["5: between 25 and 31"]


def test_a_missing_ground_truth_is_no_other_frame(tree: Path) -> None:
    """Where the ground truth's own frame is gone its neighbour is not taken for it."""
    (frames_of(tree) / "000032.png").unlink()

    found = report(tree)

    assert found.missing_truths == [5]
    assert (found.blended, found.missing_frames) == (PAIRS - 1, [])


def test_published_pictures_may_differ_a_little(tree: Path) -> None:
    """Ground truths that differ by up to a code value from their frames, as published, are still found."""
    rng = np.random.default_rng(0)
    for path in (tree / "pub" / "train" / SEQUENCE / "sharp").iterdir():
        picture = cv2.imread(str(path)).astype(int)
        write_png(path, np.clip(picture + rng.integers(-1, 2, picture.shape), 0, 255).astype(np.uint8)[..., ::-1])

    found = report(tree)

    assert (found.blended, found.complete) == (PAIRS, True)


def test_missing_pictures_and_sequences(tree: Path) -> None:
    """A published picture that is gone, and a sequence without frames, are named."""
    (tree / "pub" / "train" / SEQUENCE / "blur" / "000004.png").unlink()
    shutil.copytree(tree / "pub" / "train" / SEQUENCE, tree / "pub" / "train" / "GOPR0002_07_00")

    other, first = (reproduce_sequence(*each) for each in reversed(find_sequences(tree / "all", tree / "pub")))

    assert first.missing_pictures == [] or other.missing_pictures == ["blur/000004.png"]
    assert {len(first.missing_truths), len(other.missing_truths)} == {0, PAIRS}


def test_a_ground_truth_without_its_picture_is_named(tree: Path) -> None:
    """Where blur and blur_gamma are there and the sharp picture is not, the set is not complete, and the picture is named once."""
    (tree / "pub" / "train" / SEQUENCE / "sharp" / "000005.png").unlink()

    found = report(tree)
    shown = call(str(tree / "all"), str(tree / "pub"))

    assert found.missing_pictures == ["sharp/000005.png"]
    assert (found.blended, found.missing_frames, found.complete) == (PAIRS - 1, [], False)
    assert f"train/{SEQUENCE}: sharp/000005.png is missing" in shown.stdout
    assert shown.exit_code == 1


def test_frames_before_the_first_have_no_number(tree: Path) -> None:
    """Where the first frames of a window are gone and the rest is numbered from 1, no impossible number is named."""
    for number in range(1, 17):
        (frames_of(tree) / f"{number:06}.png").unlink()
    shift(frames_of(tree), -16)

    found = report(tree)
    shown = call(str(tree / "all"), str(tree / "pub"))

    assert found.missing_frames == ["3: before the first", "3: before the first"]
    assert "window of ground truth 3 lacks 2 frames before the first" in shown.stdout


def test_static_film_keeps_its_order(tmp_path: Path) -> None:
    """Among frames that are all alike the ground truth follows the last one by M."""
    frame = film(1)[0]
    for number in range(1, 22):
        write_png(tmp_path / "all" / SEQUENCE / f"{number:06}.png", frame)
    for n in (1, 2, 3):
        for folder in ("blur", "blur_gamma", "sharp"):
            write_png(tmp_path / "pub" / SEQUENCE / folder / f"{n:06}.png", frame)

    found = report(tmp_path)

    assert found.pairs == 3
    assert found.psnr_blur == 100.0


def test_a_sequence_that_begins_at_rest_lacks_nothing(tmp_path: Path) -> None:
    """Of frames that are alike the first ground truth is the one that its number names."""
    frames = [film(1)[0]] * (M - 1) + film(2 * M + 1)
    for number, frame in enumerate(frames, start=1):
        write_png(tmp_path / "all" / SEQUENCE / f"{number:06}.png", frame)
    for n in (1, 2, 3):
        window = frames[(n - 1) * M : n * M]
        write_png(tmp_path / "pub" / SEQUENCE / "blur" / f"{n:06}.png", numpy_blend(window, 1.0))
        write_png(tmp_path / "pub" / SEQUENCE / "sharp" / f"{n:06}.png", np.minimum(window[M // 2], 254) + np.uint8(1))

    found = report(tmp_path)

    assert (found.pairs, found.missing_frames) == (3, [])


def test_windows_by_hand() -> None:
    """Positions, gaps at the ends and an unknown ground truth, worked out by hand for M = 5."""
    numbers = [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]  # frame 3, the first ground truth, is gone

    first, second, third = windows([1, 2, 3], [None, 6, 11], numbers, 5)

    assert (first.centre, first.missing) == (None, (3,))
    assert (second.frames, second.missing) == ((4, 5, 6, 7, 8), ())
    assert (third.frames, third.missing) == ((9, 10, 11, 12, 13), ())


def call(*arguments: str) -> object:
    """The command as typed."""
    return CliRunner().invoke(build_app(), ["reproduce", *arguments])


def test_command(tree: Path) -> None:
    """Exit code 0 and a table for a sound tree; 1, JSON and one sentence where a frame is missing."""
    sound = call(str(tree / "all"), str(tree / "pub"))
    (frames_of(tree) / "000029.png").unlink()
    short = call(str(tree / "all"), str(tree / "pub"), "--json")

    assert sound.exit_code == 0, sound.output
    assert SEQUENCE in sound.stdout
    assert short.exit_code == 1
    told = json.loads(short.stdout)
    assert told["complete"] is False
    assert told["sequences"][0]["missing_frames"] == ["5: 29"]
    assert "lack frames" in short.stderr


def test_wrong_folders_are_sentences(tree: Path) -> None:
    """Swapped, missing and empty folders, wrong names and broken pictures are data errors."""
    for arguments, sentence in (
        ((tree / "pub", tree / "all"), "holds no GOPRxxxx_yy_zz/sharp"),
        ((tree / "nowhere", tree / "pub"), "no such folder"),
        ((tree / "pub", tree / "pub"), f"looked for train/{SEQUENCE}, there is none.*may be swapped"),
    ):
        with pytest.raises(SourceError, match=sentence):
            find_sequences(*arguments)
    with pytest.raises(SourceError, match="odd"):
        reproduce_sequence("GOPR0001_08_00", frames_of(tree), tree / "pub" / "train" / SEQUENCE)
    (frames_of(tree) / "000020.png").write_bytes(b"no picture")
    with pytest.raises(SourceError, match=r"000020\.png"):
        report(tree)


def test_pairs_of_ones_own_are_not_compared(tree: Path) -> None:
    """Reproduce proposes to make pairs, and says that they are not for itself; given them, it names both sides' sequences and the maker."""
    told = call(str(tree / "all"), str(tree / "pub"))
    made = CliRunner().invoke(build_app(), ["synthesize", str(tree / "all"), "--window", "7", "--out", str(tree / "own")])
    refused = call(str(tree / "all"), str(tree / "own"))

    assert (told.exit_code, made.exit_code, refused.exit_code) == (0, 0, 1)
    assert "Next: blurdata synthesize" in told.stderr
    assert "only published ones can be compared here" in told.stderr
    message = str(refused.exception) + refused.stderr
    assert f"looked for train/{SEQUENCE}_07_00, there is train/{SEQUENCE}" in message
    assert "own was made by blurdata synthesize" in message
