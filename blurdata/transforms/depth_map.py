"""The torchvision type of a depth map."""

from torchvision import tv_tensors


class Depth(tv_tensors.Mask):  # type: ignore[misc]  # torchvision ships no types
    """Distance from the camera in metres, (…, H, W) float, above 0: geometry moves it as it moves masks, without mixing near and far.

    Example:
        >>> import torch
        >>> Depth(torch.full((8, 8), 2.5)).shape
        torch.Size([8, 8])
    """
