"""The verdict on sets that are good, and on sets that are spoilt."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from blurdata import convolve, psf
from blurdata.cli import build_app
from blurdata.cli.verify import _tell_verdict
from blurdata.json_values import finite
from blurdata.pairs import Pair, PairList, PairSource
from blurdata.quality import measure_pair
from blurdata.shards import build
from blurdata.training import Bin, TrainRecipe, Verdict, verify_by_training
from blurdata.training.linear import fit_filter
from blurdata.training.patches import Crop, draw_crops
from blurdata.training.trial import Outcome, Trial, agreement, batches, run_trial, run_trials
from blurdata.training.verdict import judge_training

TINY = TrainRecipe(model="baseline", small=True, stages=[{"steps": 3, "crop": 32, "batch": 2}], learning_rate=1e-3)


def _scene(seed: int) -> np.ndarray:
    """Soft-edged blobs and lines of many sizes."""
    rng = np.random.default_rng(seed)
    picture = np.full((96, 96, 3), 0.4)
    for _ in range(40):
        colour, place = rng.uniform(0.05, 0.95, 3).tolist(), rng.integers(0, 96, 2).tolist()
        if rng.random() < 0.5:
            cv2.circle(picture, place, int(rng.integers(2, 14)), colour, -1)
        else:
            cv2.line(picture, place, rng.integers(0, 96, 2).tolist(), colour, int(rng.integers(1, 4)))
    return (cv2.GaussianBlur(picture, (0, 0), 0.6) * 255).astype(np.uint8)


def _blurred(picture: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng([seed, 1])
    soft = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), float(rng.uniform(1.0, 2.5)))
    return np.clip(soft + rng.normal(0, 1, soft.shape), 0, 255).astype(np.uint8)


def _set(kind: str, count: int = 18) -> PairSource:
    scenes = [_scene(seed) for seed in range(count)]
    halves = [(_blurred(scene, i), scene) for i, scene in enumerate(scenes)]
    if kind == "shuffled":
        halves = [(halves[(i + 5) % count][0], sharp) for i, (_, sharp) in enumerate(halves)]
    if kind == "swapped":
        halves = [(sharp, blurry) for blurry, sharp in halves]
    if kind == "unblurred":
        halves = [(sharp, sharp) for _, sharp in halves]
    if kind == "shifted":
        halves = [(np.roll(blurry, (1, 2), (0, 1)), sharp) for blurry, sharp in halves]
    return PairList([Pair(f"{i // 2}/{i}", blurry, sharp) for i, (blurry, sharp) in enumerate(halves)])


def _judge(kind: str, *, gain: float = 1.0, over: float = 0.5, rise: float = 0.02) -> Verdict:
    """The verdict on a set's real halves, with given scores."""
    ((_, test),) = draw_crops(_set(kind), train=4)
    outcomes = [[Outcome(20.0, 20.0 + gain - over, 20.0 + gain, 0.8, 0.8 + rise) for _ in test] for _ in range(3)]
    return judge_training(outcomes, test, [measure_pair(Pair(c.key, c.blurry, c.sharp)) for c in test], train_crops=4)


def test_a_good_set_passes() -> None:
    """Halves that belong together and gains above the floors pass."""
    assert _judge("good").status == "pass"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("shifted", "the halves clearly lie more than 0.7 px apart"),
        ("shuffled", "the halves do not show the same thing"),
        ("swapped", "the blurry half is the sharper one"),
    ],
)
def test_a_set_of_which_two_in_five_pairs_are_spoilt_does_not_pass(kind: str, reason: str) -> None:
    """Most pairs are right, so no median tells."""
    good, spoilt = list(_set("good", 60)), list(_set(kind, 60))
    ((_, test),) = draw_crops(PairList([spoilt[i] if i // 2 % 5 < 2 else good[i] for i in range(60)]), train=4)
    outcomes = [[Outcome(20.0, 20.5, 21.0, 0.8, 0.82) for _ in test] for _ in range(3)]
    verdict = judge_training(outcomes, test, [measure_pair(Pair(c.key, c.blurry, c.sharp)) for c in test], train_crops=4)
    assert verdict.status == "weak"
    assert reason in verdict.reasons[0]


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [
        ("shuffled", "fail", "do not show the same thing"),
        ("swapped", "fail", "is the sharper one"),
        ("unblurred", "fail", "hardly blurred"),
        ("shifted", "weak", "px apart"),
    ],
)
def test_no_score_saves_a_spoilt_set(kind: str, status: str, reason: str) -> None:
    """Sets whose halves are wrong do not pass, whatever the network gained on them."""
    verdict = _judge(kind)
    assert verdict.status == status
    assert reason in " ".join(verdict.reasons)


def _strokes(count: int) -> list[np.ndarray]:
    """A fine print: upright strokes, in lines."""
    rng, pages = np.random.default_rng(3), []
    for _ in range(count):
        page = np.full((96, 96, 3), 210, np.uint8)
        for top in range(6, 90, 10):
            for left in range(4, 92, 4):
                page[top : top + int(rng.integers(3, 8)), left : left + int(rng.integers(1, 3))] = rng.integers(20, 120)
        pages.append(page)
    return pages


@pytest.mark.parametrize(("swapped", "status"), [(False, "pass"), (True, "fail")])
def test_edges_along_the_motion_do_not_make_a_blurred_set_unblurred(swapped: bool, status: str) -> None:
    """Motion leaves strokes along it as sharp as they were; what it takes of the rest tells, and which half it was taken from."""
    halves = [(convolve(page, psf.motion(9, 90)), page) for page in _strokes(18)]
    pairs = [Pair(f"{i // 2}/{i}", *(both[::-1] if swapped else both)) for i, both in enumerate(halves)]
    ((_, test),) = draw_crops(PairList(pairs), train=4)
    outcomes = [[Outcome(20.0, 20.5, 21.0, 0.8, 0.82) for _ in test] for _ in range(3)]

    verdict = judge_training(outcomes, test, [measure_pair(Pair(c.key, c.blurry, c.sharp)) for c in test], train_crops=4)

    assert 0.9 < verdict.edge_ratio < 1.1
    assert verdict.status == status
    assert (verdict.softer_px2 > 0) != swapped


def test_pictures_without_edges_are_said_to_have_none() -> None:
    """Flat halves are neither taken for pictures of different things nor measured as "nan"."""
    grey = PairList([Pair(f"{i // 2}/{i}", *[np.full((64, 64, 3), 128, np.uint8)] * 2) for i in range(18)])
    ((_, test),) = draw_crops(grey, train=4)
    outcomes = [[Outcome(60.0, 60.0, 60.0, 0.0, 0.0) for _ in test] for _ in range(3)]
    verdict = judge_training(outcomes, test, [measure_pair(Pair(c.key, c.blurry, c.sharp)) for c in test], train_crops=4)
    assert verdict.status == "fail"
    assert "no edges to be measured" in verdict.reasons[0]
    assert "nan" not in json.dumps(finite(asdict(verdict)), allow_nan=False)


@pytest.mark.parametrize(
    ("scores", "status", "reason"),
    [
        ({"gain": 0.0, "over": 0.0}, "fail", "gain over the blurry pictures"),
        ({"gain": 2.2, "over": 0.0}, "fail", "a filter would do"),
        ({"gain": 2.2, "rise": -0.01}, "fail", "does not clearly rise"),
    ],
)
def test_a_gain_that_a_control_explains_is_none(scores: dict[str, float], status: str, reason: str) -> None:
    """2 dB over the input do not pass where a filter gains as much, or where edges agree no better."""
    verdict = _judge("good", **scores)
    assert verdict.status == status
    assert reason in " ".join(verdict.reasons)


def test_gains_that_seeds_disagree_on_are_weak() -> None:
    """Where the interval spans the floor the answer is weak."""
    ((_, test),) = draw_crops(_set("good"), train=4)
    outcomes = [[Outcome(20.0, 20.0, 20.0 + gain, 0.8, 0.82) for _ in test] for gain in (-0.4, 0.3, 1.0)]
    verdict = judge_training(outcomes, test, [measure_pair(Pair(c.key, c.blurry, c.sharp)) for c in test], train_crops=4)
    assert verdict.status == "weak"


def test_bins_where_nothing_is_gained_are_named() -> None:
    """The gain is told by blur length, darkness and clipping, and bins without gain are marked."""
    ((_, test),) = draw_crops(_set("good", 60), train=4)
    facts = [measure_pair(Pair(c.key, c.blurry, c.sharp)) for c in test]
    outcomes = [[Outcome(20.0, 20.0, 21.0 if f.measured_px < 5 else 20.0, 0.8, 0.82) for f in facts] for _ in range(3)]
    bins = {one.name: one for one in judge_training(outcomes, test, facts, train_crops=4).bins}
    assert bins["blur 0 to 5 px"].helped
    assert not bins["blur 5 to 10 px"].helped
    assert {"bright", "not clipped"} <= set(bins)
    assert sum(one.crops for name, one in bins.items() if name.startswith("blur")) <= len(test)


def test_agreement_rises_with_sharpening_and_not_with_smoothing() -> None:
    """The correlation of gradients is 1 for the same picture, falls with blur, and cannot be raised by blurring more."""
    sharp = _scene(3)
    soft = cv2.GaussianBlur(sharp, (0, 0), 2.0)
    assert agreement(sharp, sharp) == pytest.approx(1.0)
    assert agreement(cv2.GaussianBlur(soft, (0, 0), 1.5), sharp) < agreement(soft, sharp) < 0.99
    assert abs(agreement(_scene(4), sharp)) < 0.2
    assert agreement(np.full_like(sharp, 9), sharp) == 0.0


def test_trials_are_the_same_in_any_number_of_processes() -> None:
    """A trial depends on its crops and recipe alone; two seeds differ."""
    ((train, test),) = draw_crops(_set("good"), train=8, test=3, side=64)
    kernel = fit_filter([c.blurry for c in train], [c.sharp for c in train], side=5, samples=2000)
    recipes = [TINY.model_copy(update={"seed": seed}) for seed in (0, 1)]
    shown: list[float] = []
    trials = [Trial(train, test, kernel, recipe) for recipe in recipes]
    rows = run_trials(trials, workers=2, advance=lambda steps=1, *, note="": shown.append(steps))
    assert rows == run_trials(trials, workers=1)
    assert rows[0] != rows[1]
    assert sum(shown) == pytest.approx(100)


def test_an_untrained_network_is_the_filter() -> None:
    """The trial starts where the filter ends, so what it gains over it is learnt."""
    ((train, test),) = draw_crops(_set("good"), train=8, test=3, side=64)
    kernel = fit_filter([c.blurry for c in train], [c.sharp for c in train], side=5, samples=2000)
    still = TINY.model_copy(update={"learning_rate": 1e-12, "final_learning_rate": 0.0})
    for one in run_trial(Trial(train, test, kernel, still)):
        assert one.restored_psnr == pytest.approx(one.filtered_psnr, abs=1e-3)
        assert one.filtered_psnr != one.input_psnr


def test_batches_are_aligned_and_see_every_crop() -> None:
    """Both halves of a batch are cut, turned and flipped alike, and an epoch shows each crop once."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (40, 48, 3)).astype(np.uint8) for _ in range(6)]
    crops = [Crop(str(i), "s", p, 255 - p, {}) for i, p in enumerate(pictures)]
    seen: list[str] = []
    for blurry, sharp, keys in batches(crops, TINY):
        assert blurry.shape == sharp.shape == (2, 3, 32, 32)
        assert bool((blurry.int() + sharp.int() == 255).all())
        seen += keys
    assert sorted(seen) == list("012345")


def test_the_whole_verdict_runs_and_says_what_it_did() -> None:
    """From a source to a verdict with its counts; a few steps cannot pass."""
    verdict = verify_by_training(_set("good"), TINY, seeds=3)
    assert verdict.status in ("weak", "fail")
    assert (verdict.seeds, verdict.test_crops, verdict.scenes) == (3, 18, 9)
    assert verdict.reasons


def test_two_seeds_are_refused() -> None:
    """An interval over seeds needs three."""
    with pytest.raises(ValueError, match="at least 3"):
        verify_by_training(_set("good"), TINY, seeds=2)


def test_a_field_that_no_pair_has_is_told_before_the_training(tmp_path: Path) -> None:
    """A slip of the pen in --where is named, with the fields that there are."""
    grey = np.zeros((64, 64, 3), np.uint8)
    build(PairList([Pair(f"s/{i}", grey, grey, {"px": i}) for i in range(4)]), tmp_path)
    result = CliRunner().invoke(build_app(), ["verify", str(tmp_path), "--by-training", "--where", "nofield > 3"])

    assert str(result.exception) == "where: no pair has a field 'nofield'; the fields are key, px."


@pytest.mark.parametrize(("helped", "advised"), [((True, False), True), ((False, False), False), ((True, True), False)])
def test_leaving_out_is_advised_where_something_is_left(
    capsys: pytest.CaptureFixture[str], helped: tuple[bool, bool], advised: bool
) -> None:
    """Where no length of blur gains anything, nothing would be left to train on."""
    verdict = _judge("good")
    kinds = [Bin(f"blur {i}", 4, verdict.gain_db, one) for i, one in enumerate(helped)]
    _tell_verdict(replace(verdict, bins=(*kinds, Bin("bright", 4, verdict.gain_db, helped=True))))

    assert ("Train without what gains nothing" in capsys.readouterr().err) == advised
