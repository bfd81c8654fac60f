"""Repeated frames that compression has altered, turning points, still scenes, and numbers that skip."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from blurdata.files import write_png
from blurdata.synthesis import synthesize
from blurdata.synthesis.frames import numbering_gaps
from blurdata.synthesis.repeats import find_dips, unchanged
from blurdata.synthesis.steps import STEPS


def scene(seed: int = 0) -> np.ndarray:
    """A texture."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 20, 3))
    return np.kron(coarse, np.ones((6, 6, 1))).astype(np.uint8)


def refined(frame: np.ndarray, seed: int) -> np.ndarray:
    """The same as an encoder shows it again: a few spots change by several codes."""
    out, rng = frame.astype(int), np.random.default_rng(seed)
    for _ in range(4):
        y, x = rng.integers(0, 60), rng.integers(0, 100)
        out[y : y + 6, x : x + 6] += int(rng.choice([-9, 9]))
    return np.clip(out, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("repeats", [[5], [4, 9, 14], [5, 6, 12]])
def test_repeats_that_an_encoder_refined_are_found(repeats: list[int]) -> None:
    """A frame shown again with small changes is a repeat; with the share at 0 only equal ones are."""
    frames: list[np.ndarray] = []
    while len(frames) < 20:
        again = len(frames) in repeats
        frames.append(refined(frames[-1], len(frames)) if again else np.roll(scene(), 2 * len(frames), axis=1))

    assert synthesize(frames, {"window": 3}).summary()["repeated_frames"] == len(repeats)
    assert synthesize(frames, {"window": 3, "repeat_share": 0}).summary()["repeated_frames"] == 0


def test_a_still_noisy_scene_has_no_repeats() -> None:
    """Grain changes every frame of a scene that stands still; nothing is accused."""
    rng = np.random.default_rng(1)
    frames = [np.clip(scene() + rng.normal(0, 4, (72, 120, 3)), 0, 255).astype(np.uint8) for _ in range(30)]

    summary = synthesize(frames, {"window": 3}).summary()

    assert (summary["repeated_frames"], summary["static_frames"]) == (0, 0)


@pytest.mark.parametrize("repeat", [None, 20])
@pytest.mark.parametrize("lit", [lambda i: i % 7 == 3, lambda i: i * 100 // 120 % 2])
def test_light_that_flashes_makes_no_repeats(lit: object, repeat: int | None) -> None:
    """A lamp of two levels, once in seven frames or 100 times a second, hides a slow pan; true repeats are found all the same."""
    rng = np.random.default_rng(2)
    smooth = cv2.GaussianBlur(rng.integers(0, 256, (72, 240, 3)).astype(np.float32), None, 2.0)
    smooth = np.clip((smooth - 128) * 4 + 90, 0, 190)
    frames: list[np.ndarray] = []
    for i in range(48):
        view = smooth[:, i : i + 120] * (1.3 if lit(i) else 1.0) + rng.normal(0, 1, (72, 120, 1))
        again = i == repeat
        frames.append(refined(frames[-1], i) if again else np.clip(view, 0, 255).astype(np.uint8))

    assert synthesize(frames, {"window": 3}).summary()["repeated_frames"] == (repeat is not None)


def test_a_hand_that_turns_round_repeats_nothing() -> None:
    """A slow swing, whose change nearly vanishes at its turning points, has no repeats."""
    changes = np.abs(np.sin(np.arange(60) / 5.0 + 0.1)) * 8

    assert find_dips(changes, 0.15) == []


def steps(change: list[float], mean: list[float]) -> np.ndarray:
    """Records of the analysis."""
    made = np.zeros(len(change), STEPS)
    made["change"], made["mean_change"], made["moving_change"] = change, mean, mean
    return made


def test_flicker_of_an_encoder_does_not_end_a_static_stretch() -> None:
    """A compressed still picture that is refined now and then is one static stretch, without repeats."""
    change = [40.0, 40.0, *[0.0, 0.0, 0.0, 4.0] * 5, 40.0, 40.0]
    mean = [3.0, 3.0, *[0.0, 0.0, 0.0, 0.05] * 5, 3.0, 3.0]

    static, repeated = unchanged(steps(change, mean), still_change=1.5, repeat_share=0.15, still_frames=6)

    assert (static, repeated) == (set(range(2, 23)), set())


def test_films_of_many_repeats() -> None:
    """24 frames a second shown at 60: six of ten frames are repeats."""
    pattern = ([9.0, 0.1, 9.0, 0.1, 0.1] * 8)[:-1]

    _, repeated = unchanged(steps([10 * c for c in pattern], pattern), still_change=0.0, repeat_share=0.15, still_frames=6)

    inner = range(5, len(pattern) - 5)
    assert {i - 1 for i in repeated} & set(inner) == {i for i in inner if pattern[i] < 1}


@pytest.mark.parametrize(
    ("names", "gaps"),
    [
        (["000001", "000002", "000010", "000011"], [2]),
        (["1", "2", "10"], [2]),
        (["a_1", "a_3", "a_5", "a_7"], []),
        (["a_1", "a_3", "a_9", "a_11"], [2]),
        (["first", "second"], []),
        (["7"], []),
        (["s1_01", "s1_02", "s2_01"], []),
        (["0001-x", "0002-x", "0004-x"], [2]),
        (["left_1", "left_2", "left_4", "right_1", "right_2"], [2, 3]),
        (["a1", "b1", "c1"], []),
        (["cover", "f1", "f2", "f3"], []),
    ],
)
def test_numbers_that_skip(names: list[str], gaps: list[int]) -> None:
    """A gap is a step above the usual one; names without one number each have none."""
    assert numbering_gaps(names) == gaps


def test_no_exposure_crosses_into_another_row_of_names(tmp_path: object) -> None:
    """Two takes in one folder make windows of their own."""
    for name in ("left", "right"):
        for number in range(5):
            write_png(tmp_path / f"{name}_{number:03}.png", np.roll(scene(), 2 * number, axis=1))

    pairs = synthesize(tmp_path, {"window": 3})

    assert pairs.summary()["numbering_gaps"] == 1
    assert [pair.meta["frames"] for pair in pairs] == [[0, 1, 2], [5, 6, 7]]


@pytest.mark.parametrize("as_film", [False, True])
def test_dark_deep_frames_are_told_apart_by_all_their_bits(as_film: bool, tmp_path: Path) -> None:
    """16-bit frames that are alike in 8 bits are repeats only where they are equal, if only exact repeats are to be left out."""
    frames = [np.roll(scene().astype(np.uint16) // 4, 2 * i, axis=1) for i in range(7)]  # codes to 63 of 65,535
    frames.insert(3, frames[2])
    source: object = frames
    if as_film:
        source = tmp_path / "dark.mkv"
        with av.open(str(source), "w") as container:
            stream = container.add_stream("ffv1", rate=240)
            stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "gray16le"
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame[..., 0]), format="gray16le")))
            container.mux(stream.encode())

    pairs = synthesize(source, {"window": 3, "still_change": 0, "repeat_share": 0})

    assert pairs.summary()["repeated_frames"] == 1
    assert [pair.meta["frames"] for pair in pairs] == [[0, 1, 2], [4, 5, 6]]


def test_no_exposure_crosses_a_gap(tmp_path: object) -> None:
    """Frames 1 to 4 and 10 to 15 of a folder make windows of their own, and the gap is counted."""
    for number in (*range(1, 5), *range(10, 16)):
        write_png(tmp_path / f"{number:06}.png", np.roll(scene(), 2 * number, axis=1))

    pairs = synthesize(tmp_path, {"window": 3})

    assert pairs.summary()["numbering_gaps"] == 1
    assert [pair.meta["frames"] for pair in pairs] == [[0, 1, 2], [4, 5, 6], [7, 8, 9]]


@pytest.mark.parametrize("times", [2, 3, 4, 5, 6, 8, 10])
def test_a_slower_film_shown_quickly_is_repeats_and_no_static_stretch(times: int) -> None:
    """24, 30 or 60 frames a second in a file of 240: each picture is shown several times, and the film moves all the while."""
    pattern = ([0.0] * (times - 1) + [5.0]) * 12 + [0.0] * (times - 1)

    static, repeated = unchanged(steps([4 * c for c in pattern], pattern), still_change=1.5, repeat_share=0.15, still_frames=6)

    assert static == set()
    assert repeated == {frame for frame in range(13 * times) if frame % times}


def test_a_pause_of_a_moving_film_is_a_static_stretch() -> None:
    """Twelve equal frames between single ones are a pause, however long pictures may be shown elsewhere."""
    pattern = [5.0] * 20 + [0.0] * 11 + [5.0] * 20

    static, repeated = unchanged(steps([4 * c for c in pattern], pattern), still_change=1.5, repeat_share=0.15, still_frames=6)

    assert (static, repeated) == (set(range(20, 32)), set())


def test_what_moves_in_one_shot_accuses_no_frame_of_another() -> None:
    """A slow shot between two fast ones, with grain of its own: nothing in it is repeated."""
    pattern = [9.0] * 8 + [60.0] + [0.9] * 5 + [60.0] + [9.0] * 8

    _, repeated = unchanged(steps([4 * c for c in pattern], pattern), still_change=1.5, repeat_share=0.15, still_frames=6, cuts=[9, 15])

    assert repeated == set()
