"""How pictures, clips and batches of them are walked through: always as samples times frames."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision import tv_tensors

from blurdata.transforms.degradation import Degrade

DTYPES = (torch.uint8, torch.uint16, torch.float16, torch.bfloat16, torch.float32, torch.float64)
OnDevice = Callable[[Tensor, list[dict[str, Any]], list[int]], Tensor]


def count_samples(flat_inputs: Sequence[Any]) -> int:
    """How many samples the pictures of one call hold: 1, or the size of their batch.

    Raises:
        ValueError: If they disagree.
    """
    counts = {_sample_count(item) if isinstance(item, Tensor) else 1 for item in flat_inputs}
    if len(counts) > 1:
        msg = f"The pictures of one sample must have one batch size, got {' and '.join(str(count) for count in sorted(counts))}."
        raise ValueError(msg)
    return counts.pop() if counts else 1


def _sample_count(tensor: Tensor) -> int:
    own = 4 if isinstance(tensor, tv_tensors.Video) else 3
    if tensor.ndim < own:
        shape = "(…, T, C, H, W)" if own == 4 else "(…, C, H, W)"
        msg = f"A picture tensor must be {shape}, got shape {tuple(tensor.shape)}."
        raise ValueError(msg)
    return math.prod(tensor.shape[:-own])


class Frames:
    """A tensor seen as (B samples, T frames, C, H, W); T is 1 unless it is a clip."""

    def __init__(self, tensor: Tensor) -> None:
        self._like = tensor
        count = _sample_count(tensor)
        self._samples = tensor.as_subclass(Tensor).reshape(count, -1 if count and tensor.numel() else 1, *tensor.shape[-3:])

    @classmethod
    def of(cls, tensor: Tensor, samples: int) -> "Frames":
        """Check dtype, size and the number of samples.

        Raises:
            TypeError: If the dtype is none that pictures have.
            ValueError: If parameters of another number of samples were given, or the picture is empty.
        """
        if tensor.dtype not in DTYPES:
            names = ", ".join(str(dtype).removeprefix("torch.") for dtype in DTYPES)
            msg = f"A picture tensor must be one of {names}, got {tensor.dtype}."
            raise TypeError(msg)
        if tensor.numel() == 0:
            msg = f"A picture tensor must hold something, got shape {tuple(tensor.shape)}."
            raise ValueError(msg)
        if _sample_count(tensor) != samples:
            msg = f"There are parameters of {samples} samples for a tensor of {_sample_count(tensor)}, shape {tuple(tensor.shape)}."
            raise ValueError(msg)
        return cls(tensor)

    def map_numpy(self, degrade: Sequence[Degrade | None]) -> Tensor:
        """The same tensor with each sample changed by its own function, on the CPU; None leaves a sample bit-identical."""
        small = self._like.dtype in (torch.float16, torch.bfloat16)
        source = (self._samples.float() if small else self._samples).detach().numpy()
        target = np.empty(source.shape, source.dtype)
        for b, function in enumerate(degrade):
            if function is None:
                target[b] = source[b]
                continue
            for t in range(source.shape[1]):
                _planes(function(_interleaved(source[b, t]), t), target[b, t])
        return self._restored(torch.from_numpy(target).to(self._like.dtype))

    def map_torch(self, samples: Sequence[dict[str, Any] | None], degrade: OnDevice) -> Tensor:
        """The same tensor with the chosen samples changed together, on its device and differentiably."""
        clips, frames = self._samples.shape[:2]
        chosen = [b for b, sample in enumerate(samples) if sample is not None]
        index = torch.tensor(chosen, device=self._like.device)
        images = (self._samples if len(chosen) == clips else self._samples[index]).flatten(0, 1)
        each = [sample for b in chosen for sample in [samples[b] or {}] * frames]
        changed = degrade(images, each, list(range(frames)) * len(chosen)).reshape(len(chosen), frames, *images.shape[1:])
        if len(chosen) == clips:
            return self._restored(changed)
        return self._restored(self._samples.index_copy(0, index, changed))

    def _restored(self, samples: Tensor) -> Tensor:
        out = samples.reshape(self._like.shape)
        return tv_tensors.wrap(out, like=self._like) if isinstance(self._like, tv_tensors.TVTensor) else out


def _interleaved(planes: NDArray[Any]) -> NDArray[Any]:
    """(C, H, W) as a contiguous (H, W, C); OpenCV interleaves several times faster than numpy."""
    if planes.strides[0] == planes.itemsize:  # channels last already
        return np.ascontiguousarray(planes.transpose(1, 2, 0))
    if len(planes) == 1:
        return np.ascontiguousarray(planes[0])[..., None]
    return np.asarray(cv2.merge([np.ascontiguousarray(plane) for plane in planes]))


def _planes(pixels: NDArray[Any], target: NDArray[Any]) -> None:
    """Write (H, W, C) into the contiguous (C, H, W) ``target``."""
    if len(target) == 1:
        target[0] = pixels[..., 0]
    else:
        cv2.split(pixels, list(target))
