"""Blur vectors: their sign, their error against the reference camera, and the way through folders and shards."""

import numpy as np
import pytest

from blurdata.errors import SourceError
from blurdata.shards import ShardSource, build
from blurdata.sources import open_source
from blurdata.synthesis import synthesize
from blurdata.synthesis.folder import write_folder
from blurdata.synthesis.reference_camera import Motion, ReferenceCamera, hdr_scene

RECIPE = {"window": 5, "variant": "blur_gamma", "blur_vectors": True}


@pytest.fixture(scope="module")
def camera():
    """Two depths that move to the right, a little up, and turn."""
    return ReferenceCamera(hdr_scene((96, 128), lights=0), Motion(x_px=10.0, y_px=-4.0, roll_deg=2.0), (96, 128))


@pytest.fixture(scope="module")
def pairs(camera):
    """One pair of five frames."""
    return synthesize(camera.frames(0.0, 1.0, 5), RECIPE)


def test_vectors_are_those_of_the_reference_camera(camera, pairs):
    """Displacement from the first sample to the last, x to the right and y down, of the points that the sharp frame shows."""
    found = pairs[0].extras["blur_vectors"]

    true = camera.displacement(0.5, 1.0) - camera.displacement(0.5, 0.0)
    error = np.hypot(*np.moveaxis(found - true, 2, 0))
    assert found.shape == (96, 128, 2)
    assert found.dtype == np.float16
    assert np.median(error) < 0.8  # a small view: depths and edges are near everywhere
    assert error.mean() < 1.3
    assert np.hypot(*np.moveaxis(true, 2, 0)).mean() > 10


def test_vectors_do_not_drift_over_many_frames(camera):
    """Twenty-one frames of the same motion give the same vectors as three."""
    few, many = (
        synthesize(camera.frames(0.0, 1.0, count), {**RECIPE, "window": count, "still_change": 0})[0].extras["blur_vectors"]
        for count in (3, 21)
    )

    assert np.median(np.abs(few.astype(np.float32) - many)) < 0.1


def test_vectors_are_made_only_when_asked_for(camera):
    """By default a pair carries none."""
    assert "blur_vectors" not in synthesize(camera.frames(0.0, 1.0, 5), {**RECIPE, "blur_vectors": False})[0].extras


def test_the_rim_that_a_sensor_cuts_is_cut_off_the_vectors_too(camera, pairs):
    """The map has the size of the pictures, and its values stay where they were."""
    noisy = synthesize(camera.frames(0.0, 1.0, 5), {**RECIPE, "sensor": {"noise": "realblur"}})[0]

    assert noisy.size == (88, 120)
    assert np.array_equal(noisy.extras["blur_vectors"], pairs[0].extras["blur_vectors"][4:-4, 4:-4])


def test_folders_and_shards_give_the_same_vectors_back(pairs, tmp_path):
    """Bit for bit, through `pairs:` and through a shard."""
    made = pairs[0].extras["blur_vectors"]
    write_folder(pairs, tmp_path / "folder")
    build(pairs, tmp_path / "shards")

    from_folder = open_source(f"pairs:{tmp_path / 'folder'}")[0]
    from_shards = ShardSource(tmp_path / "shards")[0]

    assert np.array_equal(from_folder.extras["blur_vectors"], made)
    assert np.array_equal(from_shards.extras["blur_vectors"], made)
    assert from_folder.key == from_shards.key == pairs.keys[0]


def test_a_damaged_file_of_vectors_is_named(pairs, tmp_path):
    """A cut-off array is a sentence with its path, not a traceback of NumPy."""
    write_folder(pairs, tmp_path)
    path = next((tmp_path / "extras" / "blur_vectors").rglob("*.npy"))
    path.write_bytes(path.read_bytes()[:1000])

    with pytest.raises(SourceError, match=f"{path.name}: is no whole NumPy file"):
        open_source(f"pairs:{tmp_path}")[0]
