"""Batches lie in memory that workers use again, and never while anybody holds a part of it."""

import gc
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from blurdata.pairs import Pair, PairList
from blurdata.shards import Augment, Settings, ShardDataset, ShardSampler, build, slots
from blurdata.shards.slots import lent_tensor


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen pairs of noise in two shards."""
    folder, rng = tmp_path_factory.mktemp("batches"), np.random.default_rng(5)
    pairs = [Pair(f"a/{i:02d}", *rng.integers(0, 256, (2, 40, 56, 3), np.uint8), {"sequence": "a", "position": i}) for i in range(16)]
    build(PairList(pairs), folder, settings=Settings(pairs=8, chunk=16))
    return folder


class Rounds:
    """Several epochs as one, and nothing else: (epoch, index) as a sampler gives them."""

    def __init__(self, dataset: ShardDataset, count: int) -> None:
        self.sampler, self.count = ShardSampler(dataset, seed=2), count

    def __iter__(self):
        return (place for _ in range(self.count) for place in self.sampler)


def test_what_is_held_is_never_written_to(shards: Path) -> None:
    """Whole batches, views, numpy arrays and single rows that are kept while a hundred batches follow keep their pixels."""
    dataset = ShardDataset(shards, (24, 24), augment=Augment())
    places = list(Rounds(dataset, 25))
    loader = DataLoader(dataset, batch_size=4, sampler=Rounds(dataset, 25), num_workers=1, prefetch_factor=2)
    keep = {
        0: lambda batch: batch["sharp"],
        1: lambda batch: batch["sharp"][1:3],
        2: lambda batch: batch["sharp"].numpy()[3],
        3: lambda batch: batch["sharp"].view(-1)[: 3 * 24 * 24],
        4: lambda batch: batch,
    }
    held = {}
    for number, batch in enumerate(loader):
        expected = torch.stack([dataset[place]["sharp"] for place in places[4 * number : 4 * number + 4]])
        assert torch.equal(batch["sharp"], expected)
        if number < 20:
            held[number] = keep[number % 5](batch), keep[number % 5]({**batch, "sharp": expected})
        del batch
    gc.collect()
    for kept, expected in held.values():
        if isinstance(kept, dict):
            kept, expected = kept["sharp"], expected["sharp"]
        np.testing.assert_array_equal(np.asarray(kept), np.asarray(expected))
    assert number == 99


def places_to_be_had() -> set[int]:
    """Where the next ten tensors would lie."""
    return {tensor.data_ptr() for tensor in [lent_tensor((15,), np.uint16) for _ in range(10)]}


@pytest.mark.parametrize("strategy", sorted(torch.multiprocessing.get_all_sharing_strategies()))
def test_memory_is_used_again_when_the_last_view_is_gone(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece stays taken while its maker, its receiver or a view at the receiver holds it, and serves again after that."""
    monkeypatch.setattr(slots, "_kept", slots._Kept())
    before = torch.multiprocessing.get_sharing_strategy()
    torch.multiprocessing.set_sharing_strategy(strategy)
    try:
        made = lent_tensor((3, 5), np.uint16)
        made[...] = 7
        place, sent = made.data_ptr(), bytes(ForkingPickler.dumps(made))
        assert place not in places_to_be_had()
        got = ForkingPickler.loads(sent)
        view = got[1:, 2]
        assert type(got) is torch.Tensor
        assert got.dtype == torch.uint16
        del made, got
        assert place not in places_to_be_had()
        assert view.tolist() == [7, 7]
        del view
        gc.collect()
        assert place in places_to_be_had()
    finally:
        torch.multiprocessing.set_sharing_strategy(before)


def test_sent_twice_is_a_copy_the_second_time() -> None:
    """Two receivers of one tensor do not share what is given back when the first lets go."""
    made = lent_tensor((8,), np.uint8)
    made[...] = 1
    first, second = (ForkingPickler.loads(bytes(ForkingPickler.dumps(made))) for _ in range(2))
    first[...] = 2
    assert second.tolist() == [1] * 8
    assert made.tolist() == [2] * 8


@pytest.mark.parametrize(
    "options",
    [
        {"augment": Augment.gopro()},
        {"transform": v2.Compose([v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32, scale=True)])},
        {"transform": lambda sample: (sample["blurry"], sample["sharp"], 3)},
        {"clip": 3},
    ],
)
@pytest.mark.parametrize("workers", [0, 1])
def test_batches_are_the_stacked_samples(shards: Path, options: dict, workers: int) -> None:
    """Whatever augmentation and transform make of samples, a batch is what torch.stack makes of them one by one."""
    dataset = ShardDataset(shards, (24, 20), **options)
    loader = DataLoader(dataset, batch_size=5, sampler=Rounds(dataset, 1), num_workers=workers)
    places = list(Rounds(dataset, 1))
    for number, batch in enumerate(loader):
        samples = [dataset[place] for place in places[5 * number : 5 * number + 5]]
        for name in (0, 1) if isinstance(batch, list) else ("blurry", "sharp"):
            assert type(batch[name]) is torch.Tensor
            assert torch.equal(batch[name], torch.stack([sample[name] for sample in samples]))
    assert number == (len(dataset) - 1) // 5


def test_pictures_of_different_sizes_in_a_batch_are_refused(tmp_path: Path) -> None:
    """Without a crop, pictures that cannot be put together are torch's error, not a batch of wrong pixels."""
    pairs = [Pair(f"a/{i}", *np.zeros((2, 20 + i, 30, 3), np.uint8), {}) for i in range(2)]
    build(PairList(pairs), tmp_path)
    with pytest.raises(RuntimeError, match="equal size"):
        next(iter(DataLoader(ShardDataset(tmp_path), batch_size=2)))


class Named(ShardDataset):
    """A data set that changes what a sample is."""

    def __getitem__(self, index):
        return {**super().__getitem__(index), "number": 5}


def test_a_subclass_keeps_its_say(shards: Path) -> None:
    """A data set derived from ours that overrides `__getitem__` is asked by loaders too."""
    batch = next(iter(DataLoader(Named(shards, (16, 16)), batch_size=3)))
    assert batch["number"].tolist() == [5, 5, 5]
    assert tuple(batch["sharp"].shape) == (3, 3, 16, 16)
