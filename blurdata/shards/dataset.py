"""Pairs for training: only the crop is read, and what happens to a sample depends on (seed, epoch, key) alone."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset
from torchvision import tv_tensors

from blurdata.pair_types import Sharp
from blurdata.shards.reader import ShardReader

Sample = dict[str, Any]


class ShardDataset(Dataset[Sample]):
    """Blurry/sharp pairs of a folder of shards, as torchvision images.

    Args:
        root: The folder that ``build`` or ``blurdata pack`` wrote.
        crop_hw: Height and width of the crop that is read, the same for both halves; None reads whole pictures.
        transform: Called with the sample; a torchvision v2 transform moves both halves alike.
        where: Keep only pairs whose meta data meet this condition, such as ``"blur_px_p95 < 25"``.
        seed: Start of all randomness.

    A sample is ``{"blurry": tv_tensors.Image, "sharp": Sharp, "key": str}`` with (3, H, W) uint8 (or uint16) pictures.
    """

    def __init__(
        self,
        root: Path | str,
        crop_hw: tuple[int, int] | None = None,
        transform: Callable[[Sample], Any] | None = None,
        *,
        where: str = "",
        seed: int = 0,
    ) -> None:
        self._reader = ShardReader(root)
        self._positions = self._reader.select(where)
        self.crop_hw, self.transform, self.seed = crop_hw, transform, seed

    def __len__(self) -> int:
        return len(self._positions)

    @property
    def keys(self) -> list[str]:
        """Keys in order."""
        return [self._reader.plan.keys[position] for position in self._positions]

    @property
    def provenance(self) -> Mapping[str, str]:
        """Ids of what the pairs came from."""
        plan = self._reader.plan
        return {"source": plan.source, "plan_id": plan.id, "recipe_id": plan.recipe_id}

    def __getitem__(self, index: int | tuple[int, int]) -> Any:
        epoch, index = index if isinstance(index, tuple) else (None, index)
        position = self._positions[index]
        key = self._reader.plan.keys[position]
        seed = int(torch.randint(2**62, ())) if epoch is None else sample_seed(self.seed, epoch, key)
        box = self._box(position, key, seed)
        blurry, sharp = (torch.from_numpy(half.transpose(2, 0, 1).copy()) for half in self._reader.images(position, box))
        sample = {"blurry": tv_tensors.Image(blurry), "sharp": Sharp(sharp), "key": key}
        if self.transform is None:
            return sample
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.transform(sample)

    def _box(self, position: int, key: str, seed: int) -> tuple[int, int, int, int] | None:
        if self.crop_hw is None:
            return None
        height, width = self._reader.size(position)
        if self.crop_hw[0] > height or self.crop_hw[1] > width:
            msg = f"crop_hw {self.crop_hw} is larger than pair '{key}' of {(height, width)}; choose a smaller crop."
            raise ValueError(msg)
        rng = np.random.Generator(np.random.Philox(seed))
        y, x = rng.integers(height - self.crop_hw[0] + 1), rng.integers(width - self.crop_hw[1] + 1)
        return int(y), int(x), *self.crop_hw


def sample_seed(seed: int, epoch: int, key: str) -> int:
    """The seed of one sample in one epoch, whatever the worker: 62 bits of a hash."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{epoch}/{key}".encode(), digest_size=8).digest(), "big") >> 2
