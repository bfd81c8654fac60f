"""Shared memory that goes round between a DataLoader worker and the training process.

torch's own way takes fresh shared memory for every batch, whose pages the kernel must find and blank: that costs more than
reading the batch. Here a worker keeps the memory of its batches and uses a piece again when nobody holds it any more. Each piece
begins with two bytes, one that says the worker holds it, one that the receiver does. Either is cleared when the last tensor
over it, or view of one, is gone; nothing that is held is ever written to.
"""

import math
import os
import weakref
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

_HEAD_BYTES = 4096  # a page of its own, so that the pixels begin on one
_WORKER, _RECEIVER = 0, 1
_MOST = 64  # pieces a worker keeps; when all are held, because someone collects batches, more are made and not kept


class Lent(torch.Tensor):
    """A tensor in a worker whose memory the receiver gets to see, rather than a copy. What is made of it is a plain tensor."""

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]  # as torch.nn.Parameter has it
    memory: torch.Tensor

    def __reduce_ex__(self, _protocol: Any) -> Any:
        flags = _flags(self.memory)
        if flags[_RECEIVER]:  # sent before
            return torch.Tensor.as_subclass, (self.clone(), torch.Tensor)
        flags[_RECEIVER] = 1
        return _receive, (self.memory, tuple(self.shape), self.numpy().dtype.str)


class _Kept:
    """The pieces of this process; what a forked process inherits belongs to its parent."""

    def __init__(self) -> None:
        self.process, self.pieces = 0, list[torch.Tensor]()

    def free(self, size: int) -> torch.Tensor:
        """A piece that nobody holds, with room for ``size`` bytes."""
        if self.process != os.getpid():
            self.process, self.pieces = os.getpid(), []
        unheld = [piece for piece in self.pieces if not _flags(piece).any()]
        for piece in unheld:
            if size <= piece.numel() - _HEAD_BYTES <= 2 * size:
                return piece
        if len(self.pieces) == _MOST and unheld:
            self.pieces = [piece for piece in self.pieces if piece is not unheld[0]]
        made: torch.Tensor = torch.zeros(_HEAD_BYTES + size, dtype=torch.uint8).share_memory_()  # type: ignore[no-untyped-call]
        if len(self.pieces) < _MOST:
            self.pieces.append(made)
        return made


_kept = _Kept()


def lent_tensor(shape: tuple[int, ...], dtype: DTypeLike) -> Lent:
    """A tensor of any content that is sent without being copied."""
    memory = _kept.free(math.prod(shape) * np.dtype(dtype).itemsize)
    _flags(memory)[_WORKER] = 1
    lent = _held(memory, _WORKER, shape, dtype).as_subclass(Lent)
    lent.memory = memory
    return lent


def _receive(memory: torch.Tensor, shape: tuple[int, ...], dtype: str) -> torch.Tensor:
    return _held(memory, _RECEIVER, shape, dtype)


def _held(memory: torch.Tensor, holder: int, shape: tuple[int, ...], dtype: DTypeLike) -> torch.Tensor:
    """A tensor over a piece of memory; the holder's flag is cleared with the last tensor that is made from it."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    pixels = memory.numpy()[_HEAD_BYTES : _HEAD_BYTES + size].view(dtype).reshape(shape)
    weakref.finalize(pixels, _release, memory, holder).atexit = False
    return torch.from_numpy(pixels)  # which keeps this very array for as long as its storage is used


def _release(memory: torch.Tensor, holder: int) -> None:
    _flags(memory)[holder] = 0


def _flags(memory: torch.Tensor) -> NDArray[np.uint8]:
    return memory.numpy()[:2]
