"""How is a torch batch blurred, each sample by its own PSF?"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from blurdata.color import Curve, decodable_curve
from blurdata.convolution.border import check_border, source_index
from blurdata.convolution.single import blur_planes
from blurdata.convolution.tensor_light import decode, encode

Kernels = Tensor | Sequence[Tensor | NDArray[np.floating]]


def convolve_batch(images: Tensor, kernels: Kernels, *, curve: str | Path | Curve = "srgb", border: str = "reflect") -> Tensor:
    """Each sample of a batch blurred by its own PSF in linear light, on the device of the images.

    The same sum as :func:`blurdata.convolve`, differentiable in the images. Half and bfloat16 are computed in float32. On a GPU, or
    where gradients are asked for, it is a transform, so that one NaN or infinity spoils the plane of its sample (not the others').

    Args:
        images: (B, C, H, W) uint8, or floats that hold code values (0 to 1, HDR above; never clipped).
        kernels: One (K, L) array or tensor a sample, odd sides, sizes may differ; or a (B, K, L) tensor.
        curve: How code values relate to light: ``"srgb"``, ``"gamma22"``, ``"linear"`` or the path of a measured table.
        border: Beyond the edge: ``"reflect"`` (without repeating the edge), ``"replicate"`` or ``"constant"`` (0).

    Returns:
        (B, C, H, W) of the same dtype and device.

    Raises:
        TypeError: If the images are no tensor of these dtypes.
        ValueError: If a shape, weight, curve or border is wrong.

    Example:
        >>> from blurdata import psf
        >>> images = torch.rand(2, 3, 16, 16)
        >>> convolve_batch(images, [psf.motion(9, 30), psf.disk(2.5)]).shape
        torch.Size([2, 3, 16, 16])
    """
    response = decodable_curve(curve)
    _check_images(images, response)
    check_border(border)
    each = _checked(kernels, len(images))
    if not each:  # the FFT libraries refuse an empty batch
        return images.clone()
    if _loops_serve(images):
        return _on_cpu(images, each, response, border)
    work = torch.float64 if images.dtype == torch.float64 else torch.float32
    stack = _stacked(each, images.device, work)
    full = 255 if images.dtype == torch.uint8 else 1
    light = decode(images.to(work) / full, response)
    blurred = _fft(light, stack, border)
    if images.dtype == torch.uint8:
        return (encode(blurred.clamp(0, 1), response) * full).round().to(torch.uint8)
    return encode(blurred, response).to(images.dtype)


def _loops_serve(images: Tensor) -> bool:
    """Whether the CPU's compiled loops can do it: they know neither gradients nor graphs."""
    return images.device.type == "cpu" and not (torch.is_grad_enabled() and images.requires_grad) and not torch.compiler.is_compiling()


def _on_cpu(images: Tensor, kernels: list[Tensor], response: Curve, border: str) -> Tensor:
    """Sample by sample and plane by plane through :func:`blurdata.convolve`'s loops, several times quicker than batched transforms."""
    work = images.detach()
    if images.dtype in (torch.bfloat16, torch.float16):
        work = work.float()
    out = torch.empty(images.shape, dtype=work.dtype)
    for source, target, kernel in zip(work, out, kernels, strict=True):
        blur_planes(source.numpy(), kernel.detach().cpu().numpy(), response, border, target.numpy())
    return out.to(images.dtype)


def _check_images(images: Tensor, response: Curve) -> None:
    if not isinstance(images, Tensor) or not (images.is_floating_point() or images.dtype == torch.uint8):
        msg = f"images must be a torch tensor of uint8 or floats, got {getattr(images, 'dtype', type(images).__name__)}."
        raise TypeError(msg)
    if images.ndim != 4 or 0 in images.shape[1:]:
        msg = f"images must be (B, C, H, W) and hold something, got shape {tuple(images.shape)}."
        raise ValueError(msg)
    if response.channels > 1 and images.shape[1] != response.channels:
        msg = f"The curve {response.name} has {response.channels} channels, the images have {images.shape[1]}."
        raise ValueError(msg)


def _checked(kernels: Kernels, batch: int) -> list[Tensor]:
    """One finite (K, L) tensor a sample, with odd sides, or a ValueError."""
    if len(kernels) != batch:
        msg = f"kernels must be one for each of the {batch} images, got {len(kernels)}."
        raise ValueError(msg)
    if isinstance(kernels, Tensor) and kernels.ndim == 3:
        finite, each = bool(torch.isfinite(kernels).all()), list(kernels.unbind())
    else:
        each = [torch.as_tensor(kernel) for kernel in kernels]
        finite = all(bool(torch.isfinite(kernel).all()) for kernel in each)
    for kernel in each:
        if kernel.ndim != 2 or kernel.shape[0] % 2 == 0 or kernel.shape[1] % 2 == 0:
            msg = f"kernels must be (K, L) each with odd sides, so that they have a centre, got shape {tuple(kernel.shape)}."
            raise ValueError(msg)
    if not finite:
        msg = "kernels must hold finite numbers, got some that are not."
        raise ValueError(msg)
    return each


def _stacked(each: list[Tensor], device: torch.device, dtype: torch.dtype) -> Tensor:
    """(B, K, L) of the largest sides, each PSF in the middle."""
    height, width = (max(kernel.shape[axis] for kernel in each) for axis in (0, 1))
    stack = torch.zeros(len(each), height, width, dtype=dtype, device=each[0].device)
    for place, kernel in zip(stack, each, strict=True):
        top, left = (height - kernel.shape[0]) // 2, (width - kernel.shape[1]) // 2
        place[top : top + kernel.shape[0], left : left + kernel.shape[1]] = kernel
    return stack.to(device)


def _fft(light: Tensor, stack: Tensor, border: str) -> Tensor:
    height, width = light.shape[-2:]
    top, left = stack.shape[-2] // 2, stack.shape[-1] // 2
    padded = pad(light, top, left, border)
    shape = [_fast_length(n) for n in padded.shape[-2:]]
    spectrum = torch.fft.rfft2(padded, shape) * torch.fft.rfft2(stack, shape)[:, None]
    blurred: Tensor = torch.fft.irfft2(spectrum, shape)
    return blurred[..., 2 * top : 2 * top + height, 2 * left : 2 * left + width]


def pad(light: Tensor, top: int, left: int, border: str) -> Tensor:
    """``light`` continued by ``top`` rows and ``left`` columns on both sides, of any number."""
    if border != "reflect" or (top < light.shape[-2] and left < light.shape[-1]):
        return functional.pad(light, (left, left, top, top), mode=border)
    rows = torch.from_numpy(source_index(light.shape[-2], top, top, border)).to(light.device)
    columns = torch.from_numpy(source_index(light.shape[-1], left, left, border)).to(light.device)
    return light.index_select(-2, rows).index_select(-1, columns)


def _fast_length(size: int) -> int:
    """The next length that has only the factors 2, 3 and 5; SciPy's function for it is none that ``torch.compile`` can trace."""
    while True:
        rest = size
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return size
        size += 1
