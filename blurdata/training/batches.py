"""The batches of a run from any step on: the same whether it was stopped or not, on one process or many."""

import signal
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from blurdata.errors import BlurDataError, RecipeError
from blurdata.shards import ShardDataset, ShardSampler
from blurdata.training.pairs import TrainingPairs
from blurdata.training.recipe import TrainRecipe

Batch = dict[str, Any]


class Batches:
    """Batches of this process, stage after stage.

    Iterate it to train; ``state_dict`` is the position behind the batch that came last, whatever the loader has read ahead.

    Args:
        pairs: What to train on.
        recipe: Its stages say crop and batch.
        rank: This process, from 0.
        world: Number of processes; each gets its share of every batch.
        workers: Processes that read ahead; 0 reads in this one.
        pin: Lay batches into page-locked memory, for CUDA.

    Raises:
        RecipeError: If a batch cannot be shared out evenly, or pairs that are not all from shards are to be balanced.
        BlurDataError: While it is iterated, what a reader found wrong, as that reader said it.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from blurdata.files import write_png
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_png(folder / "a.png", np.zeros((32, 32, 3), np.uint8))
        >>> online = {"pairs": "online", "blur": [{"kind": "shake"}], "blur_margin_px": 4}
        >>> recipe = TrainRecipe(stages=[{"steps": 2, "crop": 16, "batch": 3}], learning_rate=1e-3, **online)
        >>> batches = Batches(TrainingPairs(recipe, sharp=folder), recipe)
        >>> [tuple(batch["blurry"].shape) for batch in batches], batches.state_dict()
        ([(3, 3, 16, 16), (3, 3, 16, 16)], {'step': 2, 'epoch': 6, 'consumed': 0})
    """

    def __init__(
        self, pairs: TrainingPairs, recipe: TrainRecipe, *, rank: int = 0, world: int = 1, workers: int = 0, pin: bool = False
    ) -> None:
        for stage in recipe.stages:
            if stage.batch % world:
                msg = f"A batch of {stage.batch} cannot be shared out evenly to {world} processes; change `batch` or their number."
                raise RecipeError(msg)
        self._pairs, self._recipe, self._rank, self._world, self._workers, self._pin = pairs, recipe, rank, world, workers, pin
        self._step = 0
        self._position = self._sampler(pairs.crops(recipe.stages[0].crop))

    def _sampler(self, crops: Any) -> ShardSampler:
        if self._recipe.balance and not isinstance(crops, ShardDataset):
            msg = "`balance` needs pairs that all come from shards; leave it out or give --pairs shards."
            raise RecipeError(msg)
        return ShardSampler(crops, seed=self._recipe.seed, rank=self._rank, world=self._world, balance=self._recipe.balance)

    def __iter__(self) -> Iterator[Batch]:
        while self._step < self._recipe.steps:
            stage, count = self._recipe.stage_at(self._step), self._recipe.steps_left_in_stage(self._step)
            crops = self._pairs.crops(stage.crop)
            feed = self._sampler(crops)
            feed.load_state_dict(self._position.state_dict())
            loader = DataLoader(
                _Told(crops),
                batch_sampler=_Chunks(feed, stage.batch // self._world, count),
                collate_fn=_together,
                num_workers=self._workers,
                worker_init_fn=_begin,
                pin_memory=self._pin,
                prefetch_factor=4 if self._workers else None,
            )
            for batch in loader:
                if isinstance(batch, BlurDataError):
                    raise batch
                self._position.advance(stage.batch)
                self._step += 1
                yield batch

    def state_dict(self) -> dict[str, int]:
        """The step that comes next, and the sampler's position."""
        return {"step": self._step, **self._position.state_dict()}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from a saved position, on any number of processes."""
        self._step = state["step"]
        self._position.load_state_dict(state)


class _Told(Dataset[Any]):
    """Samples of a data set; an error about data takes the place of its batch, for ``DataLoader`` makes a traceback of what is raised."""

    def __init__(self, crops: Any) -> None:
        self._crops = crops

    def __getitems__(self, places: Sequence[tuple[int, int]]) -> Any:
        try:
            if hasattr(self._crops, "__getitems__"):
                return self._crops.__getitems__(places)
            return [self._crops[place] for place in places]
        except BlurDataError as error:
            return error


def _together(samples: Any) -> Any:
    return samples if isinstance(samples, BlurDataError) else default_collate(samples)


def _begin(_worker: int) -> None:
    """In a worker, leave Ctrl-C, which goes to every process of a terminal, to the training process, and end without a word as it does.

    A batch that is handed over at that moment would else leave a traceback by the thread that hands it over.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.excepthook = _tell_but_of_hanging_up


def _tell_but_of_hanging_up(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not isinstance(error, (ConnectionError, EOFError)):
        sys.__excepthook__(kind, error, trace)


class _Chunks(Sampler[list[tuple[int, int]]]):
    """``count`` batches of ``size`` from a sampler that is run through again and again."""

    def __init__(self, feed: ShardSampler, size: int, count: int) -> None:
        self._feed, self._size, self._count = feed, size, count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        stream = (place for _ in iter(int, 1) for place in self._feed)
        for _ in range(self._count):
            yield list(islice(stream, self._size))


def as_tensors(batch: Batch) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
    """Blurry and sharp as plain tensors, and the keys."""
    return batch["blurry"].as_subclass(torch.Tensor), batch["sharp"].as_subclass(torch.Tensor), list(batch["key"])
