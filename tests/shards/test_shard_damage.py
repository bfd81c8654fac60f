"""What disks, strangers and other programs do to shards is noticed and told, and never more than the broken part is lost."""

import random
from pathlib import Path

import h5py
import numpy as np
import pytest
from small_shards import SMALL, files_of, source_of

from blurdata.errors import BlurDataError, ShardCorrupt, ShardError
from blurdata.pairs import PairList
from blurdata.shards import Fault, ShardSource, build, repair, verify


def in_our_words(faults: list[Fault]) -> bool:
    """Whether nothing is told in the words of HDF5, which name its own functions and tables."""
    return not any(word in fault.problem for fault in faults for word in ("Unable to", "Can't", "synchronous", "metadata", "EOA", "sblock"))


def test_single_bit_flips_are_detected_or_harmless(tmp_path: Path) -> None:
    """Any flipped bit is found by verify, which says so in its own words; a reader either says ShardCorrupt or gives the right pixels."""
    golden = tmp_path / "golden"
    build(source_of(4), golden, settings=SMALL)
    path, dice = golden / "shard-00001.h5", random.Random(2)
    data, pairs = path.read_bytes(), list(source_of(4))[2:4]
    for _ in range(150):
        bit = dice.randrange(8 * len(data))
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        faults = verify(golden)
        assert any(fault.shard == 1 for fault in faults)
        assert in_our_words(faults)
        source = ShardSource(golden)
        for position, pair in zip((2, 3), pairs, strict=True):
            try:
                found = source[position]
            except ShardCorrupt:
                continue
            else:
                np.testing.assert_array_equal(found.sharp, pair.sharp)
                np.testing.assert_array_equal(found.blurry, pair.blurry)


def test_truncated_shards_are_told_and_repaired(tmp_path: Path) -> None:
    """A shard cut off anywhere cannot be read, is listed, and is built again to the same bytes, alone."""
    build(source_of(4), tmp_path, settings=SMALL)
    expected, path = files_of(tmp_path), tmp_path / "shard-00001.h5"
    for length in sorted({0, 1, 8, 100, *random.Random(3).sample(range(path.stat().st_size), 40)}):
        path.write_bytes(expected[path.name][:length])
        faults = verify(tmp_path)
        assert {fault.shard for fault in faults} == {1}
        assert in_our_words(faults)
        with pytest.raises(ShardCorrupt, match="shard-00001"):
            list(ShardSource(tmp_path))
    untouched = (tmp_path / "shard-00000.h5").stat().st_mtime_ns
    assert repair(tmp_path, source_of(4))
    assert files_of(tmp_path) == expected
    assert (tmp_path / "shard-00000.h5").stat().st_mtime_ns == untouched


@pytest.mark.parametrize("lost", ["shard-00002.h5", "shard-00002.json", "index.json"])
def test_missing_files_are_told_and_repaired(golden: Path, lost: str) -> None:
    """Each file that goes missing is named, makes reading or opening fail, and comes back."""
    expected = files_of(golden)
    (golden / lost).unlink()
    assert lost in {fault.file for fault in verify(golden)}
    if lost != "shard-00002.json":
        with pytest.raises(ShardError):
            list(ShardSource(golden))
    repair(golden, source_of())
    assert verify(golden) == []
    assert files_of(golden) == expected


def test_foreign_and_older_shards(tmp_path: Path, golden: Path) -> None:
    """A shard of another set, of another version, or with other keys is refused by readers and listed by verify."""
    other = source_of()
    build(PairList(list(other), {"another": "recipe"}), tmp_path / "other", settings=SMALL)
    for end in ("h5", "json"):
        (golden / f"shard-00003.{end}").write_bytes((tmp_path / "other" / f"shard-00003.{end}").read_bytes())
    with h5py.File(golden / "shard-00004.h5", "r+") as file:
        file.attrs["version"] = np.uint32(0)
    (golden / "shard-00099.h5").write_bytes(b"stray")
    faults = {(fault.file, fault.shard) for fault in verify(golden)}
    assert {("shard-00003.h5", 3), ("shard-00003.json", 3), ("shard-00004.h5", 4), ("shard-00099.h5", None)} <= faults
    source = ShardSource(golden)
    with pytest.raises(ShardCorrupt, match="belongs to another set"):
        source[6]
    with pytest.raises(ShardCorrupt, match="format version 0, this package reads version 1"):
        source[8]


@pytest.mark.parametrize("how", [{}, {"locking": False, "mode": "r+"}])
def test_a_shard_open_in_h5py_is_told_as_that(golden: Path, how: dict) -> None:
    """HDF5 opens a file in one way a process; a shard that the caller holds in h5py is no corrupt one, and says what to close."""
    with h5py.File(golden / "shard-00000.h5", **how):
        with pytest.raises(ShardError, match="open in this process") as told:
            ShardSource(golden)[0]
        assert not isinstance(told.value, ShardCorrupt)
        with pytest.raises(ShardError, match="open in this process"):
            verify(golden)
    assert verify(golden) == []


def test_verify_of_nothing(tmp_path: Path) -> None:
    """A folder without shards is an error, not sound."""
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(BlurDataError, match="holds no shards"):
            verify(path)


def test_what_is_wrong_is_quoted_whole(golden: Path) -> None:
    """A reason that begins or ends with a quoted name keeps its quotes."""
    with h5py.File(golden / "shard-00000.h5", "r+") as file:
        del file["pairs/a/000/sharp"]
    assert any("('pairs/a/000/sharp' is missing)" in fault.problem for fault in verify(golden))
