"""The best fixed linear filter against least squares written out, and on pairs made by a filter."""

import cv2
import numpy as np
import pytest

from blurdata.training.linear import apply_filter, fit_filter


def _noise(seed: int, dtype: type = np.uint8) -> np.ndarray:
    picture = np.random.default_rng(seed).uniform(0.2, 0.8, (80, 90, 3))
    return (cv2.GaussianBlur(picture, (0, 0), 0.7) * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_known_filter_is_found_and_undoes_nothing_else(dtype: type) -> None:
    """Where sharp is a filter of blurry, that filter is found, its direction and its constant included."""
    taps = np.zeros((5, 5), np.float32)
    taps[2, 1], taps[0, 4] = 0.7, 0.2
    blurry = [_noise(seed, dtype) for seed in range(3)]
    top = np.iinfo(dtype).max
    sharp = [
        np.rint(cv2.filter2D(b.astype(np.float32), -1, taps, borderType=cv2.BORDER_REFLECT_101) + 0.03 * top).astype(dtype) for b in blurry
    ]
    kernel = fit_filter(blurry, sharp, side=5, samples=6000)
    assert np.abs(kernel[:-1].reshape(5, 5) - taps).max() < 0.02
    assert kernel[-1] == pytest.approx(0.03, abs=0.01)
    again = apply_filter(kernel, blurry[0])
    assert again.dtype == dtype
    assert np.abs(again.astype(float) - sharp[0]).max() <= 0.01 * top


def test_it_is_the_least_squares_answer() -> None:
    """No other filter leaves less error over all pixels than numpy's own least squares, to within the sampling."""
    blurry, sharp = _noise(4), _noise(5)
    kernel = fit_filter([blurry], [sharp], side=3, samples=60_000)
    windows = np.lib.stride_tricks.sliding_window_view(blurry, (3, 3), axis=(0, 1)).reshape(-1, 9) / 255
    rows = np.concatenate([windows, np.ones((len(windows), 1))], axis=1)
    expected, *_ = np.linalg.lstsq(rows, sharp[1:-1, 1:-1].reshape(-1) / 255, rcond=None)
    assert np.abs(kernel - expected).max() < 0.03


def test_unrelated_pictures_get_their_mean() -> None:
    """On shuffled pairs the filter falls back to a constant, which is what makes it a control."""
    blurry, sharp = [_noise(seed) for seed in range(8)], [_noise(seed) for seed in range(20, 28)]
    kernel = fit_filter(blurry, sharp, side=5, samples=40_000)
    assert np.abs(kernel[:-1]).max() < 0.1
    assert apply_filter(kernel, blurry[0]).std() < 0.3 * blurry[0].std()
