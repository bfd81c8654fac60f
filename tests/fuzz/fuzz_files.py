"""Broken files: records and shards, pictures, films, LMDB, exported tables."""

import json
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from fuzz_guard import answers
from fuzz_text import PICTURE, VALUES
from hypothesis import given
from hypothesis import strategies as st

from blurdata.datasets import open_lmdb
from blurdata.files import image_bytes, image_size, read_image
from blurdata.pairs import Pair, PairList
from blurdata.shards import Settings, ShardSource, build, describe, repair, verify
from blurdata.synthesis import synthesize

SIZES = [0, 1, 7, 255, 65535, 65536, 100_000, 2**31 - 1, 2**31, 2**32 - 1]


@st.composite
def harm(draw: st.DrawFn, data: bytes) -> bytes:
    """The same bytes, damaged: some replaced, cut off, doubled, or a piece put elsewhere."""
    spoilt = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(spoilt) - 1, 0)))
        way = draw(st.sampled_from(["byte", "word", "cut", "drop", "move", "zeros"]))
        if way == "byte" and spoilt:
            spoilt[at] = draw(st.integers(0, 255))
        elif way == "word":
            spoilt[at : at + 4] = struct.pack(draw(st.sampled_from("<>")) + "I", draw(st.sampled_from(SIZES)))
        elif way == "cut":
            del spoilt[at:]
        elif way == "drop":
            del spoilt[at : at + draw(st.integers(1, 64))]
        elif way == "move":
            spoilt[at:at] = spoilt[: draw(st.integers(1, 64))]
        else:
            length = draw(st.integers(1, 64))
            spoilt[at : at + length] = bytes(length)
    return bytes(spoilt)


def small_shards(folder: Path) -> Path:
    """Two shards of two pairs."""
    pairs = [
        Pair(f"a/{i}", np.roll(PICTURE, i, 1), PICTURE, {"split": "train", "blur_px_p95": float(i)}, {"psf": np.ones((3, 3))})
        for i in range(4)
    ]
    build(PairList(pairs), folder, settings=Settings(pairs=2, chunk=16))
    return folder


def _look(folder: Path) -> None:
    """All that reads a folder of shards."""
    answers(lambda: verify(folder))
    answers(lambda: describe(folder))

    def read() -> None:
        source = ShardSource(folder)
        for i in range(min(len(source), 4)):
            source[i]

    answers(read)


def records(root: Path) -> Callable[[], None]:
    """Plan, sidecars and index: damaged bytes, and well-formed JSON with other values."""
    golden = small_shards(root / "golden")
    names = sorted(path.name for path in golden.glob("*.json"))

    @st.composite
    def spoilt(draw: st.DrawFn) -> tuple[str, bytes]:
        name = draw(st.sampled_from(names))
        data = (golden / name).read_bytes()
        if draw(st.booleans()):
            return name, draw(harm(data))
        record: Any = json.loads(data)
        place = record
        while isinstance(place, (dict, list)) and place and draw(st.booleans()):
            at = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if not isinstance(place[at], (dict, list)) or draw(st.booleans()):
                place[at] = draw(VALUES)
                break
            place = place[at]
        return name, json.dumps(record).encode("utf-8", "surrogatepass")

    @given(spoilt())
    def case(drawn: tuple[str, bytes]) -> None:
        name, data = drawn
        folder = root / "set"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(golden, folder)
        (folder / name).write_bytes(data)
        _look(folder)

    return case


def shards(root: Path) -> Callable[[], None]:
    """A shard's own bytes; what was damaged is found by verify, or was of no meaning."""
    golden = small_shards(root / "golden")
    name = sorted(path.name for path in golden.glob("*.h5"))[0]
    data = (golden / name).read_bytes()

    @given(harm(data), st.integers(0, 9))
    def case(spoilt: bytes, turn: int) -> None:
        folder = root / "set"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(golden, folder)
        (folder / name).write_bytes(spoilt)
        _look(folder)
        if spoilt != data:
            assert verify(folder), "damage that nobody noticed"
        if turn == 0:
            answers(lambda: repair(folder, ShardSource(golden)))

    return case


def _bomb(width: int, height: int, bits: int, kind: int) -> bytes:
    """A PNG whose header claims what its few bytes do not hold."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(4096))), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def images(root: Path) -> Callable[[], None]:
    """Pictures of every suffix, damaged, misnamed, and with headers that claim to be enormous."""
    suffixes = [".png", ".jpg", ".tif", ".bmp", ".webp"]
    wholes = {suffix: cv2.imencode(suffix, PICTURE)[1].tobytes() for suffix in suffixes}
    wholes["16.png"] = cv2.imencode(".png", PICTURE.astype(np.uint16) * 257)[1].tobytes()
    wholes["16.tif"] = cv2.imencode(".tif", PICTURE.astype(np.uint16) * 257)[1].tobytes()
    sides = st.sampled_from([0, 1, 5000, 12_000, 14_000, 20_000, 65_535, 2**31 - 1, 2**32 - 1])
    bombs = st.builds(_bomb, sides, sides, st.sampled_from([1, 8, 16, 3]), st.sampled_from([0, 2, 3, 4, 6, 9]))
    data = st.one_of(st.sampled_from(sorted(wholes)).flatmap(lambda name: harm(wholes[name])), bombs, st.binary(max_size=64))

    @given(data, st.sampled_from(suffixes))
    def case(spoilt: bytes, suffix: str) -> None:
        path = root / f"a{suffix}"
        path.write_bytes(spoilt)
        answers(lambda: image_size(path))
        answers(lambda: image_bytes(path))
        answers(lambda: read_image(path))

    return case


def films(root: Path) -> Callable[[], None]:
    """Films, damaged anywhere."""
    wholes = []
    for suffix, codec in ((".mp4", "mpeg4"), (".mkv", "libx264"), (".avi", "mjpeg")):
        path = root / f"whole{suffix}"
        with av.open(str(path), "w") as film:
            stream = film.add_stream(codec, rate=240)
            stream.width, stream.height = 64, 48
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for i in range(14):
                film.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(PICTURE, 2 * i, 1), format="rgb24")))
            film.mux(stream.encode(None))
        wholes.append((suffix, path.read_bytes()))

    @given(st.sampled_from(wholes).flatmap(lambda whole: st.tuples(st.just(whole[0]), harm(whole[1]))))
    def case(drawn: tuple[str, bytes]) -> None:
        suffix, spoilt = drawn
        path = root / f"film{suffix}"
        path.write_bytes(spoilt)
        answers(lambda: [pair.key for pair in synthesize(path, {"window": 7, "step": 7})])

    return case


def tables(root: Path) -> Callable[[], None]:
    """LMDB folders as BasicSR makes them, with damaged lists; LMDB maps a store into memory, and survives its damage or not."""
    import lmdb

    for half in ("blur_crops.lmdb", "sharp_crops.lmdb"):
        (root / "golden" / half).mkdir(parents=True)
        with lmdb.open(str(root / "golden" / half), map_size=1 << 20) as store, store.begin(write=True) as entries:
            for i in range(2):
                entries.put(f"{i:06d}".encode(), cv2.imencode(".png", PICTURE)[1].tobytes())
        (root / "golden" / half / "meta_info.txt").write_text("".join(f"{i:06d}.png (48,64,3) 1\n" for i in range(2)))
    lists = (root / "golden/blur_crops.lmdb/meta_info.txt").read_bytes()

    @given(st.one_of(harm(lists), st.binary(max_size=99)))
    def case(spoilt: bytes) -> None:
        folder = root / "set"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(root / "golden", folder)
        (folder / "blur_crops.lmdb" / "meta_info.txt").write_bytes(spoilt)
        answers(lambda: [pair.key for pair in open_lmdb(folder)])

    return case


PARTS = {"records": records, "shards": shards, "images": images, "films": films, "tables": tables}
