"""Pairs whose meta data say what they measure: `measured:KIND:PATH`."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from blurdata import open_source
from blurdata.errors import SourceError
from blurdata.files import write_png
from blurdata.shards import ShardSource, build, repair, verify


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Pairs of two lengths of blur, of which one is dark and one has a white sky."""
    rng = np.random.default_rng(0)
    for i, length in enumerate((5, 21)):
        sharp = cv2.GaussianBlur(rng.integers(0, 256, (128, 128, 3)).astype(np.float32), (0, 0), 1.5)
        sharp = np.clip((sharp - 128) * 4 + 128, 0, 255) / (4 if i == 0 else 1)
        if i == 1:
            sharp[:26] = 255
        blurry = cv2.blur(sharp, (length, 1))
        for half, picture in (("blurry", blurry), ("sharp", sharp)):
            write_png(tmp_path / "pairs" / half / f"s/{i}.png", picture.astype(np.uint8))
    return tmp_path / "pairs"


def test_a_condition_goes_by_what_pairs_measure(photos: Path, tmp_path: Path) -> None:
    """Shards of a set that says nothing of its blur are chosen by its length, by brightness and by clipping."""
    source = open_source(f"measured:pairs:{photos}")
    short, long = (dict(pair.meta) for pair in source)
    assert short["measured_px"] == pytest.approx(5, abs=1.5)
    assert long["measured_px"] == pytest.approx(21, abs=3)
    assert short["brightness"] < 0.2 < long["brightness"]
    assert short["clipped"] == 0
    assert long["clipped"] > 0.2

    build(source, tmp_path / "shards")
    assert ShardSource(tmp_path / "shards", "measured_px < 10").keys == ("s/0",)
    assert ShardSource(tmp_path / "shards", "clipped > 0.01").keys == ("s/1",)


def test_it_is_a_source_as_any_other(photos: Path, tmp_path: Path) -> None:
    """Its text opens it again, it is told apart from what it measures, and shards of it can be repaired."""
    source, plain = open_source(f"measured:pairs:{photos}"), open_source(f"pairs:{photos}")
    assert open_source(source.text).keys == source.keys == plain.keys
    assert source.recipe_id != plain.recipe_id
    assert [source.nbytes(i) for i in range(2)] == [plain.nbytes(i) for i in range(2)]
    assert source.summary() == plain.summary()
    assert next(iter(source.pairs(1))).meta == source[1].meta

    build(source, tmp_path / "shards")
    next((tmp_path / "shards").glob("*.h5")).unlink()
    repair(tmp_path / "shards")
    assert verify(tmp_path / "shards") == []
    with pytest.raises(SourceError, match="names no source"):
        open_source("measured:nothing:here")
