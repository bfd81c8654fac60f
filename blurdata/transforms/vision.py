"""The degradations as torchvision v2 transforms.

:class:`BlurTransform` is all that torchvision needs: how many samples there are, one set of parameters each from torch's
generator, and which pictures they change. What a degradation does to one picture is in its own module.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image as PillowImage
from torchvision import tv_tensors
from torchvision.transforms import v2

from blurdata.pair_types import Sharp
from blurdata.transforms import any_blur, defocus, depth, gaussian, imagenet_c, motion, noise, saturation, shake, zoom
from blurdata.transforms.degradation import Degradation
from blurdata.transforms.depth_map import Depth
from blurdata.transforms.frames import Frames, count_samples
from blurdata.transforms.on_device import degrade_on_device

Method = TypeVar("Method", bound=Callable[..., Any])

_PIL_MODES = ("L", "RGB", "LA", "RGBA", "I;16")


def _is_degradable(item: Any) -> bool:
    """Whether a degradation changes this item: pictures and clips, but no sharp half, mask, box or label."""
    if isinstance(item, Sharp):
        return False
    return isinstance(item, (PillowImage.Image, tv_tensors.Image, tv_tensors.Video)) or (
        isinstance(item, torch.Tensor) and not isinstance(item, tv_tensors.TVTensor)
    )


def _uncompiled(method: Method) -> Method:
    """Break the graph of torch.compile here, and tell whoever asks for a full graph why."""
    why = "blurdata draws on the host, and PSFs differ in size from call to call: there is nothing to compile"
    known = "reason" in inspect.signature(torch.compiler.disable).parameters  # since torch 2.7
    return torch.compiler.disable(method, **({"reason": why} if known else {}))  # type: ignore[no-untyped-call, no-any-return]


class BlurTransform(Degradation, v2.Transform):  # type: ignore[misc]  # torchvision ships no types
    """Base of the torchvision transforms: ``make_params`` has all the randomness, ``transform`` has none.

    Attributes:
        last_params: What the last call drew, in physical units: every value has one entry per sample of the batch (one for
            a single picture or clip). ``applied`` says which samples were changed.
    """

    _transformed_types = (_is_degradable, Depth)  # a depth map is read and returned as it is
    last_params: dict[str, Any]

    def __init__(self, *, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.last_params = {}

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Refuse a call without any tensor or picture: torchvision would return it unchanged without a word."""
        if not any(isinstance(item, (torch.Tensor, PillowImage.Image)) for item in flat_inputs):
            kinds = ", ".join(sorted({type(item).__name__ for item in flat_inputs})) or "nothing"
            hint = "; make a tensor of it with v2.ToImage(), or use blurdata.transforms.albumentations" if "ndarray" in kinds else ""
            msg = f"{type(self).__name__} takes a PIL picture, tv_tensors.Image or Video, or a tensor, got {kinds}{hint}."
            raise TypeError(msg)

    def forward(self, *inputs: Any) -> Any:
        """Degrade a sample; torchvision would look for its first part where there is none."""
        if not inputs:
            self.check_inputs([])
        return super().forward(*inputs)

    @_uncompiled
    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the parameters of every sample from torch's global generator.

        Returns:
            Name to (B,) tensor, or list of B names; ``applied`` is (B,) bool.
        """
        pictures = [item for item in flat_inputs if not isinstance(item, Depth)]
        uniforms = torch.rand(count_samples(pictures), 1 + self.uniforms, dtype=torch.float64)
        drawn = [self.draw(row[1:]) for row in uniforms.tolist()]
        params = {name: _column([sample.get(name, math.nan) for sample in drawn]) for name in self.names}
        self.last_params = {**params, "applied": uniforms[:, 0] < self.p}
        maps = [item for item in flat_inputs if isinstance(item, Depth)]
        return {**self.last_params, "depth": _depth_maps(maps[0], len(uniforms))} if maps else dict(self.last_params)

    @_uncompiled
    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Degrade one input with given parameters; what is no picture, and every sharp half, comes back as it is."""
        if not _is_degradable(inpt):
            return inpt
        samples = _rows(params)
        if not any(sample is not None for sample in samples):
            return inpt
        if isinstance(inpt, PillowImage.Image):
            return _degrade_pil(self, inpt, samples[0] or {})
        frames = Frames.of(inpt, len(samples))
        if _stays_on_host(inpt):
            return frames.map_numpy([None if sample is None else self.prepare(sample) for sample in samples])
        return frames.map_torch(samples, lambda images, chosen, numbers: degrade_on_device(self, images, chosen, numbers))


def _stays_on_host(tensor: torch.Tensor) -> bool:
    """Whether numpy does the work, which on the CPU is the faster way; gradients need torch."""
    return tensor.device.type == "cpu" and not (torch.is_grad_enabled() and tensor.requires_grad)


def _depth_maps(depth: Depth, samples: int) -> list[np.ndarray[Any, Any]]:
    """One (H, W) map a sample: (H, W) serves all, (B, H, W) or (B, 1, H, W) has one each."""
    maps = depth.detach().as_subclass(torch.Tensor).double().cpu().numpy()
    maps = maps.reshape(-1, *maps.shape[-2:])
    if len(maps) not in (1, samples):
        msg = f"A depth map must be (H, W), or (B, H, W) with B = {samples}, got shape {tuple(depth.shape)}."
        raise ValueError(msg)
    return [maps[index % len(maps)] for index in range(samples)]


def _column(values: list[Any]) -> Any:
    """One parameter of all samples: a tensor, or the list itself for names."""
    if any(isinstance(value, str) for value in values):
        return values
    whole = bool(values) and all(isinstance(value, int) for value in values)
    return torch.tensor(values, dtype=torch.int64 if whole else torch.float64)


def _rows(params: Mapping[str, Any]) -> list[dict[str, Any] | None]:
    """The parameters of each sample as plain numbers, None for a sample that stays as it is."""
    columns = {name: values.tolist() if isinstance(values, torch.Tensor) else list(values) for name, values in params.items()}
    applied = columns.pop("applied", None)
    if applied is None:
        applied = [True] * max((len(values) for values in columns.values()), default=0)
    return [{name: values[i] for name, values in columns.items()} if chosen else None for i, chosen in enumerate(applied)]


def check_mode(picture: PillowImage.Image) -> None:
    """Raise TypeError unless the samples of a PIL picture are code values: no palette, no other colour space."""
    if picture.mode not in _PIL_MODES:
        remedy = {"1": "picture.convert('L')", "I": "picture.convert('I;16')", "F": "v2.functional.pil_to_tensor(picture)"}
        how = remedy.get(picture.mode, "picture.convert('RGB')")
        msg = f"A PIL picture must be of mode {', '.join(_PIL_MODES)}, got {picture.mode!r}; convert it with {how}."
        raise TypeError(msg)


def _degrade_pil(transform: BlurTransform, picture: PillowImage.Image, sample: dict[str, Any]) -> PillowImage.Image:
    """A PIL picture of the same mode; transparency stays as it is."""
    check_mode(picture)
    if picture.mode in ("LA", "RGBA"):
        pixels = np.array(picture)
        pixels[..., :-1] = transform.prepare(sample)(np.ascontiguousarray(pixels[..., :-1]), 0)
    else:
        pixels = transform.prepare(sample)(np.asarray(picture), 0)
    return PillowImage.fromarray(pixels)


class MotionBlur(motion.MotionBlur, BlurTransform):
    """Straight motion."""

    __doc__ = motion.MotionBlur.__doc__


class CameraShakeBlur(shake.CameraShakeBlur, BlurTransform):
    """A random trajectory of the camera."""

    __doc__ = shake.CameraShakeBlur.__doc__


class DefocusBlur(defocus.DefocusBlur, BlurTransform):
    """A lens out of focus."""

    __doc__ = defocus.DefocusBlur.__doc__


class GaussianBlur(gaussian.GaussianBlur, BlurTransform):
    """Gaussian blur in linear light."""

    __doc__ = gaussian.GaussianBlur.__doc__


class ZoomBlur(zoom.ZoomBlur, BlurTransform):
    """Zoom and roll during the exposure."""

    __doc__ = zoom.ZoomBlur.__doc__


class DepthDefocusBlur(depth.DepthDefocusBlur, BlurTransform):
    """Defocus by depth."""

    __doc__ = depth.DepthDefocusBlur.__doc__


class SensorNoise(noise.SensorNoise, BlurTransform):
    """Poisson-Gaussian noise in linear light."""

    __doc__ = noise.SensorNoise.__doc__


class Saturation(saturation.Saturation, BlurTransform):
    """Overexposure."""

    __doc__ = saturation.Saturation.__doc__


class ImageNetCBlur(imagenet_c.ImageNetCBlur, BlurTransform):
    """ImageNet-C's blur."""

    __doc__ = imagenet_c.ImageNetCBlur.__doc__


class AnyBlur(any_blur.AnyBlur, BlurTransform):
    """A weighted choice of all blurs."""

    __doc__ = any_blur.AnyBlur.__doc__
