"""The loop that trains the reference networks, in pieces that a script can read top to bottom."""

from blurdata.training.checkpoint import load_checkpoint, load_network, save_checkpoint
from blurdata.training.interval import Interval, bootstrap
from blurdata.training.networks import build_model
from blurdata.training.recipe import Stage, TrainRecipe
from blurdata.training.schedule import learning_rate
from blurdata.training.trainer import Diverged, Trainer, as_float
from blurdata.training.verdict import Bin, Verdict, verify_by_training

__all__ = [
    "Bin",
    "Diverged",
    "Interval",
    "Stage",
    "TrainRecipe",
    "Trainer",
    "Verdict",
    "as_float",
    "bootstrap",
    "build_model",
    "learning_rate",
    "load_checkpoint",
    "load_network",
    "save_checkpoint",
    "verify_by_training",
]
