"""A shard from a stranger cannot make the reader leave the file, run anything, or take memory it has no data for."""

import json
import resource
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from blurdata.datasets import export_parquet
from blurdata.errors import BlurDataError, ShardCorrupt
from blurdata.pairs import Pair, PairList
from blurdata.shards import Settings, ShardSource, build, export_folders, verify
from blurdata.shards.chunks import frame_size

SECRET = np.full((32, 32, 3), 77, np.uint8)
NAME = "pairs/a/0/sharp"


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """One shard with one pair, and beside it a file that must not be read."""
    rng = np.random.default_rng(0)
    pair = Pair("a/0", *rng.integers(0, 256, (2, 32, 32, 3), np.uint8), {"blur_px_p95": 1.0}, {"psf": np.ones((3, 3))})
    build(PairList([pair]), tmp_path / "shards", settings=Settings(chunk=16))
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file.create_dataset("x", data=SECRET, chunks=(16, 16, 3), fletcher32=True)
    SECRET.tofile(tmp_path / "secret.raw")
    return tmp_path / "shards"


def soft_link(file: h5py.File) -> None:
    """A link to another place in the file."""
    file[NAME] = h5py.SoftLink("/pairs/a/0/blurry")


def external_link(file: h5py.File) -> None:
    """A link to another file."""
    file[NAME] = h5py.ExternalLink("../secret.h5", "/x")


def external_group(file: h5py.File) -> None:
    """A link to another file higher up in the path."""
    del file["pairs"]
    file["pairs"] = h5py.ExternalLink("../secret.h5", "/")


def external_storage(file: h5py.File) -> None:
    """Pixels taken from any file of the reader's machine."""
    path = Path(file.filename).parents[1] / "secret.raw"
    file.create_dataset(NAME, SECRET.shape, np.uint8, external=[(str(path), 0, SECRET.nbytes)])


def virtual(file: h5py.File) -> None:
    """A data set stitched from other files."""
    layout = h5py.VirtualLayout(SECRET.shape, np.uint8)
    layout[...] = h5py.VirtualSource("../secret.h5", "x", SECRET.shape)
    file.create_virtual_dataset(NAME, layout)


def variable_length(file: h5py.File) -> None:
    """Objects of variable length."""
    file.create_dataset(NAME, (4, 4, 3), h5py.vlen_dtype(np.uint8), chunks=True)


def references(file: h5py.File) -> None:
    """References to objects."""
    file.create_dataset(NAME, (4, 4, 3), h5py.ref_dtype, chunks=True, fletcher32=True)


def compound(file: h5py.File) -> None:
    """Records instead of numbers."""
    file.create_dataset(NAME, (4, 4, 3), [("a", "u1")], chunks=True, fletcher32=True)


def enormous(file: h5py.File) -> None:
    """A picture of a petabyte, of which not one byte is there."""
    file.create_dataset(NAME, (2**24, 2**24, 3), np.uint8, chunks=(64, 64, 3), fletcher32=True)


def large_and_empty(file: h5py.File) -> None:
    """A picture of a plausible size without data behind it."""
    file.create_dataset(NAME, (8000, 8000, 3), np.uint8, chunks=(64, 64, 3), fletcher32=True)


def enormous_chunk(file: h5py.File) -> None:
    """A chunk that must be taken whole."""
    file.create_dataset(NAME, (40000, 10000, 3), np.uint8, chunks=(10000, 10000, 3), fletcher32=True)


def unchecked(file: h5py.File) -> None:
    """No checksum."""
    file.create_dataset(NAME, data=SECRET, chunks=(16, 16, 3))


def other_filter(file: h5py.File) -> None:
    """A filter that shards never use; some unfold without bounds, some are plugins."""
    file.create_dataset(NAME, data=SECRET, chunks=(16, 16, 3), compression="gzip", fletcher32=True)


def four_channels(file: h5py.File) -> None:
    """A picture that is not RGB."""
    file.create_dataset(NAME, data=SECRET[..., :1].repeat(4, -1), chunks=(16, 16, 4), fletcher32=True)


def a_group(file: h5py.File) -> None:
    """A group where a picture should be."""
    file.create_group(NAME)


def other_size(file: h5py.File) -> None:
    """Halves that differ in size."""
    file.create_dataset(NAME, data=SECRET[:20], chunks=(16, 16, 3), fletcher32=True)


def zstd_bomb(file: h5py.File) -> None:
    """A compressed chunk that says it unfolds to a terabyte."""
    import hdf5plugin

    dataset = file.create_dataset(NAME, SECRET.shape, np.uint8, chunks=(16, 16, 3), fletcher32=True, **hdf5plugin.Zstd())
    frame = b"\x28\xb5\x2f\xfd\xe0" + (1 << 40).to_bytes(8, "little") + b"\x01\x00\x00"
    for y in (0, 16):
        for x in (0, 16):
            dataset.id.write_direct_chunk((y, x, 0), frame + bytes(4))


HOSTILE = [
    soft_link,
    external_link,
    external_group,
    external_storage,
    virtual,
    variable_length,
    references,
    compound,
    enormous,
    large_and_empty,
    enormous_chunk,
    unchecked,
    other_filter,
    four_channels,
    a_group,
    other_size,
    zstd_bomb,
]


@pytest.mark.parametrize("harm", HOSTILE)
def test_hostile_pictures_are_refused(shards: Path, harm: Callable[[h5py.File], None]) -> None:
    """Whatever is put in place of a picture: ShardCorrupt with shard and key, nothing from outside, no memory taken."""
    with h5py.File(shards / "shard-00000.h5", "r+") as file:
        del file[NAME]
        harm(file)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ShardCorrupt, match=r"shard-00000\.h5, pair 'a/0'"):
        ShardSource(shards)[0]
    assert any(fault.key == "a/0" for fault in verify(shards))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


@pytest.mark.parametrize(
    "harm",
    [
        lambda file: file.attrs.__setitem__("format", "blurdata-shard"),  # of variable length
        lambda file: file.attrs.__setitem__("version", np.zeros(1000, np.uint32)),
        lambda file: file.attrs.__delitem__("plan_id"),
        lambda file: file.attrs.__setitem__("format", np.bytes_("something else")),
    ],
)
def test_hostile_headers_are_refused(shards: Path, harm: Callable[[h5py.File], None]) -> None:
    """Attributes that are not the short fixed values a shard has make it no shard."""
    with h5py.File(shards / "shard-00000.h5", "r+") as file:
        harm(file)
    with pytest.raises(ShardCorrupt, match=r"shard-00000\.h5"):
        ShardSource(shards)[0]


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b'[{"key": "a/0"}]',
        b'[{"key": "a/0", "meta": {"x": {"nested": 1}}}]',
        b'{"key": 3}',
        b"\xff\xfe",
        b"[]",
        b'[{"key": "a/0", "meta": {"x": NaN}}]',
    ],
)
def test_hostile_meta_data_are_refused(shards: Path, text: bytes) -> None:
    """Meta data that are no flat JSON are refused as data, never trusted."""
    with h5py.File(shards / "shard-00000.h5", "r+") as file:
        del file["meta"]
        file.create_dataset("meta", data=np.frombuffer(text, np.uint8), chunks=(len(text),), fletcher32=True)
    with pytest.raises(ShardCorrupt, match=r"shard-00000\.h5"):
        ShardSource(shards)[0]
    assert verify(shards)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("keys", ["../../etc/passwd"]),
        ("keys", ["/etc/passwd"]),
        ("keys", ["a/./b"]),
        ("keys", ["a\\b"]),
        ("keys", []),
        ("cuts", [0, 2]),
        ("cuts", [0, -1, 1]),
        ("cuts", [0]),
        ("version", 2),
        ("format", "pickle"),
        ("settings", {"chunk": 10**9}),
        ("surprise", 1),
    ],
)
def test_hostile_plans_are_refused(shards: Path, field: str, value: object) -> None:
    """A plan with keys that leave the folder, impossible cuts or unknown fields is damaged."""
    plan = json.loads((shards / "plan.json").read_text())
    (shards / "plan.json").write_text(json.dumps({**plan, field: value}))
    with pytest.raises(BlurDataError, match=r"plan\.json"):
        ShardSource(shards)
    assert verify(shards)


@pytest.mark.parametrize("text", [b"", b"[" * 200_000, b"\x80\x04\x95", b"null", b"{}"])
def test_damaged_json_is_told(shards: Path, text: bytes) -> None:
    """Whatever stands in plan.json and index.json, it is at most an error that names the file."""
    for name in ("index.json", "plan.json"):
        (shards / name).write_bytes(text)
        with pytest.raises(BlurDataError, match=name):
            ShardSource(shards)
        assert verify(shards)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_535, 65_791, 65_792, 70_000, 5_000_000])
def test_frame_sizes_are_read_as_zstd_writes_them(size: int) -> None:
    """The stated size of frames made by zstd itself is read right (by way of HDF5's filter, which states it)."""
    import hdf5plugin

    if size == 0:
        assert frame_size(b"") is None
        return
    with h5py.File("frames", "w", driver="core", backing_store=False) as file:
        data = np.zeros(size, np.uint8)
        dataset = file.create_dataset("x", data=data, chunks=(size,), **hdf5plugin.Zstd())
        assert frame_size(dataset.id.read_direct_chunk((0,))[1][:18]) == size


def test_names_of_extras_that_leave_the_folder_are_refused(shards: Path, tmp_path: Path) -> None:
    """An extra is written to a folder of its name, so '..' is none."""
    with h5py.File(shards / "shard-00000.h5", "r+") as file:
        file.move("pairs/a/0/extras/psf", "kept")
        extras = h5py.h5g.open(file.id, b"pairs/a/0/extras")
        extras.links.create_hard(b"..", file.id, b"kept")
    with pytest.raises(ShardCorrupt, match=r"pair 'a/0': .*no extra may be called '\.\.'"):
        export_folders(ShardSource(shards), tmp_path / "out")
    assert not (tmp_path / "out" / "a").exists()


@pytest.mark.parametrize("split", ["/../../../../../evil", "../../evil", "/evil"])
def test_a_split_is_never_a_path(shards: Path, tmp_path: Path, split: str) -> None:
    """Parquet files are named by the split, which the meta data tell: it stays inside the folder whatever it is."""
    text = json.dumps([{"key": "a/0", "meta": {"split": split}}]).encode()
    with h5py.File(shards / "shard-00000.h5", "r+") as file:
        del file["meta"]
        file.create_dataset("meta", data=np.frombuffer(text, np.uint8), chunks=(len(text),), fletcher32=True)
    files = export_parquet(ShardSource(shards), tmp_path / "a" / "b" / "out")
    assert [path.relative_to(tmp_path / "a" / "b" / "out").as_posix() for path in files] == ["data/evil-00000-of-00001.parquet"]
    assert files[0].is_file()


def test_compressed_chunks_with_ballast_are_refused_before_they_are_read(shards: Path) -> None:
    """A compressed chunk with far more bytes than it unfolds to is not read: a file with holes can claim gigabytes for nothing."""
    import hdf5plugin

    with h5py.File(shards / "shard-00000.h5", "r+") as file:
        del file[NAME]
        dataset = file.create_dataset(NAME, SECRET.shape, np.uint8, chunks=(16, 16, 3), fletcher32=True, **hdf5plugin.Zstd())
        frame = b"\x28\xb5\x2f\xfd\xe0" + (16 * 16 * 3).to_bytes(8, "little") + b"\x01\x00\x00"
        for corner in ((0, 0, 0), (0, 16, 0), (16, 0, 0), (16, 16, 0)):
            dataset.id.write_direct_chunk(corner, frame + bytes(1 << 16))
    with pytest.raises(ShardCorrupt, match=r"pair 'a/0': .*a compressed chunk is not, or does not unfold to, the size of a chunk"):
        ShardSource(shards)[0]
