"""The first look at a film: the same on any number of cores."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from blurdata.errors import SourceError
from blurdata.synthesis import steps, synthesize


def _film(count: int = 40) -> list[np.ndarray]:
    """A shaken scene with a cut and a repeated frame, too large to be looked at whole."""
    rng = np.random.default_rng(2)
    scenes = [cv2.GaussianBlur(rng.integers(0, 256, (300, 500), np.uint8), (0, 0), 3) * 2 for _ in range(2)]
    places = rng.integers(0, 60, (count, 2))
    frames = [np.ascontiguousarray(scenes[i // 22][y : y + 200, x : x + 400]) for i, (y, x) in enumerate(places)]
    frames[9:10] = frames[8:9]
    return frames


@pytest.mark.parametrize("cores", [1, 3, 40])
def test_steps_are_the_same_on_any_number_of_cores(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    """Each step is of its own two frames and comes in its own place."""
    frames = _film()
    one_by_one = [next(steps.measure_steps(pair)) for pair in pairwise(frames)]
    monkeypatch.setattr(steps, "available_cpus", lambda: cores)

    found = list(steps.measure_steps(frames))

    assert len(found) == len(frames) - 1
    assert found[8].change == 0
    assert [replace(step, across=0) for step in found] == [replace(step, across=0) for step in one_by_one]
    assert found == list(steps.measure_steps(iter(frames)))


def test_what_ends_the_frames_ends_the_steps() -> None:
    """A film that breaks says why."""

    def broken() -> Iterator[np.ndarray]:
        yield from _film(5)
        msg = "frame 5 is damaged"
        raise OSError(msg)

    with pytest.raises(OSError, match="frame 5"):
        list(steps.measure_steps(broken()))


@pytest.mark.parametrize("size", [(24, 320), (48, 640), (64, 1280), (4, 1280), (20, 128), (640, 24), (16, 16), (2, 64)])
def test_films_of_any_shape_are_looked_at(size: tuple[int, int]) -> None:
    """OpenCV's flow crashes, or gives no number, on frames that are very wide for their height."""
    height, width = size
    rng = np.random.default_rng(1)
    scene = cv2.GaussianBlur(rng.integers(0, 256, (height + 20, width + 20, 3), np.uint8), (0, 0), 2)
    frames = [np.ascontiguousarray(scene[i : i + height, 2 * i : 2 * i + width]) for i in range(5)]
    fields = {"window": 3, "interpolation": "dis", "virtual_frames": 3, "blur_vectors": True, "max_disagreement": 1.0, "still_change": 0}

    pair = synthesize(frames, fields)[0]

    assert pair.size == size
    assert np.isfinite(pair.meta["blur_px_max"])
    assert np.isfinite(pair.extras["blur_vectors"]).all()


def test_nothing_can_be_followed_in_frames_of_one_pixel_a_side() -> None:
    """Without interpolation such frames can be averaged."""
    frames = list(np.random.default_rng(0).integers(0, 256, (5, 1, 40, 3), np.uint8))

    assert synthesize(frames, {"window": 3, "still_change": 0})[0].size == (1, 40)
    with pytest.raises(SourceError, match=r"40x1, too small .* --interpolation none"):
        synthesize(frames, {"window": 3, "still_change": 0, "interpolation": "dis"})
