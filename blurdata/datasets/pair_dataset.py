"""Any source of pairs as a torch data set."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset
from torchvision import tv_tensors

from blurdata.pair_types import Sharp
from blurdata.pairs import Image, PairSource

Sample = dict[str, Any]


class PairDataset(Dataset[Sample]):
    """A map-style torch data set over any :class:`~blurdata.pairs.PairSource`, in the form that ``ShardDataset`` yields.

    For training, shards are many times faster; this is for a look, for small sets and for evaluation.

    Args:
        source: The pairs.
        transform: Called with ``{"blurry": Image, "sharp": Sharp, "key": str}``; any torchvision v2 transform. The pictures are
            (3, H, W), uint8 or uint16, RGB.

    Example:
        >>> from tempfile import mkdtemp
        >>> from pathlib import Path
        >>> from blurdata.datasets import open_folders
        >>> from blurdata.files import write_png
        >>> root = Path(mkdtemp())
        >>> for half in ("blurry", "sharp"):
        ...     write_png(root / half / "a.png", np.zeros((4, 6, 3), np.uint8))
        >>> sample = PairDataset(open_folders(root))[0]
        >>> sample["key"], tuple(sample["blurry"].shape), sample["sharp"].dtype
        ('a', (3, 4, 6), torch.uint8)
    """

    def __init__(self, source: PairSource, transform: Callable[[Sample], Sample] | None = None) -> None:
        self.source, self.transform = source, transform

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Sample:
        """The pair at ``index``; IndexError beyond the end, as for a list."""
        pair = self.source[index]
        sample: Sample = {"blurry": tv_tensors.Image(_chw(pair.blurry)), "sharp": Sharp(_chw(pair.sharp)), "key": pair.key}
        return self.transform(sample) if self.transform else sample


def _chw(picture: Image) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))
