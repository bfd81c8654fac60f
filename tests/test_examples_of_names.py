"""Every public function shows itself at work."""

import inspect
import pkgutil
from importlib import import_module

import blurdata

# train for minutes: their examples are read, not run; tests of their own run them, made small
MINUTES = {"blurdata.demo.run_demo", "blurdata.training.verify_by_training"}


def public_functions():
    """(dotted name, function) of every function that a package lists in its ``__all__``."""
    packages = [part.name for part in pkgutil.walk_packages(blurdata.__path__, "blurdata.") if part.ispkg]
    for name in ["blurdata", *packages]:
        module = import_module(name)
        for each in getattr(module, "__all__", ()):
            if inspect.isfunction(found := getattr(module, each)):
                yield f"{name}.{each}", found


def test_public_functions_have_examples():
    """A public function has an example that runs as a test."""
    examples = {name: inspect.getdoc(function) or "" for name, function in public_functions()}

    assert [name for name, text in examples.items() if ">>>" not in text] == [], "add an `Example:` with >>> to the docstring"
    assert {name for name, text in examples.items() if "+SKIP" in text} == MINUTES
