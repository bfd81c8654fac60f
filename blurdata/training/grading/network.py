"""The network that grades, and whether a file's weights are its own."""

import pickle
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision import models

from blurdata.errors import SourceError
from blurdata.paths import user_path
from blurdata.training.grading.recipe import GradingRecipe

_CLASSIFIER = ("classifier.", "fc.")  # the parameters that other classes than the recipe's do not fit
_DAMAGED = (OSError, EOFError, ValueError, KeyError, RuntimeError, pickle.UnpicklingError)


def grading_network(recipe: GradingRecipe, classes: int, seed: int) -> nn.Module:
    """The torchvision network of a recipe, with weights from a file where the recipe names one.

    Args:
        recipe: Which network, and the file of weights.
        classes: Number of classes.
        seed: Of the weights that come from no file.

    Raises:
        SourceError: If the file is missing, damaged or of another network.

    Example:
        >>> recipe = GradingRecipe(arms={"none": {}}, steps=1, learning_rate=1e-3)
        >>> grading_network(recipe, 4, seed=0).eval()(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 4])
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: nn.Module = models.get_model(recipe.model, weights=None, num_classes=classes)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.1  # MobileNet's 0.01 is for hundreds of thousands of steps
    if recipe.weights:
        model.load_state_dict({**model.state_dict(), **_fitting_weights(user_path(recipe.weights), model, recipe.model)})
    return model


def _fitting_weights(path: Path, model: nn.Module, name: str) -> dict[str, Tensor]:
    """The weights in a file that fit the network, also nested and of a network that was trained on many devices."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        msg = f"{path}: there is no such file of weights."
        raise SourceError(msg) from error
    except _DAMAGED as error:
        msg = f"{path}: is damaged, or holds more than weights ({type(error).__name__}); write it with torch.save(model.state_dict(), …)."
        raise SourceError(msg) from error
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if isinstance(state, dict) and not all(bool(torch.isfinite(value).all()) for value in state.values() if isinstance(value, Tensor)):
        msg = f"{path}: holds weights that are not finite; fetch it again or train again."
        raise SourceError(msg)
    held = {str(key).removeprefix("module."): value for key, value in state.items()} if isinstance(state, dict) else {}
    fitting = {
        key: held[key] for key, own in model.state_dict().items() if isinstance(held.get(key), Tensor) and held[key].shape == own.shape
    }
    body = {key: value.numel() for key, value in model.named_parameters() if not key.startswith(_CLASSIFIER)}
    share = sum(size for key, size in body.items() if key in fitting) / sum(body.values())
    if share < 0.5:
        msg = f"{path}: fits {100 * share:.0f} % of the parameters of {name} before its classifier; give weights of that network."
        raise SourceError(msg)
    return fitting
