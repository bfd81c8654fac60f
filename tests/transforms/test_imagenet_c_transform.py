"""ImageNet-C through the transforms, against a direct transcription of the published tables (imagecorruptions 1.1.2)."""

import math

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from blurdata import transforms as T

DEFOCUS = [(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)]  # radius, alias blur
MOTION = [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)]  # radius, sigma


def reference_defocus(image: np.ndarray, severity: int) -> np.ndarray:
    """An aliased disk, smoothed on its own canvas and not normalised again."""
    radius, alias = DEFOCUS[severity - 1]
    half, size = (8, 3) if radius <= 8 else (radius, 5)
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    kernel = (x**2 + y**2 <= radius**2).astype(np.float32)
    kernel = cv2.GaussianBlur(kernel / kernel.sum(), (size, size), alias)
    return np.uint8(np.clip(cv2.filter2D(image / 255.0, -1, kernel), 0, 1) * 255)


def reference_motion(image: np.ndarray, severity: int, angle_deg: float) -> np.ndarray:
    """Half a Gaussian of whole-pixel shifts; edges repeat; taps beyond a small picture are dropped."""
    radius, sigma = MOTION[severity - 1]
    width = 2 * radius + 1
    weights = np.exp(-(np.arange(width) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    height, length = image.shape[:2]
    sine, cosine = width * math.sin(math.radians(angle_deg)), width * math.cos(math.radians(angle_deg))
    total = np.zeros(image.shape, np.float32)
    for i, weight in enumerate(weights):
        dy = -math.ceil(i * sine / math.hypot(sine, cosine) - 0.5)
        dx = -math.ceil(i * cosine / math.hypot(sine, cosine) - 0.5)
        if abs(dy) >= height or abs(dx) >= length:
            break
        rows, columns = np.clip(np.arange(height) - dy, 0, height - 1), np.clip(np.arange(length) - dx, 0, length - 1)
        total = total + weight * image[rows][:, columns]
    return np.uint8(np.clip(total, 0, 255))


def _difference(out: np.ndarray, expected: np.ndarray) -> int:
    return int(np.abs(out.astype(int) - expected).max())


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
class TestParity:
    """At most 2 code values from the transcription, at every severity."""

    def test_defocus(self, severity: int, photo: np.ndarray) -> None:
        """Colour pictures, grey ones and ones smaller than the kernel."""
        blur = T.ImageNetCBlur(kind="defocus", severity=severity)
        for picture in (photo, photo[..., 0], photo[:12, :9], photo[:2, :3, 1]):
            out = np.asarray(blur(PillowImage.fromarray(np.ascontiguousarray(picture))))

            assert _difference(out, reference_defocus(picture, severity)) <= 2

    def test_motion(self, severity: int, photo: np.ndarray) -> None:
        """Angles over the whole range; small pictures lose taps and darken as the peer's do."""
        for angle in (-45.0, -20.0, 0.0, 13.5, 45.0):
            blur = T.ImageNetCBlur(kind="motion", severity=severity, angle_deg=angle)
            for picture in (photo, photo[..., 2], photo[:9, :12]):
                out = np.asarray(blur(PillowImage.fromarray(np.ascontiguousarray(picture))))

                assert _difference(out, reference_motion(picture, severity, angle)) <= 2

    def test_batches(self, severity: int, batch: torch.Tensor) -> None:
        """Every sample of a torch batch gets its own angle, which is logged as `angle_deg` and reproduces it."""
        blur = T.ImageNetCBlur(kind="motion", severity=severity)
        out = blur(batch)
        angles = blur.last_params["angle_deg"].tolist()

        assert len(set(angles)) == len(batch)
        for sample, before, angle in zip(out, batch, angles, strict=True):
            expected = reference_motion(before.permute(1, 2, 0).numpy(), severity, angle)
            assert _difference(sample.permute(1, 2, 0).numpy(), expected) <= 2

    def test_floats_are_the_eight_bit_result(self, severity: int, batch: torch.Tensor) -> None:
        """Float batches give the 8-bit corruption over 255."""
        blur = T.ImageNetCBlur(kind="defocus", severity=severity)

        assert torch.equal((blur(batch / 255) * 255).round().byte(), blur(batch))


def test_kinds_and_severities_are_drawn(batch: torch.Tensor) -> None:
    """Left open, kind and severity differ from sample to sample and stay in the tables."""
    blur = T.ImageNetCBlur()
    torch.manual_seed(0)
    params = blur.make_params([torch.zeros(300, 3, 4, 4)])

    assert set(params["kind"]) == {"defocus", "motion", "gaussian"}
    assert set(params["severity"].tolist()) == {1, 2, 3, 4, 5}
    assert -45 <= params["angle_deg"].min() < params["angle_deg"].max() <= 45
