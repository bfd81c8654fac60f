"""The first look at a film: the same on any number of cores."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from blurdata.synthesis import steps


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
