"""How fast shards are, against what people use otherwise: one run, one process unless said, warm cache, medians.

    python tools/bench/shards.py [--pairs 60] [--only read|loader|build|memory]

Pairs are 1280x720 uint8 cut from a photograph that ships with scikit-image; blurry is an 11-tap horizontal mean. A read is
one aligned 256x256 crop pair. The figures that count are the ratios within one run.
"""

import argparse
import gc
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray
from rows import note

from blurdata.pairs import Pair, PairList

SIZE, CROP = (720, 1280), 256


def picture(index: int) -> NDArray[np.uint8]:
    """A frame cut from a photograph, another one for each index."""
    import skimage.data  # here, because worker processes import this script

    photo = skimage.data.astronaut() if index % 2 else skimage.data.coffee()
    scale = max(SIZE[0] / photo.shape[0], SIZE[1] / photo.shape[1]) * (1.05 + 0.01 * (index % 30))
    big = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    y, x = (index * 7) % (big.shape[0] - SIZE[0]), (index * 13) % (big.shape[1] - SIZE[1])
    frame = big[y : y + SIZE[0], x : x + SIZE[1]]
    grain = np.random.default_rng(index).normal(0, 2, frame.shape)
    return np.clip(frame + grain, 0, 255).astype(np.uint8)


def make_pairs(count: int) -> PairList:
    """Pairs in memory."""
    pairs = []
    for index in range(count):
        sharp = picture(index)
        meta = {"sequence": "bench", "position": index, "blur_px_p95": 11.0}
        pairs.append(Pair(f"bench/{index:06d}", cv2.blur(sharp, (11, 1)), sharp, meta))
    return PairList(pairs)


def rate(read: Callable[[int, int, int], object], count: int, *, total: int, seed: int = 0) -> float:
    """Reads a second at random pairs and places."""
    rng = np.random.default_rng(seed)
    places = [(int(rng.integers(total)), int(rng.integers(SIZE[0] - CROP)), int(rng.integers(SIZE[1] - CROP))) for _ in range(count)]
    start = time.perf_counter()
    for place in places:
        read(*place)
    return count / (time.perf_counter() - start)


def bench_reading(source: PairList, folder: Path) -> None:
    """Crops from shards, plain HDF5, PNG files and LMDB, interleaved so that noise meets all alike."""
    from blurdata.shards import build
    from blurdata.shards.reader import ShardReader

    build(source, folder / "shards")
    zstd = folder / "zstd"
    from blurdata.shards import Settings

    build(source, zstd, settings=Settings(compression="zstd"))
    readers = {
        "shards": (_shard_read(ShardReader(folder / "shards")), 800),
        "shards, zstd": (_shard_read(ShardReader(zstd)), 300),
        "plain h5py, 4-D, unchecked": (_plain_hdf5(source, folder), 1200),
        "folder of PNGs": (_png_folder(source, folder), 20),
        "BasicSR LMDB (512x512 PNGs)": (_basicsr_lmdb(source, folder), 60),
    }
    found: dict[str, list[float]] = {name: [] for name in readers}
    for turn in range(8):
        for name, (read, count) in readers.items():
            speed = rate(read, count, total=len(source), seed=turn)
            if turn:
                found[name].append(speed)
    ours = statistics.median(found["shards"])
    for name, speeds in found.items():
        median = statistics.median(speeds)
        print(f"{name:<30} {median:9.0f} crop pairs/s   shards are {ours / median:6.2f} x")
    goals = {"folder of PNGs": 40, "BasicSR LMDB (512x512 PNGs)": 10, "plain h5py, 4-D, unchecked": 0.3}
    for name, goal in goals.items():
        ratio = statistics.median(a / b for a, b in zip(found["shards"], found[name], strict=True))
        note(f"crop pairs read: shards / {name}", ours, peer=statistics.median(found[name]), ratio=ratio, unit="1/s", at_least=goal)
        print(f"target: shards / {name} >= {goal}: {ratio:.2f} {'met' if ratio >= goal else 'MISSED'}")


def _shard_read(reader) -> Callable[[int, int, int], object]:
    return lambda index, y, x: reader.images(index, (y, x, CROP, CROP))


def _plain_hdf5(source: PairList, folder: Path) -> Callable[[int, int, int], object]:
    with h5py.File(folder / "plain.h5", "w") as file:
        for half in ("blurry", "sharp"):
            file[half] = np.stack([getattr(pair, half) for pair in source])
    file = h5py.File(folder / "plain.h5")
    blurry, sharp = file["blurry"], file["sharp"]
    return lambda i, y, x: (blurry[i, y : y + CROP, x : x + CROP], sharp[i, y : y + CROP, x : x + CROP])


def _png_folder(source: PairList, folder: Path) -> Callable[[int, int, int], object]:
    paths = {}
    for half in ("blurry", "sharp"):
        (folder / "png" / half).mkdir(parents=True)
        for index, pair in enumerate(source):
            paths[half, index] = str(folder / "png" / half / f"{index:06d}.png")
            cv2.imwrite(paths[half, index], getattr(pair, half), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return lambda i, y, x: [cv2.imread(paths[half, i])[y : y + CROP, x : x + CROP] for half in ("blurry", "sharp")]


def _basicsr_lmdb(source: PairList, folder: Path) -> Callable[[int, int, int], object]:
    """As BasicSR's GoPro preparation: 512x512 sub-pictures as PNGs of compression 1 in one LMDB a half."""
    import lmdb

    names, stores = [], {}
    for half in ("blurry", "sharp"):
        path = folder / f"{half}.lmdb"
        store = lmdb.open(str(path), map_size=1 << 34)
        with store.begin(write=True) as change:
            for index, pair in enumerate(source):
                for y in (0, SIZE[0] - 512):
                    for x in (0, 384, 768):
                        data = cv2.imencode(".png", getattr(pair, half)[y : y + 512, x : x + 512], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
                        change.put(f"{index:06d}_{y}_{x}".encode(), data.tobytes())
                        names += [f"{index:06d}_{y}_{x}".encode()] if half == "sharp" else []
        store.close()
        stores[half] = lmdb.open(str(path), readonly=True, lock=False, readahead=False, meminit=False)

    def read(index: int, y: int, x: int) -> object:
        name = names[(index * 6 + x) % len(names)]
        out = []
        for store in stores.values():
            with store.begin(write=False) as view:
                out.append(cv2.imdecode(np.frombuffer(view.get(name), np.uint8), cv2.IMREAD_COLOR)[y % 256 :][:CROP, x % 256 :][:, :CROP])
        return out

    return read


def bench_loader(source: PairList, folder: Path) -> None:
    """A DataLoader with two workers: crop, flip, turn, collate."""
    import torch
    from torch.utils.data import DataLoader

    from blurdata.shards import Augment, ShardDataset, ShardSampler, build

    build(source, folder / "shards")
    torch.set_num_threads(1)
    dataset = ShardDataset(folder / "shards", crop_hw=(CROP, CROP), augment=Augment())
    as_float = ShardDataset(folder / "shards", crop_hw=(CROP, CROP), augment=Augment(), transform=_to_float)
    for name, one, goal in (("uint8, as intended", dataset, 1500), ("float32 made in the workers", as_float, None)):
        sampler = ShardSampler(one)
        loader = DataLoader(one, batch_size=32, sampler=_Endless(sampler), num_workers=2, prefetch_factor=4)
        speeds, batches = [], iter(loader)
        for _ in range(20):
            next(batches)
        spent = -_cpu_seconds(batches)
        for _ in range(7):
            start = time.perf_counter()
            for _ in range(25):
                next(batches)
            speeds.append(25 * 32 / (time.perf_counter() - start))
        spent += _cpu_seconds(batches)
        del batches
        median = statistics.median(speeds)
        verdict = "" if goal is None else f"   target >= {goal}: {'met' if median >= goal else 'MISSED'}"
        cost = spent / (7 * 25 * 32)
        note(f"DataLoader, 2 workers, {name}", median, unit="pairs/s", at_least=goal)
        print(f"DataLoader, 2 workers, {name:<28} {median:7.0f} pairs/s (best {max(speeds):.0f}){verdict}")
        print(f"    {1e3 * cost:.2f} ms of processor time a pair, all processes together: {2 / cost:.0f} pairs/s if two cores were free")


def _cpu_seconds(batches) -> float:
    """Processor time so far of this process and the workers of a loader."""
    total = time.process_time()
    for worker in batches._workers:
        fields = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


class _Endless:
    """Epoch after epoch, so that a short set does not measure the start of workers."""

    def __init__(self, sampler) -> None:
        self.sampler = sampler

    def __iter__(self):
        while True:
            yield from self.sampler


def _to_float(sample):
    return {**sample, "blurry": sample["blurry"].float() / 255, "sharp": sample["sharp"].float() / 255}


def bench_building(source: PairList, folder: Path) -> None:
    """Packing a folder of PNGs, five scenes of all pairs (GoPro has seven times as many), with one worker and with two."""
    from blurdata.shards import Settings, build, open_input

    for half in ("blurry", "sharp"):
        for scene in "abcde":
            (folder / "set" / scene / half).mkdir(parents=True)
        for pair in source:
            name = f"{pair.key.rpartition('/')[2]}.png"
            cv2.imwrite(str(folder / "set" / "a" / half / name), getattr(pair, half)[..., ::-1])
            for scene in "bcde":
                os.link(folder / "set" / "a" / half / name, folder / "set" / scene / half / name)
    opened, settings, ratios, frees = open_input(f"pairs:{folder / 'set'}"), Settings(pairs=6), [], []
    opened.fingerprint()
    build(opened, folder / "warm", settings=settings)
    for turn in range(3):
        times, alone, shared = [], [], []
        for workers in (1, 2):
            out = folder / "built"
            start, own, others = time.perf_counter(), time.process_time(), _children_seconds()
            build(opened, out, workers=workers, settings=settings)
            times.append(time.perf_counter() - start)
            forkserver._forkserver._stop()  # the time of workers counts once the server they were forked from has ended
            alone.append(time.process_time() - own)
            shared.append(_children_seconds() - others)
            shutil.rmtree(out)
        ratios.append(times[0] / times[1])
        frees.append(alone[0] / (alone[1] + shared[1] / 2))
        told = f"one {alone[0]:.1f} s; two {shared[1]:.1f} s, their parent {alone[1]:.1f} s"
        print(f"    processor time: {told}: ratio {frees[-1]:.2f}")
        print(f"build, turn {turn}: {len(opened)} pairs, one worker {times[0]:.1f} s, two {times[1]:.1f} s, ratio {ratios[-1]:.2f}")
    median = statistics.median(ratios)
    note("packing, two workers / one", median, unit="times", at_least=1.7)
    note("packing, two workers / one, by processor time", statistics.median(frees), unit="times")
    print(f"target: two workers >= 1.7 x one: {median:.2f} {'met' if median >= 1.7 else 'MISSED'}")
    print(f"by processor time, which other programs on the machine do not distort: {statistics.median(frees):.2f}")


def _children_seconds() -> float:
    """Processor time of the worker processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def bench_memory(source: PairList, folder: Path) -> None:
    """Resident memory over 100,000 crop reads, with more shards than may be open."""
    from blurdata.shards import Settings, build
    from blurdata.shards.reader import ShardReader

    build(source, folder / "many", settings=Settings(pairs=2))
    reader = ShardReader(folder / "many")
    del source
    gc.collect()
    read = _shard_read(reader)
    total = len(reader.plan.keys)
    rate(read, 5000, total=total)
    start = _resident_mb()
    for turn in range(5):
        speed = rate(read, 20_000, total=total, seed=turn)
        print(
            f"after {20_000 * (turn + 1):>6} reads: {_resident_mb() - start:+6.1f} MB ({speed:.0f} crop pairs/s, {len(reader.plan)} shards)"
        )
    growth = _resident_mb() - start
    note("memory growth over 100,000 reads", growth, unit="MB", at_most=20)
    print(f"target: growth over 100,000 reads < 20 MB: {growth:.1f} {'met' if growth < 20 else 'MISSED'}")


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--only", choices=["read", "loader", "build", "memory"])
    options = parser.parse_args()
    cv2.setNumThreads(1)
    os.environ |= {"OPENCV_FOR_THREADS_NUM": "1", "OMP_NUM_THREADS": "1"}  # for the workers
    parts = {"read": bench_reading, "loader": bench_loader, "build": bench_building, "memory": bench_memory}
    source = make_pairs(options.pairs)
    for name, part in parts.items():
        if options.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                print(f"\n== {name}")
                part(source, Path(folder))


if __name__ == "__main__":
    main()
