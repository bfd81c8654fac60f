"""Every benchmark that has peers or targets, made small: one table of ours, the peer's, the ratio, the target, and whether it is met.

    python tools/bench/all.py [--json FILE] [--only NAME …] [--keep FOLDER]

About seven minutes on two cores. Each benchmark runs in a process of its own, one after the other, with the arguments in `JOBS`; what it
prints goes to ``--keep``. The ratio says how many times better ours is (of speeds, or of errors), and the target is about the ratio where
there is one. Made small, single figures scatter by some percent; a miss is worth a run of its own benchmark. Exits 1 if one failed to run.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rows import ROWS

from blurdata.files import write_atomic

HERE = Path(__file__).parent
JOBS: dict[str, list[str]] = {
    "augment": ["augment.py"],
    "transforms": ["transforms.py"],
    "shards: reading": ["shards.py", "--only", "read", "--pairs", "8"],
    "shards: loader": ["shards.py", "--only", "loader", "--pairs", "8"],
    "shards: packing": ["shards.py", "--only", "build", "--pairs", "24"],
    "synthesis": ["synthesis.py", "--only", "speed", "--frames", "3300", "--rounds", "1"],
    "interpolation": ["interpolation.py", "--clips", "2"],
    "alignment": ["alignment.py", "--pairs", "12", "--workers", "2"],
    "evaluate": ["evaluate.py", "--images", "8", "--rounds", "1"],
    "response": ["response.py", "--noises", "1"],
    "cuts": ["cuts.py", "--clips", "2", "--coded", "12"],
    "models": ["models.py", "--networks", "baseline", "--threads", "1", "--steps", "12", "--limit", "5"],
    "report: estimators": ["findings.py", "estimators", "--pairs", "80"],
    "report: planted faults": ["findings.py", "planted", "--pairs", "240"],
}
SECONDS = 300  # no benchmark made small takes as long, on a busy machine either


def run(name: str, arguments: list[str], folder: Path) -> tuple[list[dict[str, Any]], str]:
    """The rows of one benchmark, and what went wrong with it."""
    place, said = folder / "rows.jsonl", folder / f"{name.replace(': ', '_')}.txt"
    place.unlink(missing_ok=True)
    environment = {**os.environ, ROWS: str(place), "PYTHONPATH": str(HERE.parents[1]), "OMP_NUM_THREADS": "1"}
    fault = ""
    with said.open("w") as out:
        command = [sys.executable, str(HERE / arguments[0]), *arguments[1:]]
        try:
            code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, env=environment, timeout=SECONDS).returncode
            fault = f"ended with {code}" if code else ""
        except subprocess.TimeoutExpired:
            fault = f"took over {SECONDS} s"
    if fault:
        fault += "".join(f": {line}" for line in said.read_text().splitlines()[-1:])
    lines = place.read_text().splitlines() if place.exists() else []
    return [{"bench": name, **json.loads(line)} for line in lines], fault


def show(rows: list[dict[str, Any]]) -> None:
    """One table on standard output."""
    table = Table("bench", "what", "ours", "peer", "ratio", "target", "met")
    before = ""
    for row in rows:
        ours, peer, ratio = ("" if row[name] is None else f"{row[name]:.3g}" for name in ("ours", "peer", "ratio"))
        met = {None: "", True: "yes", False: "NO"}[row["met"]]
        bench, before = row["bench"] if row["bench"] != before else "", row["bench"]
        table.add_row(bench, row["what"], f"{ours} {row['unit']}".strip(), peer, ratio, row["target"], met)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    parser.add_argument("--only", nargs="+", choices=list(JOBS), metavar="NAME", help=", ".join(JOBS))
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to keep what the benchmarks print")
    options = parser.parse_args()
    rows, faults, seconds = [], {}, {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in options.only or JOBS:
            start = time.monotonic()
            found, fault = run(name, JOBS[name], folder)
            seconds[name] = round(time.monotonic() - start, 1)
            rows += found
            faults |= {name: fault} if fault else {}
            print(f"{name}: {len(found)} figures, {seconds[name]:.0f} s{', ' + fault if fault else ''}", file=sys.stderr, flush=True)
    show(rows)
    judged = [row["met"] for row in rows if row["met"] is not None]
    print(f"{sum(judged)} of {len(judged)} targets met, {len(rows)} figures, {sum(seconds.values()) / 60:.1f} min")
    if options.json:
        record = {"rows": rows, "faults": faults, "seconds": seconds, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
        write_atomic(options.json, json.dumps(record, indent=1) + "\n")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
