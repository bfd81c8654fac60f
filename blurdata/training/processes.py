"""One process or many under ``torchrun``: who we are, and what all must agree on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Processes:
    """This process among all.

    Args:
        rank: From 0; 0 writes.
        world: How many there are.
        device: Where this one computes.
    """

    rank: int
    world: int
    device: torch.device

    @property
    def writes(self) -> bool:
        """Whether this process writes files and messages."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """The network on the device, its gradients averaged over all processes."""
        model = model.to(self.device)
        if self.device.type == "cuda":
            model = model.to(memory_format=torch.channels_last)
        if self.world == 1:
            return model
        return DistributedDataParallel(model, device_ids=[self.device.index] if self.device.type == "cuda" else None)

    def agree(self, model: nn.Module) -> nn.Module:
        """The network with the first process's buffers in all of them: batch norms gather statistics of their own in each."""
        for buffer in model.buffers() if self.world > 1 else ():
            distributed.broadcast(buffer, 0)
        return model

    def gather(self, value: Any) -> list[Any]:
        """What each process holds, by rank."""
        if self.world == 1:
            return [value]
        found: list[Any] = [None] * self.world
        distributed.all_gather_object(found, value)
        return found


@contextmanager
def join(device: torch.device) -> Iterator[Processes]:
    """Join the other processes that ``torchrun`` started; alone without it. CUDA devices are dealt out by local rank."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", device.index or 0)))
        torch.cuda.set_device(device)
        torch.set_float32_matmul_precision("high")
    if world == 1:
        yield Processes(0, 1, device)
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), world, device)
    finally:
        distributed.destroy_process_group()


def mean_over_processes(value: torch.Tensor) -> float:
    """The mean of a scalar over all processes; a NaN anywhere is one everywhere."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(value)
        value = value / distributed.get_world_size()
    return float(value)
