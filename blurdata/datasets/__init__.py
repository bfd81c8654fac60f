"""Where do published and private sets keep their pairs: one opener a set, each a :class:`~blurdata.pairs.PairSource`."""

from blurdata.datasets.base import Entry, FilePairs
from blurdata.datasets.folders import open_folders

__all__ = ["Entry", "FilePairs", "open_folders"]
