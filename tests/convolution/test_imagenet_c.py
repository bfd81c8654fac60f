"""ImageNet-C's blurs against a direct transcription of imagecorruptions 1.1.2 (Apache-2.0)."""

import math

import cv2
import numpy as np
import pytest

from blurdata import psf
from blurdata.convolution import imagenet_c_blur

MOTION = [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)]
DEFOCUS = [(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)]
SHAPES = [(64, 70, 3), (33, 40), (48, 48, 1), (12, 9, 3), (5, 30)]


def shifted(image: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """Moved by whole pixels; the last column and row are repeated."""
    rows = np.clip(np.arange(image.shape[0]) - dy, 0, image.shape[0] - 1)
    columns = np.clip(np.arange(image.shape[1]) - dx, 0, image.shape[1] - 1)
    return image[rows][:, columns]


def motion(image: np.ndarray, severity: int, angle_deg: float) -> np.ndarray:
    """Shift and add, weights half a Gaussian, cut where the shift leaves the picture."""
    radius, sigma = MOTION[severity - 1]
    width = 2 * radius + 1
    weights = np.exp(-(np.arange(width) ** 2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
    weights = weights / np.sum(weights)
    up, left = width * np.sin(np.deg2rad(angle_deg)), width * np.cos(np.deg2rad(angle_deg))
    total = np.zeros(image.shape, np.float32)
    for i, weight in enumerate(weights):
        dy = -math.ceil(i * up / math.hypot(up, left) - 0.5)
        dx = -math.ceil(i * left / math.hypot(up, left) - 0.5)
        if abs(dy) >= image.shape[0] or abs(dx) >= image.shape[1]:
            break
        total = total + weight * shifted(image, dx, dy)
    return np.clip(total, 0, 255).astype(np.uint8)


def defocus(image: np.ndarray, severity: int) -> np.ndarray:
    """OpenCV's filter over the smoothed disk, plane by plane."""
    radius, alias = DEFOCUS[severity - 1]
    reach, size = (8, 3) if radius <= 8 else (radius, 5)
    x, y = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1))
    disk = (x**2 + y**2 <= radius**2).astype(np.float32)
    disk = cv2.GaussianBlur(disk / disk.sum(), (size, size), sigmaX=alias)
    planes = np.atleast_3d(image) / 255.0
    blurred = np.stack([cv2.filter2D(planes[..., c], -1, disk) for c in range(planes.shape[2])], axis=-1)
    return (np.clip(blurred, 0, 1) * 255).astype(np.uint8).reshape(image.shape)


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("shape", SHAPES)
def test_parity(severity: int, shape: tuple[int, ...]) -> None:
    """The same codes for colour, grey and pictures smaller than the PSF."""
    image = np.random.default_rng(severity).integers(0, 256, shape, dtype=np.uint8)
    cases = [(imagenet_c_blur(image, "defocus", severity), defocus(image, severity))]
    for angle in (-45, -13.7, 0, 20, 45):
        cases.append((imagenet_c_blur(image, "motion_blur", severity, angle_deg=angle), motion(image, severity, angle)))

    for result, expected in cases:
        difference = np.abs(result.astype(int) - expected)
        assert result.shape == image.shape
        assert difference.max() == 0


def test_gaussian_is_scipys() -> None:
    """The Gaussian of severity 3 is sampled and cut at 4 sigma, edges repeated."""
    from scipy import ndimage

    image = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
    expected = ndimage.gaussian_filter(image.astype(np.float64), 3, mode="nearest", truncate=4)

    assert np.abs(imagenet_c_blur(image, "gaussian", 3) - expected).max() <= 1


def test_even_fields_show_the_peers_gain() -> None:
    """Defocus brightens by its published 1.1 %, motion by nothing, small pictures darken as the peer's do."""
    field = np.full((64, 64, 3), 100, np.uint8)

    assert (imagenet_c_blur(field, "defocus", 5) == 101).all()
    assert (imagenet_c_blur(field, "motion", 5, angle_deg=30) >= 99).all()
    assert (imagenet_c_blur(field[:8, :8], "motion", 5) < 60).all()
    assert abs(psf.imagenet_c("motion", 3, angle_deg=10).sum() - 1) < 1e-6


def test_only_bytes() -> None:
    """Floats have no code values to be in parity with."""
    with pytest.raises(TypeError, match="uint8"):
        imagenet_c_blur(np.zeros((8, 8)), "motion", 1)  # type: ignore[arg-type]
