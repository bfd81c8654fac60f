"""The order of training samples for one rank, with a state of two integers."""

from collections.abc import Iterator, Mapping, Sized

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from blurdata.shards.dataset import ShardDataset
from blurdata.shards.order import advance, balanced, permutation, rank_steps


class ShardSampler(Sampler[tuple[int, int]]):
    """Yields (epoch, index) so that a :class:`ShardDataset` can seed each sample from (seed, epoch, key) alone.

    One iteration is the rest of the present epoch for this rank. Every rank yields equally many, the rest divided by ``world`` and
    rounded up. So where ``world`` does not divide the rest, the up to ``world - 1`` ranks that would go short get the first samples
    of the next epoch (of the next ones, if the data set is smaller than that), and the next iteration starts after those: nothing is
    dropped or repeated. Only ``set_epoch`` goes back to the beginning of an epoch, and repeats them.

    Args:
        dataset: What is sampled.
        seed: Start of the order; give the data set the same to have one seed a run.
        rank: This process, from 0.
        world: Number of processes.
        shuffle: False keeps the order of the data set.
        balance: Name of a number in the meta data such as ``"blur_px_p95"``: pairs are drawn evenly over octaves of it, with
            repeats, instead of once each.

    To resume, save ``state_dict()`` after ``advance(samples of this step on all ranks)``, and load it into samplers of any
    number of ranks: with the same global batch, the remaining steps see the same samples with the same augmentations, as long as
    both numbers of ranks divide what is left of an epoch (else its last step ends elsewhere, and later ones are shifted).
    Loaders that prefetch are ahead of training, often by a whole epoch, so the sampler itself cannot know what was used; where
    ``advance`` is not called after an iteration has begun, the next one simply goes on to the next epoch. The last step of an
    epoch is smaller where batches do not divide it, equally small on all ranks; it is a step all the same, so leave ``drop_last``
    off. Batches that are cut from one iteration after the other without a break, as ``tools/train_deblur.py`` cuts them, are all
    full and do not depend on the number of ranks.

    Example:
        >>> sampler = ShardSampler(range(10), seed=3, rank=0, world=2)
        >>> len(sampler), sorted(index for epoch, index in [*sampler, *ShardSampler(range(10), seed=3, rank=1, world=2)])
        (5, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
        >>> sampler.state_dict()
        {'epoch': 1, 'consumed': 0}
    """

    def __init__(
        self,
        dataset: ShardDataset | Sized,
        *,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        shuffle: bool = True,
        balance: str | None = None,
    ) -> None:
        if not 0 <= rank < world:
            msg = f"rank must be between 0 and world - 1, got rank {rank} of {world}."
            raise ValueError(msg)
        if len(dataset) < 1:
            msg = "The data set is empty; check its `where` and `clip`."
            raise ValueError(msg)
        self._size, self._seed, self._rank, self._world, self._shuffle = len(dataset), seed, rank, world, shuffle
        if balance is not None and not isinstance(dataset, ShardDataset):
            msg = f"balance needs a ShardDataset, whose meta data it reads, got {type(dataset).__name__}."
            raise TypeError(msg)
        self._values = tuple(dataset.values(balance)) if balance is not None and isinstance(dataset, ShardDataset) else None
        self._epoch = self._consumed = 0
        self._moves = 0  # how often `advance` and `load_state_dict` were called
        self._unless_advanced: tuple[int, int] | None = None  # where the run stands if the last iteration was all used, and nobody says so
        self._orders: dict[int, NDArray[np.int64]] = {}

    def _order(self, epoch: int) -> NDArray[np.int64]:
        if epoch not in self._orders:
            self._orders = {old: order for old, order in self._orders.items() if old == epoch - 1}
            self._orders[epoch] = self._make_order(epoch)
        return self._orders[epoch]

    def _make_order(self, epoch: int) -> NDArray[np.int64]:
        if self._values is not None:
            return balanced(self._values, self._seed, epoch)
        return permutation(self._size, self._seed, epoch) if self._shuffle else np.arange(self._size)

    def __len__(self) -> int:
        """Samples that are left of this epoch for this rank."""
        return -(-(self._size - self._position()[1]) // self._world)

    def _position(self) -> tuple[int, int]:
        return self._unless_advanced or (self._epoch, self._consumed)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        start = self._epoch, self._consumed = self._position()
        self._unless_advanced, moves = None, self._moves
        for place in rank_steps(self._size, start[1], self._rank, self._world):
            epoch, position = advance(self._size, start[0], 0, place)
            yield epoch, int(self._order(epoch)[position])
        if self._moves == moves:
            count = -(-(self._size - start[1]) // self._world) * self._world
            self._unless_advanced = advance(self._size, *start, count)

    def advance(self, count: int) -> None:
        """Note that ``count`` more samples were used, on all ranks together."""
        self._moves, self._unless_advanced = self._moves + 1, None
        self._epoch, self._consumed = advance(self._size, self._epoch, self._consumed, count)

    def state_dict(self) -> dict[str, int]:
        """Where the run stands: the epoch, and how many of its samples all ranks together have used."""
        epoch, consumed = self._position()
        return {"epoch": epoch, "consumed": consumed}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on from a saved state, on any number of ranks."""
        epoch, consumed = int(state["epoch"]), int(state["consumed"])
        if epoch < 0 or not 0 <= consumed < self._size:
            msg = f"The state {dict(state)} does not belong to a data set of {self._size} samples."
            raise ValueError(msg)
        self._moves, self._unless_advanced = self._moves + 1, None
        self._epoch, self._consumed = epoch, consumed

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of an epoch, as for torch's DistributedSampler."""
        self.load_state_dict({"epoch": epoch, "consumed": 0})
