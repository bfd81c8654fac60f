"""Pairs that are made of sharp pictures while a network is trained."""

import numpy as np
import pytest
import torch

from blurdata.errors import RecipeError, SourceError
from blurdata.files import write_png
from blurdata.pairs import Pair, PairList
from blurdata.shards import build
from blurdata.training import TrainRecipe
from blurdata.training.pairs import TrainingPairs


def test_a_condition_on_pictures_is_refused(tmp_path):
    """Nothing is known of them that it could be about."""
    write_png(tmp_path / "sharp/a.png", np.zeros((96, 96, 3), np.uint8))
    recipe = TrainRecipe(
        learning_rate=1e-3, pairs="online", blur=[{"kind": "shake"}], where="blur_px_p95 < 3", stages=[{"steps": 1, "crop": 32, "batch": 1}]
    )
    with pytest.raises(RecipeError, match="of which nothing is known"):
        TrainingPairs(recipe, sharp=tmp_path / "sharp")


def test_shards_of_which_no_pair_is_left_are_named(tmp_path):
    """Those of the sharp pictures, where it is them."""
    grey = np.full((96, 96, 3), 90, np.uint8)
    build(PairList([Pair("a/0", grey, grey, {"position": 0})]), tmp_path / "own")
    fields = {"pairs": "online", "blur": [{"kind": "shake"}], "where": "position > 5", "stages": [{"steps": 1, "crop": 32, "batch": 1}]}
    with pytest.raises(SourceError, match="own: holds no pair that meets 'position > 5'"):
        TrainingPairs(TrainRecipe(learning_rate=1e-3, **fields), sharp=tmp_path / "own")


@pytest.mark.parametrize("stored", [False, True])
def test_gopros_augmentations_reach_pairs_that_are_made(tmp_path, stored):
    """Channels change places in both halves, and the blurry one alone gets noise, drawn anew for each sample and the same again."""
    red = np.zeros((96, 96, 3), np.uint8) + np.array([200, 90, 30], np.uint8)
    write_png(tmp_path / "sharp/a.png", red)
    if stored:
        build(PairList([Pair("a", red, red)]), tmp_path / "shards")
    blur = [{"kind": "gaussian", "parameters": {"sigma_px": [1.0, 1.0]}}]
    fields = {"pairs": "online", "blur": blur, "augment": "gopro", "stages": [{"steps": 1, "crop": 32, "batch": 1}]}
    recipe = TrainRecipe(learning_rate=1e-3, **fields)
    crops = TrainingPairs(recipe, sharp=tmp_path / ("shards" if stored else "sharp")).crops(32)
    samples = [crops[(epoch, 0)] for epoch in range(12)]
    orders = {tuple(sample["sharp"].float().mean((1, 2)).argsort().tolist()) for sample in samples}
    noise = [float((sample["blurry"].float() - sample["sharp"].float()).std()) for sample in samples]
    assert len(orders) > 2
    assert max(noise) > 1
    assert len(set(noise)) > 6
    assert torch.equal(crops[(3, 0)]["blurry"], samples[3]["blurry"])
