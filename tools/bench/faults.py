"""How shards survive: the long run of what tests/shards proves in short. Prints a table; exits 1 if anything is not as promised.

    python tools/bench/faults.py [--kills 100] [--flips 1000] [--only NAME]

Each row is a number of trials and how each ended. Works in a temporary folder; needs Linux.
"""

import argparse
import multiprocessing as mp
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from blurdata.errors import BlurDataError, Incomplete, OutputError, ShardCorrupt
from blurdata.files import write_png
from blurdata.pairs import Pair, PairList
from blurdata.shards import Settings, ShardSource, build, repair, verify

SMALL = Settings(pairs=3, chunk=32)
Outcomes = Counter[str]


def make_source(count: int = 24) -> PairList:
    rng = np.random.default_rng(0)
    pairs = []
    for index in range(count):
        halves = rng.integers(0, 256, (2, 64, 80, 3), np.uint8)
        pairs.append(Pair(f"a/{index:03d}", *halves, {"blur_px_p95": float(index)}, {"psf": rng.random((7, 7))}))
    return PairList(pairs)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def forked(work: Callable[[], object]) -> mp.process.BaseProcess:
    child = mp.get_context("fork").Process(target=work)
    child.start()
    return child


def kills(trials: int, root: Path, golden: Path) -> Outcomes:
    """Kill -9 at a random moment of a build in one process, look at what is visible, resume, compare all bytes."""
    source, expected, dice, ends = make_source(), files_of(golden), random.Random(0), Counter()
    start = time.perf_counter()
    build(source, root / "timed", settings=SMALL)
    usual = time.perf_counter() - start
    for turn in range(trials):
        out = root / f"kill{turn}"
        child = forked(lambda out=out: build(source, out, settings=SMALL))
        time.sleep(dice.uniform(0, 1.2 * usual))
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        seen = {name: data for name, data in files_of(out).items() if not name.startswith(".")} if out.exists() else {}
        if any(expected[name] != data for name, data in seen.items()):
            ends["BAD: a half-written file was visible"] += 1
        build(source, out, settings=SMALL)
        same = files_of(out) == expected
        ends["byte-identical after resuming" if same else "BAD: other bytes after resuming"] += 1
        ends["  (killed before the end)"] += child.exitcode != 0 and len(seen) < len(expected)
        shutil.rmtree(out)
    return ends


def kills_of_the_command(trials: int, root: Path, golden: Path) -> Outcomes:
    """Kill -9 of ``blurdata pack --workers 2`` and look for workers that outlive it, resume, compare."""
    for pair in make_source():
        for half in ("blurry", "sharp"):
            write_png(root / "set" / half / f"{pair.key}.png", getattr(pair, half))

    def command(out: Path) -> list[str]:
        options = ["--out", str(out), "--workers", "2", "--pairs", "2", "--chunk", "32"]
        return [sys.executable, "-m", "blurdata", "pack", f"pairs:{root / 'set'}", *options]

    start = time.perf_counter()
    subprocess.run(command(root / "whole"), check=True, capture_output=True)
    usual = time.perf_counter() - start
    expected, dice, ends = files_of(root / "whole"), random.Random(0), Counter()
    for turn in range(trials):
        out = root / f"command{turn}"
        sign = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)[turn % 3]
        with subprocess.Popen(command(out), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            time.sleep(dice.uniform(0.4 * usual, usual))
            children = _children(process.pid)
            process.send_signal(sign)
            _, errors = process.communicate()
        orphans = not _gone(children)
        ends["BAD: orphans" if orphans else "no orphan"] += 1
        if sign == signal.SIGINT and process.returncode == 130:
            ends["  (Ctrl-C told in one sentence)"] += "Traceback" not in errors
        subprocess.run(command(out), check=True, capture_output=True)
        ends["byte-identical after resuming" if files_of(out) == expected else "BAD: other bytes after resuming"] += 1
        shutil.rmtree(out)
    return ends


def _children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(one) for one in listed.split()]


def _gone(pids: list[int]) -> bool:
    def runs(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    deadline = time.monotonic() + 20
    while any(runs(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(runs(pid) for pid in pids)


def flips(trials: int, root: Path, golden: Path) -> Outcomes:
    """Flip one random bit of a shard; verify must find it, and a reader must refuse it or give the right pixels."""
    out = root / "flips"
    shutil.copytree(golden, out)
    path, source, dice, ends = out / "shard-00001.h5", make_source(), random.Random(0), Counter()
    data, pairs = path.read_bytes(), [source[index] for index in range(3, 6)]
    for _ in range(trials):
        bit = dice.randrange(8 * len(data))
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        ends["found by verify" if any(fault.shard == 1 for fault in verify(out)) else "BAD: missed by verify"] += 1
        ends[_read(out, pairs)] += 1
    path.write_bytes(data)
    return ends


def _read(out: Path, pairs: list[Pair]) -> str:
    """How a reader fares with the pairs of shard 1."""
    shards, refused = ShardSource(out), False
    for position, pair in enumerate(pairs, start=3):
        try:
            found = shards[position]
        except ShardCorrupt:
            refused = True
            continue
        same = [np.array_equal(getattr(found, half), getattr(pair, half)) for half in ("blurry", "sharp")]
        if not all(same) or dict(found.meta) != dict(pair.meta) or not np.array_equal(found.extras["psf"], pair.extras["psf"]):
            return "BAD: the reader gave wrong data"
    return "refused by the reader" if refused else "harmless: the reader gave the right data"


def truncations(trials: int, root: Path, golden: Path) -> Outcomes:
    """Cut a shard to a random length; verify must find it, the reader must refuse it, repair must restore the bytes."""
    out = root / "cut"
    shutil.copytree(golden, out)
    path, dice, ends = out / "shard-00002.h5", random.Random(0), Counter()
    data, expected = path.read_bytes(), files_of(golden)
    for turn in range(trials):
        path.write_bytes(data[: dice.randrange(len(data))])
        ends["found by verify" if {fault.shard for fault in verify(out)} == {2} else "BAD: missed by verify"] += 1
        try:
            list(ShardSource(out))
            ends["BAD: read"] += 1
        except ShardCorrupt:
            ends["refused by the reader"] += 1
        if turn % 10 == 0:
            repair(out, make_source())
            ends["repaired to the same bytes" if files_of(out) == expected else "BAD: repaired otherwise"] += 1
    return ends


def missing(trials: int, root: Path, golden: Path) -> Outcomes:
    """Remove random files of a set; verify must name them, repair must restore them."""
    del trials
    out, dice, ends = root / "missing", random.Random(0), Counter()
    expected = files_of(golden)
    for _ in range(20):
        shutil.copytree(golden, out)
        gone = dice.sample([name for name in expected if name != "plan.json"], 3)
        for name in gone:
            (out / name).unlink()
        named = {fault.file for fault in verify(out)}
        ends["named by verify" if set(gone) <= named else "BAD: not named"] += 1
        repair(out, make_source())
        ends["restored" if files_of(out) == expected else "BAD: not restored"] += 1
        shutil.rmtree(out)
    return ends


def builders(trials: int, root: Path, golden: Path) -> Outcomes:
    """Three builders at once in one folder."""
    del trials
    ends, expected = Counter(), files_of(golden)
    for turn in range(10):
        out = root / f"shared{turn}"
        crew = [forked(lambda out=out: build(make_source(), out, settings=SMALL)) for _ in range(3)]
        for one in crew:
            one.join()
        good = all(one.exitcode == 0 for one in crew) and files_of(out) == expected
        ends["all well, bytes of one builder" if good else "BAD"] += 1
    return ends


@contextmanager
def _mounted(folder: Path, *options: str) -> Iterator[bool]:
    """A mount that goes away again; False where this user may not mount."""
    folder.mkdir()
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False)
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", str(folder)], check=True)


def full_disks(trials: int, root: Path, golden: Path) -> Outcomes:
    """A file-size limit, a small tmpfs, and a read-only file system."""
    del trials
    ends = Counter()

    def limited(out: Path, limit: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            build(make_source(), out, settings=SMALL)
        except OutputError:
            os._exit(7)

    largest = max(len(data) for data in files_of(golden).values())
    for turn in range(10):
        out = root / f"limit{turn}"
        child = forked(lambda out=out, turn=turn: limited(out, 1 + largest * turn // 10))
        child.join()
        clean = out.is_dir() and not [path for path in out.iterdir() if path.name.startswith(".")]
        build(make_source(), out, settings=SMALL)
        good = child.exitcode == 7 and clean and files_of(out) == files_of(golden)
        ends["file-size limit: one sentence, clean, resumed" if good else "BAD: file-size limit"] += 1
    with _mounted(root / "small", "-t", "tmpfs", "-o", "size=300k", "tmpfs") as mounted:
        ends[_fills(root / "small" / "out") if mounted else "tmpfs: not allowed to mount here"] += 1
    with _mounted(root / "fixed", "-t", "tmpfs", "-o", "ro", "tmpfs") as mounted:
        ends[_refuses(root / "fixed") if mounted else "read-only: not allowed to mount here"] += 1
    return ends


def _fills(out: Path) -> str:
    try:
        build(make_source(), out, settings=SMALL)
    except OutputError as error:
        left = [path for path in out.iterdir() if path.name.startswith(".")]
        return "full tmpfs: one sentence, clean" if "full" in str(error) and not left else f"BAD: {error}, {left}"
    return "BAD: the tmpfs was not full"


def _refuses(out: Path) -> str:
    try:
        build(make_source(), out, settings=SMALL)
    except OutputError as error:
        return "read-only: one sentence" if "read-only" in str(error) else f"BAD: {error}"
    return "BAD: wrote to a read-only file system"


def unfinished(trials: int, root: Path, golden: Path) -> Outcomes:
    """Readers refuse a set without its index."""
    del trials, golden
    build(make_source(), root / "part", settings=SMALL, task=0, of=2)
    try:
        ShardSource(root / "part")
    except Incomplete as error:
        return Counter({"refused, missing shards named" if error.missing == [1, 3, 5, 7] else "BAD": 1})
    return Counter({"BAD: opened": 1})


PARTS = {
    "kill -9, one process": kills,
    "kill -9, Ctrl-C, kill: the command": kills_of_the_command,
    "single-bit flips": flips,
    "truncations": truncations,
    "missing files": missing,
    "three builders, one folder": builders,
    "full and read-only disks": full_disks,
    "unfinished set": unfinished,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--only", choices=list(PARTS))
    options = parser.parse_args()
    trials = {"kill -9, one process": options.kills, "kill -9, Ctrl-C, kill: the command": options.kills // 10}
    bad = 0
    for name, part in PARTS.items():
        if options.only not in (None, name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            build(make_source(), root / "golden", settings=SMALL)
            start = time.perf_counter()
            try:
                ends = part(trials.get(name, options.flips if "flip" in name else options.flips // 5), root, root / "golden")
            except BlurDataError as error:
                ends = Counter({f"BAD: {error}": 1})
        for end, count in ends.items():
            print(f"{name:<36} {count:>5}  {end}", flush=True)
        print(f"{'':<36} {time.perf_counter() - start:>5.0f}  seconds", flush=True)
        bad += sum(count for end, count in ends.items() if end.startswith("BAD"))
    print("all as promised" if not bad else f"{bad} NOT AS PROMISED")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
