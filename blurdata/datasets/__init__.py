"""Where do published and private sets keep their pairs: one opener a set, each a :class:`~blurdata.pairs.PairSource`.

:class:`~blurdata.datasets.pair_dataset.PairDataset` makes a torch data set of any of them; this package does not import torch.
"""

from blurdata.datasets.base import Entry, FilePairs
from blurdata.datasets.clips import open_bsd, open_dvd, open_reds
from blurdata.datasets.folders import open_folders
from blurdata.datasets.gopro import open_gopro
from blurdata.datasets.hugging_face import HuggingFacePairs, open_hf
from blurdata.datasets.lmdb import open_lmdb
from blurdata.datasets.parquet import export_parquet
from blurdata.datasets.realblur import RealBlurPairs, open_realblur_j, open_realblur_r
from blurdata.datasets.rsblur import open_rsblur
from blurdata.datasets.singles import open_hide, open_kohler

__all__ = [
    "Entry",
    "FilePairs",
    "HuggingFacePairs",
    "RealBlurPairs",
    "export_parquet",
    "open_bsd",
    "open_dvd",
    "open_folders",
    "open_gopro",
    "open_hf",
    "open_hide",
    "open_kohler",
    "open_lmdb",
    "open_realblur_j",
    "open_realblur_r",
    "open_reds",
    "open_rsblur",
]
