"""What tests of `tools/train_deblur.py` start it with and read of its runs."""

import csv
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "tools" / "train_deblur.py"
TINY = {"small": "true", "stages": "[{steps: 6, crop: 16, batch: 4}, {steps: 4, crop: 24, batch: 2}]", "warmup_steps": 0}


def words(out, *more, sets=(), recipe="verify_fast"):
    fields = {**TINY, "evaluate_every": 0, **dict(sets)}
    changes = [word for name, value in fields.items() for word in ("--set", f"{name}={value}")]
    return [recipe, "--out", str(out), "--workers", "0", "--threads", "1", "--device", "cpu", *changes, *map(str, more)]


def losses(out):
    with (out / "loss.csv").open() as stream:
        return {int(row["step"]): row["loss"] for row in csv.DictReader(stream)}


def child(arguments, *, launcher=()):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(SCRIPT.parents[1])}
    return subprocess.Popen(
        [sys.executable, *launcher, str(SCRIPT), *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
