"""Poisson-Gaussian noise: its law, its constants, its clamps."""

import numpy as np
import pytest

from blurdata.sensor import NOISE_LEVELS, NoiseLevel, draw_noise_level, poisson_gaussian


@pytest.mark.parametrize("name", sorted(NOISE_LEVELS))
@pytest.mark.parametrize("light", [0.0, 0.01, 0.3, 1.0])
def test_mean_and_variance_follow_the_law(name: str, light: float) -> None:
    """The mean is the light and the variance K x + s^2, within five standard errors."""
    level, n = NOISE_LEVELS[name], 200_000

    noisy = poisson_gaussian(np.full(n, light), level, np.random.default_rng(7))

    variance = level.shot * light + level.read**2
    assert abs(noisy.mean() - light) < 5 * np.sqrt(variance / n)
    # the variance of a variance estimate has the excess kurtosis of the Poisson part in it
    excess = level.shot**3 * light
    assert abs(noisy.var() - variance) < 5 * np.sqrt((2 * variance**2 + excess) / n)


def test_published_constants() -> None:
    """The three sets are those of the published code."""
    assert NOISE_LEVELS == {"rsblur": (1e-4, 9.1504e-4), "realblur": (8.8915e-5, 2.9430e-5), "bsd": (2.3282e-5, 1.9452e-4)}


def test_shot_noise_is_counted_in_electrons() -> None:
    """Without read noise every value is a whole number of electrons."""
    noisy = poisson_gaussian(np.full(1000, 0.37), NoiseLevel(0.01, 0.0), np.random.default_rng(1))

    np.testing.assert_allclose(noisy / 0.01, np.rint(noisy / 0.01), atol=1e-9)
    assert len(np.unique(noisy)) > 10


def test_negative_light_is_clamped_before_poisson() -> None:
    """Negative rates, which colour matrices leave behind, count as darkness instead of raising."""
    noisy = poisson_gaussian(np.array([-0.2, -1e-9, 0.0]), NoiseLevel(1e-4, 0.0), np.random.default_rng(0))

    assert noisy.tolist() == [0.0, 0.0, 0.0]


def test_no_noise_is_identity() -> None:
    """K = s = 0 changes nothing."""
    light = np.random.default_rng(0).random((5, 6, 3))

    assert np.array_equal(poisson_gaussian(light, NoiseLevel(0.0, 0.0), np.random.default_rng(0)), light)


def test_tiny_shot_noise_does_not_overflow() -> None:
    """A K so small that Poisson's rate leaves the sampler's range is still answered."""
    noisy = poisson_gaussian(np.array([1.0]), NoiseLevel(1e-12, 0.0), np.random.default_rng(0))

    assert noisy[0] == pytest.approx(1.0, abs=1e-5)


def test_draws_scale_each_constant_on_its_own() -> None:
    """K and s get separate factors inside the range."""
    rng = np.random.default_rng(3)
    draws = np.array([draw_noise_level("bsd", rng) for _ in range(500)]) / NOISE_LEVELS["bsd"]

    assert draws.min() >= 0.5
    assert draws.max() <= 1.5
    assert abs(np.corrcoef(draws.T)[0, 1]) < 0.2


@pytest.mark.parametrize("level", [NoiseLevel(-1e-4, 0.0), NoiseLevel(0.0, -1.0), NoiseLevel(float("nan"), 0.0)])
def test_impossible_levels_are_refused(level: NoiseLevel) -> None:
    """Negative or undefined strengths raise with the value in the sentence."""
    with pytest.raises(ValueError, match="at least 0"):
        poisson_gaussian(np.ones(3), level, np.random.default_rng(0))


def test_nan_light_is_refused() -> None:
    """NaN light raises instead of becoming a picture."""
    with pytest.raises(ValueError, match="NaN"):
        poisson_gaussian(np.array([np.nan]), NOISE_LEVELS["bsd"], np.random.default_rng(0))


def test_unknown_name_lists_the_known() -> None:
    """A wrong name is answered with the right ones."""
    with pytest.raises(ValueError, match="rsblur, realblur, bsd"):
        draw_noise_level("iphone", np.random.default_rng(0))
