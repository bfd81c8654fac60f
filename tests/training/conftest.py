"""`tools/train_deblur.py` in this process, and pairs for it."""

import importlib.util
import sys

import numpy as np
import pytest
import torch
from deblurring import SCRIPT, words

from blurdata.pairs import Pair, PairList
from blurdata.shards import build


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("train_deblur", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Ten pairs of 48 px."""
    rng = np.random.default_rng(0)
    pairs = []
    for i in range(10):
        sharp = rng.integers(0, 256, (12, 12, 3)).astype(np.uint8).repeat(4, 0).repeat(4, 1)
        pairs.append(Pair(f"s/{i}", sharp // 2 + 64, sharp))
    root = tmp_path_factory.mktemp("tiny") / "shards"
    build(PairList(pairs), root)
    return root


@pytest.fixture
def train(script, monkeypatch):
    """Run the script in this process; what it says when it gives up, or None."""

    def run(out, *more, **options):
        monkeypatch.setattr(sys, "argv", ["train_deblur.py", *words(out, *more, **options)])
        threads = torch.get_num_threads()
        try:
            script.main()
        except SystemExit as end:
            return end.code
        finally:
            torch.set_num_threads(threads)
        return None

    return run
