"""Does blur augmentation help a fruit grader? Four arms with the same seeds, order and steps, tested under blur none of them has seen.

    python tools/passion_fruit.py --out fruits/train --count 2000 --seed 0        # synthetic fruits; or folders of your own,
    python tools/passion_fruit.py --out fruits/test --count 4000 --seed 1         # FOLDER/[train|test/]CLASS/**/*.jpg, or hf:NAME
    python tools/train_grading.py --data fruits --out runs/fruits

Tested on clean pictures, on ImageNet-C's motion and defocus at severities 1 to 5, and on camera shake. Printed, and written to
``result.json`` and ``curves.png``: accuracy, macro F1, quadratic kappa of ordered grades, calibration error, confusion, and what each
arm wins over the first, with intervals over runs of names and seeds. A run that was stopped goes on where it was.
"""

import argparse
import hashlib
import json
import math
import pickle
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, kl_div, log_softmax, softmax
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import resize

from blurdata.errors import BlurDataError, SourceError
from blurdata.files import atomic_path, make_folder, write_atomic
from blurdata.interrupt import end_stopped, listen
from blurdata.json_values import finite
from blurdata.locks import leftovers, sweep
from blurdata.naming import counted
from blurdata.paths import user_path
from blurdata.progress import progress
from blurdata.recipe import read_recipe
from blurdata.training import Diverged, learning_rate, load_checkpoint, save_checkpoint
from blurdata.training.grading import (
    BURST_CODES,
    SEVERITIES,
    TESTS,
    Arm,
    GradingRecipe,
    Pictures,
    SplitNorms,
    blur_for_testing,
    blur_for_training,
    compare_arms,
    compared_text,
    folds,
    grading_network,
    in_order,
    nearest_across,
    own_split,
    plot_scores,
    read_pictures,
    score,
    scores_table,
)
from blurdata.training.restoring import pick_device

MEAN, DEVIATION = (torch.tensor(v).view(1, 3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
ALL_TESTS = ("clean", *(f"{test} {severity}" for test in TESTS for severity in SEVERITIES))
CHUNK = 256  # pictures blurred or graded at once
# what numpy and torch raise at a file that is damaged or cut off
DAMAGED = (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error, pickle.UnpicklingError)
Answers = dict[str, NDArray[np.float32]]  # test -> (pictures, classes) probabilities


def main() -> None:
    """Read the arguments, train what is not trained yet, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of class folders, or hf:NAME")
    parser.add_argument("--out", type=Path, required=True, help="folder for answers, result.json and curves.png")
    parser.add_argument("--recipe", default="passion_fruit", help="grading recipe (default: passion_fruit)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda …")
    args = parser.parse_args()
    listen()
    try:
        device = pick_device(args.device)
        run(args.data, args.out, read_recipe(args.recipe, GradingRecipe), device)
    except (BlurDataError, ValueError) as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        end_stopped("train_grading: stopped; the same command goes on after the last arm that was finished.")


def run(data: str, out: Path, recipe: GradingRecipe, device: torch.device) -> None:
    """The whole experiment."""
    if Path(data).is_dir() and out.resolve().is_relative_to(Path(data).resolve()):
        msg = f"--out {out} lies in the data, {data}, where its plots would be taken for pictures of a class; give a folder beside it."
        raise ValueError(msg)
    sweep(leftovers(make_folder(out)))  # what a run that was killed had half-written
    grading_network(recipe, 2, recipe.seed)  # weights that do not fit are told before anything is done
    pictures = read_pictures(data, side=recipe.side)
    if isinstance(recipe.ordered, tuple):
        pictures = in_order(pictures, recipe.ordered)
    if recipe.ordered:
        print(f"grades, in order: {', '.join(pictures.classes)}")
    parts = folds(pictures, recipe.folds) if recipe.folds > 1 else [own_split(pictures) or folds(pictures, 5)[0]]
    tell_parts(pictures, parts)
    tested = [i for _, test in parts for i in test]
    data = digest(pictures.images, pictures.labels, pictures.names)
    questions = digest(data, tested)  # what blurred tests belong to: these pictures in this order
    weights = [digest(np.fromfile(user_path(recipe.weights), np.uint8))] if recipe.weights else []
    belongs = [digest(questions, train, test, *weights) for train, test in parts]  # what answers belong to
    at = {picture: i for i, picture in enumerate(tested)}  # where a picture's answers lie
    blurred = blurred_tests(pictures.images[tested], recipe, out / "blurred" / questions)
    runs = [(name, recipe.seed + k, part) for k in range(recipe.seeds) for part in range(len(parts)) for name in recipe.arms]
    found: dict[str, dict[int, list[Answers]]] = {name: {} for name in recipe.arms}
    with progress("train and test", len(runs) * recipe.steps, unit="steps") as advance:
        for name, seed, part in runs:
            path = out / "answers" / f"{name.replace(' ', '_')}_{seed}_{part}.npz"
            alone = recipe.model_copy(update={"arms": {name: recipe.arms[name]}, "seeds": 1, "seed": seed})  # arms and seeds may be added
            answers = kept(path, alone, belongs[part])
            if answers is None:
                train, test = parts[part]
                begun = Begun(out / "begun" / f"{seed}_{part}.pt", f"{alone.model_copy(update={'arms': {}}).id} {belongs[part]}")
                model = train_arm(pictures, train, recipe, recipe.arms[name], seed, device, advance, begun)
                answers = {name: grade(model, blurred[name][[at[i] for i in test]], recipe, device) for name in ALL_TESTS}
                keep(path, answers, alone, belongs[part])
            else:
                advance(recipe.steps)
            found[name].setdefault(seed, []).append(answers)
    tell(pictures, data, tested, recipe, found, out)


def tell_parts(pictures: Pictures, parts: list[tuple[list[int], list[int]]]) -> None:
    """What is trained on and tested; on stderr, what a reader of the scores should know."""
    if pictures.skipped:
        print(
            f"{counted(len(pictures.skipped), 'picture')} left out, of no class (first: {pictures.skipped[0]}).",
            file=sys.stderr,
        )
    for i, (train, test) in enumerate(parts):
        near = nearest_across(pictures, train, test)
        print(
            f"part {i}: {len(train)} to train on, {len(test)} to test; nearest across: {near.min():.1f} codes, median {np.median(near):.1f}"
        )
        if near.min() < BURST_CODES:
            alike, first = counted(int((near < BURST_CODES).sum()), "picture"), pictures.names[test[near.argmin()]]
            print(
                f"part {i}: {alike} to test, above all {first}, within {BURST_CODES:g} codes of one to train on; "
                "look at them: copies and bursts on both sides flatter every arm.",
                file=sys.stderr,
            )
    used = {i for train, test in parts for i in (*train, *test)}
    unused = [name for i, name in enumerate(pictures.names) if i not in used]
    if unused:
        print(f"{counted(len(unused), 'picture')} of other splits neither trained on nor tested (first: {unused[0]}).", file=sys.stderr)
    untested = set(range(len(pictures.classes))) - {int(pictures.labels[i]) for _, test in parts for i in test}
    if untested:
        names = ", ".join(f"'{pictures.classes[label]}'" for label in sorted(untested))
        print(f"No picture to test shows {names}: the scores say nothing about it.", file=sys.stderr)


def digest(*parts: Any) -> str:
    """16 hex digits of arrays, and of lists and texts, by which files of other data are told."""
    total = hashlib.blake2b(digest_size=8)
    for part in parts:
        total.update(part.tobytes() if isinstance(part, np.ndarray) else json.dumps(part).encode())
    return total.hexdigest()


def blurred_tests(clean: NDArray[np.uint8], recipe: GradingRecipe, folder: Path) -> dict[str, NDArray[np.uint8]]:
    """The pictures under every test at the network's side, kept in files: blurred once for all arms."""
    make_folder(folder)
    found = {}
    shape = (len(clean), recipe.input_side, recipe.input_side, 3)
    with progress("blur the tests", len(ALL_TESTS) * len(clean), unit="pictures") as advance:
        for name in ALL_TESTS:
            path = folder / f"{name.replace(' ', '_')}_{recipe.side}_{recipe.input_side}.npy"
            if stored(path, shape) is None:
                reduced = np.empty(shape, np.uint8)
                for start in range(0, len(clean), CHUNK):
                    images = clean[start : start + CHUNK]
                    if name != "clean":
                        test, severity = name.split()
                        images = blur_for_testing(test, int(severity), images, seed=start)
                    reduced[start : start + CHUNK] = [reduce(image, recipe.input_side) for image in images]
                with atomic_path(path) as temporary, temporary.open("wb") as file:
                    np.save(file, reduced)
            found[name] = np.load(path, mmap_mode="r")
            advance(len(clean))
    return found


def stored(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """The pictures of one test, or None where there is no such file, or a damaged one."""
    try:
        found: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    except DAMAGED:
        return None
    return found if found.shape == shape else None


def reduce(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Down to what the network sees, by the filter that the crops of training are reduced with: grades rest on sharpness."""
    if len(image) == side:
        return image
    return resize(torch.from_numpy(image).permute(2, 0, 1), [side, side], antialias=True).permute(1, 2, 0).numpy()


class Begun(NamedTuple):
    """Where the network lies that all arms begin with: until the first picture is blurred they are one."""

    path: Path
    of: str  # recipe, and what is trained on and tested

    def keep(self, model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Write it."""
        make_folder(self.path.parent)
        save_checkpoint(self.path, {"of": self.of, "model": model.state_dict(), "optimiser": optimiser.state_dict()})

    def take(self, model: nn.Module, optimiser: torch.optim.Optimizer) -> bool:
        """Go on from it, if it is there and whole."""
        try:
            held = load_checkpoint(self.path)
        except SourceError:  # missing or damaged
            return False
        if held.get("of") != self.of:
            return False
        model.load_state_dict(held["model"])
        optimiser.load_state_dict(held["optimiser"])
        return True


def train_arm(
    pictures: Pictures, train: list[int], recipe: GradingRecipe, arm: Arm, seed: int, device: torch.device, advance: Any, begun: Begun
) -> nn.Module:
    """A network trained for ``recipe.steps``; weights, order, crops and colours follow from ``seed`` alone, so arms share them."""
    model: nn.Module = grading_network(recipe, len(pictures.classes), seed).train()
    model = model.to(device, memory_format=torch.channels_last)  # 1.7 times as fast on a CPU
    optimiser = torch.optim.AdamW(model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    blur = blur_for_training(arm, recipe)
    # from 0.9 to 1.1 of the size at which pictures are tested, for wrinkles and spots are told by theirs
    crop = v2.RandomResizedCrop(recipe.input_side, scale=(0.67, 1.0), ratio=(0.9, 1.1), antialias=True)
    geometry = v2.Compose([v2.RandomHorizontalFlip(), v2.Pad(recipe.side // 18, padding_mode="reflect"), crop])
    colour = v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2)
    shared = int(recipe.ramp[0] * recipe.steps)  # steps without blur, which all arms have in common
    start = shared if shared and begun.take(model, optimiser) else 0
    advance(start)
    for step, chosen in enumerate(order(train, recipe, seed)):
        if step < start:
            continue
        if step == shared and not start:
            begun.keep(model, optimiser)
        if step == shared and arm.norms == "split":
            model = SplitNorms(model, seed=seed).to(device, memory_format=torch.channels_last)
            optimiser.add_param_group({"params": model.added()})
        rate = learning_rate(step, steps=recipe.steps, peak=recipe.learning_rate, warmup=recipe.steps // 10)
        for group in optimiser.param_groups:
            group["lr"] = rate
        clean = torch.from_numpy(pictures.images[chosen]).permute(0, 3, 1, 2).contiguous()
        labels = torch.from_numpy(pictures.labels[chosen]).to(device)
        torch.manual_seed(1_000_003 * seed + step)
        blurred = blur(clean, step / recipe.steps)
        views = [blurred, clean] if arm.consistency and step >= shared else [blurred]
        batches = []
        for view in views:
            torch.manual_seed(1_000_003 * seed + step)  # both views, and all arms, are cropped alike
            batches.append(torch.stack([colour(geometry(picture)) for picture in view]))
        with in_precision(recipe, device):
            inputs = as_input(torch.cat(batches), device)
            gate_loss: Tensor | float = 0.0
            if isinstance(model, SplitNorms):
                is_blurred = torch.cat([(view != clean).flatten(1).any(1) for view in views]).to(device)
                answers, told = model.learn(inputs, is_blurred)
                gate_loss = binary_cross_entropy_with_logits(told.float(), is_blurred.float())
            else:
                answers = model(inputs)
        logits = answers.float().chunk(len(batches))
        loss = torch.stack([cross_entropy(one, labels, label_smoothing=recipe.smoothing) for one in logits]).mean() + gate_loss
        if len(logits) > 1:
            loss = loss + arm.consistency * kl_div(
                log_softmax(logits[0], 1), log_softmax(logits[1], 1).detach(), log_target=True, reduction="batchmean"
            )
        if not math.isfinite(paid := float(loss.detach())):
            raise Diverged(step, [pictures.names[i] for i in chosen])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        advance(1, note=f"loss {paid:.3f}")
    if not all(bool(torch.isfinite(value).all()) for value in model.state_dict().values()):
        raise Diverged(recipe.steps, [pictures.names[i] for i in chosen])
    return model.eval()


def order(train: list[int], recipe: GradingRecipe, seed: int) -> Iterator[list[int]]:
    """The pictures of each step: permuted epochs."""
    rng = np.random.default_rng([seed, 5])
    queue: list[int] = []
    for _ in range(recipe.steps):
        while len(queue) < recipe.batch:
            queue += rng.permutation(train).tolist()
        yield queue[: recipe.batch]
        queue = queue[recipe.batch :]


def in_precision(recipe: GradingRecipe, device: torch.device) -> torch.autocast:
    """The precision that the recipe asks for."""
    return torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16")


def as_input(batch: Tensor, device: torch.device) -> Tensor:
    """(B, 3, H, W) uint8 as the network wants it."""
    return ((batch.float() / 255 - MEAN) / DEVIATION).to(device, memory_format=torch.channels_last)


@torch.inference_mode()
def grade(model: nn.Module, images: NDArray[np.uint8], recipe: GradingRecipe, device: torch.device) -> NDArray[np.float32]:
    """(N, classes) probabilities."""
    found = []
    for start in range(0, len(images), CHUNK):
        batch = torch.from_numpy(np.ascontiguousarray(images[start : start + CHUNK])).permute(0, 3, 1, 2)
        with in_precision(recipe, device):
            logits = model(as_input(batch, device)).float()
        found.append(softmax(logits, 1).cpu().numpy())
    return np.concatenate(found)


def keep(path: Path, answers: Answers, recipe: GradingRecipe, of: str) -> None:
    """Write the answers of one run, with what they are answers to."""
    make_folder(path.parent)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, recipe=recipe.id, data=of, **answers)


def kept(path: Path, recipe: GradingRecipe, of: str) -> Answers | None:
    """The answers of a run that was finished earlier with the same recipe and pictures; a damaged file has none."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            same = str(held["recipe"]) == recipe.id and str(held["data"]) == of
            return {name: held[name] for name in ALL_TESTS} if same else None
    except DAMAGED:
        return None


def tell(
    pictures: Pictures, data: str, tested: list[int], recipe: GradingRecipe, found: dict[str, dict[int, list[Answers]]], out: Path
) -> None:
    """Print and write the scores, the comparison and the curves."""
    labels = pictures.labels[tested]
    groups = [pictures.groups[i] for i in tested]
    joined = {
        name: {test: np.stack([np.concatenate([part[test] for part in parts]) for parts in by_seed.values()]) for test in ALL_TESTS}
        for name, by_seed in found.items()
    }
    scores = {
        name: {test: [score(one, labels, ordered=bool(recipe.ordered)) for one in chances] for test, chances in tests.items()}
        for name, tests in joined.items()
    }
    right = {
        name: {test: (chances.argmax(-1) == labels).astype(float) for test, chances in tests.items()} for name, tests in joined.items()
    }
    compared = compare_arms(right, groups)
    print(f"\n{scores_table(scores)}\n\n{compared_text(compared, next(iter(found)))}")
    plot_scores(scores, out / "curves.png")
    result = {
        "format": "blurdata-grading",
        "version": 1,
        "recipe": recipe.resolved(),
        "recipe_id": recipe.id,
        "pictures": {"id": data, "tested": len(tested), "classes": pictures.classes},
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "scores": {name: {test: [asdict(one) for one in rows] for test, rows in tests.items()} for name, tests in scores.items()},
        "against_first": {name: asdict(one) for name, one in compared.items()},
    }
    write_atomic(out / "result.json", json.dumps(finite(result), indent=1, allow_nan=False) + "\n")
    print(f"\n{out / 'result.json'}, {out / 'curves.png'}")


if __name__ == "__main__":
    main()
