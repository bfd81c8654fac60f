"""The whole demo: one call, one folder, one page."""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from blurdata.demo.build import Built, build_shards
from blurdata.demo.clip import find_clip
from blurdata.demo.learn import test, train
from blurdata.files import make_folder, write_atomic
from blurdata.pairs import JoinedSource
from blurdata.processes import available_cpus
from blurdata.progress import progress
from blurdata.report import write_report
from blurdata.synthesis.own_blur import OWN_BLUR_ABOVE
from blurdata.training.evaluation import Score, means

_TRAIN_S = 60.0
_ROWS = 8  # of the contact sheet


@dataclass(frozen=True)
class DemoResult:
    """Where everything lies, and the scores.

    Args:
        report: The page.
        result: The scores as JSON.
        shards: Folder with the shards of ``train`` and ``test``.
        checkpoint: The trained network.
        scores: Mean ``blurry_psnr``, ``blurry_ssim``, ``restored_psnr``, ``restored_ssim`` of the held-out pairs.
    """

    report: Path
    result: Path
    shards: Path
    checkpoint: Path
    scores: dict[str, float]


def run_demo(out: Path, *, train_seconds: float = _TRAIN_S) -> DemoResult:
    """Build pairs from the clip, pack and verify them, train on some shots, test on others, report.

    Args:
        out: Folder for everything; shards that an earlier run finished are kept, and come out the same to the byte anywhere.
        train_seconds: How long to train.

    Raises:
        MissingDependency: If the package with the clip is not installed.
        OutputError: If ``out`` cannot be written.

    Example:
        >>> run_demo(Path("demo")).report  # doctest: +SKIP
        PosixPath('demo/report.html')
    """
    clip = find_clip()
    workers = min(2, available_cpus())
    built = build_shards(clip, make_folder(out), workers=workers)
    checkpoint = out / "network.pt"
    model, steps = train(out / "shards" / "train", checkpoint, seconds=train_seconds)
    scores, restored = test(model, built.test)
    mean = means(scores)
    pairs = JoinedSource({"train": built.train, "test": built.test})
    with progress("measure the pairs", len(pairs)) as advance:
        write_report(
            pairs,
            out / "report.html",
            title="bikes.mp4: film blurred through virtual frames",
            notes=_notes(built, steps),
            scores=_table(mean),
            samples=_samples(scores),
            restored={f"test/{key}": picture for key, picture in restored.items()},
            workers=workers,
            advance=advance,
        )
    write_atomic(out / "result.json", json.dumps(_result(built, mean, steps), indent=1) + "\n")
    return DemoResult(out / "report.html", out / "result.json", out / "shards", checkpoint, mean)


def _samples(scores: Sequence[Score]) -> list[str]:
    """Held-out pairs for the contact sheet, evenly from the more blurred half: what hardly moves has nothing to show."""
    ordered = sorted(scores, key=lambda score: score.blurry_psnr)
    ordered = ordered[: max(_ROWS, len(ordered) // 2)]
    step = max(1, len(ordered) // _ROWS)
    return [f"test/{score.key}" for score in ordered[::step][:_ROWS]]


def _table(mean: dict[str, float]) -> dict[str, dict[str, float]]:
    return {
        "blurry input": {"PSNR, dB": mean["blurry_psnr"], "SSIM": mean["blurry_ssim"]},
        "restored by the network": {"PSNR, dB": mean["restored_psnr"], "SSIM": mean["restored_ssim"]},
    }


def _notes(built: Built, steps: int) -> list[str]:
    counts = built.pairs.summary()
    notes = [
        f"{counts['frames']} frames in {counts['shots']} shots; no exposure crosses a cut, and whole shots went to train "
        f"({_listed(built.train_shots)}) or test ({_listed(built.test_shots)}).",
        f"Left out: {counts['windows_over_max_blur']} windows blurred beyond the recipe's limit, "
        f"{counts['windows_refused_by_flow']} where forward and backward flow disagreed.",
        "Blurry is the mean in linear light (blur_gamma); the mean of code values (blur) of the same exposure goes along as an extra.",
        f"The scores are of the held-out shots; the network took {steps} steps, about a minute, and is no measure of the art.",
    ]
    if built.own_blur is not None and built.own_blur > OWN_BLUR_ABOVE:
        notes.append(
            "The film was exposed for a while itself, and its own motion blur shows: its “sharp” is not perfectly sharp where things "
            f"move (slopes persist {built.own_blur:.2f} more along the motion than across it; sharp frames stay under {OWN_BLUR_ABOVE})."
        )
    return notes


def _listed(shots: Sequence[int]) -> str:
    return "shots " + ", ".join(str(shot) for shot in shots)


def _result(built: Built, mean: dict[str, float], steps: int) -> dict[str, Any]:
    return {
        "format": "blurdata-demo",
        "version": 1,
        "train": {"shots": built.train_shots, "pairs": len(built.train), "steps": steps},
        "test": {
            "shots": built.test_shots,
            "pairs": len(built.test),
            "blurry": {"psnr": mean["blurry_psnr"], "ssim": mean["blurry_ssim"]},
            "restored": {"psnr": mean["restored_psnr"], "ssim": mean["restored_ssim"]},
        },
        "left_out": {name: count for name, count in built.pairs.summary().items() if name.startswith("windows_")},
        "own_blur": built.own_blur,
        "ids": {
            "recipe": built.pairs.recipe_id,
            "train_plan": built.train.summary()["plan_id"],
            "test_plan": built.test.summary()["plan_id"],
        },
        "versions": {"python": platform.python_version(), **{name: version(name) for name in ("numpy", "torch", "h5py", "av")}},
    }
