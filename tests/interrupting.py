"""Python programs that tests stop by Ctrl-C, begun and stopped as a terminal does it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import blurdata


def start(*words: object, path: Path | None = None, cwd: Path | None = None) -> subprocess.Popen[str]:
    """``python WORDS…`` in a group of its own, with pipes to read from; ``path`` is one more place to import from.

    Ctrl-C gets through to it even where the tests themselves run in the background and ignore it.
    """
    places = [Path(blurdata.__file__).parents[1], *([path] if path else [])]
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places)), "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        start_new_session=True,
    )


def interrupt(process: subprocess.Popen[str], *, timeout_s: float = 60) -> tuple[str, str]:
    """Press Ctrl-C, which reaches every process of the group; what was printed until the last who could print has ended."""
    os.killpg(process.pid, signal.SIGINT)
    return process.communicate(timeout=timeout_s)
