"""Norms of their own for blurred pictures: which norms see which picture, what the gate decides, and what a small batch does to them."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from blurdata.errors import RecipeError
from blurdata.recipe import parse_recipe
from blurdata.training.grading import GradingRecipe, SplitNorms

BLURRED = torch.tensor([False, True, True, False, False, True])


def network(name: str = "resnet18") -> nn.Module:
    torch.manual_seed(0)
    return models.get_model(name, weights=None, num_classes=4)


def pictures(count: int = len(BLURRED), side: int = 64) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(count, 3, side, side)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_each_kind_is_answered_as_by_a_network_of_its_own(name: str) -> None:
    """In training, the logits of a kind are those of the plain network for that kind alone, each at its picture's place."""
    plain = network(name)
    for module in plain.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    split, batch = SplitNorms(copy.deepcopy(plain), seed=0), pictures()
    logits, told = split.learn(batch, BLURRED)
    assert told.shape == (len(batch),)
    for kind in (BLURRED, ~BLURRED):
        torch.testing.assert_close(logits[kind], copy.deepcopy(plain)(batch[kind]))


def test_statistics_of_one_kind_leave_the_other_alone() -> None:
    """Where no picture is blurred the norms of blurred ones stay as they began, and the other way round."""
    for blurred, kept in ((False, "blurred"), (True, "clean")):
        split = SplitNorms(network(), seed=0)
        before = copy.deepcopy(split.state_dict())
        split.learn(pictures(), torch.full((len(BLURRED),), blurred))
        moved = {name for name, value in split.state_dict().items() if not torch.equal(value, before[name])}
        assert any(name.endswith("running_mean") for name in moved)
        assert not [name for name in moved if f".{kept}." in name]


@pytest.mark.parametrize("belief", [-200.0, 0.0, 200.0])
def test_the_gate_weighs_the_two_answers(belief: float) -> None:
    """Graded alone, probabilities are those by the norms that the gate believes in, or between the two."""
    split, batch = SplitNorms(network(), seed=0), pictures()
    split.learn(batch, BLURRED)
    split.eval()
    nn.init.zeros_(split.gate.last.weight)
    nn.init.constant_(split.gate.last.bias, belief)
    found = split(batch).exp()
    by_norms = []
    for blurred in (False, True):
        for module in split.modules():
            if hasattr(module, "for_blurred"):
                module.for_blurred = blurred
        by_norms.append(split.network(batch).softmax(1))
    clean, over = by_norms
    assert not torch.allclose(clean, over)
    share = torch.tensor(belief).sigmoid()
    torch.testing.assert_close(found, (1 - share) * clean + share * over)


def test_the_gate_learns_to_tell() -> None:
    """From sharp noise and the same noise smoothed it tells pictures that it never saw."""
    split = SplitNorms(network(), seed=0)
    optimiser = torch.optim.Adam(split.gate.parameters(), 1e-3)
    smooth: Callable[[Tensor], Tensor] = nn.AvgPool2d(3, 1, 1)
    torch.manual_seed(2)
    for _ in range(30):
        sharp = torch.randn(4, 3, 32, 32)
        told = split.gate(torch.cat([sharp, smooth(sharp)]))
        loss = nn.functional.binary_cross_entropy_with_logits(told, torch.tensor([0.0] * 4 + [1.0] * 4))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    split.eval()
    unseen = torch.randn(16, 3, 32, 32)
    assert (split.gate(unseen) < 0).all()
    assert (split.gate(smooth(unseen)) > 0).all()


def test_a_single_blurred_picture_is_no_trouble() -> None:
    """Its last maps may be of one pixel, which has no spread to be normed by."""
    split = SplitNorms(network("mobilenet_v3_small"), seed=0)
    logits, _ = split.learn(pictures(4, 32), torch.tensor([False, False, True, False]))
    assert torch.isfinite(logits).all()


def test_what_is_added_are_all_other_parameters() -> None:
    """So that an optimiser that has the network's gets the rest, each once."""
    plain = network()
    own = {id(parameter) for parameter in plain.parameters()}
    split = SplitNorms(plain, seed=0)
    added = {id(parameter) for parameter in split.added()}
    assert len(added) == len(split.added())
    assert not own & added
    assert own | added == {id(parameter) for parameter in split.parameters()}


def test_split_norms_need_a_blur() -> None:
    """An arm without blurred pictures has nothing to split."""
    fields = {"steps": 1, "learning_rate": 1e-3, "arms": {"none": {"norms": "split"}}}
    with pytest.raises(RecipeError, match="norms: split is for arms that blur"):
        parse_recipe(fields, GradingRecipe, where="mine.yaml")
