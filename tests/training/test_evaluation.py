"""Evaluation: both pictures of a pair scored alike, by the protocol that was named."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from blurdata.pairs import Pair
from blurdata.training import build_model
from blurdata.training.evaluation import Score, evaluate, means


def pairs():
    rng = np.random.default_rng(0)
    for i in range(3):
        sharp = rng.integers(0, 256, (24, 30, 3)).astype(np.uint8)
        yield Pair(f"p/{i}", sharp // 2 + 60, sharp)


def test_an_untrained_residual_network_leaves_the_score_as_it_is():
    """The identity scores like the untouched input, in order, by an independent PSNR."""
    results = list(evaluate(build_model("baseline", small=True).eval(), pairs()))
    for (found, restored), pair in zip(results, pairs(), strict=True):
        assert found.key == pair.key
        assert (restored == pair.blurry).all()
        assert found.restored_psnr == found.blurry_psnr == pytest.approx(peak_signal_noise_ratio(pair.sharp, pair.blurry), abs=1e-9)
        assert found.restored_ssim == found.blurry_ssim


def test_protocols_differ_and_unknown_ones_are_refused():
    """The protocol that was named is the one that is used."""
    model = build_model("baseline", small=True).eval()
    plain, matlab, realblur = (next(evaluate(model, pairs(), protocol=name))[0] for name in ("plain", "gopro-matlab", "realblur"))
    assert plain.blurry_psnr == matlab.blurry_psnr
    assert plain.blurry_ssim != matlab.blurry_ssim
    assert realblur.blurry_psnr != plain.blurry_psnr
    with pytest.raises(ValueError, match="plain, gopro-matlab, realblur"):
        next(evaluate(model, pairs(), protocol="psnr"))


def test_means_cap_identical_pictures():
    """One identical picture does not make the mean infinite."""
    mean = means([Score("a", 30.0, 0.5, float("inf"), 1.0), Score("b", 20.0, 0.7, 40.0, 0.8)])
    assert mean == {"blurry_psnr": 25.0, "blurry_ssim": pytest.approx(0.6), "restored_psnr": 70.0, "restored_ssim": pytest.approx(0.9)}
    assert means([]) == {}
