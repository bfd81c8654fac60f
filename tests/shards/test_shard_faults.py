"""What crashes, disks and other processes do to shards is noticed, and never more than the broken part is lost."""

import multiprocessing as mp
import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from interrupting import start

from blurdata.errors import BlurDataError, OutputError, PlanMismatch, ShardCorrupt, ShardError, SourceError
from blurdata.pairs import Pair, PairList
from blurdata.shards import Fault, Settings, ShardSource, build, repair, verify
from blurdata.shards.publish import leftovers, sweep

SMALL = Settings(pairs=2, chunk=16)
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


def source_of(count: int = 12) -> PairList:
    """A few small pairs."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (2, 20, 24, 3), np.uint8) for _ in range(count)]
    return PairList([Pair(f"a/{index:03d}", *halves, {"blur_px_p95": 1.0}) for index, halves in enumerate(pictures)])


def files_of(folder: Path) -> dict[str, bytes]:
    """All bytes of a folder, hidden files too."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """An uninterrupted build."""
    build(source_of(), tmp_path / "golden", settings=SMALL)
    return tmp_path / "golden"


def in_child(work: Callable[[], None]) -> mp.process.BaseProcess:
    """Start ``work`` in a forked process."""
    child = mp.get_context("fork").Process(target=work)
    child.start()
    return child


def in_our_words(faults: list[Fault]) -> bool:
    """Whether nothing is told in the words of HDF5, which name its own functions and tables."""
    return not any(word in fault.problem for fault in faults for word in ("Unable to", "Can't", "synchronous", "metadata", "EOA", "sblock"))


def test_killed_builds_carry_on(tmp_path: Path, golden: Path) -> None:
    """Builds killed with kill -9 at random moments show no half-written file and end byte-identical after one more run."""
    start = time.perf_counter()
    build(source_of(), tmp_path / "timed", settings=SMALL)
    usual = time.perf_counter() - start
    dice = random.Random(1)
    stages = set()
    for turn in range(12):
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


def test_repair_needs_the_very_source(golden: Path) -> None:
    """Repair refuses another source, says when there is none, and then changes nothing."""
    (golden / "shard-00002.h5").write_bytes(b"")
    expected = files_of(golden)
    with pytest.raises(PlanMismatch, match="nothing was repaired"):
        repair(golden, source_of(11))
    with pytest.raises(SourceError, match="in memory"):
        repair(golden)
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


def test_two_builders_share_a_folder(tmp_path: Path, golden: Path) -> None:
    """Two builders at once in one folder both succeed, and the bytes are those of one."""
    children = [in_child(lambda: build(source_of(), tmp_path / "shared", settings=SMALL)) for _ in range(3)]
    for child in children:
        child.join()
        assert child.exitcode == 0
    assert files_of(tmp_path / "shared") == files_of(golden)


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, golden: Path) -> None:
    """Beyond the file-size limit a build ends with a sentence, keeps what was finished, and carries on with room."""
    out = tmp_path / "full"
    build(source_of(), out, settings=SMALL, task=0, of=3)
    limit = 4000

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            build(source_of(), out, settings=SMALL)
        except OutputError as error:
            os._exit(7 if "file-size limit" in str(error) and "shard-00001.h5" in str(error) else 8)

    child = in_child(work)
    child.join()
    assert child.exitcode == 7
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
    build(source_of(), out, settings=SMALL)
    assert files_of(out) == files_of(golden)


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in place of the folder, or a folder the system does not let be written, is one sentence before any work."""
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/blurdata")):
        with pytest.raises(OutputError, match="choose another --out"):
            build(source_of(), out)


def test_leftovers_of_the_dead_are_swept_and_of_the_living_kept(tmp_path: Path, golden: Path) -> None:
    """Temporary files without a held lock go with the next build; those of a living builder and of other hosts stay."""
    import fcntl
    import socket

    host = socket.gethostname()
    dead, alive, far = (golden / f".shard-00000.h5.{name}.tmp" for name in (f"{host}.1-a", f"{host}.2-b", "elsewhere.3-c"))
    for path in (dead, alive, far):
        path.write_bytes(b"half")
    with alive.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        build(source_of(), golden, settings=SMALL)
        assert not dead.exists()
        assert alive.exists()
        assert leftovers(golden, any_host=True) == [far]
    assert sorted(sweep(golden, any_host=True)) == sorted([alive, far])


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


def test_a_changed_source_is_noticed(tmp_path: Path) -> None:
    """A source that gives other pairs than it planned ends the build."""

    class Liar(PairList):
        def pairs(self, start: int = 0, stop: int | None = None):
            return reversed(list(super().pairs(start, stop)))

    class Short(PairList):
        def pairs(self, start: int = 0, stop: int | None = None):
            return list(super().pairs(start, stop))[:1]

    for kind in (Liar, Short):
        with pytest.raises(PlanMismatch, match="changed since the plan was made"):
            build(kind(list(source_of())), tmp_path / kind.__name__, settings=SMALL)


@pytest.mark.parametrize("arguments", [{"workers": 0}, {"task": 2, "of": 2}, {"task": -1}, {"engine": "spark"}])
def test_wrong_arguments(tmp_path: Path, arguments: dict) -> None:
    """Wrong arguments are ValueErrors before anything is written."""
    with pytest.raises(ValueError, match=r"must be|got"):
        build(source_of(), tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("keys", [["a", "a/blurry"], ["a", "a/sharp/1"], ["x", "x/extras"]])
def test_keys_that_would_collide(tmp_path: Path, keys: list[str]) -> None:
    """Keys that cannot live side by side in a file are refused; merely nested ones are not."""
    grey = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(PlanMismatch, match="rename one of them"):
        build(PairList([Pair(key, grey, grey) for key in keys]), tmp_path / "bad")
    build(PairList([Pair(key, grey, grey) for key in ("a", "a/b", "b/blurry", "ü/λ")]), tmp_path / "good")
    assert verify(tmp_path / "good") == []


def test_verify_of_nothing(tmp_path: Path) -> None:
    """A folder without shards is an error, not sound."""
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(BlurDataError, match="holds no shards"):
            verify(path)


def one_bit_off(path: Path, word: bytes) -> None:
    """Flip a bit in the last sign of a word, so that the file can still be read."""
    text = path.read_bytes()
    assert text.count(word) >= 1
    path.write_bytes(text.replace(word, word[:-1] + bytes([word[-1] ^ 1]), 1))


@pytest.mark.parametrize("word", [b'"a/', b'"fingerprint": "0', b'"pairs": 2', b'"kind": "m'])
@pytest.mark.parametrize("again", ["repair", "build"])
def test_a_plan_with_a_flipped_bit_is_made_again(golden: Path, word: bytes, again: str) -> None:
    """A plan that is damaged and can still be read is told as that, and made again from the source; no shard is blamed for it."""
    plan = golden / "plan.json"
    if b"fingerprint" in word:
        word = b'"fingerprint": "' + plan.read_bytes().split(b'"fingerprint": "')[1][:1]
    before = files_of(golden)
    one_bit_off(plan, word)
    assert verify(golden)[0].file == "plan.json"
    written = (golden / "shard-00000.h5").stat().st_mtime_ns
    if again == "repair":
        repair(golden, source_of())
    else:
        build(source_of(), golden, settings=SMALL)
    assert files_of(golden) == before
    assert (golden / "shard-00000.h5").stat().st_mtime_ns == written


def test_repair_where_nothing_may_be_written(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only folder is a sentence, and nothing is taken away from it."""
    (golden / "shard-00002.h5").unlink()
    before = files_of(golden)

    opened = Path.open

    def refuse(path: Path, mode: str = "r", *rest: object) -> object:
        if "r" not in mode:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, mode, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        with pytest.raises(OutputError, match="may not be written"):
            repair(golden, source_of())
    assert files_of(golden) == before


def test_a_sweep_never_takes_what_a_builder_has_just_made(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A leftover is removed while its lock is held: a builder that made the file and comes to lock it meanwhile gets another."""
    import fcntl

    path = golden / ".shard-00000.h5.elsewhere.3-c.tmp"
    path.write_bytes(b"")
    unlink, got = Path.unlink, []

    def unlink_with_a_rival(self: Path, *arguments: bool) -> None:
        with path.open("rb") as rival:
            try:
                fcntl.flock(rival, fcntl.LOCK_EX | fcntl.LOCK_NB)
                got.append(self)
            except BlockingIOError:
                pass
        unlink(self, *arguments)

    monkeypatch.setattr(Path, "unlink", unlink_with_a_rival)
    assert sweep(golden, any_host=True) == [path]
    assert not got


def test_what_is_wrong_is_quoted_whole(golden: Path) -> None:
    """A reason that begins or ends with a quoted name keeps its quotes."""
    with h5py.File(golden / "shard-00000.h5", "r+") as file:
        del file["pairs/a/000/sharp"]
    assert any("('pairs/a/000/sharp' is missing)" in fault.problem for fault in verify(golden))
