"""RealBlur's own estimators against direct transcriptions, and the compiled loops against plain numpy."""

import alignment_rig as rig
import cv2
import numpy as np
import pytest

from blurdata.alignment import photometric
from blurdata.alignment.camera import View
from blurdata.alignment.geometry import sample
from blurdata.alignment.kernel import convolved
from blurdata.alignment.light import Light
from blurdata.alignment.published import fourier_centroid, published_shift
from blurdata.alignment.reference import phase_shift
from blurdata.color import curve


def smooth_scene(rng, side):
    """Code values in [0, 1] with structure at all scales, float32 (side, side, 3)."""
    spectrum = np.fft.rfft2(rng.standard_normal((side, side, 3)), axes=(0, 1))
    f = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    picture = np.fft.irfft2(spectrum / (f + 0.02)[..., None], (side, side), axes=(0, 1))
    low, high = picture.min(), picture.max()
    return ((picture - low) / (high - low)).astype(np.float32)


def transcribed_centroid(blurry, sharp):
    """DOMAIN's formula, one line after the other: full complex transforms, gradients as transfer functions."""
    height, width, channels = sharp.shape
    laplacian = np.zeros((height, width))
    laplacian[0, 0], laplacian[0, 1], laplacian[1, 0], laplacian[0, -1], laplacian[-1, 0] = 4, -1, -1, -1, -1
    kernel = np.zeros((height, width))
    for c in range(channels):
        S, B = np.fft.fft2(sharp[..., c].astype(float)), np.fft.fft2(blurry[..., c].astype(float))
        gx = np.exp(2j * np.pi * np.fft.fftfreq(width))[None] - 1
        gy = np.exp(2j * np.pi * np.fft.fftfreq(height))[:, None] - 1
        above = np.conj(gx * S) * gx * B + np.conj(gy * S) * gy * B
        below = np.abs(gx * S) ** 2 + np.abs(gy * S) ** 2 + 1000.1 * np.fft.fft2(laplacian)
        below[0, 0] = 1  # no light decides here: above is 0
        kernel += np.real(np.fft.ifft2(above / below)) / channels
    window = np.roll(kernel, (50, 50), (0, 1))[:101, :101]
    window = np.where(window < 0.05 * window.max(), 0, window)
    y, x = np.mgrid[-50:51, -50:51]
    return np.array([(window * x).sum(), (window * y).sum()]) / window.sum()


@pytest.mark.parametrize("move", [(0, 0), (3, -2), (-7, 5)])
def test_the_published_centroid_is_the_formula(move):
    """The centroid of the Fourier kernel agrees with a transcription to 1e-3 px."""
    rng = np.random.default_rng(3)
    sharp = smooth_scene(rng, 160)
    blurry = np.mean([np.roll(sharp, (move[1], move[0] + step), (0, 1)) for step in (-3, -2, -1, 0, 1, 2, 3)], axis=0).astype(np.float32)

    assert fourier_centroid(blurry, sharp) == pytest.approx(transcribed_centroid(blurry, sharp), abs=1e-3)


@pytest.mark.parametrize("optimized", [True, False])
def test_the_published_shift_lands_on_the_centroid(optimized):
    """Phase correlation and centroid together undo a shift of some pixels to half a pixel, by any code path of OpenCV."""
    before = cv2.useOptimized()
    cv2.setUseOptimized(optimized)
    try:
        big = (255 * smooth_scene(np.random.default_rng(4), 320)).astype(np.uint8)
        sharp = big[40:260, 40:260]
        blurry = np.rint(np.mean([big[34:254, 49 + step : 269 + step] for step in range(-4, 5)], axis=0)).astype(np.uint8)
        found = published_shift(View(blurry), View(sharp), np.eye(3), limit_px=80)
    finally:
        cv2.setUseOptimized(before)

    assert np.abs(rig.corner_error(found, rig.shift_matrix((-9, 6)), (220, 220))) < 0.5


@pytest.mark.parametrize("side", [96, 220, 225, 250])
def test_phase_correlation_has_no_half_pixel(side):
    """A picture against itself is not shifted, whatever length OpenCV pads it to."""
    picture = smooth_scene(np.random.default_rng(1), side).astype(np.float32)
    picture = picture if picture.ndim == 2 else picture.mean(axis=2)

    assert phase_shift(picture, picture) == pytest.approx([0, 0], abs=1e-3)


def test_a_published_similarity_that_cuts_too_much_is_rejected():
    """Where even a translation would cut the limit off a side the pair stays where its reference says, but for the kernel."""
    big = (255 * smooth_scene(np.random.default_rng(5), 320)).astype(np.uint8)
    sharp, blurry = big[40:260, 40:260], big[40:260, 64:284]

    near = published_shift(View(blurry), View(sharp), np.eye(3), limit_px=80)
    cut = published_shift(View(blurry), View(sharp), np.eye(3), limit_px=10)

    assert rig.corner_error(near, rig.shift_matrix((-24, 0)), (220, 220)) < 3
    # the homography without a step moves by the centroid of the kernel window alone
    expected = transcribed_centroid(blurry / np.float32(255), sharp / np.float32(255))
    assert cut[:2, 2] == pytest.approx(expected, abs=1e-2)


def test_published_gain_is_the_ratio_of_standard_deviations():
    """``alpha = std(B) / std(S)`` with N - 1, ``beta = mean(B) - alpha mean(S)``, per channel."""
    rng = np.random.default_rng(6)
    sharp = rng.uniform(0, 255, (40, 50, 3)).astype(np.float32)
    blurry = (sharp * [1.2, 0.8, 1.0] + [5, -3, 0] + rng.normal(0, 4, sharp.shape)).astype(np.float32)

    gain, offset = photometric.published(blurry, sharp)

    for c in range(3):
        b, s = blurry[..., c].astype(float).ravel(), sharp[..., c].astype(float).ravel()
        alpha = np.sqrt(((b - b.mean()) ** 2).sum() / (b.size - 1)) / np.sqrt(((s - s.mean()) ** 2).sum() / (s.size - 1))
        assert gain[c] == pytest.approx(alpha, rel=1e-6)
        assert offset[c] == pytest.approx(b.mean() - alpha * s.mean(), abs=1e-4)


def test_robust_gain_sees_past_a_kernel_that_is_a_little_wrong():
    """With a kernel estimated too narrow the gain stays within 0.3 %, where a plain line is off by three times as much."""
    rng = np.random.default_rng(7)
    light = Light("srgb", 255)
    sharp = (40 + 160 * smooth_scene(rng, 320)).astype(np.float32)
    wide = np.full((1, 13), 1 / 13)
    narrow = (wide + np.pad(np.full((1, 11), 1 / 11), ((0, 0), (1, 1)))) / 2
    true, wrong = (light.encode(convolved(light.decode(sharp), kernel)) for kernel in (wide, narrow))
    blurry = 1.1 * true - 4 + rng.normal(0, 1, sharp.shape).astype(np.float32)

    gain, offset = photometric.robust(blurry, sharp, np.ones(sharp.shape[:2], np.float32), narrow, light)

    plain = np.polyfit(wrong[16:-16, 16:-16, 0].ravel(), blurry[16:-16, 16:-16, 0].ravel(), 1)[0]
    worst = np.abs(gain / 1.1 - 1).max()
    assert worst < 0.003
    assert abs(plain / 1.1 - 1) > 3 * worst
    assert np.abs(offset + 4).max() < 0.5


@pytest.mark.parametrize("seed", range(3))
def test_a_channel_that_is_clipped_but_for_small_spots_is_measured(seed):
    """Spots too small for wide smoothing hold the range that tells gain from offset."""
    rng = np.random.default_rng(seed)
    codes = 200 + 40 * smooth_scene(rng, 400)
    y, x = np.mgrid[:400, :400] % 50 - 25
    codes -= 100 * np.exp(-(x**2 + y**2) / 2 / 3.5**2)[..., None]
    sharp, blurry = (np.clip(np.rint(part + rng.normal(0, 1, codes.shape)), 0, 255).astype(np.float32) for part in (codes, 1.3 * codes + 5))

    gain, offset = photometric.robust(blurry, sharp, np.ones((400, 400), np.float32), np.ones((1, 1)), Light("srgb", 255))

    assert (blurry == 255).mean() > 0.8
    assert np.abs(gain / 1.3 - 1).max() < 0.005
    assert np.abs(offset - 5).max() < 0.9


@pytest.mark.parametrize("noise", [(0.5, 6.0), (6.0, 0.5), (3.0, 3.0)])
def test_noise_of_either_half_does_not_tilt_the_line_of_a_static_pair(noise):
    """On a picture of little contrast and grainy texture, gain and offset stay true, whichever half is noisy; their spreads do not."""
    rng = np.random.default_rng(9)
    plain = 80 + 90 * smooth_scene(rng, 400) + rng.normal(0, 3, (400, 400, 3))
    sharp, blurry = (
        (part + rng.normal(0, sigma, plain.shape)).astype(np.float32) for part, sigma in ((plain, noise[0]), (1.1 * plain - 4, noise[1]))
    )

    gain, offset = photometric.robust(blurry, sharp, np.ones((400, 400), np.float32), np.ones((1, 1)), Light("srgb", 255))

    assert np.abs(gain / 1.1 - 1).max() < 0.01
    assert np.abs(offset + 4).max() < 1.2
    spread = np.abs(photometric.published(blurry, sharp)[0] / 1.1 - 1).min()
    assert noise[0] == noise[1] or spread > 0.04


def test_fine_texture_that_one_half_shows_softer_does_not_tilt_the_line_of_a_static_pair():
    """With texture of 17 codes, softer in the sharp half by what resampling does, gain is within 0.3 %."""
    rng = np.random.default_rng(11)
    texture = 110 + 90 * smooth_scene(rng, 400) + cv2.GaussianBlur(rng.normal(0, 60, (400, 400, 3)), (0, 0), 1.0)
    sharp = np.clip(cv2.GaussianBlur(texture, (0, 0), 0.35) + rng.normal(0, 1.5, texture.shape), 0, 255).astype(np.float32)
    blurry = np.clip(1.2 * texture - 4 + rng.normal(0, 1.5, texture.shape), 0, 255).astype(np.float32)

    gain, offset = photometric.robust(blurry, sharp, np.ones((400, 400), np.float32), np.ones((1, 1)), Light("srgb", 255))

    assert np.abs(gain / 1.2 - 1).max() < 0.003
    assert np.abs(offset + 4).max() < 0.5


def test_the_cubic_sampler_is_keys_in_numpy():
    """The compiled loop agrees with cubic convolution written out (a = -1/2), edge repeated, to 1e-3 codes."""
    rng = np.random.default_rng(8)
    picture = rng.integers(0, 256, (12, 15, 3), np.uint8)
    positions = rng.uniform(-2, 16, (9, 10, 2)).astype(np.float32)

    codes, inside = sample(picture, positions)

    def keys(t):
        t = np.abs(t)
        return np.where(t <= 1, 1.5 * t**3 - 2.5 * t**2 + 1, np.where(t < 2, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2, 0))

    for i, j in np.ndindex(9, 10):
        x, y = (float(v) for v in positions[i, j])
        assert inside[i, j] == (0 <= x <= 14 and 0 <= y <= 11)
        columns, rows = np.floor(x) + np.arange(-1, 3), np.floor(y) + np.arange(-1, 3)
        patch = picture[np.clip(rows, 0, 11).astype(int)][:, np.clip(columns, 0, 14).astype(int)].astype(float)
        expected = np.einsum("a,b,abc->c", keys(y - rows), keys(x - columns), patch)
        assert codes[i, j] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("full", [255, 65535])
@pytest.mark.parametrize("name", ["srgb", "gamma22", "linear"])
def test_the_light_table_is_the_curve(name, full):
    """Decoding agrees with the formula to 2e-6 of full light, and encoding undoes it to a thousandth of an 8-bit code."""
    codes = np.random.default_rng(9).uniform(0, 1.3 * full, (30, 31, 3)).astype(np.float32)
    light = Light(name, full)

    decoded = light.decode(codes)

    assert np.abs(decoded - curve(name).decode(codes.astype(np.float64) / full)).max() < 2e-6
    assert np.abs(light.encode(decoded) - codes).max() * 255 / full < 2e-3
