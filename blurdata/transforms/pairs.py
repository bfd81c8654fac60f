"""Pairs for deblurring made on line: the sharp picture stays, its blurry twin is made."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from PIL import Image as PillowImage
from torch import nn
from torchvision import tv_tensors
from torchvision.transforms import v2

from blurdata.errors import PairMismatch
from blurdata.pair_types import Sharp
from blurdata.transforms.vision import BlurTransform, check_mode


class MakePair(nn.Module):
    """Turn a sharp picture or batch into an aligned blurry/sharp pair, so that deblurring trains on line.

    PSFs are centred, so the halves lie on each other to 1e-3 px. The sharp half comes back as :class:`Sharp`: geometry that
    follows (crop, flip) moves both halves alike, and no degradation touches it.

    Args:
        blur: What makes the blurry half: a transform of this package, or several composed (blur, then noise, then …);
            any other callable that maps a picture to one of its size and dtype does too.

    The input is a PIL picture, a (…, C, H, W) tensor or ``tv_tensors.Image`` on any device, a ``tv_tensors.Video`` (one draw for
    the clip), or a dict with one of these under ``"sharp"`` whose other entries come along. The output is a dict with
    ``"blurry"`` (``tv_tensors.Image`` or ``Video``) and ``"sharp"``, both of the input's dtype and size, in memory of their own.
    Further inputs, such as a label, come back behind it as the same objects.

    Raises:
        TypeError: If the input is none of these, or ``blur`` cannot be called or is a class.
        PairMismatch: If ``blur`` changes the size or dtype.

    Example:
        >>> from blurdata.transforms import MotionBlur
        >>> pair = MakePair(MotionBlur(length_px=9))(torch.rand(4, 3, 16, 16))
        >>> {name: (type(half).__name__, tuple(half.shape)) for name, half in pair.items()}
        {'blurry': ('Image', (4, 3, 16, 16)), 'sharp': ('Sharp', (4, 3, 16, 16))}
    """

    def __init__(self, blur: Callable[[Any], Any]) -> None:
        super().__init__()
        given: Any = blur
        if not callable(given) or isinstance(given, type):
            msg = f"blur must be a transform, such as MotionBlur(length_px=9), got {blur!r}."
            raise TypeError(msg)
        self.blur = blur

    def forward(self, *inputs: Any) -> Any:
        """The pair of a sharp picture; with further inputs a tuple of the pair and these."""
        if not inputs:
            msg = "MakePair takes a PIL picture, a tensor, or a dict with 'sharp', got nothing."
            raise TypeError(msg)
        pair = self._pair(inputs[0])
        return (pair, *inputs[1:]) if len(inputs) > 1 else pair

    def _pair(self, sample: Any) -> dict[str, Any]:
        if isinstance(sample, Mapping):
            if "sharp" not in sample:
                msg = f"A sample must hold its picture under 'sharp', got {', '.join(map(str, sample)) or 'nothing'}."
                raise TypeError(msg)
            pair = self._pair(sample["sharp"])
            return {**sample, "blurry": pair["blurry"], "sharp": pair["sharp"]}
        image = _image(sample)
        blurry = self.blur(image)
        if not isinstance(blurry, torch.Tensor) or blurry.shape != image.shape or blurry.dtype != image.dtype:
            got = f"{blurry.dtype} {tuple(blurry.shape)}" if isinstance(blurry, torch.Tensor) else type(blurry).__name__
            msg = f"blur must keep size and dtype: {image.dtype} {tuple(image.shape)} became {got}; put crops and casts behind MakePair."
            raise PairMismatch(msg)
        sharp = image.as_subclass(torch.Tensor)
        if blurry.data_ptr() == sharp.data_ptr():  # not chosen: what is done in place to one half must not reach the other
            blurry = blurry.clone()
        return {"blurry": type(image)(blurry.as_subclass(torch.Tensor)), "sharp": Sharp(sharp)}


def _image(sample: Any) -> tv_tensors.Image | tv_tensors.Video:
    """The picture or clip as a type that a degradation changes, also where it came as Sharp."""
    if isinstance(sample, PillowImage.Image):
        check_mode(sample)
        return tv_tensors.Image(v2.functional.pil_to_tensor(sample))
    if isinstance(sample, tv_tensors.Video):
        return sample
    if isinstance(sample, tv_tensors.Image) or (isinstance(sample, torch.Tensor) and not isinstance(sample, tv_tensors.TVTensor)):
        return tv_tensors.Image(sample.as_subclass(torch.Tensor))
    msg = f"MakePair takes a PIL picture, a tensor, or a dict with 'sharp', got {type(sample).__name__}."
    raise TypeError(msg)


class WithParams(nn.Module):
    """Return what was drawn together with the sample, for labels or records: ``(sample, params)``.

    Inside a ``DataLoader`` worker ``last_params`` stays in the worker; this brings the numbers out. Single pictures give
    plain numbers, which the default collate turns into (B,) tensors; batches give (B,) tensors.

    Args:
        blur: A transform of this package.

    Example:
        >>> from blurdata.transforms import DefocusBlur
        >>> image, params = WithParams(DefocusBlur(radius_px=3))(torch.rand(3, 8, 8))
        >>> params
        {'radius_px': 3.0, 'applied': True}
    """

    def __init__(self, blur: BlurTransform) -> None:
        super().__init__()
        given: Any = blur
        if not isinstance(given, BlurTransform):
            msg = f"blur must be a transform of blurdata.transforms, got {type(blur).__name__}."
            raise TypeError(msg)
        self.blur = blur

    def forward(self, *inputs: Any) -> tuple[Any, dict[str, Any]]:
        """The degraded sample and its parameters."""
        out = self.blur(*inputs)
        params = self.blur.last_params
        if len(params["applied"]) != 1:
            return out, params
        return out, {name: values[0] if isinstance(values, list) else values[0].item() for name, values in params.items()}
