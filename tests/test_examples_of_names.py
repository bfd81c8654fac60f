"""Every public function shows itself at work."""

import inspect
import pkgutil
from importlib import import_module

import blurdata

# what still lacks an example: this list may only become shorter
WITHOUT = {
    "blurdata.alignment.open_captures",
    "blurdata.datasets.open_hf",
    "blurdata.datasets.open_lmdb",
    "blurdata.datasets.open_realblur_r",
    "blurdata.demo.find_clip",
    "blurdata.demo.run_demo",
    "blurdata.shards.describe",
    "blurdata.shards.open_shards",
    "blurdata.shards.repair",
    "blurdata.shards.verify",
    "blurdata.synthesis.open_convolve",
    "blurdata.synthesis.open_video",
    "blurdata.training.grading.blur_for_testing",
    "blurdata.training.grading.blur_for_training",
    "blurdata.training.grading.compare_arms",
    "blurdata.training.grading.folds",
    "blurdata.training.grading.nearest_across",
    "blurdata.training.grading.own_split",
    "blurdata.training.grading.read_pictures",
    "blurdata.training.grading.score",
    "blurdata.training.verify_by_training",
}


def public_functions():
    """(dotted name, function) of every function that a package lists in its ``__all__``."""
    packages = [part.name for part in pkgutil.walk_packages(blurdata.__path__, "blurdata.") if part.ispkg]
    for name in ["blurdata", *packages]:
        module = import_module(name)
        for each in getattr(module, "__all__", ()):
            if inspect.isfunction(found := getattr(module, each)):
                yield f"{name}.{each}", found


def test_public_functions_have_examples():
    """A public function has an example that runs as a test; what is new has one from the start, and none loses it."""
    without = {name for name, function in public_functions() if ">>>" not in (inspect.getdoc(function) or "")}

    assert without - WITHOUT == set(), "add an `Example:` with >>> to the docstring"
    assert WITHOUT - without == set(), "these have their example now: take them out of the list"
