"""A source of pairs as a torch data set."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.transforms import v2

from blurdata.datasets import open_folders
from blurdata.datasets.pair_dataset import PairDataset
from blurdata.files import write_png
from blurdata.pair_types import Sharp


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four pairs whose halves are equal, so that geometry that differs would show."""
    for number in range(4):
        picture = np.random.default_rng(number).integers(0, 256, (20, 24, 3), np.uint8)
        for half in ("blurry", "sharp"):
            write_png(tmp_path / half / f"{number}.png", picture)
    return tmp_path


def test_samples_have_the_form_of_shards(root: Path) -> None:
    """Uint8 images of torchvision's types in RGB, channels first, with the key."""
    source = open_folders(root)
    sample = PairDataset(source)[2]

    assert sorted(sample) == ["blurry", "key", "sharp"]
    assert (type(sample["blurry"]), type(sample["sharp"]), sample["key"]) == (tv_tensors.Image, Sharp, "2")
    assert sample["blurry"].dtype == torch.uint8
    assert np.array_equal(sample["sharp"].permute(1, 2, 0).numpy(), source[2].sharp)
    with pytest.raises(IndexError):
        PairDataset(source)[4]


def test_a_transform_hits_both_halves_alike(root: Path) -> None:
    """A random crop takes the same part of both."""
    sample = PairDataset(open_folders(root), transform=v2.RandomCrop(8))[0]

    assert tuple(sample["blurry"].shape) == (3, 8, 8)
    assert torch.equal(sample["blurry"].as_subclass(torch.Tensor), sample["sharp"].as_subclass(torch.Tensor))


def test_it_travels_to_workers_and_makes_batches(root: Path) -> None:
    """A pickled copy, as a worker process gets it, gives the same batches with their keys in order."""
    loader = DataLoader(pickle.loads(pickle.dumps(PairDataset(open_folders(root)))), batch_size=2)

    batches = list(loader)

    assert [batch["key"] for batch in batches] == [["0", "1"], ["2", "3"]]
    assert tuple(batches[0]["blurry"].shape) == (2, 3, 20, 24)
