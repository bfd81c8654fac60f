"""Reading videos: times of frames, rates, and how long an exposure was."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from filming import moving, write_film

from blurdata.synthesis import synthesize
from blurdata.synthesis.analysis import Analysis
from blurdata.synthesis.steps import STEPS


def test_variable_frame_rate_keeps_true_times(tmp_path: Path) -> None:
    """No frame is doubled or dropped, exposures take the time the container says, and missing frames, even a single one, end a run."""
    pts = [0, 9, 20, 31, 40, 60, 70, 79, 90, 99, 299, 309, 320, 330, 340]
    write_film(tmp_path / "phone.mkv", moving(15), pts=pts, tick=Fraction(1, 300))

    pairs = synthesize(tmp_path / "phone.mkv", {"window": 5})

    assert pairs.summary()["timing_breaks"] == 2
    assert [pair.meta["frames"] for pair in pairs] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12, 13, 14]]
    assert [pair.meta["exposure_s"] for pair in pairs] == pytest.approx([40 / 300, 39 / 300, 41 / 300], abs=2e-3)


@pytest.mark.parametrize("fps", [24, 30, 60, 240, 480])
@pytest.mark.parametrize("digits", [3, 6])
def test_one_lost_frame_is_found_at_every_rate(fps: int, digits: int) -> None:
    """Neither the rounding of times to milliseconds, nor a jitter of a tenth, nor a rate that halves in the dark hides or makes one."""
    jitter = np.random.default_rng(0).uniform(-0.05, 0.05, 900)
    even, dark = np.arange(900.0), np.concatenate([np.arange(400.0), 398 + 2 * np.arange(1.0, 501)])
    for moments, expected in ((even, []), (np.delete(even, 450), [450]), (np.delete(even, [30, 899 - 30]), [30, 868]), (dark, [])):
        film = _timed(np.round((moments + jitter[: len(moments)]) / fps, digits))

        assert film.timing_breaks() == expected


def _timed(times_s: np.ndarray) -> Analysis:
    none = np.empty(0, np.int64)
    return Analysis(48, 64, 8, times_s, none, none, np.zeros(len(times_s) - 1, STEPS), "")


def test_times_out_of_order_are_no_times(tmp_path: Path) -> None:
    """AVI gives B-frames the times of their storage: nothing is taken for missing, and the exposure follows from the rate."""
    write_film(tmp_path / "b.avi", moving(12), codec="libx264", pix_fmt="yuv420p", options={"g": "12", "bf": "2"})

    pairs = synthesize(tmp_path / "b.avi", {"window": 5})

    assert (len(pairs), pairs.summary()["timing_breaks"]) == (2, 0)
    assert pairs[1].meta["exposure_s"] == pytest.approx(4 / 30, abs=1e-9)


def test_exposures_are_free_of_the_rounding_of_times(tmp_path: Path) -> None:
    """Matroska rounds times to milliseconds; at an even rate the exposure is exact."""
    write_film(tmp_path / "even.mkv", moving(7))

    assert synthesize(tmp_path / "even.mkv", {"window": 3})[1].meta["exposure_s"] == pytest.approx(2 / 30, abs=1e-9)


def test_an_exposure_lasts_over_a_repeat_in_a_folder_too() -> None:
    """A frame that was left out as a repeat took its time, as it does in a video."""
    frames = moving(10)
    frames[4] = frames[3]

    pair = synthesize(frames, {"window": 9, "folder_fps": 240})[0]

    assert 4 not in pair.meta["frames"]
    assert pair.meta["exposure_s"] == pytest.approx(9 / 240, abs=1e-9)


def test_capture_rate_overrules_the_container(tmp_path: Path) -> None:
    """A slow-motion clip tagged 30 was taken at 240; both are recorded."""
    write_film(tmp_path / "slow.mkv", moving(6))

    meta = synthesize(tmp_path / "slow.mkv", {"window": 5, "capture_fps": 240})[0].meta

    assert meta["exposure_s"] == pytest.approx(4 / 240, abs=2e-4)
    assert (meta["capture_fps"], meta["container_fps"]) == (240, 30)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_frames_that_are_missing_lower_no_rate(tmp_path: Path, suffix: str) -> None:
    """MP4 states an average; the rate is that between frames which follow each other, and the exposure follows from it."""
    path = tmp_path / f"slow{suffix}"
    write_film(path, moving(22), pts=[*range(11), *range(20, 31)], codec="mpeg4", pix_fmt="yuv420p")

    for meta in (pair.meta for pair in synthesize(path, {"window": 5, "capture_fps": 240})):
        assert meta["exposure_s"] == pytest.approx(4 / 240, abs=1e-8)
        assert meta["container_fps"] == 30
    assert synthesize(path, {"window": 5})[0].meta["capture_fps"] == 30


def test_virtual_frames_weigh_time_evenly_at_a_variable_rate(tmp_path: Path) -> None:
    """A scene that moves evenly while the camera does not keep time is blended as if it had."""
    moments = [0, 2, 5, 7, 10, 12, 15]
    scene = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (96, 320, 3)).astype(np.float32), None, 2.0)
    scene = np.clip((scene - 128) * 5 + 128, 0, 255).astype(np.uint8)
    path = tmp_path / "phone.mkv"
    write_film(path, [np.ascontiguousarray(scene[:, t : t + 240]) for t in moments], pts=moments, tick=Fraction(1, 100))

    pair = synthesize(path, {"window": 7, "variant": "blur", "interpolation": "dis", "virtual_frames": 2})[0]

    even = np.mean([scene[:, t : t + 240] for t in range(16)], axis=0)
    assert pair.meta["samples"] == 16
    assert np.abs(pair.blurry - even)[8:-8, 24:-24].mean() < 0.6


@pytest.mark.parametrize("suffix", [".h264", ".hevc"])
def test_raw_streams_have_the_rate_of_their_headers(tmp_path: Path, suffix: str) -> None:
    """FFmpeg takes every raw stream for 25 frames a second; what the pictures' own headers say is believed instead."""
    codec = {".h264": "libx264", ".hevc": "libx265"}[suffix]
    write_film(tmp_path / f"raw{suffix}", moving(12), codec=codec, pix_fmt="yuv420p", options={"x265-params": "log-level=none"})

    meta = synthesize(tmp_path / f"raw{suffix}", {"window": 7})[0].meta

    assert (meta["container_fps"], meta["capture_fps"]) == (30, 30)
    assert meta["exposure_s"] == pytest.approx(6 / 30)


def test_a_raw_stream_without_a_rate_has_no_times(tmp_path: Path) -> None:
    """A rate that nobody stated is not made up: it is null, counted, and taken from --capture-fps alone."""
    path = tmp_path / "raw.mjpeg"  # JPEG has no place for a rate
    write_film(path, moving(12), codec="mjpeg", pix_fmt="yuvj420p")

    pairs = synthesize(path, {"window": 7, "folder_fps": 240})
    given = synthesize(path, {"window": 7, "capture_fps": 120})

    assert [pairs[0].meta[name] for name in ("container_fps", "capture_fps", "exposure_s")] == [None, None, None]
    assert pairs.summary()["films_of_unknown_rate"] == 1
    assert [given[0].meta[name] for name in ("container_fps", "capture_fps", "exposure_s")] == [None, 120, 6 / 120]
    assert given.summary()["films_of_unknown_rate"] == 0


def test_frames_without_a_rate_are_counted() -> None:
    """Arrays and folders have the rate that the recipe gives them; without one their exposure is null, and that is counted."""
    unknown, given = (synthesize(moving(12), {"window": 7, "folder_fps": fps}) for fps in (None, 240))

    assert unknown[0].meta["exposure_s"] is None
    assert unknown.summary()["films_of_unknown_rate"] == 1
    assert given.summary()["films_of_unknown_rate"] == 0
