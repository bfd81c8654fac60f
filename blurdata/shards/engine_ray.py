"""Building on a Ray cluster: one task a shard. Tasks are idempotent, so a lost machine costs a retry and nothing else."""

from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

from blurdata.errors import MissingDependency, ShardError

_RETRIES = 3


def run_on_ray(job: Callable[[int], None], tasks: Sequence[int]) -> Iterator[int]:
    """Run ``job(task)`` for all tasks on the cluster that ``RAY_ADDRESS`` or this machine names; yields tasks as they are done.

    Raises:
        MissingDependency: If Ray is not installed.
        ShardError: If there is no cluster, or a task failed for another reason than bad data.
    """
    try:
        import ray
    except ImportError as error:
        msg = "The engine ray needs the package ray; run `pip install 'blurdata[ray]'`."
        raise MissingDependency(msg) from error
    if not ray.is_initialized():
        try:
            ray.init(address="auto", log_to_driver=False)
        except ConnectionError as error:
            msg = "No Ray cluster was found; start one with `ray start --head`, or set RAY_ADDRESS."
            raise ShardError(msg) from error
    shared = ray.put(job)  # the plan and the source travel once
    remote = ray.remote(max_retries=_RETRIES)(_run)
    pending = {remote.remote(shared, task): task for task in tasks}
    try:
        while pending:
            done, _ = ray.wait(list(pending), num_returns=1)
            _result(ray, done[0])
            yield pending.pop(done[0])
    finally:
        for reference in pending:
            ray.cancel(reference)


def _run(job: Callable[[int], None], task: int) -> None:
    job(task)


def _result(ray: ModuleType, reference: Any) -> None:
    """Fetch a result; what the job raised is raised as itself, a lost worker as a sentence."""
    try:
        ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause if isinstance(getattr(error, "cause", None), Exception) else error from None
    except ray.exceptions.RayError as error:
        msg = f"Ray gave up on a shard after {_RETRIES} retries ({type(error).__name__}); finished shards are kept, run it again."
        raise ShardError(msg) from error
