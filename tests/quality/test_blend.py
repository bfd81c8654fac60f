"""GoPro's two variants are told by content where the sharp frames that were averaged are in the set; else nothing is claimed."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from blurdata.cli import build_app
from blurdata.files import write_png
from blurdata.quality.blend import blend_of, fit_blend, tell_blend
from blurdata.sources import open_source

FRAMES = 17
VARIANTS = {"blur": "codes", "blur_gamma": "light"}


def film(folder: Path, *, moving: bool) -> Path:
    """Frames of 120x80 of hard-edged shapes, panned by 3 px a frame or standing still, with a little noise of their own."""
    rng = np.random.default_rng(5)
    scene = np.full((100, 240, 3), 90, np.uint8)
    for _ in range(60):
        centre, axes = (int(rng.integers(240)), int(rng.integers(100))), (int(rng.integers(3, 16)), int(rng.integers(3, 16)))
        cv2.ellipse(scene, centre, axes, float(rng.uniform(0, 180)), 0, 360, rng.integers(5, 240, 3).tolist(), -1)
    for i in range(FRAMES):
        x = 3 * i if moving else 0
        noisy = scene[10:90, x : x + 120] + rng.normal(0, 1.0, (80, 120, 3))
        write_png(folder / f"{i:04d}.png", np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
    return folder


def synthesized(frames: Path, out: Path, variant: str, *, window: int, step: int) -> Path:
    """A tree in GoPro's layout that our own synthesis makes of the frames, with its variant's folder as named."""
    words = ["synthesize", str(frames), "--out", str(out), "--window", str(window), "--step", str(step), "--capture-fps", "240"]
    run = CliRunner().invoke(build_app(), [*words, "--variant", variant])
    assert run.exit_code == 0, run.output
    sequences = [path.parent for path in out.rglob("sharp") if path.is_dir()]
    root = out.parent / f"{out.name}_gopro"
    for sequence in sequences:
        for half in (variant, "sharp"):
            for picture in (sequence / half).glob("*.png"):
                target = root / "train" / "GOPR0372_07_00" / half / picture.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(picture.read_bytes())
    return root


def audited(text: str) -> dict[str, object]:
    """The command's answer."""
    return json.loads(CliRunner().invoke(build_app(), ["audit", text, "--json", "--partial", "--workers", "1"]).stdout)


@pytest.mark.parametrize("window", [3, 7])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_is_told_by_its_consecutive_frames(tmp_path, variant, window):
    """The mean that was taken leaves rounding only, the other one several times as much; the window comes out too."""
    root = synthesized(film(tmp_path / "film", moving=True), tmp_path / "out", variant, window=window, step=1)

    blend = blend_of(open_source(f"gopro:{root}?variant={variant}"))

    assert (blend.verdict, blend.frames) == (VARIANTS[variant], window)
    right, wrong = (blend.codes, blend.light) if variant == "blur" else (blend.light, blend.codes)
    assert right < 0.5
    assert wrong > 4 * right


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_audit_names_the_other_variant(tmp_path, variant):
    """A set whose folder is renamed to the other variant is told with the margin; under its own name it is not."""
    root = synthesized(film(tmp_path / "film", moving=True), tmp_path / "out", variant, window=5, step=1)
    assert "variant" not in {fault["kind"] for fault in audited(f"gopro:{root}?variant={variant}")["faults"]}
    (other,) = set(VARIANTS) - {variant}
    folder = root / "train" / "GOPR0372_07_00"
    (folder / variant).rename(folder / other)

    found = audited(f"gopro:{root}?variant={other}")

    assert found["blend"]["verdict"] == VARIANTS[variant]
    (sentence,) = [fault["sentence"] for fault in found["faults"] if fault["kind"] == "variant"]
    assert "of 5 sharp frames the mean of codes leaves" in sentence


@pytest.mark.parametrize("variant", VARIANTS)
def test_frames_apart_never_give_the_wrong_answer(tmp_path, variant):
    """Where a pair's neighbours lie outside its exposure the frames tell nothing, or the truth."""
    root = synthesized(film(tmp_path / "film", moving=True), tmp_path / "out", variant, window=3, step=3)

    assert blend_of(open_source(f"gopro:{root}?variant={variant}")).verdict in ("unclear", VARIANTS[variant])


@pytest.mark.parametrize("light", [False, True])
def test_a_scene_that_stands_still_cannot_tell(light):
    """With noise alone between the frames, and with none, both means are the same."""
    rng = np.random.default_rng(0)
    still = rng.integers(20, 230, (60, 80, 3))
    for sigma in (0.0, 1.5):
        run = [np.clip(np.rint(still + rng.normal(0, sigma, still.shape)), 0, 255).astype(np.uint8) for _ in range(7)]
        mean = np.mean([(frame / 255) ** 2.2 for frame in run], axis=0) ** (1 / 2.2) * 255 if light else np.mean(run, axis=0)
        fit = fit_blend(np.rint(mean).astype(np.uint8), run)

        assert fit.verdict == "unclear"
        assert tell_blend([fit] * 5).verdict == "unclear"


def test_pairs_that_disagree_or_stand_alone_tell_nothing():
    """One pair does not decide a set, nor do two that contradict each other; no pairs are unclear."""
    rng = np.random.default_rng(1)
    run = list(rng.integers(0, 256, (3, 60, 80, 3), np.uint8))
    codes = fit_blend(np.rint(np.mean(run, axis=0)).astype(np.uint8), run)
    light = fit_blend(np.rint(255 * np.mean((np.array(run) / 255) ** 2.2, axis=0) ** (1 / 2.2)).astype(np.uint8), run)

    assert (codes.verdict, light.verdict) == ("codes", "light")
    assert [tell_blend(fits).verdict for fits in ([codes], [codes, light], [], [codes, codes])] == [
        "unclear",
        "unclear",
        "unclear",
        "codes",
    ]
