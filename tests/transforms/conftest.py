"""Pictures and the list of transforms that all tests of this folder share."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import cv2
import numpy as np
import pytest
import torch

from blurdata import transforms

cv2.setNumThreads(1)
torch.set_num_threads(1)  # tiny tensors: threads that wait for each other cost more than they do, most of all on a busy machine


@pytest.fixture
def photo() -> np.ndarray:
    """A small (H, W, 3) uint8 picture with smooth and sharp parts."""
    y, x = np.mgrid[:40, :52]
    planes = [127 + 100 * np.sin(x / 5 + y / 9), 4 * x + y, 255.0 * ((x // 8 + y // 8) % 2)]
    return np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)


@pytest.fixture
def batch(photo: np.ndarray) -> torch.Tensor:
    """A (4, 3, H, W) uint8 batch of different pictures."""
    chw = torch.from_numpy(photo).permute(2, 0, 1).contiguous()
    return torch.stack([chw, chw.flip(1), chw.flip(2), 255 - chw])


@pytest.fixture(autouse=True)
def _fresh_names() -> None:
    """The lazy module must answer for every public name in every test order."""
    assert set(transforms.__all__) <= set(dir(transforms))
