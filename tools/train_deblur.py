"""Train a deblurring network; reads from top to bottom.

Start it on one GPU or a CPU, on many GPUs, or on many machines:

    python tools/train_deblur.py verify_fast --shards shards/train --test shards/test --out runs/fast
    torchrun --nproc-per-node 8 tools/train_deblur.py train_gopro_restormer --shards gopro/train --test gopro/test --out runs/restormer
    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29500 tools/train_deblur.py … (the same)
    python tools/train_deblur.py train_noblur --sharp photos --test pairs:held_out --out runs/noblur

The first argument is a recipe of training, by name or path (`blurdata recipe list`); `--set FIELD=VALUE` changes single fields, such as
`--set small=true` or `--set precision=bf16`. Pairs come from shards, are made on line from sharp pictures, or both: `--pairs`.
`--test` names any source of pairs, scored by the recipe's protocol. Batches are those of the recipe whatever the number of processes;
`--accumulate 8` cuts them up where memory is small. A stopped or killed run goes on when the same command is typed again, and
on one CPU process with the same `--threads` its losses are then exactly those of a run that was never stopped. Ctrl-C saves it first.

OUT gets loss.csv, scores.csv, curve.png, samples/, tensorboard/, checkpoint.pt (to go on from), network.pt (for `blurdata deblur`) and
result.json. The curve and scores.csv show the pairs that the recipe evaluates on the way, result.json the scores of all.
A loss that is not finite ends the run and leaves diverged.json with the keys of the batch.
"""

import argparse
import itertools
import json
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from blurdata.errors import BlurDataError, OutputError, RecipeError, SourceError, command
from blurdata.files import make_folder, write_atomic
from blurdata.interrupt import deferred, end_stopped
from blurdata.json_values import finite
from blurdata.naming import counted
from blurdata.pairs import Image, PairSource
from blurdata.progress import SILENT, progress
from blurdata.recipe import read_recipe
from blurdata.shards import open_input
from blurdata.training import Diverged, Trainer, TrainRecipe, build_model, load_checkpoint, save_checkpoint
from blurdata.training.batches import Batches, as_tensors
from blurdata.training.evaluation import Score, as_rows, check_pairs, evaluate, fault_of, means, tell_faults
from blurdata.training.pairs import TrainingPairs
from blurdata.training.processes import Processes, join
from blurdata.training.record import RunRecord, environment, remove_old
from blurdata.training.restoring import pick_device

SAMPLES = 4  # pairs on a sheet of samples
TRIAL_PX = 32  # side of the picture that a network is tried on


def train(us: Processes, options: argparse.Namespace) -> None:
    # What to train, on what, against what; everything that can be wrong with it is told now, not after hours.
    recipe = read_recipe(options.recipe, TrainRecipe, **options.set)
    pairs = TrainingPairs(recipe, options.shards, options.sharp)
    test = open_input(options.test) if options.test else None
    network = build(recipe)
    check_parts(us, recipe, options.accumulate)
    tested = test and {"source": test.text, "recipe": test.recipe_id, "content": test.fingerprint()}
    ids = {"recipe": recipe.id, "train": pairs.provenance(), "test": tested}
    if test is not None and options.shards and open_input(str(options.shards)).fingerprint() == test.fingerprint():
        say(us, "--test holds the pairs that are trained on: its scores will tell what was learnt by heart.")
    out = make_folder(options.out)
    checkpoint = out / "checkpoint.pt"

    # The network, its optimiser and its running average on their device; the data from where the run stands.
    model = us.wrap(network)
    if options.compile and us.device.type == "cuda":
        model.compile()
    trainer = Trainer(model, recipe, accumulate=options.accumulate)
    batches = Batches(pairs, recipe, rank=us.rank, world=us.world, workers=options.workers, pin=us.device.type == "cuda")
    kept = load(checkpoint, recipe, ids, trainer, batches) if options.resume and checkpoint.exists() else None
    if kept is not None:
        say(us, f"goes on at step {trainer.steps_done} of {recipe.steps}; --no-resume would start anew")
    others = kept is not None and kept["test"] not in (None, tested)
    if others:
        say(us, f"the test pairs are not those of before; {out / 'scores.csv'} begins anew")
    if test is not None and (kept is None or kept["test"] != tested):
        with progress("check test pairs", len(test)) if us.writes else nullcontext(SILENT) as advance:
            check_pairs(us, test, recipe.protocol, advance=lambda: advance(us.world))
    if us.writes:
        remove_old(out, anew=not options.resume)
    record = RunRecord(out, step=trainer.steps_done, scores=not others) if us.writes else None
    say(us, f"{recipe.model}, {getattr(network, 'parameter_count', 0):,} parameters, {recipe.steps} steps on {us.world} x {us.device}")

    def save(path: Path, **more: Any) -> None:
        if us.writes:
            about = {"recipe": recipe.resolved(), "ids": ids, "seed": recipe.seed, "step": trainer.steps_done}
            save_checkpoint(path, {**about, "weights": trainer.evaluated.state_dict(), **more})

    def keep() -> None:
        save(checkpoint, trainer=trainer.state_dict(), data=position)

    def due(done: int) -> bool:
        return recipe.evaluate_every > 0 and 0 < done < recipe.steps and done % recipe.evaluate_every == 0

    # The loop.
    shown: AbstractContextManager[Any] = progress("train", recipe.steps, unit="steps") if us.writes else nullcontext(SILENT)
    position = batches.state_dict()  # behind the last whole step, whatever batch has come since
    with kept_on_stop(us, options, trainer, checkpoint, keep), shown as advance:
        advance(trainer.steps_done)
        if test is not None and due(trainer.steps_done) and not all(us.gather(record is None or record.scored(trainer.steps_done))):
            score(us, trainer, test, recipe, record)  # the run ended amid it
        clock = time.perf_counter()
        for batch in batches:
            waited = time.perf_counter() - clock
            step = trainer.steps_done
            blurry, sharp, keys = as_tensors(batch)
            with deferred() if us.world == 1 else nullcontext():
                try:
                    loss = trainer.step(blurry, sharp, keys=keys)
                except Diverged as diverged:
                    raise report_divergence(us, diverged, out) from diverged
                now = time.perf_counter()
                if record:
                    record.step(step, loss, rate=trainer.rate, norm=trainer.gradient_norm, seconds=now - clock, waited=waited)
                position = batches.state_dict()
            advance(note=f"loss {loss:.4f}")
            if step + 1 == recipe.steps or (step + 1) % options.checkpoint_every == 0:
                keep()
            if test is not None and due(step + 1):
                score(us, trainer, test, recipe, record)
            clock = time.perf_counter()
    with kept_on_stop(us, options, trainer, checkpoint, keep):
        finish(us, options, trainer, test, recipe, record, ids, save)


def finish(
    us: Processes,
    options: argparse.Namespace,
    trainer: Trainer,
    test: PairSource | None,
    recipe: TrainRecipe,
    record: RunRecord | None,
    ids: dict[str, Any],
    save: Callable[[Path], None],
) -> None:
    """The network to use, its scores on all test pairs, and where everything came from."""
    out: Path = options.out
    save(out / "network.pt")
    rows, fault = list[Score](), None
    try:
        rows = score(us, trainer, test, recipe, record, whole=True) if test is not None else []
    except SourceError as error:
        fault = error
    if record:
        record.curve()
        result: dict[str, Any] = {
            "format": "blurdata-training",
            "version": 1,
            "recipe": recipe.resolved(),
            "parameters": getattr(trainer.evaluated, "parameter_count", None),
            "steps": trainer.steps_done,
            "waited_for_data": record.waited(),
            "protocol": recipe.protocol,
            "scores": means(rows) if rows else None,
            "pairs": as_rows(rows),
            "ids": ids,
            "environment": environment(us.device, us.world),
        }
        write_atomic(out / "result.json", json.dumps(finite(result), indent=1, allow_nan=False) + "\n")
        record.close()
        if fault:
            msg = f"{fault} The network is trained, {out / 'network.pt'}; {same(options)} scores it once the test pairs are mended."
            raise SourceError(msg) from fault
        told = f"PSNR {result['scores']['blurry_psnr']:.2f} -> {result['scores']['restored_psnr']:.2f} dB, " if rows else ""
        print(f"{told}{out / 'result.json'}")
        say(us, f"Next: {command('deblur', 'PICTURES', '--checkpoint', out / 'network.pt', '--out', 'restored')}")


def score(
    us: Processes, trainer: Trainer, test: PairSource, recipe: TrainRecipe, record: RunRecord | None, *, whole: bool = False
) -> list[Score]:
    """Score the recipe's test pairs, or all, shared out to all processes; the scores in order, in every process.

    The curve shows the recipe's pairs in either case: its points are of the same pairs.
    """
    count = min(recipe.evaluate_pairs or len(test), len(test))
    part = [i * len(test) // count for i in range(count)]
    model = us.agree(trainer.evaluated.eval())
    scores, rows, faults = list[tuple[int, Score]](), list[tuple[Image, Image, Image]](), list[str]()
    for index in (range(len(test)) if whole else part)[us.rank :: us.world]:
        try:
            pair = test[index]
            ((one, restored),) = evaluate(model, [pair], protocol=recipe.protocol)
        except (BlurDataError, ValueError) as error:
            faults.append(fault_of(test.keys[index], error))
            continue
        scores.append((index, one))
        if len(rows) < SAMPLES:
            rows.append((pair.blurry, restored, pair.sharp))
    tell_faults(us, faults)
    ordered = dict(sorted(itertools.chain(*us.gather(scores)), key=lambda scored: scored[0]))
    if record:
        record.scores(trainer.steps_done, count, means(ordered[index] for index in part))
        record.samples(trainer.steps_done, rows)
        record.curve()
    return list(ordered.values())


@contextmanager
def kept_on_stop(
    us: Processes, options: argparse.Namespace, trainer: Trainer, checkpoint: Path, keep: Callable[[], None]
) -> Iterator[None]:
    """On Ctrl-C save the run as it stands, and say what the same command will do. Of many processes the others may be gone by then."""
    try:
        yield
    except KeyboardInterrupt:
        lost = ""
        if us.world == 1 and trainer.steps_done:
            try:
                keep()
            except OutputError as error:
                lost = f" What was learnt since is lost: {error}"
        if not checkpoint.exists():
            does = "the same command begins anew"
        else:
            step = load_checkpoint(checkpoint)["step"]
            does = f"{same(options)} goes on at step {step}"
        raise KeyboardInterrupt(f"{does}.{lost}") from None


def same(options: argparse.Namespace) -> str:
    return f"the same command{'' if options.resume else ' without --no-resume'}"


def build(recipe: TrainRecipe) -> nn.Module:
    """The recipe's network, tried on a small picture: not all that can be built can be run."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")  # the sentence below tells it
        network = build_model(recipe.model, small=recipe.small, arguments=recipe.arguments, seed=recipe.seed)
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(1, 3, TRIAL_PX, TRIAL_PX))
    except (RuntimeError, ValueError, IndexError, ZeroDivisionError) as error:
        msg = f"{recipe.model} cannot be run with the arguments {recipe.arguments} ({str(error).rstrip('.')}); change `arguments`."
        raise RecipeError(msg) from error
    return network


def check_parts(us: Processes, recipe: TrainRecipe, parts: int) -> None:
    each = min(stage.batch for stage in recipe.stages) // us.world
    if parts > max(each, 1):
        msg = f"--accumulate {parts}: a batch has {counted(each, 'pair')} for a process and cannot be cut into more parts; lower it."
        raise RecipeError(msg)


def load(checkpoint: Path, recipe: TrainRecipe, ids: dict[str, Any], trainer: Trainer, batches: Batches) -> dict[str, Any]:
    """Put trainer and batches where a checkpoint was saved; the ids it began with."""
    try:
        state = load_checkpoint(checkpoint)
    except SourceError as error:
        msg = f"{error} Or give --no-resume to start anew."
        raise SourceError(msg) from error
    try:
        check_same(state, recipe, ids, checkpoint)
        trainer.load_state_dict(state["trainer"])
        batches.load_state_dict(state["data"])
        if state["data"]["step"] != trainer.steps_done:
            msg = f"its data stand at step {state['data']['step']} and its network at step {trainer.steps_done}"
            raise ValueError(msg)
        kept = {"test": None, **state["ids"]}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
        msg = f"{checkpoint}: holds no run that can go on ({type(error).__name__}: {error}); give --no-resume to start anew."
        raise SourceError(msg) from error
    return kept


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
    changed += ["training pairs"] if state["ids"]["train"] != ids["train"] else []
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
    parser.add_argument("--test", help="source of the test pairs: a folder of shards, gopro:PATH?variant=blur_gamma&split=test …")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    resume = "go on from OUT/checkpoint.pt; --no-resume removes it and what else an earlier run left there"
    parser.add_argument("--resume", action=argparse.BooleanOptionalAction, default=True, help=resume)
    parser.add_argument("--set", action="append", default=[], type=field, metavar="FIELD=VALUE", help="change a field of the recipe")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda …")
    parser.add_argument("--threads", type=threads, help="of torch, on the CPU")
    parser.add_argument("--workers", type=count, default=2, help="processes that read ahead, for each training process; 0: none")
    parser.add_argument("--accumulate", type=positive, default=1, help="parts that each batch is cut into; batch norms see one part")
    parser.add_argument("--checkpoint-every", type=positive, default=500, metavar="STEPS")
    parser.add_argument("--compile", action="store_true", help="torch.compile, on CUDA")
    return parser.parse_args()


def field(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        msg = f"'{text}' is not FIELD=VALUE"
        raise argparse.ArgumentTypeError(msg)
    try:
        return name, yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        msg = f"'{value}' of {name} is no YAML; write for example arguments={{width: 32}}"
        raise argparse.ArgumentTypeError(msg) from error


def positive(text: str) -> int:
    return count(text, least=1)


def threads(text: str) -> int:
    return count(text, least=1, most=1024)


def count(text: str, *, least: int = 0, most: float = math.inf) -> int:
    if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
        msg = f"'{text}' is no whole number from {least} {'on' if most == math.inf else f'to {most}'}"
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
    except KeyboardInterrupt as stop:
        end_stopped(f"train_deblur: stopped; {str(stop) or 'run the same command again.'}")


if __name__ == "__main__":
    main()
