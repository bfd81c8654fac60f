"""Grading under blur: the data's split, the arms, the tests, and the scores against their formulas."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch

from blurdata.errors import RecipeError, SourceError
from blurdata.recipe import parse_recipe
from blurdata.training.grading import (
    BURST_CODES,
    Arm,
    GradingRecipe,
    blur_for_testing,
    blur_for_training,
    compare_arms,
    folds,
    in_order,
    nearest_across,
    own_split,
    read_pictures,
    score,
)

ROOT = Path(__file__).parents[2]
RECIPE = GradingRecipe(steps=1, learning_rate=1e-3, arms={"none": Arm()})


def _class_folders(root: Path, count: int = 10, side: int = 40) -> Path:
    rng = np.random.default_rng(0)
    for label, colour in (("grade_0", 60), ("grade_1", 160)):
        (root / label).mkdir(parents=True)
        for i in range(count):
            picture = np.clip(rng.normal(colour, 40, (side, side + 10, 3)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(root / label / f"{i}.png"), picture)
    return root


def test_class_folders_are_read_in_natural_order(tmp_path: Path) -> None:
    """Classes are the folders, pictures the middle squares at the asked side."""
    pictures = read_pictures(str(_class_folders(tmp_path, 11)), side=32)
    assert pictures.classes == ("grade_0", "grade_1")
    assert pictures.images.shape == (22, 32, 32, 3)
    assert pictures.names[:11] == tuple(f"grade_0/{i}.png" for i in range(11))
    assert pictures.labels.tolist() == [0] * 11 + [1] * 11


def test_folds_test_every_picture_once_and_part_no_run(tmp_path: Path) -> None:
    """Runs of five names stay whole, and all folds together test everything once."""
    pictures = read_pictures(str(_class_folders(tmp_path, 25)), side=32)
    parts = folds(pictures, 5)
    assert sorted(i for _, test in parts for i in test) == list(range(50))
    for train, test in parts:
        assert not {pictures.groups[i] for i in train} & {pictures.groups[i] for i in test}
        assert set(train) | set(test) == set(range(50))
    with pytest.raises(SourceError, match="too few for 6 folds"):
        folds(pictures, 6)


def test_a_burst_is_never_cut(tmp_path: Path) -> None:
    """Neighbours by name that look alike share a run past five names, in every fold, and are on one side."""
    root = _class_folders(tmp_path, 20)
    for i in range(3, 8):  # a burst over the cut between 4.png and 5.png
        shot = cv2.imread(str(root / "grade_0" / "3.png"))
        cv2.imwrite(str(root / "grade_0" / f"{i}.png"), cv2.convertScaleAbs(shot, alpha=1 + i / 100))
    pictures = read_pictures(str(root), side=32)
    assert [group[-1] for group in pictures.groups[:20]] == ["0"] * 10 + ["1"] * 5 + ["2"] * 5
    assert [group[-1] for group in pictures.groups[20:]] == ["0"] * 5 + ["1"] * 5 + ["2"] * 5 + ["3"] * 5, "the other class as ever"
    for train, test in folds(pictures, 3):
        assert not set(train) & set(range(10)) or not set(test) & set(range(10))
        assert nearest_across(pictures, train, test).min() > BURST_CODES


@pytest.mark.parametrize(("count", "advice"), [(5, r"give it more pictures, .* folds: 1\)\.$"), (10, "or set folds: 2 in the recipe")])
def test_advice_for_small_sets_can_be_taken(tmp_path: Path, count: int, advice: str) -> None:
    """No fold less than two is advised, and no more than the smallest class has runs."""
    root = _class_folders(tmp_path, 30)
    for i in range(count, 30):
        (root / "grade_1" / f"{i}.png").unlink()
    with pytest.raises(SourceError, match=f"'grade_1' has {count // 5} run.*{advice}"):
        folds(read_pictures(str(root), side=32), 5)


def test_sub_folders_belong_to_their_class_and_strays_are_counted(tmp_path: Path) -> None:
    """Pictures at any depth of a class are read; those of no class or split are named as left out."""
    root = _class_folders(tmp_path / "train", 3).parent
    _class_folders(root / "test", 2)
    (root / "train" / "grade_0" / "monday").mkdir()
    (root / "extra").mkdir()
    for stray in ("train/grade_0/monday/9.png", "loose.png", "train/loose.png", "extra/1.png"):
        cv2.imwrite(str(root / stray), np.zeros((40, 40, 3), np.uint8))
    pictures = read_pictures(str(root), side=32)
    assert len(pictures) == 11
    assert "train/grade_0/monday/9.png" in pictures.names
    assert set(pictures.skipped) == {"loose.png", "train/loose.png", "extra/1.png"}


def test_a_class_that_only_the_test_has_is_refused(tmp_path: Path) -> None:
    """What no network could learn is no test."""
    for split in ("train", "test"):
        _class_folders(tmp_path / split, 2)
    (tmp_path / "train" / "grade_1").rename(tmp_path / "train" / "grade_2")
    with pytest.raises(SourceError, match="Only the test pictures hold 'grade_1'"):
        own_split(read_pictures(str(tmp_path), side=32))


@pytest.mark.parametrize(
    ("field", "value"), [("ramp", (0.6, 0.2)), ("length_px", (9, 3)), ("length_px", (0, 3)), ("radius_px", (5, 1)), ("radius_px", (-1, 1))]
)
def test_reversed_and_empty_ranges_are_refused(field: str, value: tuple[float, float]) -> None:
    """The recipe itself says what a range must be."""
    with pytest.raises(RecipeError, match=rf"field '{field}': must be \["):
        parse_recipe({**RECIPE.resolved(), field: value}, GradingRecipe, where="mine.yaml")
    assert parse_recipe({**RECIPE.resolved(), field: (0.5, 0.5)}, GradingRecipe, where="mine.yaml")


def test_the_sets_own_split_is_used_and_test_goes_before_val(tmp_path: Path) -> None:
    """Folders named train, val and test are splits, not classes."""
    for split, count in (("train", 6), ("val", 2), ("test", 3)):
        _class_folders(tmp_path / split, count)
    pictures = read_pictures(str(tmp_path), side=32)
    train, test = own_split(pictures) or ([], [])
    assert {pictures.names[i].split("/")[0] for i in train} == {"train"}
    assert {pictures.names[i].split("/")[0] for i in test} == {"test"}
    assert len(test) == 6


def test_a_copy_across_the_split_shows_in_the_distances(tmp_path: Path) -> None:
    """The nearest distance is 0 for a copy and far from it for pictures that only look alike."""
    root = _class_folders(tmp_path, 5)
    cv2.imwrite(str(root / "grade_0" / "9.png"), cv2.imread(str(root / "grade_0" / "0.png")))
    pictures = read_pictures(str(root), side=32)
    train = [i for i, name in enumerate(pictures.names) if not name.endswith("9.png")]
    test = [i for i in range(len(pictures)) if i not in train]
    assert nearest_across(pictures, train, test).tolist() == [0.0]
    assert nearest_across(pictures, train[1:], [train[0]])[0] > 2


@pytest.mark.parametrize("text", ["nowhere", "hf:nowhere"])
def test_what_holds_no_classes_is_told(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing folder or set is a sentence."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="nowhere"):
        read_pictures(text)


def test_a_hugging_face_set_reads_like_its_folders(tmp_path: Path) -> None:
    """A saved set with an image and a label column gives the same pictures and labels."""
    from datasets import ClassLabel, Dataset, Features, Image

    folder = _class_folders(tmp_path / "folders", 6)
    files = sorted(folder.rglob("*.png"))
    rows = {"image": [str(f) for f in files], "label": [int(f.parent.name[-1]) for f in files]}
    saved = Dataset.from_dict(rows, features=Features({"image": Image(), "label": ClassLabel(names=["grade_0", "grade_1"])}))
    saved.save_to_disk(str(tmp_path / "hf"))
    one, two = read_pictures(str(folder), side=32), read_pictures(f"hf:{tmp_path / 'hf'}", side=32)
    assert two.classes == one.classes
    assert (two.labels == one.labels).all()
    assert (two.images == one.images).all()


def test_grades_keep_the_order_that_is_declared_or_told(tmp_path: Path) -> None:
    """Not that of the alphabet, by which `low` lies beyond `high`: the quadratic kappa rests on it."""
    from datasets import ClassLabel, Dataset, Features, Image

    folder = _class_folders(tmp_path / "folders", 3)
    files, grades = sorted(folder.rglob("*.png")), ["low", "medium", "high"]
    rows = {"image": [str(f) for f in files], "label": [0, 1, 2, 2, 1, 0]}
    saved = Dataset.from_dict(rows, features=Features({"image": Image(), "label": ClassLabel(names=grades)}))
    saved.save_to_disk(str(tmp_path / "hf"))
    pictures = read_pictures(f"hf:{tmp_path / 'hf'}", side=32)
    assert pictures.classes == ("low", "medium", "high")
    assert pictures.labels.tolist() == [0, 1, 2, 2, 1, 0]

    turned = in_order(pictures, ["high", "low", "medium"])
    assert [turned.classes[label] for label in turned.labels] == [pictures.classes[label] for label in pictures.labels]
    assert turned.classes == ("high", "low", "medium")
    for wrong in (["low", "high"], ["low", "low", "high"], ["low", "middle", "high"]):
        with pytest.raises(SourceError, match="the classes are low, medium, high"):
            in_order(pictures, wrong)


def test_rows_without_a_label_are_of_no_class_and_those_without_a_picture_are_told(tmp_path: Path) -> None:
    """Hidden labels of a contest are -1; they are left out and named, not taken for the last class."""
    from datasets import ClassLabel, Dataset, Features, Image

    files = sorted(_class_folders(tmp_path / "plain", 3).rglob("*.png"))
    for name, last, label in (("hidden", str(files[-1]), -1), ("none", str(files[-1]), None), ("empty", None, 1)):
        rows = {"image": [*map(str, files[:-1]), last], "label": [int(f.parent.name[-1]) for f in files[:-1]] + [label]}
        saved = Dataset.from_dict(rows, features=Features({"image": Image(), "label": ClassLabel(names=["grade_0", "grade_1"])}))
        saved.save_to_disk(str(tmp_path / name))
    for name in ("hidden", "none"):
        pictures = read_pictures(f"hf:{tmp_path / name}", side=32)
        assert pictures.skipped == ("/000005",)
        assert pictures.labels.tolist() == [0, 0, 0, 1, 1]
    with pytest.raises(SourceError, match="/000005: has a label and no picture"):
        read_pictures(f"hf:{tmp_path / 'empty'}", side=32)
    with pytest.raises(SourceError, match="names no set"):
        read_pictures("hf:", side=32)


def test_the_arms_blur_as_they_say() -> None:
    """No blur changes nothing; p is the share that is changed; the matched Gaussian is as wide as what it stands for."""
    torch.manual_seed(0)
    batch = torch.zeros(400, 3, 63, 63, dtype=torch.uint8)
    batch[:, :, 31, 31] = 255
    assert torch.equal(blur_for_training(Arm(blur="none"), RECIPE)(batch, 1.0), batch)
    widths = {}
    for kind in ("usual", "matched", "physical"):
        blur = blur_for_training(Arm(blur=kind, p=0.5), RECIPE.model_copy(update={"length_px": (12.0, 12.0), "radius_px": (4.0, 4.0)}))
        out = blur(batch, 1.0)
        changed = (out != batch).flatten(1).any(1)
        assert 0.4 < float(changed.double().mean()) < 0.6, kind
        assert out.dtype == torch.uint8
        assert torch.equal(blur(batch, 0.2), batch), "at first none is blurred"
        assert 0.15 < float((blur(batch, 0.4) != batch).flatten(1).any(1).double().mean()) < 0.35, "half of p half-way up"
        widths[kind] = out[changed]
    # 255 at one pixel is dim once it is spread: compare the reach of what is left
    assert (widths["usual"][:, 0].flatten(1) > 0).sum(1).max() <= 81
    assert torch.equal(batch[:, :, 31, 31], torch.full((400, 3), 255, dtype=torch.uint8)), "the batch itself stays as it was"


@pytest.mark.parametrize("test", ["motion", "defocus", "shake"])
def test_tests_are_the_same_for_every_arm_and_grow_with_severity(test: str) -> None:
    """The same seed gives the same pictures; higher severities take more detail away."""
    images = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3)).astype(np.uint8)
    before = torch.random.get_rng_state()
    one, two, other = (blur_for_testing(test, 3, images, seed=seed) for seed in (0, 0, 1))
    assert (one == two).all()
    assert test == "defocus" or (one != other).any()
    assert torch.equal(torch.random.get_rng_state(), before)
    detail = [float(np.diff(blur_for_testing(test, severity, images).astype(float), axis=1).std()) for severity in (1, 5)]
    assert detail[0] > detail[1]


def test_scores_equal_their_formulas() -> None:
    """Accuracy, macro F1, quadratic kappa and 15-bin calibration error against direct transcriptions."""
    rng = np.random.default_rng(1)
    chances = rng.dirichlet(np.ones(4), 300)
    labels = np.where(rng.random(300) < 0.5, chances.argmax(1), rng.integers(0, 4, 300))
    answers = chances.argmax(1)
    found = score(chances, labels, ordered=True)
    matrix = np.zeros((4, 4))
    np.add.at(matrix, (labels, answers), 1)
    assert found.accuracy == pytest.approx((answers == labels).mean())
    assert found.confusion == tuple(tuple(int(v) for v in row) for row in matrix)
    recall, precision = np.diag(matrix) / matrix.sum(1), np.diag(matrix) / matrix.sum(0)
    assert found.macro_f1 == pytest.approx((2 * precision * recall / (precision + recall)).mean(), abs=1e-6)
    weights = np.subtract.outer(np.arange(4), np.arange(4)) ** 2
    expected = np.outer(matrix.sum(1), matrix.sum(0)) / 300
    assert found.kappa == pytest.approx(1 - (weights * matrix).sum() / (weights * expected).sum(), abs=1e-6)
    confidence = chances.max(1)
    bins = np.ceil(confidence * 15)
    gaps = [(bins == b).mean() * abs((answers == labels)[bins == b].mean() - confidence[bins == b].mean()) for b in np.unique(bins)]
    assert found.calibration_error == pytest.approx(sum(gaps), abs=1e-4)
    assert np.isnan(score(chances, labels, ordered=False).kappa)


def test_a_share_is_won_back_only_of_a_loss() -> None:
    """An arm that halves a clear loss wins 50 % back; where blur costs nothing no share is given."""
    n = 400
    clean = np.ones((3, n))
    blurred = np.tile(np.arange(n) % 10 >= 4, (3, 1)).astype(float)  # 40 points lost
    better = np.tile(np.arange(n) % 10 >= 2, (3, 1)).astype(float)
    right = {
        "none": {"clean": clean, "motion 3": blurred, "defocus 3": clean},
        "ours": {"clean": clean, "motion 3": better, "defocus 3": clean},
        "other": {"clean": clean, "motion 3": clean, "defocus 3": clean},
    }
    found = compare_arms(right, [str(i) for i in range(n)])["ours"]
    assert found.on_motion["none"].mean == pytest.approx(20)
    assert found.on_motion["other"].mean == pytest.approx(100 * float((better - clean).mean()))
    assert found.clean.mean == 0
    assert found.blurred["motion 3"].mean == pytest.approx(20)
    assert found.hard.mean == pytest.approx(10)
    assert set(found.won_back) == {"motion 3"}
    share = found.won_back["motion 3"]
    assert share.mean == pytest.approx(0.5)
    assert 0.3 < share.low < 0.5 < share.high < 0.7


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_grading", ROOT / "tools" / "train_grading.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_trains_grades_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """From class folders to a table, a plot and JSON; a second run reads its answers instead of training again."""
    for split in ("train", "test"):
        _class_folders(tmp_path / "data" / split, 6)
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(
        "side: 40\ninput_side: 32\nsteps: 2\nbatch: 4\nlearning_rate: 1.0e-3\nordered: true\nseeds: 2\n"
        "arms: {none: {}, usual: {blur: usual, norms: split}, ours: {blur: physical, norms: split, consistency: 1.0}}\n"
    )
    script = _script()
    command = ["train_grading.py", "--data", tmp_path / "data", "--out", tmp_path / "run", "--recipe", recipe, "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", [str(part) for part in command])
    script.main()
    first = capsys.readouterr().out
    monkeypatch.setattr(script, "train_arm", lambda *_: pytest.fail("a finished run was trained again"))
    script.main()
    assert capsys.readouterr().out == first
    told = json.loads((tmp_path / "run" / "result.json").read_text())
    assert set(told["scores"]) == {"none", "usual", "ours"}
    assert len(told["scores"]["ours"]["motion 3"]) == 2
    assert set(told["against_first"]) == {"usual", "ours"}
    assert (tmp_path / "run" / "curves.png").stat().st_size > 10_000


def test_arms_that_begin_alike_end_as_if_trained_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is trained once for all arms changes no bit of any; another recipe's beginning is not taken."""
    script, cpu = _script(), torch.device("cpu")
    pictures = read_pictures(str(_class_folders(tmp_path / "data", 6)), side=40)
    arms = {"none": Arm(), "ours": Arm(blur="physical", p=1.0), "split": Arm(blur="physical", p=0.5, norms="split")}
    recipe = GradingRecipe(arms=arms, side=40, input_side=32, steps=4, batch=4, learning_rate=1e-3, ramp=(0.5, 0.5))

    def weights(arm: str, folder: str, of: str = "recipe") -> list[torch.Tensor]:
        begun = script.Begun(tmp_path / folder / "begun.pt", of)
        trained = script.train_arm(pictures, list(range(12)), recipe, arms[arm], 0, cpu, lambda *_, **__: None, begun)
        return [value.clone() for value in trained.state_dict().values()]

    alone, split = weights("ours", "alone"), weights("split", "split alone")
    weights("none", "shared")
    steps: list[int] = []
    known = script.learning_rate
    monkeypatch.setattr(script, "learning_rate", lambda step, **rest: steps.append(step) or known(step, **rest))

    assert all(torch.equal(a, b) for a, b in zip(alone, weights("ours", "shared"), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(split, weights("split", "shared"), strict=True))
    assert steps == [2, 3, 2, 3]
    weights("ours", "shared", of="another")
    assert steps[4:] == [0, 1, 2, 3]


def test_the_script_says_what_is_wrong_in_a_sentence(tmp_path: Path) -> None:
    """One class is none; the script says so and leaves."""
    (tmp_path / "data" / "only").mkdir(parents=True)
    command = [sys.executable, ROOT / "tools" / "train_grading.py", "--data", tmp_path / "data", "--out", tmp_path / "run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 1
    assert "holds no class of pictures" in done.stderr
    assert "Traceback" not in done.stderr
