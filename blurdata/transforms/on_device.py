"""The same degradations on a torch batch that stays on its device and may carry gradients.

On the CPU and without gradients the numpy path is used instead, which is faster.
"""

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blurdata import psf
from blurdata.color import curve as named_curve
from blurdata.convolution import convolve_batch
from blurdata.convolution.camera import camera_steps
from blurdata.convolution.depth import layers_of
from blurdata.convolution.tensor_light import decode, encode
from blurdata.sensor import NoiseLevel, poisson_gaussian
from blurdata.transforms.any_blur import AnyBlur
from blurdata.transforms.degradation import Degradation, KernelBlur, LightBlur
from blurdata.transforms.depth import DepthDefocusBlur
from blurdata.transforms.frames import Frames
from blurdata.transforms.highlights import clipped_mask
from blurdata.transforms.noise import SensorNoise
from blurdata.transforms.saturation import Saturation
from blurdata.transforms.zoom import ZoomBlur

Samples = list[dict[str, Any]]
_INTEGERS = {torch.uint8: 255, torch.uint16: 65535}


@singledispatch
def degrade_on_device(degradation: Degradation, images: Tensor, samples: Samples, frames: list[int]) -> Tensor:
    """(N, C, H, W) images, each degraded with its own parameters.

    Degradations without a torch formula of their own make the round trip through the CPU.

    Raises:
        ValueError: If such a one is asked for gradients.
    """
    if images.requires_grad:
        msg = f"{type(degradation).__name__} is not differentiable; detach the images or turn gradients off around it."
        raise ValueError(msg)
    host = Frames(images.cpu())
    return host.map_numpy([_at_frame(degradation.prepare(sample), frame) for sample, frame in zip(samples, frames, strict=True)]).to(
        images.device
    )


def _at_frame(degrade: Callable[..., Any], frame: int) -> Callable[..., Any]:
    return lambda image, _: degrade(image, frame)


@degrade_on_device.register
def _(degradation: KernelBlur, images: Tensor, samples: Samples, frames: list[int]) -> Tensor:
    each = {id(sample): sample for sample in samples}  # the frames of a clip share their sample
    kernels = {key: degradation.kernel(sample) for key, sample in each.items()}
    stack = [kernels[id(sample)] for sample in samples]
    if degradation.highlights == 0 and images.dtype != torch.uint16:
        return convolve_batch(images, stack, curve=degradation.curve, border=degradation.border)
    return _blur_in_light(
        degradation, images, samples, lambda light: convolve_batch(light, stack, curve="linear", border=degradation.border)
    )


@degrade_on_device.register
def _(degradation: ZoomBlur, images: Tensor, samples: Samples, frames: list[int]) -> Tensor:
    def zoom_each(light: Tensor) -> Tensor:
        return torch.stack([_zoomed(light[n], samples[n], degradation.border) for n in range(len(samples))])

    return _blur_in_light(degradation, images, samples, zoom_each)


def _zoomed(light: Tensor, sample: dict[str, Any], border: str) -> Tensor:
    """The mean of (C, H, W) light over the camera's steps, bilinear."""
    if sample["zoom"] == 1 and sample["roll_deg"] == 0:
        return light
    height, width = light.shape[-2:]
    y, x = torch.meshgrid(*(torch.arange(n, device=light.device, dtype=light.dtype) for n in (height, width)), indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x)], dim=-1)
    span = torch.tensor([max(width - 1, 1), max(height - 1, 1)], device=light.device, dtype=light.dtype)
    mode = {"reflect": "reflection", "replicate": "border", "constant": "zeros"}[border]
    total, matrices = torch.zeros_like(light), camera_steps(height, width, sample["zoom"], sample["roll_deg"])
    for matrix in matrices:
        grid = 2 * (places @ torch.from_numpy(matrix.T).to(places)) / span - 1
        total = total + torch.nn.functional.grid_sample(light[None], grid[None], padding_mode=mode, align_corners=True)[0]
    return total / len(matrices)


@degrade_on_device.register
def _(degradation: DepthDefocusBlur, images: Tensor, samples: Samples, frames: list[int]) -> Tensor:
    def defocus_each(light: Tensor) -> Tensor:
        height, width = light.shape[-2:]
        return torch.stack([_layered(light[n], degradation.signed_radius(samples[n], height, width)) for n in range(len(samples))])

    return _blur_in_light(degradation, images, samples, defocus_each)


def _layered(light: Tensor, radius: NDArray[np.float64]) -> Tensor:
    """(C, H, W) light blurred layer by layer, as :func:`blurdata.convolution.convolve_depth` does and says."""
    out = torch.zeros_like(light)
    for rung, cover, known in layers_of(radius):
        share = torch.from_numpy(cover).to(light)[None]
        layer = torch.cat([_filled(light, torch.from_numpy(known).to(light.device)[None]) * share, share])
        blurred = convolve_batch(layer[None], [psf.disk(abs(rung))], curve="linear")[0]
        out = out * (1 - blurred[-1:].clamp(0, 1)) + blurred[:-1]
    return out


def _filled(light: Tensor, known: Tensor) -> Tensor:
    """``light`` where it is known, and elsewhere what is known around, from ever coarser means."""
    if bool(known.all()):
        return light
    weight = known.to(light)
    sums = _halved(weight)
    mean = _halved(light * weight) / sums.clamp_min(1e-12)
    if sums.shape[-2:] != (1, 1):
        mean = _filled(mean, sums > 0)
    around = mean.repeat_interleave(2, -2).repeat_interleave(2, -1)[..., : light.shape[-2], : light.shape[-1]]
    return torch.where(known, light, around)


def _halved(values: Tensor) -> Tensor:
    """Sums of 2 x 2 samples; an odd last row or column is summed with nothing."""
    height, width = values.shape[-2:]
    padded = torch.nn.functional.pad(values, (0, width % 2, 0, height % 2))
    return padded[..., ::2, ::2] + padded[..., 1::2, ::2] + padded[..., ::2, 1::2] + padded[..., 1::2, 1::2]


@degrade_on_device.register
def _(degradation: SensorNoise, images: Tensor, samples: Samples, frames: list[int]) -> Tensor:
    def add_noise(light: Tensor) -> Tensor:
        clean = light.detach().clamp_min(0)
        noisy = torch.stack([_noisy(clean[n], samples[n], frames[n]) for n in range(len(samples))])
        return light + (noisy - light.detach())  # the gradient is that of the clean light

    return _in_light(images, degradation.curve, add_noise)


def _noisy(light: Tensor, sample: dict[str, Any], frame: int) -> Tensor:
    """(C, H, W) light with noise: on the CPU the very numbers of the numpy path, elsewhere drawn on the device by the same law."""
    shot, read = sample["shot"], sample["read"]
    if light.device.type == "cpu":
        rng = np.random.default_rng([sample["seed"], frame])
        noisy = poisson_gaussian(light.permute(1, 2, 0).numpy(), NoiseLevel(shot, read), rng)
        return torch.from_numpy(noisy).permute(2, 0, 1).to(light.dtype)
    generator = torch.Generator(light.device).manual_seed(sample["seed"] + (frame << 32))
    electrons: Tensor = shot * torch.poisson(light / shot, generator=generator) if shot > 0 else light
    readout = torch.randn(light.shape, generator=generator, device=light.device, dtype=light.dtype)
    return electrons.add(readout, alpha=read)


@degrade_on_device.register
def _(degradation: Saturation, images: Tensor, samples: Samples, frames: list[int]) -> Tensor:
    gain = _column(images, samples, "gain")
    exposed = _in_light(images, degradation.curve, lambda light: (gain * light).clamp_max(1))
    return torch.where((gain == 1), images, exposed) if images.dtype != torch.uint16 else exposed


@degrade_on_device.register
def _(degradation: AnyBlur, images: Tensor, samples: Samples, frames: list[int]) -> Tensor:
    out = images.clone()
    for kind in dict.fromkeys(sample["kind"] for sample in samples if sample["severity"] > 0):
        rows = [n for n, sample in enumerate(samples) if sample["kind"] == kind and sample["severity"] > 0]
        chosen = [degradation.chosen(samples[n]) for n in rows]
        index = torch.tensor(rows, device=images.device)
        changed = degrade_on_device(chosen[0][0], images[index], [own for _, own in chosen], [frames[n] for n in rows])
        out = out.index_copy(0, index, changed)
    return out


def _column(images: Tensor, samples: Samples, name: str) -> Tensor:
    """One parameter of all samples as (N, 1, 1, 1), in the working precision."""
    values = [sample[name] for sample in samples]
    return torch.tensor(values, device=images.device, dtype=_work(images))[:, None, None, None]


def _work(images: Tensor) -> torch.dtype:
    return torch.float64 if images.dtype in (torch.float64, torch.uint16) else torch.float32


def _blur_in_light(degradation: LightBlur, images: Tensor, samples: Samples, blur: Callable[[Tensor], Tensor]) -> Tensor:
    """Decode, give clipped places back their light, blur, clip where that was done, encode."""
    if degradation.highlights == 0:
        return _in_light(images, degradation.curve, blur)
    alpha = _column(images, samples, "highlights")
    mask = clipped_mask(images.detach().to(_work(images)) / _INTEGERS.get(images.dtype, 1))

    def bloomed(light: Tensor) -> Tensor:
        spread = blur(light + alpha * mask)
        return torch.where(alpha > 0, spread.clamp(0, 1), spread)

    return _in_light(images, degradation.curve, bloomed)


def _in_light(images: Tensor, curve: str, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Decode, change, encode; integers are clipped and rounded, floats are not."""
    response = named_curve(curve)
    full = _INTEGERS.get(images.dtype, 1)
    light = change(decode(images.to(_work(images)) / full, response))
    if full == 1:
        return encode(light, response).to(images.dtype)
    return (encode(light.clamp(0, 1), response) * full).round().to(images.dtype)
