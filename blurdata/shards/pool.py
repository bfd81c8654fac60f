"""Worker processes on this machine that cannot be lost: a dead one ends the build with its reason, and none outlives it."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess

from blurdata.errors import ShardError
from blurdata.processes import die_with_parent, start_fork_server

_PATIENCE_S = 5.0


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, job: Callable[[int], None], context: ForkServerContext) -> None:
        self.pipe, far = context.Pipe()
        self.process: BaseProcess = context.Process(target=_work, args=(far, job), daemon=True)
        self.process.start()
        far.close()
        self.task: int | None = None

    def give(self, task: int | None) -> None:
        """Hand over the next task, if there is one."""
        self.task = task
        if self.task is not None:
            with contextlib.suppress(BrokenPipeError):  # its death is noticed by its sentinel
                self.pipe.send(self.task)

    def death(self) -> ShardError:
        """The reason why a process is no more, in a sentence."""
        self.process.join(_PATIENCE_S)
        code = self.process.exitcode or 0
        if code < 0:
            name = signal.Signals(-code).name
            hint = "; the machine may be out of memory, use fewer workers" if -code == signal.SIGKILL else ""
            reason = f"was killed by {name}{hint}"
        else:
            reason = f"ended with exit code {code}; see its message above (a script must call build under `if __name__ == '__main__':`)"
        return ShardError(f"A worker process {reason}. It was building shard {self.task}; finished shards are kept, run it again.")


class Queues:
    """Tasks in runs of neighbours, one run for each worker; who is done early takes the second half of the longest run left.

    Example:
        >>> queues = Queues(range(6), 2)
        >>> [queues.take(0) for _ in range(5)], queues.take(1)
        ([0, 1, 2, 4, 5], 3)
    """

    def __init__(self, tasks: Sequence[int], workers: int) -> None:
        ends = [len(tasks) * number // workers for number in range(workers + 1)]
        self._left = [list(tasks[start:stop]) for start, stop in pairwise(ends)]

    def __len__(self) -> int:
        return len(self._left)

    def take(self, worker: int) -> int | None:
        """The next task for a worker, or None."""
        if not self._left[worker]:
            longest = max(self._left, key=len)
            middle = len(longest) // 2
            self._left[worker], longest[middle:] = longest[middle:], []
        return self._left[worker].pop(0) if self._left[worker] else None


def start_server() -> ForkServerContext:
    """Start the server that workers are forked from, unless it runs; it imports what this process has while this process goes on."""
    modules = sorted(name for name in sys.modules if name.startswith("blurdata."))  # imported once, their memory shared by all
    return start_fork_server(*modules, "blurdata.shards.warm")


def run_all(job: Callable[[int], None], tasks: Sequence[int], workers: int) -> Iterator[int]:
    """Run ``job(task)`` for all tasks in processes of their own; yields tasks as they are done.

    Raises:
        Exception: Whatever the job raised first; the other processes are stopped.
        ShardError: If a process died.
    """
    queues = Queues(tasks, min(workers, len(tasks)))
    context = start_server()
    crew: list[_Worker] = []
    try:
        for number in range(len(queues)):
            crew.append(_Worker(job, context))
            crew[-1].give(queues.take(number))
        while busy := [worker for worker in crew if worker.task is not None]:
            ready = wait([worker.pipe for worker in busy] + [worker.process.sentinel for worker in busy])
            for number, worker in enumerate(crew):
                if worker.task is None:
                    continue
                if worker.pipe in ready:
                    yield _collect(worker)
                    worker.give(queues.take(number))
                elif worker.process.sentinel in ready:
                    raise worker.death()
    finally:
        _dismiss(crew)


def _collect(worker: _Worker) -> int:
    try:
        task, error = worker.pipe.recv()
    except (EOFError, ConnectionResetError):
        raise worker.death() from None
    if error is not None:
        raise error
    return int(task)


def _dismiss(crew: Sequence[_Worker]) -> None:
    for worker in crew:
        worker.pipe.close()
        if worker.task is not None:
            worker.process.terminate()
    for worker in crew:
        worker.process.join(_PATIENCE_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _work(pipe: Connection, job: Callable[[int], None]) -> None:
    """A worker's life: tasks come in, results go out, and the end of the parent is the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        error: Exception | None = None
        try:
            job(task)
        except Exception as caught:
            error = caught
        _answer(pipe, task, error)


def _answer(pipe: Connection, task: int, error: Exception | None) -> None:
    try:
        pipe.send((task, error))
    except BrokenPipeError:
        return
    except Exception:  # an error that cannot be pickled
        pipe.send((task, ShardError(f"Shard {task}: {type(error).__name__}: {error}")))
