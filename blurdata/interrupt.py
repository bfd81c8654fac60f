"""How does a command end on Ctrl-C? With one sentence and 130 (128 + SIGINT, as shells say it), from its first moment on."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

STOPPED = 130
_asked = False


class Stopped(KeyboardInterrupt):
    """Ctrl-C as its own class.

    Python ends by the signal, whatever exit code a program asks for, once a plain KeyboardInterrupt has passed through ``exec`` of a
    text; dataclasses and named tuples are made so, in nearly every import.
    """


def listen() -> None:
    """Raise :class:`Stopped` on Ctrl-C, unless whoever started this process chose otherwise.

    Where Python cannot raise it, as in the callbacks of its import system, it says nothing, and :func:`check` raises it again.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)
        sys.unraisablehook = _tell_unless_stopped


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    global _asked
    _asked = True
    raise Stopped


def _tell_unless_stopped(what: "sys.UnraisableHookArgs") -> None:
    if what.exc_type is not Stopped:
        sys.__unraisablehook__(what)


def stop_listening() -> None:
    """Ignore Ctrl-C, for all is done: while Python takes itself down it would end by the signal."""
    if signal.getsignal(signal.SIGINT) is _stop:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def check() -> None:
    """Raise :class:`Stopped` again if Ctrl-C was pressed and whatever ran then has swallowed it, as callbacks do."""
    if _asked:
        raise Stopped


@contextmanager
def deferred() -> Iterator[None]:
    """Answer Ctrl-C when the block has ended: what the block changes is changed whole.

    Example:
        >>> with deferred():
        ...     print("whole")
        whole
    """
    answer = signal.getsignal(signal.SIGINT)
    if not callable(answer) or threading.current_thread() is not threading.main_thread():  # ignored, or not ours to answer
        yield
        return
    pressed: list[FrameType | None] = []
    signal.signal(signal.SIGINT, lambda _, frame: pressed.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, answer)
        if pressed:
            answer(signal.SIGINT, pressed[0])


def was_stopped(error: BaseException) -> bool:
    """Whether Ctrl-C is what lies behind an error: Python turns it into a RuntimeError where it comes while a class is made."""
    behind: BaseException | None = error
    while behind is not None and not isinstance(behind, KeyboardInterrupt):
        behind = behind.__cause__ or behind.__context__
    return behind is not None


def end_stopped(said: str = "blurdata: stopped; nothing is half-written, run the same command again.") -> NoReturn:
    """Say that the command was stopped, and end."""
    sys.stderr.write(f"{said}\n")
    sys.exit(STOPPED)
