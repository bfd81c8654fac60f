"""Pools of processes: they end with their block, and at once where it ends by an error."""

import time

import pytest

from blurdata.processes import worker_pool


def _stopped():
    with worker_pool(2, "time", time.time) as pool:
        tasks = [pool.submit(time.sleep, 60) for _ in range(6)]
        while not tasks[0].running():
            time.sleep(0.01)
        raise KeyboardInterrupt


def test_a_block_that_fails_does_not_wait_for_its_tasks():
    """Ctrl-C must not hang until what was begun is finished."""
    began = time.monotonic()

    with pytest.raises(KeyboardInterrupt):
        _stopped()

    assert time.monotonic() - began < 30


def test_a_block_that_ends_well_has_its_results():
    """And whoever waits for results gets all of them."""
    with worker_pool(2, "operator", time.time) as pool:
        assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]
