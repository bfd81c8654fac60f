"""How fast the reference networks restore, how much memory a tile takes, whether training waits for data.

    python tools/bench/models.py [--device cuda] [--json FILE]
    python tools/bench/models.py --networks dehaze baseline --threads 1

Pictures a second at 128, 256 and 512 px squared, one at a time, median after a warm-up; on CUDA in fp32, and in bf16 with
channels-last. What would take longer than --limit seconds a picture is left out, judged by the next smaller size. Memory is the peak
of a fresh process that restores one 512 px tile, less what it takes with the libraries loaded. Waiting is the share of training steps
(without the first) spent on getting the batch, from shards and made on line, with --workers reading ahead. The published figure to
compare with: Restormer on an RTX 2060 restores 12.1, 3.8 and 1.2 pictures a second.
"""

import argparse
import json
import multiprocessing
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rows import note

from blurdata.files import write_atomic
from blurdata.models import restore
from blurdata.pairs import Pair, PairList
from blurdata.recipe import read_recipe
from blurdata.shards import build
from blurdata.training import Trainer, TrainRecipe, build_model
from blurdata.training.batches import Batches, as_tensors
from blurdata.training.networks import NETWORKS
from blurdata.training.pairs import TrainingPairs
from blurdata.training.restoring import pick_device

SIZES = (128, 256, 512)
ROUNDS, ENOUGH_S = 7, 8.0


def seconds_a_picture(model: torch.nn.Module, side: int, device: torch.device, precision: str) -> float:
    """Median time of a forward pass of one picture; with one CPU thread in processor time, which a busy machine does not stretch."""
    picture = torch.rand(1, 3, side, side, device=device)
    clock = time.process_time if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    times: list[float] = []
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        while len(times) <= ROUNDS and (len(times) < 2 or sum(times) < ENOUGH_S):
            begin = clock()
            model(picture)
            if device.type == "cuda":
                torch.cuda.synchronize()
            times.append(clock() - begin)
    return statistics.median(times[1:])


def speeds(names: list[str], device: torch.device, limit: float) -> list[dict[str, Any]]:
    """Pictures a second of each network, size and precision; None where it would take too long."""
    rows = []
    for name in names:
        for precision in ("fp32", "bf16") if device.type == "cuda" else ("fp32",):
            model = build_model(name).eval().to(device)
            model = model.to(memory_format=torch.channels_last) if precision == "bf16" else model
            row: dict[str, Any] = {"network": name, "parameters": model.parameter_count, "precision": precision}
            expected = 0.0
            for side in SIZES:
                took = seconds_a_picture(model, side, device, precision) if expected < limit else None
                row[str(side)] = round(1 / took, 3) if took else None
                expected = 4 * took if took else float("inf")
            rows.append(row)
            cells = "  ".join(f"{row[str(side)]:>8.2f}" if row[str(side)] else f"{'-':>8}" for side in SIZES)
            print(f"{name:<10} {row['parameters']:>11,} {precision:>6}  {cells}", flush=True)
    return rows


def _resident_peak() -> float:
    """Most memory this process ever held, GiB; ``getrusage`` would count what the parent held when it forked."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024**2


def _peak(name: str, side: int, threads: int, send: Any) -> None:
    torch.set_num_threads(threads)
    model = build_model(name).eval()
    restore(model, np.zeros((32, 32, 3), np.uint8))
    before = _resident_peak()
    restore(model, np.zeros((side, side, 3), np.uint8))
    send.send(_resident_peak() - before)


def peak_gib(name: str, side: int) -> float:
    """Peak memory that a tile takes on the CPU, GiB."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_peak, args=(name, side, torch.get_num_threads(), send))
    process.start()
    peak: float = receive.recv()
    process.join()
    return round(peak, 3)


def make_shards(folder: Path) -> Path:
    """Sixteen pairs of 640x360 px."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (360, 640, 3)).astype(np.uint8) for _ in range(16)]
    build(PairList([Pair(f"noise/{i:02}", picture // 2, picture) for i, picture in enumerate(pictures)]), folder)
    return folder


def waiting(name: str, shards: Path, device: torch.device, *, pairs: str, steps: int, workers: int) -> dict[str, Any]:
    """Share of the training steps that a network waits for data."""
    stages = [{"steps": steps, "crop": 96, "batch": 8}]
    recipe = read_recipe("verify_fast", TrainRecipe, model=name, pairs=pairs, stages=stages, warmup_steps=0)
    trainer = Trainer(build_model(name).to(device), recipe)
    waited, total, clock = [], [], time.perf_counter()
    for batch in Batches(TrainingPairs(recipe, shards), recipe, workers=workers, pin=device.type == "cuda"):
        waited.append(time.perf_counter() - clock)
        blurry, sharp, keys = as_tensors(batch)
        trainer.step(blurry, sharp, keys=keys)
        total.append(time.perf_counter() - clock)
        clock = time.perf_counter()
    share = sum(waited[1:]) / sum(total[1:])
    step = statistics.median(total[1:])
    print(f"{name:<10} {pairs:<7} crop 96, batch 8: {1000 * step:8.1f} ms a step, {100 * share:5.2f} % waiting", flush=True)
    note(f"training {name} from {pairs}, share of a step spent waiting", share, unit="share")
    return {"network": name, "pairs": pairs, "step_ms": round(1000 * step, 2), "waiting": round(share, 5), "workers": workers}


def positive(text: str) -> int:
    """A whole number from 1 to 1024."""
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 1024:
        msg = f"'{text}' is no whole number from 1 to 1024"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS), metavar="NETWORK", help=", ".join(NETWORKS)
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=positive, help="of torch, on the CPU")
    parser.add_argument("--workers", type=positive, default=1, help="processes that read ahead")
    parser.add_argument("--steps", type=positive, default=40, help="training steps to watch")
    parser.add_argument("--limit", type=float, default=30.0, help="seconds a picture may take")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        device, names = pick_device(options.device), options.networks
    except ValueError as error:
        raise SystemExit(str(error)) from None
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()}, {torch.get_num_threads()} threads"
    print(f"torch {torch.__version__} on {where}\n\npictures a second {'':>11}  " + "  ".join(f"{side:>5}^2" for side in SIZES))
    result: dict[str, Any] = {"device": where, "torch": torch.__version__, "speed": speeds(names, device, options.limit)}
    if device.type == "cpu":
        print(f"\npeak memory of a {SIZES[-1]} px tile, GiB")
        feasible = [row["network"] for row in result["speed"] if row[str(SIZES[-1])]]
        result["tile_gib"] = {name: peak_gib(name, SIZES[-1]) for name in feasible}
        print("  ".join(f"{name} {peak:.2f}" for name, peak in result["tile_gib"].items()))
    print(f"\nwaiting for data with {options.workers} workers")
    with tempfile.TemporaryDirectory() as folder:
        shards = make_shards(Path(folder) / "shards")
        trained = [name for name in names if name in ("baseline", "dehaze", "noblur")] if device.type == "cpu" else names
        watch = {"steps": options.steps, "workers": options.workers}
        result["waiting"] = [waiting(name, shards, device, pairs=pairs, **watch) for name in trained for pairs in ("shards", "online")]
    if options.json:
        write_atomic(options.json, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
