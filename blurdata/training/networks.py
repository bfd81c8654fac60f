"""From a network's name and arguments to the network."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from blurdata import models

NETWORKS: dict[str, Any] = {
    "baseline": models.BaselineNet,
    "noblur": models.NoBlurUNet,
    "dehaze": models.DehazeDeblurNet,
    "restormer": models.Restormer,
    "nafnet": models.NAFNet,
}


def build_model(name: str, *, small: bool = False, arguments: Mapping[str, Any] | None = None, seed: int = 0) -> nn.Module:
    """A fresh network with weights drawn from ``seed``, leaving torch's global generator as it was.

    Args:
        name: One of ``NETWORKS``.
        small: Its CPU-size variant.
        arguments: Of its constructor, such as ``{"width": 64}``; not together with ``small``.
        seed: Of the weights.

    Raises:
        ValueError: If there is no such network or it does not take the arguments.

    Example:
        >>> build_model("nafnet", arguments={"width": 8, "encoder": [1, 1, 1, 4]}).parameter_count
        383067
    """
    if name not in NETWORKS:
        msg = f"There is no network '{name}'; the networks are {', '.join(NETWORKS)}."
        raise ValueError(msg)
    if small and arguments:
        msg = f"'small' fixes all arguments of {name}; leave it out or give no arguments."
        raise ValueError(msg)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            model: nn.Module = NETWORKS[name].small() if small else NETWORKS[name](**(arguments or {}))
        except (TypeError, RuntimeError, IndexError, ZeroDivisionError) as error:
            msg = f"{name} does not take the arguments {dict(arguments or {})} ({error})."
            raise ValueError(msg) from error
    return model
