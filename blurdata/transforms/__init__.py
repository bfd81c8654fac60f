"""Blur augmentation for torchvision v2; the same transforms for albumentations are in ``blurdata.transforms.albumentations``.

Every transform takes a PIL picture, a ``tv_tensors.Image`` or ``Video``, a bare tensor or a (B, C, H, W) batch, alone or in any
nesting with boxes, masks, keypoints and labels, which come back as the same objects. Blur happens in linear light, PSFs are
centred. A scalar fixes a parameter, a pair is a uniform range; everything, ``p`` included, is drawn per sample of a batch and once
per clip from torch's generator, so ``DataLoader`` workers differ from each other and from epoch to epoch. What was drawn is in
``last_params``, in physical units.

The names are imported on first use; only they load torch.

Example:
    >>> import torch
    >>> from blurdata.transforms import MotionBlur
    >>> blur = MotionBlur(length_px=(3, 31), angle_deg=(0, 180), p=0.5)
    >>> batch = blur(torch.randint(0, 256, (16, 3, 64, 64), dtype=torch.uint8))
    >>> len(blur.last_params["length_px"])
    16
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blurdata.pair_types import Sharp
    from blurdata.transforms.depth_map import Depth
    from blurdata.transforms.pairs import MakePair, WithParams
    from blurdata.transforms.vision import (
        AnyBlur,
        CameraShakeBlur,
        DefocusBlur,
        DepthDefocusBlur,
        GaussianBlur,
        ImageNetCBlur,
        MotionBlur,
        Saturation,
        SensorNoise,
        ZoomBlur,
    )

__all__ = [
    "AnyBlur",
    "CameraShakeBlur",
    "DefocusBlur",
    "Depth",
    "DepthDefocusBlur",
    "GaussianBlur",
    "ImageNetCBlur",
    "MakePair",
    "MotionBlur",
    "Saturation",
    "SensorNoise",
    "Sharp",
    "WithParams",
    "ZoomBlur",
]

_HOME = {
    "Depth": "blurdata.transforms.depth_map",
    "MakePair": "blurdata.transforms.pairs",
    "Sharp": "blurdata.pair_types",
    "WithParams": "blurdata.transforms.pairs",
}


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(_HOME.get(name, "blurdata.transforms.vision")), name)
    msg = f"module 'blurdata.transforms' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
