"""The loop that trains the reference networks, in pieces that a script can read top to bottom."""

from blurdata.training.checkpoint import load_checkpoint, load_network, save_checkpoint
from blurdata.training.recipe import Stage, TrainRecipe
from blurdata.training.schedule import learning_rate
from blurdata.training.trainer import Diverged, Trainer, as_float, build_model

__all__ = [
    "Diverged",
    "Stage",
    "TrainRecipe",
    "Trainer",
    "as_float",
    "build_model",
    "learning_rate",
    "load_checkpoint",
    "load_network",
    "save_checkpoint",
]
