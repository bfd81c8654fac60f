"""One seed of a trial: train the baseline on crops, restore the held-out ones, and measure what was gained."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blurdata.metrics import psnr
from blurdata.models import restore
from blurdata.pairs import Image
from blurdata.processes import worker_pool
from blurdata.progress import SILENT, Advance
from blurdata.training.linear import apply_filter
from blurdata.training.networks import build_model
from blurdata.training.patches import Crop
from blurdata.training.recipe import TrainRecipe
from blurdata.training.trainer import Trainer

_BEST = 60.0  # dB: equal halves count as this


@dataclass(frozen=True)
class Outcome:
    """What became of one held-out crop.

    Args:
        input_psnr: Of the untouched blurry half, dB.
        filtered_psnr: Of the blurry half through the best fixed linear filter, dB.
        restored_psnr: Of the network's answer, dB.
        input_agreement: Correlation of the blurry half's gradients with the sharp half's, [-1, 1].
        restored_agreement: The same of the network's answer.
    """

    input_psnr: float
    filtered_psnr: float
    restored_psnr: float
    input_agreement: float
    restored_agreement: float


@dataclass(frozen=True)
class Trial:
    """What one training is given.

    Args:
        train: Crops to learn from.
        test: Crops to judge by.
        kernel: The best fixed linear filter of ``train``.
        recipe: How to train; weights, order and crops follow from its seed.
    """

    train: Sequence[Crop]
    test: Sequence[Crop]
    kernel: NDArray[np.float64]
    recipe: TrainRecipe


def run_trial(trial: Trial, on_step: Callable[[], None] = lambda: None) -> list[Outcome]:
    """Train on ``trial.train`` and score ``trial.test``, one outcome a crop in order.

    The network sees the pictures through the filter and begins by leaving them as they are, so what it gains over the filter is what
    it learnt, from the first step on. Started from the blurry pictures it spends hundreds of steps on learning the filter.

    Args:
        trial: Crops, filter and recipe.
        on_step: Called after each step.

    Raises:
        Diverged: If the loss is no number.
    """
    kernel, recipe = trial.kernel, trial.recipe
    trainer = Trainer(build_model(recipe.model, small=recipe.small, arguments=recipe.arguments, seed=recipe.seed), recipe)
    for blurry, sharp, keys in batches([through_filter(crop, kernel) for crop in trial.train], recipe):
        trainer.step(blurry, sharp, keys=keys)
        on_step()
    model = trainer.evaluated.eval()
    outcomes = []
    for crop in trial.test:
        filtered = through_filter(crop, kernel)
        pictures = [_codes(picture, crop.sharp.dtype) for picture in (filtered.blurry, restore(model, filtered.blurry))]
        outcomes.append(outcome(crop, *pictures))
    return outcomes


def through_filter(crop: Crop, kernel: NDArray[np.float64]) -> Crop:
    """The crop with 16-bit halves, the blurry one filtered."""
    return replace(
        crop, blurry=apply_filter(kernel, _codes(crop.blurry, np.dtype(np.uint16))), sharp=_codes(crop.sharp, np.dtype(np.uint16))
    )


def _codes(picture: Image, dtype: np.dtype[Any]) -> Image:
    """The picture in code values of another depth."""
    scale = np.iinfo(dtype).max / np.iinfo(picture.dtype).max
    return picture if picture.dtype == dtype else np.rint(picture * scale).astype(dtype)


def batches(crops: Sequence[Crop], recipe: TrainRecipe) -> Iterator[tuple[Tensor, Tensor, list[str]]]:
    """The batches of all steps: permuted epochs, random crops, flips and quarter turns, a function of (crops, recipe) alone."""
    rng = np.random.default_rng([recipe.seed, 3])
    queue: list[int] = []
    for step in range(recipe.steps):
        stage = recipe.stage_at(step)
        while len(queue) < stage.batch:
            queue += rng.permutation(len(crops)).tolist()
        chosen, queue = [crops[i] for i in queue[: stage.batch]], queue[stage.batch :]
        side = min(stage.crop, min(min(crop.blurry.shape[:2]) for crop in chosen) // 2 * 2)
        halves = [_cut(crop, side, rng) for crop in chosen]
        blurry, sharp = (torch.from_numpy(np.stack([pair[half] for pair in halves])) for half in (0, 1))
        yield blurry, sharp, [crop.key for crop in chosen]


def _cut(crop: Crop, side: int, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    """A square of both halves, (3, side, side), turned and flipped alike."""
    height, width = crop.blurry.shape[:2]
    y, x = rng.integers(height - side + 1), rng.integers(width - side + 1)
    turns, flip = int(rng.integers(4)), rng.integers(2)

    def cut(half: Image) -> NDArray[Any]:
        square = np.rot90(half[y : y + side, x : x + side], turns)
        return np.ascontiguousarray((square[:, ::-1] if flip else square).transpose(2, 0, 1))

    return cut(crop.blurry), cut(crop.sharp)


def outcome(crop: Crop, filtered: Image, restored: Image) -> Outcome:
    """Scores of a crop's three pictures against its sharp half."""
    return Outcome(
        *(min(psnr(picture, crop.sharp), _BEST) for picture in (crop.blurry, filtered, restored)),
        *(agreement(picture, crop.sharp) for picture in (crop.blurry, restored)),
    )


def agreement(picture: Image, sharp: Image) -> float:
    """Correlation of the gradients of two pictures of one size, [-1, 1]; 0 where one is flat.

    ``sum g_p . g_s / sqrt(sum |g_p|^2 sum |g_s|^2)`` over the gradients of the grey pictures behind a Gaussian of 1 px.
    Smoothing lowers the difference of gradients but not this.
    """
    one, two = (_gradient(half) for half in (picture, sharp))
    scale = float(np.sqrt((one * one).sum() * (two * two).sum()))
    return float((one * two).sum()) / scale if scale > 0 else 0.0


def _gradient(picture: Image) -> NDArray[np.float64]:
    grey = cv2.GaussianBlur(picture.mean(axis=2), (0, 0), 1.0)
    return np.stack([cv2.Sobel(grey, cv2.CV_64F, 1, 0), cv2.Sobel(grey, cv2.CV_64F, 0, 1)])


def run_trials(trials: Sequence[Trial], *, workers: int = 1, advance: Advance = SILENT) -> list[list[Outcome]]:
    """:func:`run_trial` for each, in order, in processes of one thread each; ``advance`` is called with shares that add up to 100.

    The processes start clean, so the answer does not depend on how many there are.
    """
    steps = sum(trial.recipe.steps for trial in trials)
    counter = multiprocessing.get_context("forkserver").Value("l", 0)
    told = 0
    with worker_pool(min(workers, len(trials)), __name__, _start_worker, trials, counter) as pool:
        futures = [pool.submit(_worker_trial, number) for number in range(len(trials))]
        waiting: set[Future[list[Outcome]]] = set(futures)
        while waiting:
            done, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
            now = counter.value
            if now > told:
                advance(100 * (now - told) / steps)
                told = now
    return [future.result() for future in futures]


_trials: Sequence[Trial]
_counter: Any


def _start_worker(trials: Sequence[Trial], counter: Any) -> None:
    global _trials, _counter
    torch.set_num_threads(1)
    _trials, _counter = trials, counter


def _worker_trial(number: int) -> list[Outcome]:
    return run_trial(_trials[number], on_step=_count_step)


def _count_step() -> None:
    with _counter.get_lock():
        _counter.value += 1
