"""What every answer to broken input must be: a result or one sentence, soon, and nothing else."""

import io
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from unittest.mock import patch

from blurdata.errors import BlurDataError

SECONDS = 10


class Hang(BaseException):
    """An answer took too long; no ``except Exception`` can swallow it."""


@contextmanager
def in_time() -> Iterator[None]:
    """Raise :class:`Hang` where the block takes over ten seconds."""

    def late(*_: object) -> None:
        raise Hang(f"no answer within {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def answers(call: Callable[[], object]) -> bool:
    """Whether ``call`` was answered by a result; a typed error with one sentence is the only other answer there is."""
    try:
        with in_time():
            call()
    except BlurDataError as error:
        check_sentence(str(error))
        return False
    return True


def check_sentence(text: str) -> None:
    """One line, of a length that can be read, that says something."""
    assert text.strip(), "an error without a sentence"
    assert "\n" not in text.strip(), f"an error of several lines: {text!r}"
    assert len(text) < 3000, f"an error of {len(text)} characters: {text[:200]!r}"
    assert "Traceback" not in text, text


def command(*words: str) -> int:
    """Exit code of ``blurdata WORDS``, run in this process; it must end with 0, 1 or 2 and without a traceback."""
    from blurdata import cli

    said, told, code = io.StringIO(), io.StringIO(), 0
    with in_time(), patch.object(sys, "argv", ["blurdata", *words]), redirect_stdout(said), redirect_stderr(told):
        try:
            cli.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 99
    stderr = told.getvalue()
    assert code in (0, 1, 2), (words, code, stderr)
    assert "Traceback" not in stderr, (words, stderr)
    assert "fault of blurdata" not in stderr, (words, stderr)
    if code == 1:
        check_sentence(stderr.strip().splitlines()[-1])
    return code
