"""How pairs are kept and read back: HDF5 shards that survive crashes, prove what they hold, and crop fast.

``build`` and ``verify`` write and check; :class:`ShardSource` gives whole pairs back; :class:`ShardDataset` and
:class:`ShardSampler` feed training. Only those two (and ``Augment``) import torch, on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from blurdata.shards.build import build
from blurdata.shards.describe import describe
from blurdata.shards.export import export_folders
from blurdata.shards.plan import Plan, Settings
from blurdata.shards.source import ShardSource, open_input, open_shards
from blurdata.shards.verify import Fault, repair, verify

if TYPE_CHECKING:
    from blurdata.shards.augment import Augment
    from blurdata.shards.dataset import ShardDataset
    from blurdata.shards.sampler import ShardSampler

__all__ = [
    "Augment",
    "Fault",
    "Plan",
    "Settings",
    "ShardDataset",
    "ShardSampler",
    "ShardSource",
    "build",
    "describe",
    "export_folders",
    "open_input",
    "open_shards",
    "repair",
    "verify",
]

_NEEDS_TORCH = {"Augment": "augment", "ShardDataset": "dataset", "ShardSampler": "sampler"}


def __getattr__(name: str) -> Any:
    if name in _NEEDS_TORCH:
        return getattr(import_module(f"blurdata.shards.{_NEEDS_TORCH[name]}"), name)
    msg = f"module 'blurdata.shards' has no attribute {name!r}"
    raise AttributeError(msg)
