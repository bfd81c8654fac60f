"""Processes out of reach of Ctrl-C, which is the parent's to answer; and the server that they are forked from, started early."""

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext


def start_fork_server(*modules: str) -> ForkServerContext:
    """Start the server if there is none, importing modules for its children, and return the way to start them.

    It imports while this process goes on. Ctrl-C is kept from it and its children: it goes to every process of a terminal, and
    Python's server would print a traceback if it came during the imports. The caller ends its workers.

    Example:
        >>> start_fork_server("json").get_start_method()
        'forkserver'
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(modules))
    with interrupt_held():
        forkserver.ensure_running()
    return context


@contextmanager
def interrupt_held() -> Iterator[None]:
    """Keep Ctrl-C from this thread for now, and for good from processes that start meanwhile: they inherit the mask.

    Example:
        >>> with interrupt_held():
        ...     signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        True
    """
    resource_tracker.ensure_running()  # the first process would start it, and that lets Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
