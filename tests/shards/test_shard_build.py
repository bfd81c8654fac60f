"""Shards are built, proven, resumed and refused as promised."""

import json
import os
import shutil
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from blake3 import blake3

from blurdata.errors import Incomplete, PairMismatch, PlanMismatch
from blurdata.pairs import Pair, PairList
from blurdata.shards import Settings, ShardSource, build, verify
from blurdata.shards.reader import ShardReader

SMALL = Settings(pairs=3, chunk=16)


def make_pairs(count: int = 8, *, seed: int = 0, dtype: type = np.uint8) -> list[Pair]:
    """Pairs of mixed sizes in two sequences, with extras and meta data."""
    rng = np.random.default_rng(seed)
    top = np.iinfo(dtype).max
    pairs = []
    for index in range(count):
        shape = (30 + index, 40 + 2 * index, 3)
        blurry, sharp = (rng.integers(0, top, shape, dtype, endpoint=True) for _ in range(2))
        extras = {"psf": rng.random((5, 7), np.float32), "mask": rng.random(shape[:2]) > 0.5}
        meta = {"sequence": f"s{index // 4}", "position": index % 4, "blur_px_p95": float(index), "split": "train"}
        pairs.append(Pair(f"s{index // 4}/{index:04d}", blurry, sharp, meta, extras))
    return pairs


def files_of(folder: Path) -> dict[str, bytes]:
    """All bytes of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_pairs_come_back_as_they_were(tmp_path: Path, dtype: type, compression: str) -> None:
    """Pixels, meta data and extras of every pair survive, for 8 and 16 bits, mixed sizes, plain and compressed."""
    pairs = make_pairs(dtype=dtype)
    build(PairList(pairs), tmp_path / "s", settings=Settings(pairs=3, chunk=16, compression=compression))
    source = ShardSource(tmp_path / "s")

    assert list(source.keys) == [pair.key for pair in pairs]
    for expected, actual in zip(pairs, source, strict=True):
        np.testing.assert_array_equal(expected.blurry, actual.blurry)
        np.testing.assert_array_equal(expected.sharp, actual.sharp)
        assert expected.blurry.dtype == actual.blurry.dtype
        assert dict(expected.meta) == dict(actual.meta)
        assert set(expected.extras) == set(actual.extras)
        for name, array in expected.extras.items():
            np.testing.assert_array_equal(array, actual.extras[name])
            assert array.dtype == actual.extras[name].dtype
    assert verify(tmp_path / "s") == []


def test_same_bytes_whenever_and_however(tmp_path: Path) -> None:
    """One process, two workers, and tasks in any order write the same bytes, and time leaves no trace in them."""
    source = PairList(make_pairs())
    build(source, tmp_path / "one", settings=SMALL)
    time.sleep(1.1)
    build(source, tmp_path / "two", settings=SMALL, workers=2)
    for task in (2, 0, 1):
        build(source, tmp_path / "tasks", settings=SMALL, task=task, of=3)

    golden = files_of(tmp_path / "one")
    assert set(golden) == {"plan.json", "index.json", *(f"shard-0000{i}.{end}" for i in range(3) for end in ("h5", "json"))}
    assert files_of(tmp_path / "two") == golden
    assert files_of(tmp_path / "tasks") == golden


def test_only_the_last_task_writes_the_index(tmp_path: Path) -> None:
    """Until all shards are there a set is incomplete, and readers say which shards are missing."""
    source = PairList(make_pairs())
    build(source, tmp_path, settings=SMALL, task=0, of=2)
    with pytest.raises(Incomplete) as caught:
        ShardSource(tmp_path)
    assert caught.value.missing == [1]
    assert len(ShardSource(tmp_path, allow_incomplete=True)) == 5

    build(source, tmp_path, settings=SMALL, task=1, of=2)
    assert len(ShardSource(tmp_path)) == 8


@pytest.mark.parametrize("change", ["recipe", "settings", "content", "count"])
def test_another_plan_is_refused(tmp_path: Path, change: str) -> None:
    """A folder never mixes recipes, settings or sources, and is left as it was."""
    build(PairList(make_pairs(), {"step": 1}), tmp_path, settings=SMALL)
    golden = files_of(tmp_path)
    pairs = make_pairs(count=7 if change == "count" else 8, seed=change == "content")
    recipe = {"step": 2 if change == "recipe" else 1}
    settings = Settings(pairs=4, chunk=16) if change == "settings" else SMALL

    with pytest.raises(PlanMismatch, match=str(tmp_path)):
        build(PairList(pairs, recipe), tmp_path, settings=settings)
    assert files_of(tmp_path) == golden


def test_a_lost_plan_is_made_again_only_for_its_own_shards(tmp_path: Path) -> None:
    """A damaged plan.json is replaced if the shards are of the same plan, and otherwise refused."""
    source = PairList(make_pairs())
    build(source, tmp_path, settings=SMALL)
    golden = files_of(tmp_path)
    (tmp_path / "plan.json").write_text("{")
    assert [fault.file for fault in verify(tmp_path)] == ["plan.json"]
    with pytest.raises(PlanMismatch):
        build(PairList(make_pairs(seed=1)), tmp_path, settings=SMALL)

    build(source, tmp_path, settings=SMALL)
    assert files_of(tmp_path) == golden


def test_the_file_is_plain_hdf5(tmp_path: Path) -> None:
    """Anybody's h5py finds the pictures where the format says, checksummed, without this package."""
    pairs = make_pairs(2)
    build(PairList(pairs), tmp_path, settings=SMALL)
    with h5py.File(tmp_path / "shard-00000.h5") as file:
        assert file.attrs["format"] == b"blurdata-shard"
        dataset = file[f"pairs/{pairs[1].key}/sharp"]
        assert dataset.fletcher32
        np.testing.assert_array_equal(dataset[...], pairs[1].sharp)
        assert [item["key"] for item in json.loads(file["meta"][...].tobytes())] == [pair.key for pair in pairs]


def test_shards_of_version_1_still_open() -> None:
    """Shards that were written when the format was new are sound and read the same for ever."""
    golden = Path(__file__).parent / "golden_v1"
    y, x = np.mgrid[:40, :48]
    pair = ShardSource(golden)[0]
    assert verify(golden) == []
    np.testing.assert_array_equal(pair.sharp, np.stack((x * 5, y * 6, (x + y) * 2), -1).astype(np.uint8))
    np.testing.assert_array_equal(pair.extras["psf"], np.eye(3))
    assert dict(pair.meta) == {"blur_px_p95": 3.5, "sequence": "s", "position": 0}


def test_the_hash_of_a_version_1_shard_still_counts(tmp_path: Path) -> None:
    """A byte that no checksum covers is told by the BLAKE2b that stands in an old sidecar."""
    golden = shutil.copytree(Path(__file__).parent / "golden_v1", tmp_path / "old")
    data = bytearray((golden / "shard-00000.h5").read_bytes())
    for place in reversed(range(len(data))):  # near the end: the room between two data sets is covered by nothing but the hash
        data[place] ^= 1
        (golden / "shard-00000.h5").write_bytes(data)
        faults = [str(fault) for fault in verify(golden)]
        data[place] ^= 1
        if len(faults) == 1:
            break
    assert faults == ["shard-00000.h5: has another hash than was written"]


def test_the_hash_is_blake3_of_the_file(tmp_path: Path) -> None:
    """Anybody's BLAKE3 finds the hash that stands in the sidecar and the index; the digest of nothing is that of the specification."""
    assert blake3(b"").hexdigest() == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    build(PairList(make_pairs(2)), tmp_path, settings=SMALL)
    expected = "blake3:" + blake3((tmp_path / "shard-00000.h5").read_bytes()).hexdigest()
    assert json.loads((tmp_path / "shard-00000.json").read_text())["hash"] == expected
    assert json.loads((tmp_path / "index.json").read_text())["shards"][0]["hash"] == expected


def test_memory_stays_flat(tmp_path: Path) -> None:
    """Thousands of crops from more shards than may be open take no more memory than the first ones."""
    build(PairList(make_pairs(30)), tmp_path, settings=Settings(pairs=2, chunk=16))
    reader = ShardReader(tmp_path, max_open=4)

    def read(count: int) -> int:
        for turn in range(count):
            reader.images(turn * 7 % 30, (turn % 14, turn % 24, 16, 16))
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = read(500)
    assert read(3000) - before < 20e6


def test_extras_with_long_last_axes_are_cut_into_chunks_that_can_be_read(tmp_path: Path) -> None:
    """A field of PSFs has more bytes under one square of pixels than a chunk may; it comes back all the same."""
    field = np.arange(24 * 24 * 180 * 180, dtype=np.float32).reshape(24, 24, 180, 180)
    grey = np.full((24, 24, 3), 128, np.uint8)
    build(PairList([Pair("a/0", grey, grey, {}, {"psfs": field})]), tmp_path)
    assert verify(tmp_path) == []
    np.testing.assert_array_equal(ShardSource(tmp_path)[0].extras["psfs"], field)


def test_extras_of_more_axes_than_hdf5_has(tmp_path: Path) -> None:
    """32 axes are stored; 33 are told by pair and name."""
    grey = np.full((24, 24, 3), 128, np.uint8)
    build(PairList([Pair("a/0", grey, grey, {}, {"deep": np.ones((1,) * 32)})]), tmp_path / "most")
    assert ShardSource(tmp_path / "most")[0].extras["deep"].ndim == 32
    with pytest.raises(PairMismatch, match="Pair 'a/0': the extra 'deep' must"):
        build(PairList([Pair("a/0", grey, grey, {}, {"deep": np.ones((1,) * 33)})]), tmp_path / "more")
