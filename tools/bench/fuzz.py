"""Is broken input answered by a sentence?

    python tools/bench/fuzz.py [--cases 6000] [--seed 0] [--only NAME …]

Thousands of broken lists, recipes, sources, filters, command lines, records, shards, pictures, films and tables are drawn by hypothesis
(tests/fuzz runs a few of each).
Each part runs in a process of its own that may take 1 GB more than it began with. Nothing but a result or a typed error of one sentence
is right: no other exception, no traceback from the command line, no crash of a library, no answer after more than 10 s, and no file
outside the part's folder. Prints a table; exits 1 where something else came out, with the smallest case that hypothesis found for it.
"""

import argparse
import faulthandler
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

os.environ["OPENCV_LOG_LEVEL"] = "SILENT"  # read when OpenCV is imported
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "fuzz"))

import fuzz_files  # noqa: E402  from the folder above
import fuzz_text  # noqa: E402
from hypothesis import HealthCheck, seed, settings  # noqa: E402

PARTS = {**fuzz_text.PARTS, **fuzz_files.PARTS}
SHARE = {"commands": 0.25, "films": 0.25, "shards": 0.6, "records": 0.7, "sources": 0.8}  # of an even number: these are slow
MORE_BYTES = 1 << 30


def _limit() -> None:
    """Let this process take a gigabyte more than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + MORE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def work(name: str, cases: int, number: int, home: Path, send: Any) -> None:
    """One part, in its own process; sends what went wrong, or an empty text."""
    faulthandler.enable()
    warnings.filterwarnings("ignore", module="PIL")
    os.environ |= {"XDG_CACHE_HOME": str(home / "cache"), "HF_HUB_OFFLINE": "1"}
    inside = home / "in"
    inside.mkdir()
    os.chdir(inside)
    case = PARTS[name](inside)
    _limit()
    try:
        settings(max_examples=cases, deadline=None, database=None, suppress_health_check=list(HealthCheck))(seed(number)(case))()
    except BaseException as error:  # a hang is none of the others
        send.send("".join(traceback.format_exception(error, limit=-4))[-4000:])
        return
    strangers = {path.name for path in home.iterdir()} - {"in", "cache"}
    send.send(f"files outside the folder: {strangers}" if strangers else "")


def run(name: str, cases: int, number: int) -> str:
    """What went wrong in one part, or an empty text."""
    get, send = multiprocessing.Pipe(duplex=False)
    with tempfile.TemporaryDirectory() as home:
        child = multiprocessing.get_context("fork").Process(target=work, args=(name, cases, number, Path(home), send))
        child.start()
        send.close()
        try:
            told = str(get.recv())
        except EOFError:
            told = "the process died"
        child.join()
    return told if child.exitcode == 0 else f"{told} (exit code {child.exitcode})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=6000, help="of all parts together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=list(PARTS))
    options = parser.parse_args()
    if options.cases < 1:
        parser.error(f"--cases must be at least 1, got {options.cases}")
    names = options.only or list(PARTS)
    even = options.cases / sum(SHARE.get(name, 1.0) for name in names)
    total, wrong = 0, 0
    for name in names:
        cases, start = max(round(even * SHARE.get(name, 1.0)), 1), time.monotonic()
        fault = run(name, cases, options.seed)
        total, wrong = total + cases, wrong + bool(fault)
        print(f"{name:<10} {cases:>6} cases {time.monotonic() - start:>7.0f} s   {'FAULT' if fault else 'ok'}", flush=True)
        if fault:
            print("    " + fault.strip().replace("\n", "\n    "), flush=True)
    print(f"{total} cases, {wrong} of {len(names)} parts with a fault")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
