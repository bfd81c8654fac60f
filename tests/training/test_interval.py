"""The bootstrap against the formulas it must reproduce where there are any."""

import numpy as np
import pytest

from blurdata.training import bootstrap


def test_one_item_a_group_gives_the_textbook_interval_of_a_mean() -> None:
    """With one seed and single items the interval is the mean +- 1.96 standard errors."""
    values = np.random.default_rng(0).normal(2.0, 1.0, (1, 400))
    found = bootstrap(values, groups=[str(i) for i in range(400)])
    error = values.std() / 20
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.25 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.25 * error)


def test_copies_of_a_scene_do_not_narrow_the_interval() -> None:
    """Ten pictures of each scene that are all alike say no more than one of each."""
    values = np.random.default_rng(1).normal(0.0, 1.0, (1, 30))
    scenes = [str(i) for i in range(30)]
    one, ten = bootstrap(values, groups=scenes), bootstrap(np.repeat(values, 10, axis=1), groups=np.repeat(scenes, 10).tolist())
    assert (one.low, one.high) == pytest.approx((ten.low, ten.high))


def test_seeds_that_differ_widen_the_interval() -> None:
    """A spread between trainings is part of the interval, however many pictures there are."""
    values = np.repeat([[0.0], [1.0], [2.0]], 500, axis=1)
    found = bootstrap(values, groups=[str(i) for i in range(500)])
    assert found.mean == 1.0
    assert found.low < 0.4
    assert found.high > 1.6


def test_scenes_weigh_by_their_pictures() -> None:
    """The mean is over pictures, and drawn means are too: a scene of nine pictures weighs nine times as much."""
    found = bootstrap(np.array([[0.0] * 9 + [10.0]]), groups=["a"] * 9 + ["b"])
    assert found.mean == 1.0
    assert (found.low, found.high) == (0.0, 10.0)


def test_a_missing_group_is_an_error() -> None:
    """Every item needs its group."""
    with pytest.raises(ValueError, match="a group for each item"):
        bootstrap(np.zeros((2, 3)), groups=["a", "b"])
    with pytest.raises(ValueError, match="a group for each item"):
        bootstrap(np.zeros((2, 3)), np.zeros((1, 3)), groups=["a", "b", "c"])


def test_a_ratio_is_drawn_with_one_set_of_draws() -> None:
    """Where numerator and denominator move together their ratio has no spread."""
    base = np.random.default_rng(3).uniform(1, 2, (3, 40))
    found = bootstrap(0.3 * base, base, groups=[str(i) for i in range(40)], figure=lambda a, b: a / b)
    assert (found.low, found.mean, found.high) == pytest.approx((0.3, 0.3, 0.3))
