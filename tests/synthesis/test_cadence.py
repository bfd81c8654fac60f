"""Repeats that were added to reach a quicker rate, and repeats that stand for lost frames."""

import cv2
import numpy as np
import pytest

from blurdata.color import curve
from blurdata.synthesis import synthesize
from blurdata.synthesis.cadence import taken_apart

SHAKE = 3 + 2 * np.sin(np.arange(400) / 4.0)  # px a frame


@pytest.mark.parametrize(("rate", "shown"), [(24, 30), (25, 30), (24, 25), (20, 30), (50, 60), (24, 60), (25, 60)])
@pytest.mark.parametrize("lengths_px", [np.full(400, 3.0), SHAKE, np.zeros(400)], ids=["pan", "shake", "still"])
def test_pictures_of_a_cadence_are_evenly_apart(rate: int, shown: int, lengths_px: np.ndarray) -> None:
    """A film shown at a quicker rate has its own rate between all pictures, whatever moves."""
    frames = np.arange(300) * shown // rate

    np.testing.assert_allclose(taken_apart(frames, lengths_px[:299]), shown / rate, rtol=1e-12)


@pytest.mark.parametrize("missed", [0, 7, 30])
def test_a_repeat_that_was_not_found_ends_no_cadence(missed: int) -> None:
    """Beside a repeat that passes for a picture, the rate of the others is known all the same."""
    shown = np.arange(200) * 24 // 30
    repeats = np.flatnonzero(np.diff(shown) == 0) + 1
    frames = np.delete(np.arange(200), np.delete(repeats, missed))
    lengths_px = 3.0 * np.diff(shown[frames])

    apart = taken_apart(frames, lengths_px)

    assert set(apart) <= {1.0, 1.25}
    assert (apart == 1.0).sum() <= 10


@pytest.mark.parametrize("lost", [[50], [50, 57, 90], [50, 51, 73], list(range(4, 200, 5))])
@pytest.mark.parametrize("px", [np.full(400, 3.0), SHAKE], ids=["pan", "shake"])
def test_lost_frames_took_their_time(lost: list[int], px: np.ndarray) -> None:
    """Where frames were lost, at a regular cadence too, motion across their repeats is longer and the numbers are believed."""
    frames = np.delete(np.arange(200), lost)
    lengths_px = np.diff(np.cumsum(px)[frames])

    np.testing.assert_array_equal(taken_apart(frames, lengths_px), np.diff(frames))


def test_a_single_frame_that_was_added_took_none() -> None:
    """One repeat across which a steady motion goes on is no lost frame; at a turn of the motion nothing is claimed."""
    frames = np.array([0, 1, 2, 3, 5, 6, 7])

    assert taken_apart(frames, np.array([3.0, 3.1, 3.2, 3.3, 3.4, 3.5])).tolist() == [1, 1, 1, 1, 1, 1]
    assert taken_apart(frames, np.array([3.0, 2.0, 1.0, 0.2, 1.0, 2.0])).tolist() == [1, 1, 1, 2, 1, 1]


def test_a_phone_that_halves_its_rate_is_taken_at_its_word() -> None:
    """Every picture twice from somewhere on, in the dark: time goes by as the film shows it."""
    frames = np.r_[np.arange(100), 100 + 2 * np.arange(100)]

    np.testing.assert_array_equal(taken_apart(frames, 3.0 * np.diff(frames)), np.diff(frames))


def test_exposures_of_a_film_shown_quicker_are_even() -> None:
    """24 pictures a second in 30 frames: every exposure of three spans two of 24, and weights the way evenly, across a repeat too."""
    rng = np.random.default_rng(0)
    scene = cv2.resize(rng.uniform(0, 255, (18, 80, 3)).astype(np.float32), (320, 72), interpolation=cv2.INTER_CUBIC)
    scene = np.clip(scene, 0, 255).astype(np.uint8)
    pictures = [np.ascontiguousarray(scene[:, 4 * i : 4 * i + 96]) for i in range(24)]
    shown = np.arange(30) * 4 // 5
    fields = {"window": 3, "step": 1, "variant": "blur_gamma", "interpolation": "dis", "virtual_frames": 8, "folder_fps": 30}

    pairs = list(synthesize([pictures[i] for i in shown], fields))

    assert len(pairs) == 22
    for pair in pairs:
        centre = 4 * int(shown[pair.meta["sharp_frame"]])
        light = [curve("gamma22").decode(_seen(scene, centre + k / 2) / 255) for k in range(-8, 9)]
        truth = 255 * curve("gamma22").encode(np.mean(light, axis=0))
        error = (pair.blurry - truth)[8:-8, 12:-12]
        assert 10 * np.log10(255**2 / np.mean(error**2)) > 40
        assert (pair.meta["samples"], pair.meta["exposure_s"]) == (17, pytest.approx(2 / 24, abs=1e-8))


def _seen(scene: np.ndarray, shift: float) -> np.ndarray:
    return cv2.warpAffine(scene, np.float32([[1, 0, -shift], [0, 1, 0]]), (96, 72), flags=cv2.INTER_CUBIC)
