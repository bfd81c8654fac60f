"""Temporary files: the living keep theirs, in whatever container they run, and what the dead left goes."""

import subprocess
import sys

from blurdata import locks
from blurdata.files import atomic_path

KILLED = """
import os, signal, sys
from pathlib import Path
from blurdata.files import atomic_path
with atomic_path(Path(sys.argv[1])) as aside:
    aside.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_only_what_nobody_holds_is_swept(tmp_path):
    """A killed writer's file goes, a living one's stays and gets its name; what others call .tmp is no business of ours."""
    below = tmp_path / "scene" / "dead.png"
    assert subprocess.run([sys.executable, "-c", KILLED, below], check=False).returncode == -9
    (left,) = below.parent.iterdir()
    foreign = [tmp_path / name for name in (".notes.tmp", "draft.tmp", ".a.1234.tmp")]
    for path in foreign:
        path.touch()

    with atomic_path(tmp_path / "alive.png") as aside:
        aside.write_bytes(b"whole")
        assert locks.leftovers(tmp_path) == [left]
        assert locks.sweep([aside, left]) == [left]

    assert (tmp_path / "alive.png").read_bytes() == b"whole"
    assert sorted(tmp_path.rglob("*")) == sorted([tmp_path / "alive.png", below.parent, *foreign])


def test_two_writers_of_one_file_never_share_a_temporary_one(tmp_path):
    """Processes of two containers may have one id; each file appears whole, and the last one stays."""
    path = tmp_path / "a.txt"
    with atomic_path(path) as last:
        last.write_text("last")
        with atomic_path(path) as first:
            first.write_text("first")
        assert path.read_text() == "first"

    assert path.read_text() == "last"
    assert list(tmp_path.iterdir()) == [path]
