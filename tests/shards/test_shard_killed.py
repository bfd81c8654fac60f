"""Builders that are killed, fail or meet others leave no process, no half-written file and nothing of the living behind."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from interrupting import start
from small_shards import SMALL, files_of, in_child, source_of

from blurdata.shards import build, verify
from blurdata.shards.publish import leftovers, sweep

SCRIPT = """
import os, signal, sys, time
import numpy as np
from blurdata.pairs import Pair, PairList
from blurdata.shards import Settings, build

class Slow(PairList):
    def __getitem__(self, index):
        time.sleep(0.02)
        if sys.argv[2] == "die" and index == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        if sys.argv[2] == "raise" and index == 5:
            raise OSError("the tape broke")
        return super().__getitem__(index)

if __name__ == "__main__":
    grey = np.full((16, 16, 3), 128, np.uint8)
    source = Slow([Pair(f"a/{i}", grey, grey) for i in range(60)])
    build(source, sys.argv[1], workers=2, settings=Settings(pairs=2, chunk=16), advance=lambda n, note="": print(n, flush=True))
"""


def test_killed_builds_carry_on(tmp_path: Path, golden: Path) -> None:
    """Builds killed with kill -9 at random moments show no half-written file and end byte-identical after one more run."""
    start = time.perf_counter()
    build(source_of(), tmp_path / "timed", settings=SMALL)
    usual = time.perf_counter() - start
    dice = random.Random(1)
    stages = set()
    for turn in range(60):
        if turn >= 12 and len(stages) > 2:
            break  # on a busy machine the first dozen may all come too early or too late
        out = tmp_path / str(turn)
        child = in_child(lambda out=out: build(source_of(), out, settings=SMALL))
        time.sleep(dice.uniform(0, 1.3 * usual))
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        expected = files_of(golden)
        visible = {name: data for name, data in files_of(out).items() if not name.startswith(".")} if out.exists() else {}
        assert all(expected[name] == data for name, data in visible.items())
        stages.add(len(visible))

        build(source_of(), out, settings=SMALL)
        assert files_of(out) == expected
    assert len(stages) > 2


def build_until(touches: int, out: Path) -> None:
    """Build, and be killed before the folder or what is in it is touched once more than ``touches`` times."""
    left = iter(range(touches))

    def hook(_: str, arguments: tuple[object, ...]) -> None:
        if arguments and str(arguments[0]).startswith(str(out)) and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    build(source_of(2), out, settings=SMALL)


def test_killed_at_each_touch_of_the_folder(tmp_path: Path) -> None:
    """Killed before any one call that opens, renames or removes, a build leaves nothing that the next one does not use or take away."""
    build(source_of(2), tmp_path / "golden", settings=SMALL)
    for touches in itertools.count():
        out = tmp_path / str(touches)
        child = in_child(lambda touches=touches, out=out: build_until(touches, out))
        child.join()
        if child.exitcode == 0:
            break
        build(source_of(2), out, settings=SMALL)
        assert files_of(out) == files_of(tmp_path / "golden")
    assert touches > 20


def test_two_builders_share_a_folder(tmp_path: Path, golden: Path) -> None:
    """Two builders at once in one folder both succeed, and the bytes are those of one."""
    children = [in_child(lambda: build(source_of(), tmp_path / "shared", settings=SMALL)) for _ in range(3)]
    for child in children:
        child.join()
        assert child.exitcode == 0
    assert files_of(tmp_path / "shared") == files_of(golden)


def test_leftovers_of_the_dead_are_swept_and_of_the_living_kept(tmp_path: Path, golden: Path) -> None:
    """Temporary files without a held lock go with the next build; those of a living builder and of other hosts stay."""
    import fcntl
    import socket

    host = socket.gethostname()
    dead, alive, far = (golden / f".shard-00000.h5.{name}.tmp" for name in (f"{host}.0000000a", f"{host}.0000000b", "elsewhere.0000000c"))
    for path in (dead, alive, far):
        path.write_bytes(b"half")
    with alive.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        build(source_of(), golden, settings=SMALL)
        assert not dead.exists()
        assert alive.exists()
        assert leftovers(golden, any_host=True) == [far]
    assert sorted(sweep(golden, any_host=True)) == sorted([alive, far])


def test_a_sweep_never_takes_what_a_builder_has_just_made(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A leftover is removed while its lock is held: a builder that made the file and comes to lock it meanwhile gets another."""
    import fcntl

    path = golden / ".shard-00000.h5.elsewhere.0000000c.tmp"
    path.write_bytes(b"")
    unlink, got = Path.unlink, []

    def unlink_with_a_rival(self: Path, *arguments: bool) -> None:
        with path.open("r+b") as rival:
            try:
                fcntl.flock(rival, fcntl.LOCK_EX | fcntl.LOCK_NB)
                got.append(self)
            except BlockingIOError:
                pass
        unlink(self, *arguments)

    monkeypatch.setattr(Path, "unlink", unlink_with_a_rival)
    assert sweep(golden, any_host=True) == [path]
    assert not got


@contextmanager
def slow_build(tmp_path: Path, mode: str) -> Iterator[tuple[subprocess.Popen, list[int]]]:
    """A slow build with two workers that has finished a shard, and the ids of its child processes."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with start(script, tmp_path / "out", mode) as process:
        assert process.stdout is not None
        process.stdout.readline()  # how many pairs were there before
        process.stdout.readline()
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=False).stdout
        yield process, [int(pid) for pid in listed.split()]


def gone(children: list[int]) -> bool:
    """Whether all processes end within some seconds; zombies have ended."""

    def runs(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    deadline = time.monotonic() + 20
    while any(runs(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(runs(pid) for pid in children)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_orphans(tmp_path: Path, sign: signal.Signals) -> None:
    """Ctrl-C, a polite and a rude kill of the builder leave no worker behind, and what was finished stays sound."""
    with slow_build(tmp_path, "run") as (process, children):
        assert len(children) >= 2
        process.send_signal(sign)
        process.communicate(timeout=60)
        assert gone(children)
        assert process.returncode == -sign
    assert {fault.problem for fault in verify(tmp_path / "out")} == {"is missing"}


@pytest.mark.parametrize(
    ("mode", "words"), [("die", "A worker process was killed by SIGKILL"), ("raise", "cannot be read (the tape broke)")]
)
def test_a_worker_that_dies_or_fails_ends_the_build(tmp_path: Path, mode: str, words: str) -> None:
    """A killed worker, or an error in one, ends the build at once with its reason."""
    with slow_build(tmp_path, mode) as (process, children):
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 1
        assert words in errors
        assert gone(children)
