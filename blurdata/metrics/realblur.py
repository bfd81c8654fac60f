"""The RealBlur protocol: undo gain and a homography before comparing, on the pixels both pictures have.

The two cameras of RealBlur are aligned to about a pixel, so a plain PSNR measures the alignment of the set (a shift of 0.8 px
costs 4 dB) and not the restoration. This follows the official evaluation step by step (Rim et al., ECCV 2020).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from blurdata.metrics.similarity import Picture, check_two

ITERATIONS, GAUSS_PX = 100, 5  # the official settings; epsilon 0 never stops early
_RIM = 5  # half the SSIM window (sigma 1.5, truncate 3.5)
Float = NDArray[np.float32]


@dataclass(frozen=True)
class RealBlurScore:
    """A score by the RealBlur protocol.

    Args:
        psnr: dB over the pixels that both pictures have; infinite where they are equal.
        ssim: Masked SSIM, mean of the three channels.
        status: ``"ok"``; ``"black"`` where the restored picture has no light to fit a gain to; ``"unalignable"`` where ECC found no
            homography. The last two are scored as they are, without alignment.
        gain: The factor that was applied to the restored picture.
        homography: (3, 3) float32, takes pixels of ``sharp`` to pixels of ``restored``.
    """

    psnr: float
    ssim: float
    status: str
    gain: float
    homography: NDArray[np.float32]


def realblur_score(restored: Picture, sharp: Picture, *, clip: bool = False) -> RealBlurScore:
    """PSNR and SSIM after the official alignment of RealBlur; about 2 s for 773x680.

    Gain ``sum(xz) / sum(zz)``, then an ECC homography on grey (100 iterations, 5 px Gaussian), a cubic warp with the valid mask,
    and both measures over the mask. An all-black or unalignable picture gets the score without warp, and says so in ``status``.

    Args:
        restored: (H, W, 3) uint8, uint16, or float in [0, 1]; at least 11 px a side.
        sharp: Same shape and dtype.
        clip: Clip both to [0, 1] after alignment, as RSBlur's evaluation does (RealBlur, MPRNet and Restormer do not).

    Raises:
        TypeError: If the dtype is another one.
        ValueError: If the two differ in shape or dtype, or are no RGB pictures of at least 11 px a side.

    Example:
        >>> from blurdata.metrics import psnr
        >>> rng = np.random.default_rng(0)
        >>> sharp = cv2.GaussianBlur(rng.integers(0, 256, (128, 128, 3), np.uint8), (0, 0), 2)
        >>> shifted = np.roll(sharp, 1, axis=1)
        >>> realblur_score(shifted, sharp).psnr > psnr(shifted, sharp) + 10  # a shift is undone
        True
    """
    peak = check_two(restored, sharp)
    if min(sharp.shape[:2]) < 2 * _RIM + 1:
        msg = f"The RealBlur score needs pictures of at least {2 * _RIM + 1} px a side, got {sharp.shape[1]}x{sharp.shape[0]}."
        raise ValueError(msg)
    z, x = _unit(restored, peak), _unit(sharp, peak)
    gain, lit = _gain(z, x)
    z = gain * z
    warp = _homography(z, x) if lit else None
    status = "black" if not lit else "unalignable" if warp is None else "ok"
    homography = np.eye(3, dtype=np.float32) if warp is None else warp
    z, x, mask = _on_common_pixels(z, x, homography, warped=warp is not None)
    if clip:
        z, x = np.clip(z, 0, 1), np.clip(x, 0, 1)
    return RealBlurScore(_masked_psnr(z, x, mask), _masked_ssim(z, x, mask), status, float(gain), homography)


def _unit(picture: Picture, peak: float) -> Float:
    return np.asarray(picture, np.float32) / np.float32(peak)


def _gain(z: Float, x: Float) -> tuple[np.float32, bool]:
    """The least-squares gain from z to x, and whether it is worth applying: False for black or non-finite pictures."""
    light = np.sum(z * z)
    gain = np.sum(x * z) / light if light > 0 else np.float32(0)
    lit = bool(np.isfinite(gain) and gain > 0)
    return (np.float32(gain), True) if lit else (np.float32(1), False)


def _homography(z: Float, x: Float) -> Float | None:
    """ECC's homography from x to z, or None where it does not converge or would leave (nearly) no common pixel."""
    grey_z, grey_x = (np.ascontiguousarray(cv2.cvtColor(np.nan_to_num(p), cv2.COLOR_RGB2GRAY)) for p in (z, x))
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ITERATIONS, 0)
    try:
        _, warp = cv2.findTransformECC(
            grey_x, grey_z, np.eye(3, dtype=np.float32), cv2.MOTION_HOMOGRAPHY, stop, inputMask=None, gaussFiltSize=GAUSS_PX
        )
    except cv2.error:  # flat pictures, no overlap left, no correlation
        return None
    warp = np.asarray(warp, np.float32)
    return warp if np.isfinite(warp).all() and _overlap(warp, x) > 0 else None


def _overlap(warp: Float, x: Float) -> int:
    """Pixels that remain after the warp, away from the rim that the SSIM cuts."""
    return int(_valid(warp, x)[_RIM:-_RIM, _RIM:-_RIM].sum())


def _valid(warp: Float, x: Float) -> Float:
    height, width = x.shape[:2]
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(np.ones_like(x), warp, (width, height), flags=flags, borderMode=cv2.BORDER_CONSTANT))


def _on_common_pixels(z: Float, x: Float, warp: Float, *, warped: bool) -> tuple[Float, Float, Float]:
    if not warped:
        return np.nan_to_num(z), x, np.ones_like(x)
    height, width = x.shape[:2]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    aligned = cv2.warpPerspective(z, warp, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
    mask = _valid(warp, x)
    return aligned * mask, x * mask, mask


def _masked_psnr(z: Float, x: Float, mask: Float) -> float:
    error = float(np.sum((x - z) ** 2, dtype=np.float64) / np.sum(mask, dtype=np.float64))
    return float(10 * np.log10(1 / error)) if error else float("inf")


def _masked_ssim(z: Float, x: Float, mask: Float) -> float:
    _, ssim_map = structural_similarity(
        x, z, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0, full=True
    )
    inner = slice(_RIM, -_RIM)
    weighted, weights = (ssim_map * mask)[inner, inner], mask[inner, inner]
    per_channel = weighted.sum((0, 1), np.float64) / weights.sum((0, 1), np.float64)
    return float(per_channel.mean())
