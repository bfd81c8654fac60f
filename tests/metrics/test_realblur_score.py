"""The RealBlur score against a transcription of the official steps, and on pictures that cannot be aligned."""

import cv2
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from blurdata.metrics import psnr, realblur_score


def scene(seed: int, shape: tuple[int, int] = (90, 120)) -> np.ndarray:
    """A coloured picture with structure at several scales."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(rng.random((shape[0] // s + 2, shape[1] // s + 2, 3)), shape[::-1], interpolation=cv2.INTER_CUBIC) for s in (3, 9, 30)
    ]
    mixed = sum(layers) / 3
    return np.clip((mixed - mixed.min()) / np.ptp(mixed) * 255, 0, 255).astype(np.uint8)


def disturbed(sharp: np.ndarray, seed: int) -> np.ndarray:
    """A restored picture: shifted, turned, another gain, blurred, noisy."""
    rng = np.random.default_rng(seed)
    height, width = sharp.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-0.5, 0.5), 1)
    turn[:, 2] += rng.uniform(-2, 2, 2)
    moved = cv2.warpAffine(sharp, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    moved = cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.3, 1.5)) * rng.uniform(0.85, 1.1) + rng.normal(0, 2, sharp.shape)
    return np.clip(np.rint(moved), 0, 255).astype(np.uint8)


def official(restored: np.ndarray, sharp: np.ndarray, *, clip: bool) -> tuple[float, float]:
    """The published steps in their published order, float32 pictures in [0, 1]."""
    z, x = (p.astype("float32") / 255 for p in (restored, sharp))
    zs = (np.sum(x * z) / np.sum(z * z)) * z
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 0)
    grey_x, grey_z = cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), cv2.cvtColor(zs, cv2.COLOR_RGB2GRAY)
    _, warp = cv2.findTransformECC(
        grey_x, grey_z, np.eye(3, 3, dtype=np.float32), cv2.MOTION_HOMOGRAPHY, criteria, inputMask=None, gaussFiltSize=5
    )
    size = (x.shape[1], x.shape[0])
    zr = cv2.warpPerspective(zs, warp, size, flags=cv2.INTER_CUBIC + cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT)
    ones = np.ones_like(zs, dtype="float32")
    cr = cv2.warpPerspective(
        ones, warp, size, flags=cv2.INTER_NEAREST + cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )
    zr, xr = zr * cr, x * cr
    if clip:
        zr, xr = np.clip(zr, 0, 1), np.clip(xr, 0, 1)
    error = np.sum((xr - zr) ** 2, dtype=np.float64) / np.sum(cr)
    options = {"channel_axis": -1, "gaussian_weights": True, "use_sample_covariance": False, "data_range": 1.0, "full": True}
    _, ssim_map = structural_similarity(xr, zr, **options)
    ssim_map = (ssim_map * cr)[5:-5, 5:-5]
    weights = cr[5:-5, 5:-5]
    return 10 * np.log10(1 / error), float(np.mean(ssim_map.sum(0).sum(0) / weights.sum(0).sum(0)))


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_it_agrees_with_the_official_steps(seed: int, clip: bool) -> None:
    """PSNR to 1e-4 dB and SSIM to 1e-6 on pictures that are shifted, turned, dimmed, blurred and noisy."""
    sharp = scene(seed)
    restored = disturbed(sharp, seed)
    expected_psnr, expected_ssim = official(restored, sharp, clip=clip)

    score = realblur_score(restored, sharp, clip=clip)

    assert score.status == "ok"
    assert score.psnr == pytest.approx(expected_psnr, abs=1e-4)
    assert score.ssim == pytest.approx(expected_ssim, abs=1e-6)


def test_alignment_is_what_the_score_is_about() -> None:
    """A restoration that is only shifted and dimmed scores far higher than by plain PSNR."""
    sharp = scene(1)
    shifted = np.roll(sharp, 1, axis=1) // np.uint8(10) * np.uint8(9)

    assert realblur_score(shifted, sharp).psnr > psnr(shifted, sharp) + 3


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_an_all_black_picture_has_a_defined_score(dtype: type) -> None:
    """Black is scored as it is: PSNR against nothing, status 'black', no warning."""
    sharp = scene(2).astype(dtype)
    sharp = sharp / np.float32(255) if dtype is np.float32 else sharp
    black = np.zeros_like(sharp)

    score = realblur_score(black, sharp)

    assert score.status == "black"
    assert score.psnr == pytest.approx(psnr(black, sharp), abs=1e-4)
    assert 0 <= score.ssim < 1


@pytest.mark.parametrize("level", [1, 128, 255])
def test_a_flat_picture_is_told_to_be_unalignable(level: int) -> None:
    """ECC cannot align a flat picture; it is scored with its gain and says so."""
    sharp = scene(3)

    score = realblur_score(np.full_like(sharp, level), sharp)

    assert score.status == "unalignable"
    assert np.isfinite([score.psnr, score.ssim]).all()


def test_pictures_without_any_likeness_never_raise() -> None:
    """Noise, stripes and negatives against a scene give a finite score whatever ECC makes of them."""
    sharp = scene(4)
    rng = np.random.default_rng(0)
    stripes = np.zeros_like(sharp)
    stripes[:, ::2] = 255

    for restored in (rng.integers(0, 256, sharp.shape, np.uint8), 255 - sharp, stripes, sharp[::-1, ::-1].copy()):
        score = realblur_score(restored, sharp)
        assert score.status in ("ok", "unalignable")
        assert np.isfinite([score.psnr, score.ssim]).all()


def test_a_flat_or_black_sharp_picture_never_raises() -> None:
    """A ground truth without light or structure still gives a defined score."""
    restored = scene(5)

    for level in (0, 90):
        score = realblur_score(restored, np.full_like(restored, level))
        assert score.status in ("black", "unalignable")
        assert np.isfinite([score.psnr, score.ssim]).all()


def test_small_pictures_are_refused() -> None:
    """A picture smaller than the SSIM window is an error that says so."""
    with pytest.raises(ValueError, match="11 px"):
        realblur_score(np.zeros((8, 30, 3), np.uint8), np.zeros((8, 30, 3), np.uint8))
