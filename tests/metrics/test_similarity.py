"""PSNR and the named SSIMs against independent computations."""

import math

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from blurdata.metrics import psnr, ssim


@pytest.fixture
def two() -> tuple[np.ndarray, np.ndarray]:
    """A sharp picture with structure and colour, and a restored one that is blurred and noisy."""
    rng = np.random.default_rng(3)
    sharp = ndimage.gaussian_filter(rng.uniform(0, 255, (40, 37, 3)), (1.5, 1.5, 0))
    sharp = np.clip((sharp - sharp.mean()) * 4 + 120, 0, 255)
    restored = np.clip(ndimage.gaussian_filter(sharp, (1, 1, 0)) + rng.normal(0, 4, sharp.shape), 0, 255)
    return restored.astype(np.uint8), sharp.astype(np.uint8)


def ssim_as_matlab(x: np.ndarray, y: np.ndarray, peak: float = 255.0) -> float:
    """MATLAB's definition written out: one full 11x11x11 Gaussian, replicated edges, population moments, plain mean."""
    ramp = np.arange(-5, 6)
    one = np.exp(-(ramp**2) / (2 * 1.5**2))
    window = one[:, None, None] * one[None, :, None] * one[None, None, :]
    window /= window.sum()

    def smooth(volume: np.ndarray) -> np.ndarray:
        return ndimage.convolve(volume, window, mode="nearest")

    x, y = x.astype(float), y.astype(float)
    mx, my = smooth(x), smooth(y)
    vx, vy, cxy = smooth(x * x) - mx**2, smooth(y * y) - my**2, smooth(x * y) - mx * my
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    return float(np.mean((2 * mx * my + c1) * (2 * cxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))))


def test_psnr_is_the_library_s(two: tuple[np.ndarray, np.ndarray]) -> None:
    """PSNR equals scikit-image's for 8 bits, 16 bits and floats."""
    restored, sharp = two

    for a, b, peak in (
        (restored, sharp, 255),
        (restored * np.uint16(257), sharp * np.uint16(257), 65535),
        (restored / 255, sharp / 255, 1),
    ):
        assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(b, a, data_range=peak), abs=1e-9)


def test_psnr_of_equal_pictures_is_infinite(two: tuple[np.ndarray, np.ndarray]) -> None:
    """Equal pictures have no error, so an infinite ratio, without a warning."""
    assert math.isinf(psnr(two[1], two[1]))


def test_psnr_does_not_wrap_around() -> None:
    """The difference of unsigned codes is taken as a number: 0 against 255 is 0 dB."""
    black, white = np.zeros((3, 3, 3), np.uint8), np.full((3, 3, 3), 255, np.uint8)

    assert psnr(black, white) == pytest.approx(0.0)


def test_skimage_variant_has_the_stated_settings(two: tuple[np.ndarray, np.ndarray]) -> None:
    """The default SSIM is scikit-image's with Gaussian weights, sigma 1.5 and population covariance."""
    restored, sharp = two
    expected = structural_similarity(
        restored, sharp, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )

    assert ssim(restored, sharp) == pytest.approx(expected, abs=1e-12)


def test_matlab_variant_is_the_volume_ssim(two: tuple[np.ndarray, np.ndarray]) -> None:
    """The matlab3d SSIM equals a full 11x11x11 window with replicated edges, and differs from the other one."""
    restored, sharp = two

    assert ssim(restored, sharp, variant="matlab3d") == pytest.approx(ssim_as_matlab(restored, sharp), abs=1e-7)
    assert abs(ssim(restored, sharp, variant="matlab3d") - ssim(restored, sharp)) > 1e-3


def test_depth_does_not_change_a_score(two: tuple[np.ndarray, np.ndarray]) -> None:
    """The same picture in 16 bits has the same scores."""
    a, b = (picture * np.uint16(257) for picture in two)

    assert ssim(a, b) == pytest.approx(ssim(*two), abs=1e-9)
    assert ssim(a, b, variant="matlab3d") == pytest.approx(ssim(*two, variant="matlab3d"), abs=1e-9)


@pytest.mark.parametrize("score", [psnr, ssim])
def test_pictures_that_cannot_be_compared_are_refused(score: object, two: tuple[np.ndarray, np.ndarray]) -> None:
    """Another size, dtype, or no RGB picture is an error that says what was given."""
    restored, sharp = two

    with pytest.raises(ValueError, match="must agree"):
        score(restored[1:], sharp)  # type: ignore[operator]
    with pytest.raises(ValueError, match="must agree"):
        score(restored.astype(np.uint16), sharp)  # type: ignore[operator]
    with pytest.raises(ValueError, match="RGB"):
        score(restored[..., 0], sharp[..., 0])  # type: ignore[operator]
    with pytest.raises(TypeError, match="int64"):
        score(restored.astype(int), sharp.astype(int))  # type: ignore[operator]
    with pytest.raises(TypeError, match="numpy"):
        score(restored.tolist(), sharp)  # type: ignore[operator]


def test_unknown_variant_and_tiny_pictures_are_refused(two: tuple[np.ndarray, np.ndarray]) -> None:
    """A variant that does not exist and pictures smaller than the window are errors that say so."""
    with pytest.raises(ValueError, match="skimage, matlab3d"):
        ssim(*two, variant="cw")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="11 px"):
        ssim(two[0][:8], two[1][:8])
