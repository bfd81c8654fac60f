"""The recipes of training that ship: they load, follow the published numbers, and train their network."""

import pytest
import torch

from blurdata.recipe import read_recipe, recipe_names
from blurdata.training import Trainer, TrainRecipe, build_model, learning_rate

OURS = [name for name in recipe_names() if name.startswith(("train_", "verify_"))]
PARAMETERS = {
    "train_gopro_restormer": 26_126_644,
    "train_gopro_unet": 17_111_907,
    "train_noblur": 8_600_067,
    "train_realblur_j": 17_111_907,
    "train_realblur_j_light": 280_347,
    "verify_fast": 117_932,
}


def test_all_that_are_promised_ship():
    """Six recipes of training."""
    assert set(OURS) == set(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_builds_its_network_and_takes_a_step(name):
    """The network has its published size, and its small variant learns a step by the recipe's optimiser, loss and precision."""
    recipe = read_recipe(name, TrainRecipe)
    with torch.device("meta"):
        assert build_model(recipe.model, arguments=recipe.arguments).parameter_count == PARAMETERS[name]

    small = read_recipe(name, TrainRecipe, small=True)
    trainer = Trainer(build_model(small.model, small=True), small)
    sharp = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    before = [parameter.detach().clone() for parameter in trainer.model.parameters()]
    trainer.step(sharp // 2, sharp, keys=["a", "b"])

    assert any(not torch.equal(old, new) for old, new in zip(before, trainer.model.parameters(), strict=True))


def test_restormer_is_trained_progressively_as_published():
    """Crops, batches, steps, hold and cosine are those of the paper."""
    recipe = read_recipe("train_gopro_restormer", TrainRecipe)
    changes = [0, 91_999, 92_000, 156_000, 204_000, 240_000, 276_000, 299_999]
    stages = [recipe.stage_at(step) for step in changes]

    assert [(stage.crop, stage.batch) for stage in stages] == [
        (128, 64), (128, 64), (160, 40), (192, 32), (256, 16), (320, 8), (384, 8), (384, 8)
    ]  # fmt: skip
    assert recipe.steps == 300_000
    assert recipe.steps_left_in_stage(91_999) == 1
    schedule = {"steps": recipe.steps, "peak": recipe.learning_rate, "final": recipe.final_learning_rate, "hold": recipe.hold_steps}
    assert learning_rate(92_000, **schedule) == 3e-4
    assert learning_rate(196_000, **schedule) == pytest.approx((3e-4 + 1e-6) / 2)
    assert learning_rate(300_000, **schedule) == pytest.approx(1e-6)
    assert (recipe.loss, recipe.clip_norm, recipe.weight_decay) == ("l1", 0.01, 1e-4)
