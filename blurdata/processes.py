"""Processes out of reach of Ctrl-C, which is the parent's to answer; the server that they are forked from; pools that end at once."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Set
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any


def available_cpus() -> int:
    """Processors that this process may use.

    Example:
        >>> 1 <= available_cpus() <= (os.cpu_count() or 1)
        True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
def worker_pool(
    workers: int, module: str, initializer: Callable[..., None] | None = None, *arguments: Any
) -> Iterator[ProcessPoolExecutor]:
    """A pool of processes that start clean (a forked child of a process with threads may hang) and end with the block.

    OpenCV has one thread in each, for the processes fill the cores, and Ctrl-C is the parent's to answer.

    A block that ends by an error, Ctrl-C among them, ends the workers amid their tasks: what they were at would be thrown away.

    Args:
        workers: Processes.
        module: What their server imports for them.
        initializer: Called in each, with ``arguments``, to keep what all tasks share.
        *arguments: Must survive pickling.

    Example:
        >>> import operator
        >>> with worker_pool(1, "operator") as pool:
        ...     pool.submit(operator.add, 1, 2).result()
        3
    """
    context = start_fork_server(module)
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(initializer, *arguments))
    done = False
    try:
        yield pool
        done = True
    except KeyboardInterrupt:
        _end_fork_server({process.pid for process in others})
        raise
    finally:
        for worker in () if done else set(multiprocessing.active_children()) - others:
            worker.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(initializer: Callable[..., None] | None, *arguments: Any) -> None:
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    cv2.setNumThreads(1)
    if initializer:
        initializer(*arguments)


def die_with_parent() -> None:
    """End this worker once the process that asked for it is gone, killed included; it would wait for tasks for ever.

    Example:
        >>> die_with_parent()  # a process that nobody asked for has no such parent
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _end_fork_server(spared: Set[int | None]) -> None:
    """End the server at once, and the workers it has forked but those ``spared``; the next pool starts another.

    Ctrl-C may come while a worker is asked for: the server would fork it seconds later, when its imports are done, or has forked it and
    not said so yet. Nobody would wait for it any more, and it would print a traceback because the pool's semaphores are gone.
    """
    server = getattr(getattr(forkserver, "_forkserver", None), "_forkserver_pid", None)  # Python has no public name for it
    if server is None:
        return
    with suppress(ProcessLookupError):
        os.kill(server, signal.SIGSTOP)
    for process in (_children_of_stopped(server) - spared) | {server}:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _children_of_stopped(process: int) -> set[int]:
    """The children of a process once it forks no more; none where the system does not tell (macOS)."""
    place = Path(f"/proc/{process}")
    try:
        while (place / "stat").read_text().rpartition(")")[2].split()[0] not in "TZX":
            time.sleep(0.001)
        return {int(number) for number in (place / "task" / str(process) / "children").read_text().split()}
    except OSError:
        return set()


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
