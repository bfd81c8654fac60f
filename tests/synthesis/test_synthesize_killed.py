"""`blurdata synthesize` killed with kill -9, as a person or a scheduler does it, and the ways in which --format shards is refused."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from blurdata.sources import open_source

FRAMES = 600


def command(*words: object) -> list[str]:
    """The command line as typed."""
    return [sys.executable, "-m", "blurdata", "synthesize", *map(str, words)]


def run(*words: object) -> subprocess.CompletedProcess[str]:
    """The finished command."""
    return subprocess.run(command(*words), capture_output=True, text=True, check=False, timeout=300)


def film(path: Path, frames: int = FRAMES) -> Path:
    """A camera that goes round over a coarse texture."""
    rng = np.random.default_rng(4)
    scene = np.kron(rng.integers(0, 256, (16, 20, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=240, options={"crf": "12", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for i in range(frames):
            x, y = round(30 + 28 * np.sin(i / 9)), round(30 + 28 * np.cos(i / 11))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(scene[y : y + 64, x : x + 96]), format="rgb24")))
        container.mux(stream.encode())
    return path


def files(folder: Path) -> dict[str, bytes]:
    """All bytes of a folder, hidden files too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def kill_when(out: Path, words: list[object], least: int) -> bool:
    """Start the command, kill it when ``out`` holds that many visible files; whether it was still at work."""
    process = subprocess.Popen(command(*words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < deadline:
        visible = sum(1 for path in out.rglob("*") if path.is_file() and not path.name.startswith(".")) if out.exists() else 0
        if visible >= least:
            break
        time.sleep(0.002)
    working = process.poll() is None
    if working:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return working


@pytest.mark.parametrize("form", ["folder", "shards"])
def test_killed_runs_end_with_the_bytes_of_one_that_was_not(tmp_path: Path, form: str) -> None:
    """Killed again and again at random moments, the run goes on each time, shows no half-written file, and ends the same."""
    clip, dice = film(tmp_path / "ride.mp4"), random.Random(3)
    step = {"folder": 12, "shards": 3}[form]  # 50 pairs as pictures, or 200 in four shards
    options = ["--window", 3, "--step", step, "--variant", "blur_gamma", "--format", form]
    options += ["--workers", 2] if form == "shards" else []
    whole = run(clip, *options, "--out", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    expected = files(tmp_path / "whole")
    visible = [name for name in expected if not name.startswith(".")]
    out = tmp_path / "out"

    kills = 0
    for least in sorted(dice.sample(range(1, len(visible)), 3)):
        kills += kill_when(out, [clip, *options, "--out", out], least)
        found = {name: data for name, data in files(out).items() if not any(part.startswith(".") for part in Path(name).parts)}
        assert all(expected[name] == data for name, data in found.items())
    last = run(clip, *options, "--out", out)

    assert kills >= 1
    assert last.returncode == 0, last.stderr
    assert files(out) == expected


class TestShards:
    """`--format shards` on the command line."""

    def test_verify_finds_nothing(self, tmp_path: Path) -> None:
        """The shards are sound, hold the recipe's variant, and verify says so."""
        from blurdata.shards import ShardSource, verify

        done = run(film(tmp_path / "ride.mp4", 30), "--window", 3, "--format", "shards", "--variant", "blur", "--out", tmp_path / "out")

        assert done.returncode == 0, done.stderr
        assert f"blurdata verify {tmp_path / 'out'}" in done.stderr
        assert verify(tmp_path / "out") == []
        pair = ShardSource(tmp_path / "out")[2]
        assert (pair.meta["variant"], pair.meta["frames"]) == ("blur", [6, 7, 8])

    @pytest.mark.parametrize("case", ["no film", "cut off", "too short", "another recipe", "a file in the way", "no room"])
    def test_bad_input_is_one_sentence(self, tmp_path: Path, case: str) -> None:
        """Exit code 1, one sentence that names the culprit, no traceback, and nothing half-written."""
        clip, out = film(tmp_path / "ride.mkv", 30), tmp_path / "out"
        words: list[object] = [clip, "--window", 3, "--format", "shards", "--variant", "blur", "--out", out]
        prefix: list[str] = []
        told = {"no film": "no.mkv", "too short": "fewer than one exposure", "cut off": "is cut off"}.get(case, str(out))
        if case == "no film":
            words[0] = tmp_path / "no.mkv"
        elif case == "cut off":
            clip.write_bytes(clip.read_bytes()[:-100])
        elif case == "too short":
            words[2] = 31
        elif case == "another recipe":
            assert run(*words).returncode == 0
            words[2] = 5
        elif case == "a file in the way":
            out.write_text("mine")
        elif case == "no room":
            prefix = ["sh", "-c", 'ulimit -f 40; exec "$@"', "sh"]
        before = files(tmp_path)

        done = subprocess.run([*prefix, *command(*words)], capture_output=True, text=True, check=False, timeout=120)

        assert done.returncode == 1, done.stderr
        assert "Traceback" not in done.stderr
        assert told in done.stderr.strip().splitlines()[-1]
        after = files(tmp_path)
        assert {name: after.get(name) for name in before} == before
        assert not [name for name in set(after) - set(before) if name.endswith((".h5", "index.json", ".tmp"))]

    def test_a_wrong_format_is_wrong_usage(self, tmp_path: Path) -> None:
        """Exit code 2 names the two formats."""
        done = run(film(tmp_path / "ride.mp4", 12), "--format", "zarr", "--out", tmp_path / "out")

        assert done.returncode == 2
        assert "folder or shards" in " ".join(done.stderr.split())
        assert not (tmp_path / "out").exists()

    def test_neither_variant_is_chosen_silently(self, tmp_path: Path) -> None:
        """Of a recipe that makes both, shards and ``video:`` keep both, and the command says which is the blurry half."""
        clip, out = film(tmp_path / "ride.mkv", 12), tmp_path / "out"

        done = run(clip, "--window", 3, "--format", "shards", "--out", out)
        opened = open_source(f"video:{clip}?recipe=gopro&window=3&cache={tmp_path / 'cache'}")[0]

        assert done.returncode == 0, done.stderr
        assert "--variant blur_gamma or --variant blur" in done.stderr
        for pair in (opened, open_source(f"shards:{out}")[0]):
            assert pair.meta["variant"] == "blur_gamma"
            assert list(pair.extras) == ["blur"]
