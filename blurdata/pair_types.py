"""The torchvision type of a pair's sharp half.

A pair travels through torchvision transforms as two images. Geometry (crop, flip, turn) must hit both alike, and a
degradation (blur, noise, JPEG) must leave the ground truth alone. Torchvision chooses what to do by type, so the sharp
half has its own: every kernel registered for :class:`torchvision.tv_tensors.Image` works on it, and a degradation
recognises and skips it.
"""

from torchvision import tv_tensors


class Sharp(tv_tensors.Image):  # type: ignore[misc]  # torchvision ships no types
    """The ground truth of a pair: a (..., C, H, W) image that geometry moves and no degradation touches.

    Example:
        >>> import torch
        >>> from torchvision.transforms import v2
        >>> pair = {"blurry": tv_tensors.Image(torch.zeros(3, 8, 8)), "sharp": Sharp(torch.zeros(3, 8, 8))}
        >>> out = v2.RandomCrop(4)(pair)
        >>> type(out["sharp"]).__name__, tuple(out["sharp"].shape)
        ('Sharp', (3, 4, 4))
    """
