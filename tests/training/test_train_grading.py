"""`tools/train_grading.py` and `tools/passion_fruit.py`: whose answers are taken, what is refused, and what a stopped run leaves."""

import importlib.util
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from interrupting import interrupt, start
from torchvision import models

from blurdata.errors import OutputError, SourceError
from blurdata.files import write_png
from blurdata.training.grading import Arm, GradingRecipe, grading_network

TOOLS = Path(__file__).parents[2] / "tools"
TINY = {"side": 32, "input_side": 32, "steps": 2, "batch": 4, "learning_rate": 1e-3, "seeds": 1, "arms": {"none": {}}}
Run = Callable[..., None]


def load(name: str) -> ModuleType:
    """A script of ``tools/`` as a module."""
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load("train_grading")


@pytest.fixture
def run(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The script on ``tmp_path/data`` with a tiny recipe; words go to its command line, fields to its recipe."""

    def call(*words: str, **fields: object) -> None:
        recipe = tmp_path / "tiny.yaml"
        recipe.write_text(json.dumps({**TINY, **fields}))
        out = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "run"), "--recipe", str(recipe)]
        monkeypatch.setattr(sys, "argv", ["train_grading.py", *out, *(words or ("--device", "cpu"))])
        script.main()

    monkeypatch.setattr(script, "listen", lambda: None)
    return call


def draw(folder: Path, count: int, *, classes: int = 2, seed: int = 0) -> None:
    """Coarse noise, of which no two pictures are alike."""
    rng = np.random.default_rng(seed)
    for label in range(classes):
        for i in range(count):
            write_png(folder / f"grade_{label}" / f"{i}.png", rng.integers(0, 256, (8, 8, 3)).astype(np.uint8).repeat(4, 0).repeat(4, 1))


def run_once(run: Run, tmp_path: Path) -> tuple[Path, str]:
    """Where a small set was trained and tested, and the result."""
    for split in ("train", "test"):
        draw(tmp_path / "data" / split, 3, seed=len(split))
    run(ramp=[0.5, 0.5])
    return tmp_path / "run", (tmp_path / "run" / "result.json").read_text()


def count_trained(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """What each arm that is trained from now on is trained on."""
    trained: list[list[int]] = []
    known = script.train_arm
    monkeypatch.setattr(script, "train_arm", lambda pictures, train, *rest: trained.append(train) or known(pictures, train, *rest))
    return trained


def test_answers_belong_to_the_weights_that_a_run_began_with(
    script: ModuleType, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another file of weights under the same name is trained from anew; the same one is not."""
    for split in ("train", "test"):
        draw(tmp_path / "data" / split, 3, seed=len(split))
    trained, file = count_trained(script, monkeypatch), tmp_path / "weights.pt"
    for seed, runs in ((0, 1), (0, 1), (1, 2)):
        torch.manual_seed(seed)
        torch.save(models.mobilenet_v3_small(weights=None, num_classes=2).state_dict(), file)
        run(weights=str(file), ordered=["grade_1", "grade_0"])
        assert len(trained) == runs
    assert "grades, in order: grade_1, grade_0" in capsys.readouterr().out


def test_answers_belong_to_a_split(script: ModuleType, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that change sides are blurred, learnt and answered anew, though pictures, their order and the recipe stay the same."""
    draw(tmp_path / "data" / "train", 4)
    draw(tmp_path / "data" / "test", 4, seed=1)
    trained = count_trained(script, monkeypatch)
    run()
    run()
    assert len(trained) == 1
    data = tmp_path / "data"
    for old, new in (("train", "val"), ("test", "train")):  # in the order of names they lie as before
        (data / old).rename(data / new)
    run()
    assert len(trained) == 2
    assert len(list((tmp_path / "run" / "blurred").iterdir())) == 2


def test_blurred_tests_follow_the_folds(script: ModuleType, run: Run, tmp_path: Path) -> None:
    """With other folds the clean pictures that are graded are in the order of those folds, not in that of an earlier run."""
    draw(tmp_path / "data", 15)
    graded = {}
    for count in (3, 2, 3):
        pictures = script.read_pictures(str(tmp_path / "data"), side=32)
        tested = [i for _, test in script.folds(pictures, count) for i in test]
        run(folds=count)
        blurred = {path.parent.name: np.load(path) for path in (tmp_path / "run" / "blurred").glob("*/clean_*.npy")}
        graded[count] = blurred[script.digest(script.digest(pictures.images, pictures.labels, pictures.names), tested)]
        assert (graded[count] == pictures.images[tested]).all()
    assert graded[2].shape == graded[3].shape
    assert (graded[2] != graded[3]).any()


@pytest.mark.parametrize("left", [0, 5, 300])
def test_caches_that_are_cut_off_are_made_anew(
    script: ModuleType, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    """Answers, beginnings and blurred tests of which a part is lost are no reason to stop; the result is the same."""
    out, before = run_once(run, tmp_path)
    files = [*out.glob("answers/*.npz"), *out.glob("begun/*.pt"), *out.glob("blurred/*/*.npy")]
    assert len(files) == 1 + 1 + 16
    for path in files:
        os.truncate(path, left)
    trained = count_trained(script, monkeypatch)
    run(ramp=[0.5, 0.5])
    assert len(trained) == 1
    assert (out / "result.json").read_text() == before
    assert all(path.stat().st_size > 300 for path in files)


def test_what_may_mislead_is_told(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Copies on both sides, classes without a test and pictures of no class are each told on stderr, once."""
    draw(tmp_path / "data" / "train", 3, classes=3)
    draw(tmp_path / "data" / "test", 3, seed=1)
    shutil.copy(tmp_path / "data" / "train" / "grade_0" / "0.png", tmp_path / "data" / "test" / "grade_0" / "2.png")
    shutil.copy(tmp_path / "data" / "train" / "grade_0" / "0.png", tmp_path / "data" / "loose.png")
    run()
    said = capsys.readouterr().err.splitlines()
    assert len([line for line in said if "1 picture to test, above all test/grade_0/2.png, within 16 codes" in line]) == 1
    assert len([line for line in said if "No picture to test shows 'grade_2'" in line]) == 1
    assert len([line for line in said if "1 picture left out, of no class (first: loose.png)" in line]) == 1


def test_the_result_is_json_for_every_reader(run: Run, tmp_path: Path) -> None:
    """Scores that do not exist, as the kappa of classes without order, are null."""
    for split in ("train", "test"):
        draw(tmp_path / "data" / split, 3, seed=len(split))
    run()

    def refuse(word: str) -> None:
        pytest.fail(f"{word} is no JSON")

    told = json.loads((tmp_path / "run" / "result.json").read_text(), parse_constant=refuse)
    assert told["scores"]["none"]["clean"][0]["kappa"] is None


@pytest.mark.parametrize("device", ["foo", "meta", *([] if torch.cuda.is_available() else ["cuda"])])
def test_a_device_that_is_not_there_is_told_first(run: Run, tmp_path: Path, device: str) -> None:
    """Before anything is read or written."""
    with pytest.raises(SystemExit, match=f"There is no device '{device}' here"):
        run("--device", device)
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_ends_the_run(run: Run, tmp_path: Path) -> None:
    """The pictures of the batch are told, and no answers are kept."""
    for split in ("train", "test"):
        draw(tmp_path / "data" / split, 3, seed=len(split))
    with pytest.raises(SystemExit, match=r"not finite; look at train/grade_\d/\d.png"):
        run(learning_rate=1e30, steps=4)
    assert not list(tmp_path.glob("run/answers/*"))


def flip_a_byte(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)


@pytest.mark.parametrize("spoil", [flip_a_byte, lambda path: torch.save([1, 2], path), lambda path: torch.save({"a": 1}, path)])
def test_a_beginning_that_is_not_what_was_written_is_made_anew(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None]
) -> None:
    """One flipped bit, or a file of something else, changes no answer."""
    out, before = run_once(run, tmp_path)
    for path in out.glob("begun/*.pt"):
        spoil(path)
    shutil.rmtree(out / "answers")
    run(ramp=[0.5, 0.5])
    assert (out / "result.json").read_text() == before


def test_answers_do_not_go_among_the_pictures(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plot in a folder of the data would be a picture of a class at the next run."""
    draw(tmp_path / "data", 10)
    monkeypatch.setattr(sys, "argv", ["train_grading.py", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "data" / "run")])
    monkeypatch.setattr(script, "listen", lambda: None)
    with pytest.raises(SystemExit, match="lies in the data"):
        script.main()
    assert not (tmp_path / "data" / "run").exists()


def test_pictures_of_a_third_split_are_told(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A `val` beside `train` and `test` serves for nothing here."""
    for split in ("train", "test", "val"):
        draw(tmp_path / "data" / split, 3, seed=len(split))
    run()
    assert "6 pictures of other splits neither trained on nor tested (first: val/grade_0/0.png)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arms", "reason"),
    [
        ({"../x": {}}, "must be named by"),
        ({"": {}}, "must be named by"),
        ({"a b": {}, "a_b": {}}, "would share a file"),
        ({"ours": {"blur": "physical", "norms": "split", "p": 1.0}}, "norms: split is for arms"),
    ],
)
def test_arms_that_cannot_be_kept_apart_are_refused(run: Run, tmp_path: Path, arms: dict[str, object], reason: str) -> None:
    """Their names are those of files."""
    with pytest.raises(SystemExit, match=reason):
        run(arms=arms)
    assert not (tmp_path / "run").exists()


class TestWeights:
    """Files of weights: what is taken of them, and what is refused."""

    @staticmethod
    def recipe(path: Path) -> GradingRecipe:
        return GradingRecipe(steps=1, learning_rate=1e-3, arms={"none": Arm()}, weights=str(path))

    @pytest.mark.parametrize("wrap", ["plain", "state_dict", "model", "module."])
    def test_weights_are_found_where_others_put_them(self, tmp_path: Path, wrap: str) -> None:
        """All but the classifier of another number of classes is taken, nested and prefixed too."""
        given = models.get_model("mobilenet_v3_small", weights=None, num_classes=7).state_dict()
        held = {f"module.{key}": value for key, value in given.items()} if wrap == "module." else given
        torch.save({wrap: held} if wrap in ("state_dict", "model") else held, tmp_path / "weights.pt")
        own = grading_network(self.recipe(tmp_path / "weights.pt"), 4, 0).state_dict()
        assert torch.equal(own["features.0.0.weight"], given["features.0.0.weight"])
        assert own["classifier.3.weight"].shape[0] == 4

    @pytest.mark.parametrize(
        ("held", "reason"),
        [
            ({"other": torch.zeros(3)}, "fits 0 % of the parameters of mobilenet_v3_small"),
            (torch.zeros(3), "fits 0 %"),
            (torch.nn.ReLU(), "holds more than weights"),
            (None, "there is no such file"),
            ({"features.0.0.weight": torch.full((16, 3, 3, 3), torch.nan)}, "not finite"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, tmp_path: Path, held: object, reason: str) -> None:
        """Another network's weights, no weights, pickled code and nothing are each a sentence."""
        if held is not None:
            torch.save(held, tmp_path / "weights.pt")
        with pytest.raises(SourceError, match=reason):
            grading_network(self.recipe(tmp_path / "weights.pt"), 4, 0)

    def test_less_than_half_is_refused_before_anything_is_read(self, run: Run, tmp_path: Path) -> None:
        """The share counts parameters before the classifier; there need be no pictures to hear of it."""
        given = models.get_model("resnet18", weights=None).state_dict()
        torch.save({key: value for key, value in given.items() if not key.startswith("layer4")}, tmp_path / "weights.pt")
        with pytest.raises(SystemExit, match=r"fits 2\d % of the parameters of resnet18"):
            run(weights=str(tmp_path / "weights.pt"), model="resnet18")


def test_ctrl_c_ends_with_a_sentence(tmp_path: Path) -> None:
    """A run that is stopped says what goes on, and leaves with 130 and no traceback."""
    for split in ("train", "test"):
        draw(tmp_path / "data" / split, 3)
    (tmp_path / "long.yaml").write_text(json.dumps({**TINY, "steps": 100_000}))
    words = ("--data", tmp_path / "data", "--out", tmp_path / "run", "--recipe", tmp_path / "long.yaml", "--device", "cpu")
    child = start(TOOLS / "train_grading.py", *words)
    end = time.monotonic() + 60
    while not any(tmp_path.glob("run/blurred/*/*.npy")) and time.monotonic() < end:
        time.sleep(0.1)
    _, said = interrupt(child)
    assert child.returncode == 130
    assert said.endswith("train_grading: stopped; the same command goes on after the last arm that was finished.\n")
    assert "Traceback" not in said


def test_curves_that_are_flat_have_an_axis(script: ModuleType, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arms that all get the same share right are drawn over ten points at least."""
    from matplotlib import pyplot as plt

    for split in ("train", "test"):
        draw(tmp_path / "data" / split, 3, seed=len(split))
    limits: list[tuple[float, float]] = []
    monkeypatch.setattr(plt, "close", lambda figure: limits.append(figure.axes[0].get_ylim()))
    monkeypatch.setattr(script, "grade", lambda model, images, *_: np.tile(np.float32([1, 0]), (len(images), 1)))
    run()
    assert limits == [(45.0, 55.0)]


@pytest.mark.parametrize("count", ["0", "-3", "100001"])
def test_fruits_of_no_number_are_refused(tmp_path: Path, count: str) -> None:
    """Nothing is made of a count below one or past the five digits of the names."""
    child = start(TOOLS / "passion_fruit.py", "--out", tmp_path / "fruits", "--count", count)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 2
    assert f"--count must be from 1 to 100000, got {count}" in said
    assert not (tmp_path / "fruits").exists()


def test_fruits_are_not_mixed_with_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with pictures that the run would not write over is refused and left as it is; the same run may come again."""
    fruits = load("passion_fruit")
    monkeypatch.setattr(fruits, "passion_fruit", lambda grade, rng: np.full((4, 4, 3), rng.integers(256), np.uint8))

    def make(count: int, seed: int) -> dict[str, bytes]:
        monkeypatch.setattr(sys, "argv", ["passion_fruit", "--out", str(tmp_path), "--count", str(count), "--seed", str(seed)])
        fruits.main()
        return {str(path): path.read_bytes() for path in sorted(tmp_path.rglob("*.png"))}

    first = make(8, 0)
    assert len(first) == 8
    assert make(8, 0) == first
    with pytest.raises(SystemExit, match=r"grade_0/synthetic_00004\.png and 3 more: not among the 4 pictures of this run.*another --out"):
        make(4, 1)
    assert {str(path): path.read_bytes() for path in sorted(tmp_path.rglob("*.png"))} == first
    assert len(make(9, 0)) == 9

    write_png(tmp_path / "grade_3" / "mine" / "a.png", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(OutputError, match=r"mine/a\.png: not among"):
        fruits.refuse_others(tmp_path, 9)
