"""A killed ``blurdata align`` shows no half-written pair, goes on where it was and ends with the bytes of a run that was not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import alignment_rig as rig
import pytest
from interrupting import start

from blurdata.files import write_png

RIG = rig.Rig(size=(260, 240), shift_px=10, pair_shift_px=5, blur_px=(4, 10), lights=2)


@pytest.fixture(scope="module")
def captures(tmp_path_factory):
    """Two scenes of a reference and two pairs, both cameras' files."""
    root = tmp_path_factory.mktemp("captures")
    for number in (1, 2):
        made = rig.scene(2, number, RIG)
        for k, (blurry, sharp) in enumerate(zip(made.blurries, made.sharps, strict=True), 1):
            write_png(root / f"shop {number}" / "left" / f"{k}.png", sharp[:, ::-1])
            write_png(root / f"shop {number}" / "right" / f"{k}.png", blurry)
    (root.parent / "mine.yaml").write_text("crop: null\nscale: 1.0\n")
    return root


def command(captures, out, *more):
    """The command as a person types it."""
    return [sys.executable, "-m", "blurdata", "align", str(captures), "--out", str(out), "--recipe", f"{captures.parent}/mine.yaml", *more]


def files(folder: Path) -> dict[str, bytes]:
    """Every file and its bytes, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def kill_at(words, out, records):
    """Start the command and kill its whole group once ``out`` holds that many records; whether it was still at work."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline and len(list(out.glob(".alignment/scene*/*.json"))) < records:
        time.sleep(0.002)
    working = process.poll() is None
    if working:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return working


@pytest.fixture(scope="module")
def expected(captures):
    """The files of a run that nothing stopped."""
    subprocess.run(command(captures, captures.parent / "whole", "--workers", "1"), check=True, capture_output=True)
    return files(captures.parent / "whole")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_killed_run_ends_with_the_bytes_of_one_that_was_not(captures, expected, tmp_path, workers):
    """Killed after some pairs, what is there is whole; run again, every file is that of an uninterrupted run and no other is left."""
    out = tmp_path / "out"

    assert kill_at(command(captures, out, "--workers", workers), out, 3)
    found = files(out)
    pictures = [name for name in found if name.endswith(".png")]
    assert not (out / "alignment.json").exists()
    assert 0 < len(pictures) < sum(name.endswith(".png") for name in expected)
    assert all(found[name] == expected[name] for name in found if not name.endswith(".tmp"))
    done = {out / name: (out / name).stat().st_mtime_ns for name in found if name.startswith(".alignment/scene")}
    torn = out / pictures[0].replace("gt_1", ".gt_9").replace("blur_1", ".blur_9")
    torn.with_name(f"{torn.name}.0badc0de.tmp").write_bytes(b"\x89PNG")  # as a kill in the middle of a picture leaves it

    subprocess.run(command(captures, out, "--workers", workers), check=True, capture_output=True)

    assert files(out) == expected
    assert all(path.stat().st_mtime_ns == before for path, before in done.items())


@pytest.mark.parametrize("aim", [os.killpg, os.kill], ids=["terminal", "process"])
def test_ctrl_c_ends_a_run_at_once(captures, tmp_path, aim):
    """Workers are ended amid their pairs, nobody prints a traceback, and what is there is whole."""
    out = tmp_path / "out"
    process = start(*command(captures, out, "--workers", "2")[1:])
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline and not list(out.glob(".alignment/scene*/*.json")):
        time.sleep(0.002)
    began = time.monotonic()
    aim(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]

    assert process.returncode == 130
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("blurdata: stopped; ")
    assert time.monotonic() - began < 5
    assert not (out / "alignment.json").exists()
