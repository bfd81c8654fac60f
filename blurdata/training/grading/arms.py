"""The blur that an arm trains with, and the blur that all are tested with."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import GaussianBlur as TorchvisionBlur

from blurdata.training.grading.recipe import Arm, GradingRecipe
from blurdata.transforms import CameraShakeBlur, DefocusBlur, GaussianBlur, ImageNetCBlur, MotionBlur

_SHAKE_PX = (7.0, 13.0, 19.0, 25.0, 31.0)
SEVERITIES = (1, 2, 3, 4, 5)
TESTS = ("motion", "defocus", "shake")
Blur = Callable[[Tensor], Tensor]


def blur_for_training(arm: Arm, recipe: GradingRecipe) -> Callable[[Tensor, float], Tensor]:
    """A function that blurs a batch (B, 3, H, W) uint8 as the arm wants it after a share of the steps; torch's generator draws.

    Half of the blurred pictures get a straight motion and half a disk. The matched Gaussian has the RMS width of what it stands for:
    ``L / sqrt(12)`` for a line of length L, ``r / 2`` for a disk of radius r.

    Example:
        >>> recipe = GradingRecipe(arms={"ours": Arm(blur="physical", p=1.0)}, steps=1, learning_rate=1e-3)
        >>> blur = blur_for_training(recipe.arms["ours"], recipe)
        >>> _ = torch.manual_seed(0)
        >>> batch = torch.randint(0, 255, (4, 3, 64, 64), dtype=torch.uint8)
        >>> blur(batch, 1.0).shape, bool(blur(batch, 1.0).float().std() < batch.float().std()), bool((blur(batch, 0.0) == batch).all())
        (torch.Size([4, 3, 64, 64]), True, True)
    """
    low, high = recipe.length_px
    small, large = recipe.radius_px
    line: Blur
    disk: Blur
    if arm.blur == "none" or arm.p == 0:
        return lambda batch, done: batch
    if arm.blur == "usual":
        usual = TorchvisionBlur(kernel_size=9, sigma=(0.1, 2.0))
        line = disk = lambda batch: torch.stack([usual(picture) for picture in batch])
    elif arm.blur == "matched":
        line, disk = GaussianBlur((low / 12**0.5, high / 12**0.5)), GaussianBlur((small / 2, large / 2))
    else:
        line, disk = MotionBlur((low, high)), DefocusBlur((small, large))

    begin, end = recipe.ramp

    def blur(batch: Tensor, done: float) -> Tensor:
        p = arm.p * float(np.interp(done, [begin, end], [0.0, 1.0])) if begin < end else arm.p * (done >= end)
        draws = torch.rand(len(batch))
        out = batch.clone()
        for one, chosen in ((line, draws < p / 2), (disk, (draws >= p / 2) & (draws < p))):
            if bool(chosen.any()):
                out[chosen] = one(batch[chosen])
        return out

    return blur


def blur_for_testing(test: str, severity: int, images: NDArray[np.uint8], *, seed: int = 0) -> NDArray[np.uint8]:
    """(N, side, side, 3) pictures under one test.

    Args:
        test: ``motion`` or ``defocus`` of ImageNet-C, whose tables are for 224 px; ``shake``, camera shake of 7, 13, 19, 25 or 31 px
            in linear light.
        severity: 1 to 5.
        images: Pictures, uint8.
        seed: Of the directions and trajectories: all arms see the same.

    Example:
        >>> pictures = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), np.uint8)
        >>> blurred = blur_for_testing("shake", 3, pictures)
        >>> blurred.shape, bool(blurred.std() < pictures.std())
        ((2, 64, 64, 3), True)
    """
    blur = CameraShakeBlur(_SHAKE_PX[severity - 1]) if test == "shake" else ImageNetCBlur(test, severity)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1000 * seed + 10 * severity + TESTS.index(test))
        blurred = blur(torch.from_numpy(images).permute(0, 3, 1, 2).contiguous())
    return np.ascontiguousarray(blurred.permute(0, 2, 3, 1).numpy())
