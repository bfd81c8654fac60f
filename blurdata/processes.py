"""The server that worker processes are forked from, started early and out of reach of Ctrl-C."""

import multiprocessing
import signal
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext


def start_fork_server(module: str) -> ForkServerContext:
    """Start the server if there is none, importing a module for its children, and return the way to start them.

    It imports while this process goes on. Ctrl-C is kept from it and its children: it goes to every process of a terminal, and
    Python's server would print a traceback if it came during the imports. The caller ends its workers.

    Example:
        >>> start_fork_server("json").get_start_method()
        'forkserver'
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    resource_tracker.ensure_running()  # the server would start it, and that lets Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context
