"""Can coverage find what chance does not? The parsers under atheris (libFuzzer), with the cases of tests/fuzz.

    pip install atheris            # wheels exist for Linux, CPython 3.11 and newer; nothing else here needs it
    python tools/bench/fuzz_parsers.py [--runs 20000] [--only filters …]

atheris watches which lines of ``blurdata`` an input reaches and breeds inputs that reach others; hypothesis makes cases of its bytes. Only
parts that need no slow file are worth it. Prints a line for each part; exits 1 where something came out that is neither a result nor a
typed error of one sentence, with the input.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2] / "tests" / "fuzz"
PARTS = ("filters", "recipes", "lists", "sources", "tables", "images")


def breed(name: str, runs: int, seed: int) -> None:
    """One part in this process; libFuzzer ends it, with 0 where all went well."""
    import os

    import atheris

    sys.path.insert(0, str(TESTS))
    with atheris.instrument_imports(include=["blurdata"], enable_loader_override=False):
        import fuzz_files
        import fuzz_text
    from hypothesis import HealthCheck, settings

    case = {**fuzz_text.PARTS, **fuzz_files.PARTS}[name](Path.cwd())
    quiet = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))(case)
    os.environ["HF_HUB_OFFLINE"] = "1"
    limits = ["-timeout=60", "-rss_limit_mb=3000", "-max_len=4000", "-len_control=0"]  # short inputs make no cases
    run = quiet.hypothesis.fuzz_one_input  # type: ignore[attr-defined]  hypothesis adds it
    atheris.Setup(["fuzz", f"-atheris_runs={runs}", f"-seed={seed or 1}", *limits], run)
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000, help="inputs of each part")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        parser.error("atheris is not installed; run `pip install atheris`")
    if options.part:
        breed(options.part, options.runs, options.seed)
    wrong = 0
    for name in options.only:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as home:
            command = [sys.executable, __file__, "--part", name, "--runs", str(options.runs), "--seed", str(options.seed)]
            done = subprocess.run(command, cwd=home, capture_output=True, text=True, errors="replace", check=False)
        reached = [line.split("cov: ")[1].split()[0] for line in done.stderr.splitlines() if "cov: " in line]
        ok = done.returncode == 0
        wrong += not ok
        seconds, edges = time.monotonic() - start, (reached or ["?"])[-1]
        print(f"{name:<10} {options.runs:>7} inputs {seconds:>6.0f} s   {edges:>6} edges   {'ok' if ok else 'FAULT'}", flush=True)
        if not ok:
            print("    " + (done.stdout + done.stderr)[-3000:].strip().replace("\n", "\n    "))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
