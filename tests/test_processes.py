"""Pools of processes: they end with their block, and at once where it ends by an error."""

import time
from pathlib import Path

import pytest
from interrupting import interrupt, start

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


def test_ctrl_c_while_the_server_still_imports_leaves_no_worker_to_be_born_later(tmp_path):
    """Such a worker would outlive its parent and print a traceback: its pool's semaphores are gone."""
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(4)\n")
    code = "import operator, time\nfrom blurdata.processes import worker_pool\nprint('ready', flush=True)\ntry:\n"
    code += "    with worker_pool(2, 'slow_to_import', time.time) as pool:\n        pool.submit(operator.add, 1, 2).result()\n"
    code += "except KeyboardInterrupt:\n    print('stopped')\n"
    child = start("-c", code, path=tmp_path)
    assert child.stdout.readline() == "ready\n"
    time.sleep(1)
    began = time.monotonic()
    said = interrupt(child)

    assert said == ("stopped\n", "")
    assert time.monotonic() - began < 3


def test_ctrl_c_while_a_worker_is_born_leaves_none_behind(tmp_path):
    """The server has forked it and the pool does not know it yet: it would find its pool's semaphores gone, and say so at length."""
    code = "import operator, time\nfrom multiprocessing import forkserver\nfrom blurdata.processes import worker_pool\n"
    code += "if __name__ == '__mp_main__':\n    time.sleep(3)  # a worker begins so\n"
    code += "if __name__ == '__main__':\n    forkserver.read_signed = lambda _: time.sleep(60)  # the number of the process never comes\n"
    code += "    print('ready', flush=True)\n    try:\n        with worker_pool(2, 'operator', time.time) as pool:\n"
    code += "            pool.submit(operator.add, 1, 2).result()\n    except KeyboardInterrupt:\n        print('stopped')\n"
    (tmp_path / "script.py").write_text(code)
    child = start(str(tmp_path / "script.py"), path=tmp_path)
    assert child.stdout.readline() == "ready\n"
    time.sleep(2)

    assert interrupt(child) == ("stopped\n", "")


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    """Not even the kernel's kill leaves workers behind that wait for tasks for ever."""
    code = "import os, time\nfrom blurdata.processes import worker_pool\nwith worker_pool(2, 'os') as pool:\n"
    code += "    print(*{pool.submit(os.getpid).result() for _ in range(20)}, flush=True)\n    pool.submit(time.sleep, 60).result()\n"
    child = start("-c", code, path=tmp_path)
    workers = [int(number) for number in child.stdout.readline().split()]
    assert workers

    child.kill()
    child.communicate()

    give_up = time.monotonic() + 20
    while any(Path(f"/proc/{number}").exists() for number in workers) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert not [number for number in workers if Path(f"/proc/{number}").exists()]
