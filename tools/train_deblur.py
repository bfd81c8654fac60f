"""Train a deblurring network; reads from top to bottom.

Start it on one GPU or a CPU, on many GPUs, or on many machines:

    python tools/train_deblur.py verify_fast --shards shards/train --test shards/test --out runs/fast
    torchrun --nproc-per-node 8 tools/train_deblur.py train_gopro_restormer --shards gopro/train --test gopro/test --out runs/restormer
    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29500 tools/train_deblur.py … (the same)
    python tools/train_deblur.py train_noblur --sharp photos --test "convolve:held_out?recipe=gopro_u" --out runs/noblur

The first argument is a recipe of training, by name or path (`blurdata recipe list`); `--set FIELD=VALUE` changes single fields, such as
`--set small=true` or `--set precision=bf16`. Pairs come from shards, are made on line from sharp pictures, or both: `--pairs`.
`--test` names any source of pairs, scored by the recipe's protocol. Batches are those of the recipe whatever the number of processes;
`--accumulate 8` cuts them up where memory is small. A stopped or killed run goes on when the same command is typed again, and
on one CPU process with the same `--threads` its losses are then exactly those of a run that was never stopped.

OUT gets loss.csv, scores.csv, curve.png, samples/, tensorboard/, checkpoint.pt (to go on from), network.pt (for `blurdata deblur`) and
result.json. A loss that is not finite ends the run and leaves diverged.json with the keys of the batch.
"""

import argparse
import itertools
import json
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
import yaml

from blurdata.errors import BlurDataError, OutputError, RecipeError
from blurdata.files import make_folder, write_atomic
from blurdata.interrupt import end_stopped
from blurdata.pairs import PairSource
from blurdata.progress import SILENT, progress
from blurdata.recipe import read_recipe
from blurdata.shards import open_input
from blurdata.training import Diverged, Trainer, TrainRecipe, build_model, load_checkpoint, save_checkpoint
from blurdata.training.batches import Batches, as_tensors
from blurdata.training.evaluation import as_rows, evaluate, means
from blurdata.training.pairs import TrainingPairs
from blurdata.training.processes import Processes, join
from blurdata.training.record import RunRecord, environment
from blurdata.training.restoring import pick_device

SAMPLES = 4  # pairs on a sheet of samples


def train(us: Processes, options: argparse.Namespace) -> None:
    # What to train, on what, against what; everything that can be wrong with it is told now, not after hours.
    recipe = read_recipe(options.recipe, TrainRecipe, **options.set)
    pairs = TrainingPairs(recipe, options.shards, options.sharp)
    test = open_input(options.test) if options.test else None
    try:
        network = build_model(recipe.model, small=recipe.small, arguments=recipe.arguments, seed=recipe.seed)
    except ValueError as error:
        raise RecipeError(str(error)) from error
    ids = {"recipe": recipe.id, "train": pairs.provenance(), "test": test and {"source": test.text, "recipe": test.recipe_id}}
    out = make_folder(options.out)
    checkpoint = out / "checkpoint.pt"

    # The network, its optimiser and its running average on their device; the data from where the run stands.
    model = us.wrap(network)
    if options.compile and us.device.type == "cuda":
        model.compile()
    trainer = Trainer(model, recipe, accumulate=options.accumulate)
    batches = Batches(pairs, recipe, rank=us.rank, world=us.world, workers=options.workers, pin=us.device.type == "cuda")
    if options.resume and checkpoint.exists():
        state = load_checkpoint(checkpoint)
        check_same(state, recipe, ids, checkpoint)
        trainer.load_state_dict(state["trainer"])
        batches.load_state_dict(state["data"])
        say(us, f"goes on at step {trainer.steps_done} of {recipe.steps}; --no-resume would start anew")
    record = RunRecord(out, step=trainer.steps_done) if us.writes else None
    say(us, f"{recipe.model}, {getattr(network, 'parameter_count', 0):,} parameters, {recipe.steps} steps on {us.world} x {us.device}")

    def save(path: Path, **more: Any) -> None:
        if us.writes:
            about = {"recipe": recipe.resolved(), "ids": ids, "seed": recipe.seed, "step": trainer.steps_done}
            save_checkpoint(path, {**about, "weights": trainer.evaluated.state_dict(), **more})

    # The loop.
    shown: AbstractContextManager[Any] = progress("train", recipe.steps, unit="steps") if us.writes else nullcontext(SILENT)
    with shown as advance:
        advance(trainer.steps_done)
        clock = time.perf_counter()
        for batch in batches:
            waited = time.perf_counter() - clock
            step = trainer.steps_done
            blurry, sharp, keys = as_tensors(batch)
            try:
                loss = trainer.step(blurry, sharp, keys=keys)
            except Diverged as diverged:
                raise report_divergence(us, diverged, out) from diverged
            now = time.perf_counter()
            if record:
                record.step(step, loss, rate=trainer.rate, norm=trainer.gradient_norm, seconds=now - clock, waited=waited)
            advance(note=f"loss {loss:.4f}")
            done, last = step + 1, step + 1 == recipe.steps
            if test is not None and recipe.evaluate_every and done % recipe.evaluate_every == 0 and not last:
                score(us, trainer, test, recipe, record, limit=recipe.evaluate_pairs)
            if last or done % options.checkpoint_every == 0:
                save(checkpoint, trainer=trainer.state_dict(), data=batches.state_dict())
            clock = time.perf_counter()

    # The network to use, its scores on all test pairs, and where everything came from.
    save(out / "network.pt")
    rows = score(us, trainer, test, recipe, record) if test is not None else []
    if record:
        record.curve()
        result = {
            "format": "blurdata-training",
            "version": 1,
            "recipe": recipe.resolved(),
            "parameters": getattr(network, "parameter_count", None),
            "steps": trainer.steps_done,
            "waited_for_data": record.waited(),
            "protocol": recipe.protocol,
            "scores": means(rows) if rows else None,
            "pairs": as_rows(rows),
            "ids": ids,
            "environment": environment(us.device, us.world),
        }
        write_atomic(out / "result.json", json.dumps(result, indent=1) + "\n")
        record.close()
        told = f"PSNR {result['scores']['blurry_psnr']:.2f} -> {result['scores']['restored_psnr']:.2f} dB, " if rows else ""
        print(f"{told}{out / 'result.json'}")
        say(us, f"Next: blurdata deblur IMAGE… --checkpoint {out / 'network.pt'} --out restored")


def score(us: Processes, trainer: Trainer, test: PairSource, recipe: TrainRecipe, record: RunRecord | None, *, limit: int = 0) -> list[Any]:
    """Score test pairs, shared out to all processes; the scores in order, in every process."""
    count = min(limit or len(test), len(test))
    chosen = [i * len(test) // count for i in range(count)]
    model = trainer.evaluated.eval()
    scores, rows = [], []
    for index in chosen[us.rank :: us.world]:
        pair = test[index]
        ((one, restored),) = evaluate(model, [pair], protocol=recipe.protocol)
        scores.append((index, one))
        if len(rows) < SAMPLES:
            rows.append((pair.blurry, restored, pair.sharp))
    ordered = [one for _, one in sorted(itertools.chain(*us.gather(scores)), key=lambda scored: scored[0])]
    if record:
        record.scores(trainer.steps_done, count, means(ordered))
        record.samples(trainer.steps_done, rows)
        record.curve()
    return ordered


def report_divergence(us: Processes, diverged: Diverged, out: Path) -> Diverged:
    """Keep the keys of the whole batch, of all processes; the last checkpoint stays."""
    keys = [key for each in us.gather(diverged.keys) for key in each]
    if us.writes:
        write_atomic(out / "diverged.json", json.dumps({"step": diverged.step, "keys": keys}, indent=1) + "\n")
    return Diverged(diverged.step, keys)


def check_same(state: dict[str, Any], recipe: TrainRecipe, ids: dict[str, Any], checkpoint: Path) -> None:
    """A run goes on only with the recipe and the training pairs that it began with."""
    if not {"trainer", "data", "recipe", "ids"} <= set(state):
        msg = f"{checkpoint}: holds a network alone and no run to go on with; choose another --out, or give --no-resume to start anew."
        raise OutputError(msg)
    now, before = recipe.resolved(), state["recipe"]
    changed = sorted(name for name in {*now, *before} if now.get(name) != before.get(name))
    changed += ["the training pairs"] if state["ids"]["train"] != ids["train"] else []
    if changed:
        msg = f"{checkpoint}: belongs to a run with other {', '.join(changed)}; choose another --out, or give --no-resume to start anew."
        raise OutputError(msg)


def say(us: Processes, text: str) -> None:
    if us.writes:
        print(text, file=sys.stderr, flush=True)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", help="recipe of training, by name or path")
    parser.add_argument("--shards", type=Path, help="folder of shards to train on")
    parser.add_argument("--sharp", type=Path, help="sharp pictures (or shards) for pairs made on line; by default those of --shards")
    parser.add_argument("--pairs", choices=("shards", "online", "both"), help="instead of the recipe's")
    parser.add_argument("--test", help="source of the test pairs: a folder of shards, gopro:PATH?split=test …")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--resume", action=argparse.BooleanOptionalAction, default=True, help="go on from OUT/checkpoint.pt")
    parser.add_argument("--set", action="append", default=[], type=field, metavar="FIELD=VALUE", help="change a field of the recipe")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda …")
    parser.add_argument("--threads", type=positive, help="of torch, on the CPU")
    parser.add_argument("--workers", type=int, default=2, help="processes that read ahead, for each training process; 0: none")
    parser.add_argument("--accumulate", type=positive, default=1, help="parts that each batch is cut into")
    parser.add_argument("--checkpoint-every", type=positive, default=500, metavar="STEPS")
    parser.add_argument("--compile", action="store_true", help="torch.compile, on CUDA")
    return parser.parse_args()


def field(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        msg = f"'{text}' is not FIELD=VALUE"
        raise argparse.ArgumentTypeError(msg)
    return name, yaml.safe_load(value)


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        msg = f"'{text}' is no whole number from 1 on"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def main() -> None:
    options = read_options()
    options.set = dict(options.set)
    if options.pairs:
        options.set["pairs"] = options.pairs
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        with join(pick_device(options.device)) as us:
            train(us, options)
    except (BlurDataError, ValueError) as error:
        sys.exit(f"train_deblur: {error}")
    except KeyboardInterrupt:
        end_stopped("train_deblur: stopped; the same command goes on from the last checkpoint.")


if __name__ == "__main__":
    main()
