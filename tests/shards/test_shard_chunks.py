"""Chunks read past HDF5 are what HDF5 reads, and what is damaged in them is told."""

import h5py
import numpy as np
import pytest

from blurdata.errors import ShardCorrupt
from blurdata.pairs import Pair, PairList
from blurdata.shards import Settings, build
from blurdata.shards.encode import sides_for
from blurdata.shards.fletcher import fletcher32
from blurdata.shards.shardfile import ShardFile

CHUNKS = {"a/odd": (11, 16), "a/small": (5, 7), "b/wide": (10, 16), "b/even": (16, 16)}  # of at most 16
SIZES = {"a/odd": (33, 47), "a/small": (5, 7), "b/wide": (20, 200), "b/even": (64, 32)}


def reference(data):
    """The checksum as HDF5's documentation states it: 16-bit words, high byte first, sums folded to 16 bits."""
    first = second = 0
    for place in range(0, len(data), 2):
        first += data[place] << 8 | (data[place + 1] if place + 1 < len(data) else 0)
        first = (first & 0xFFFF) + (first >> 16)
        second += first
        second = (second & 0xFFFF) + (second >> 16)
    return second << 16 | first


def test_chunks_cut_a_picture_evenly(shard):
    """As few as reach and all alike, so that next to nothing lies beyond the edge; the sides that lead to them are told."""
    with h5py.File(shard) as file:
        for key, expected in CHUNKS.items():
            data = file[f"pairs/{key}/sharp"]
            assert data.chunks == (*expected, 3)
            sides = sides_for(data.shape[:2], expected)
            assert 16 in sides
            for side in range(16, 1025):
                assert (side in sides) == (tuple(-(-n // -(-n // side)) for n in data.shape[:2]) == expected)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 16, 100, 2047, 2048, 2056, 12288])
@pytest.mark.parametrize("fill", [None, 0, 255])
def test_checksum_is_that_of_hdf5(size, fill):
    """Any number of bytes, noise, all zeros and all ones."""
    data = np.random.default_rng(size).integers(0, 256, size, np.uint8) if fill is None else np.full(size, fill, np.uint8)
    assert int(fletcher32(data)) == reference(data.tolist())


@pytest.fixture(scope="module", params=[np.uint8, np.uint16])
def shard(request, tmp_path_factory):
    """A shard of pictures of four sizes with masks and vectors, in chunks of 16."""
    rng, folder = np.random.default_rng(1), tmp_path_factory.mktemp("chunks")
    pairs = []
    for key, (height, width) in SIZES.items():
        blurry, sharp = (rng.integers(0, np.iinfo(request.param).max, (height, width, 3), request.param) for _ in range(2))
        extras = {"mask": rng.random((height, width)) < 0.5, "blur_vectors": rng.random((height, width, 2), np.float32)}
        pairs.append(Pair(key, blurry, sharp, {}, extras))
    build(PairList(pairs), folder, settings=Settings(chunk=16))
    return folder / "shard-00000.h5"


def test_any_box_is_what_hdf5_reads(shard):
    """Boxes of every place and size, of pictures and extras, equal h5py's slices; a box that is not inside is refused."""
    rng = np.random.default_rng(2)
    plain = {}
    with h5py.File(shard) as file:
        file.visititems(lambda name, item: plain.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    with ShardFile(shard) as ours:
        for key, (height, width) in SIZES.items():
            for _ in range(25):
                y, x = int(rng.integers(height)), int(rng.integers(width))
                h, w = int(rng.integers(1, height - y + 1)), int(rng.integers(1, width - x + 1))
                part = (slice(y, y + h), slice(x, x + w))
                assert np.array_equal(ours.image(key, "sharp", (y, x, h, w)), plain[f"pairs/{key}/sharp"][part])
                for name in ("mask", "blur_vectors"):
                    assert np.array_equal(ours.extra(key, name, (y, x, h, w)), plain[f"pairs/{key}/extras/{name}"][part])
            assert np.array_equal(ours.image(key, "blurry"), plain[f"pairs/{key}/blurry"])
            for box in ((0, 0, height + 1, 1), (-1, 0, 2, 2), (0, width, 1, 1)):
                with pytest.raises(ShardCorrupt, match="not inside"):
                    ours.image(key, "sharp", box)


def test_a_flip_in_any_chunk_is_told_by_the_crop_that_needs_it(shard, tmp_path):
    """A bit flipped in a chunk or its checksum is ShardCorrupt for crops that touch the chunk and nothing to others."""
    with h5py.File(shard, locking=False) as plain:
        data = plain["pairs/b/wide/sharp"]
        place = data.id.get_chunk_info_by_coord((0, 96, 0))
        far = data[:, :90]
    for at in (0, place.size // 2, place.size - 1):
        changed = bytearray(shard.read_bytes())
        changed[place.byte_offset + at] ^= 4
        (tmp_path / "flipped.h5").write_bytes(changed)
        with ShardFile(tmp_path / "flipped.h5") as ours:
            with pytest.raises(ShardCorrupt, match="another checksum"):
                ours.image("b/wide", "sharp", (0, 100, 4, 4))
            assert np.array_equal(ours.image("b/wide", "sharp", (0, 0, 20, 90)), far)


def test_a_file_cut_short_while_it_is_open_is_told(shard, tmp_path):
    """A shard that loses its end under an open handle is ShardCorrupt, not zeros and not a killed process."""
    path = tmp_path / "cut.h5"
    path.write_bytes(shard.read_bytes())
    with ShardFile(path) as ours:
        ours.image("b/even", "sharp")
        with path.open("r+b") as stream:
            stream.truncate(2000)
        with pytest.raises(ShardCorrupt, match="ends inside"):
            ours.image("b/even", "sharp")
