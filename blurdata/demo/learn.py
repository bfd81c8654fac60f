"""Train the small network from the shards of the demo, and see what it does to shots it has never seen."""

import time
from pathlib import Path
from statistics import fmean

from torch import nn

from blurdata.pairs import Image
from blurdata.progress import progress
from blurdata.recipe import read_recipe
from blurdata.shards import ShardSource
from blurdata.training import Trainer, TrainRecipe, build_model, save_checkpoint
from blurdata.training.batches import Batches, as_tensors
from blurdata.training.evaluation import Score, evaluate
from blurdata.training.pairs import TrainingPairs

_RECIPE = "demo_train"
_RECENT = 25  # losses in the mean that the bar shows


def train(shards: Path, checkpoint: Path, *, seconds: float) -> tuple[nn.Module, int]:
    """Train for ``seconds`` or all steps of the recipe, whichever ends first, and save; the network for evaluation and its steps."""
    recipe = read_recipe(_RECIPE, TrainRecipe)
    trainer = Trainer(build_model(recipe.model, small=recipe.small, seed=recipe.seed), recipe)
    losses: list[float] = []
    start, shown = time.monotonic(), 0.0
    with progress("train the network", 100, unit="%") as advance:
        for batch in Batches(TrainingPairs(recipe, shards), recipe):
            blurry, sharp, keys = as_tensors(batch)
            losses.append(trainer.step(blurry, sharp, keys=keys, progress=shown))
            share = min(max((time.monotonic() - start) / seconds, trainer.steps_done / recipe.steps), 1.0)
            advance(100 * (share - shown), note=f"step {trainer.steps_done}, loss {fmean(losses[-_RECENT:]):.4f}")
            shown = share
            if share == 1.0:
                break
    save_checkpoint(checkpoint, {"recipe": recipe.resolved(), "weights": trainer.evaluated.state_dict(), "steps": trainer.steps_done})
    return trainer.evaluated.eval(), trainer.steps_done


def test(model: nn.Module, pairs: ShardSource) -> tuple[list[Score], dict[str, Image]]:
    """Scores of the held-out pairs in order, and the restored pictures by key."""
    scores, restored = [], {}
    with progress("restore the held-out", len(pairs)) as advance:
        for score, picture in evaluate(model, pairs):
            scores.append(score)
            restored[score.key] = picture
            advance()
    return scores, restored
