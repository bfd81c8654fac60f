"""The cross table of training sets."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import interrupting
import numpy as np
import pytest

from blurdata.errors import SourceError
from blurdata.pairs import Pair, PairList
from blurdata.training import TrainRecipe
from blurdata.training import compare as module
from blurdata.training.compare import compare, cross_table
from blurdata.training.patches import Crop, draw_all

ROOT = Path(__file__).parents[2]


def _crops(scenes: str) -> list[Crop]:
    grey = np.zeros((64, 64, 3), np.uint8)
    return [Crop(str(i), scene, grey, grey, {}) for i, scene in enumerate(scenes)]


def test_the_best_of_a_column_is_marked_and_so_is_what_cannot_be_told_from_it() -> None:
    """Clear losers are not marked; a row that wins on some scenes and loses on others is as good as the best."""
    rng = np.random.default_rng(0)
    base = rng.normal(1.0, 0.3, (3, 20))
    gains = {"best": base, "close": base + rng.normal(0, 0.2, (3, 20)) - 0.02, "worse": base - 0.2}
    table = cross_table(gains, {"test": _crops("abcdefghijklmnopqrst")})
    marks = {row: cells["test"].as_good for row, cells in table.items()}
    assert marks == {"best": True, "close": True, "worse": False}


def test_differences_are_paired() -> None:
    """What two rows share, scene by scene and seed by seed, leaves no spread in their difference."""
    base = np.random.default_rng(0).normal(1.0, 0.3, (3, 20))
    behind = cross_table({"best": base, "worse": base - 0.2}, {"test": _crops("abcdefghijklmnopqrst")})["worse"]["test"].behind_db
    assert (behind.low, behind.mean, behind.high) == pytest.approx((0.2, 0.2, 0.2))


def test_columns_take_their_own_crops() -> None:
    """Gains are cut at the columns' lengths, in order."""
    gains = {"a": np.array([[1.0, 1.0, 5.0, 5.0, 5.0]] * 2)}
    cells = cross_table(gains, {"one": _crops("ab"), "two": _crops("abc")})["a"]
    assert cells["one"].gain_db.mean == 1.0
    assert cells["two"].gain_db.mean == 5.0


@pytest.mark.parametrize(("scenes", "told_apart"), [("a", False), ("ab", False), ("aaaa", True), ("abc", True)])
def test_few_scenes_tell_nothing_apart(scenes: str, told_apart: bool) -> None:
    """One or two scenes, or pairs of one scene, have no interval: whatever their gains, all rows are marked."""
    gains = {"best": np.full((3, len(scenes)), 2.0), "worse": np.full((3, len(scenes)), 1.0)}
    cell = cross_table(gains, {"test": _crops(scenes)})["worse"]["test"]
    assert cell.as_good != told_apart
    assert cell.scenes == len(scenes)


def test_a_test_set_is_taken_whole_or_by_its_split() -> None:
    """A set that is only judged by gives all its pairs, or those of its test split."""
    grey = np.zeros((64, 64, 3), np.uint8)
    plain = PairList([Pair(f"s/{i}", grey, grey) for i in range(5)])
    split = PairList([Pair(f"s/{i}", grey, grey, {"split": "test" if i < 2 else "train"}) for i in range(5)])
    assert len(draw_all(plain)) == 5
    assert [crop.key for crop in draw_all(split)] == ["s/0", "s/1"]


def _noise(seed: int, count: int = 15) -> PairList:
    rng = np.random.default_rng(seed)
    pictures = [rng.integers(0, 256, (64, 64, 3)).astype(np.uint8) for _ in range(count)]
    return PairList([Pair(f"{i // (count // 3)}/{i:03d}", picture // 2, picture) for i, picture in enumerate(pictures)])


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], list[str]]]:
    """The keys that each row is trained on and judged by; nothing is trained."""
    rows: list[tuple[list[str], list[str]]] = []

    def gains(train: list[Crop], judged: list[Crop], recipes: list[TrainRecipe], *_: object) -> np.ndarray:
        rows.append(([crop.key for crop in train], [crop.key for crop in judged]))
        return np.zeros((len(recipes), len(judged)))

    monkeypatch.setattr(module, "_gains", gains)
    return rows


RECIPE = TrainRecipe(stages=[{"steps": 1, "crop": 32, "batch": 1}], learning_rate=1e-3)


def test_a_set_is_never_judged_by_what_it_was_trained_on(trained: list[tuple[list[str], list[str]]]) -> None:
    """A test set that is one of the sets, by name or by content, has the column of its held-out pairs and no other."""
    table = compare({"a": _noise(0), "b": _noise(1)}, {"a": _noise(0), "./b": _noise(1), "c": _noise(2)}, RECIPE, seeds=2)

    assert list(table["a"]) == ["a", "b", "c"]
    learnt, judged = trained[0]
    assert not set(learnt) & set(judged[:5])


def test_no_set_is_judged_by_what_another_was_trained_on(trained: list[tuple[list[str], list[str]]]) -> None:
    """Of two variants of one set, one of which lacks a scene, or names a split of its own, neither trains on what the other holds out."""
    whole = [Pair(f"s{i // 5:02d}/{i:03d}", p.blurry, p.sharp) for i, p in enumerate(_noise(0, 60))]
    for other in (whole[5:], [Pair(p.key, p.blurry, p.sharp, {"split": "test" if p.key < "s04" else "train"}) for p in whole]):
        trained.clear()
        compare({"a": PairList(whole), "b": PairList(other)}, {}, RECIPE, seeds=2)

        for learnt, judged in trained:
            assert learnt
            assert not {key.split("/")[0] for key in learnt} & {key.split("/")[0] for key in judged}


def test_no_set_of_one_scene_is_judged_by_what_another_was_trained_on(trained: list[tuple[list[str], list[str]]]) -> None:
    """Sets of one scene are parted by pairs, over both sets alike."""
    whole = [Pair(f"{i:03d}", p.blurry, p.sharp) for i, p in enumerate(_noise(0, 60))]
    compare({"a": PairList(whole), "b": PairList(whole[7:])}, {}, RECIPE, seeds=2)

    for learnt, judged in trained:
        assert learnt
        assert not set(learnt) & set(judged)


def test_further_sets_are_judged_by_pairs_that_none_was_trained_on(trained: list[tuple[list[str], list[str]]]) -> None:
    """A part of the set that is trained on has a column of the rest; pairs of the same name that show something else stay."""
    whole = [Pair(f"s{i // 5:02d}/{i:03d}", p.blurry, p.sharp) for i, p in enumerate(_noise(0, 60))]
    strangers = [Pair(p.key, q.blurry, q.sharp) for p, q in zip(whole, _noise(1, 60), strict=True)]
    table = compare({"a": PairList(whole)}, {"part": PairList(whole[:40]), "strangers": PairList(strangers)}, RECIPE, seeds=2)

    ((learnt, judged),) = trained
    held = len({p.key for p in whole} - set(learnt))
    assert list(table["a"]) == ["a", "part", "strangers"]
    assert len(judged) == held + len({p.key for p in whole[:40]} - set(learnt)) + 60

    trained.clear()
    assert "part" not in compare({"a": PairList(whole)}, {"part": PairList([p for p in whole if p.key in learnt])}, RECIPE, seeds=2)["a"]


def test_a_slip_of_the_pen_in_where_is_told(trained: list[tuple[list[str], list[str]]]) -> None:
    """Under `not` it would keep every pair."""
    with pytest.raises(SourceError, match="no pair has a field 'blur_px_p59'"):
        compare({"a": _noise(0)}, {}, RECIPE.model_copy(update={"where": "not blur_px_p59 > 25"}), seeds=2)
    assert not trained


def test_a_large_set_is_cut_down_evenly(trained: list[tuple[list[str], list[str]]]) -> None:
    """Beside a small set, a large one gives crops of all its scenes for training, not its first ones."""
    split = [Pair(f"{i}", p.blurry, p.sharp, {"split": "test" if i < 10 else "train"}) for i, p in enumerate(_noise(0))]
    large = _noise(1, 600)
    compare({"small": PairList(split), "large": large}, {}, RECIPE, seeds=2)

    (small, _), (learnt, _) = trained
    assert len(small) == len(learnt) < 480
    assert max(int(key[2:]) for key in learnt) - min(int(key[2:]) for key in learnt) > 350


def test_the_recipes_where_says_what_is_trained_on(trained: list[tuple[list[str], list[str]]]) -> None:
    """The columns stay whole."""
    pairs = [Pair(p.key, p.blurry, p.sharp, {"px": i % 2}) for i, p in enumerate(_noise(0, 60))]
    compare({"a": PairList(pairs)}, {}, RECIPE.model_copy(update={"where": "px > 0"}), seeds=2)

    learnt, judged = trained[0]
    assert {int(key[2:]) % 2 for key in learnt} == {1}
    assert {int(key[2:]) % 2 for key in judged} == {0, 1}


def test_what_a_comparison_does_not_do_is_refused() -> None:
    """A field of the recipe that would change nothing is named."""
    with pytest.raises(ValueError, match="the recipe's balance, augment has no part in it"):
        compare({"a": _noise(0)}, {}, RECIPE.model_copy(update={"balance": "px", "augment": "none"}), seeds=2)


def test_one_seed_is_refused() -> None:
    """Without a second seed there is no interval."""
    recipe = TrainRecipe(stages=[{"steps": 1, "crop": 32, "batch": 1}], learning_rate=1e-3)
    with pytest.raises(ValueError, match="2 seeds"):
        compare({"a": PairList([])}, {}, recipe, seeds=1)


def _folder(root: Path, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    for scene in "abc":
        for i in range(5):
            sharp = cv2.GaussianBlur(rng.integers(0, 256, (64, 72, 3)).astype(np.uint8), (0, 0), 1.0)
            for half, picture in (("sharp", sharp), ("blur", cv2.GaussianBlur(sharp, (0, 0), 1.5))):
                path = root / half / scene / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), picture)
    return root


def test_the_tool_prints_the_table_and_writes_it(tmp_path: Path) -> None:
    """Two sets against themselves and a third: a row for each, a column for each, and the same as JSON."""
    one, two, three = (_folder(tmp_path / name, seed) for seed, name in enumerate(("one", "two", "three")))
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text("model: baseline\nsmall: true\nstages: [{steps: 2, crop: 32, batch: 2}]\nlearning_rate: 1.0e-3\n")
    command = [sys.executable, ROOT / "tools" / "compare_datasets.py", f"pairs:{one}", f"pairs:{two}", "--test", f"pairs:{three}"]
    command += ["--test", f"pairs:{one}"]
    command += ["--recipe", recipe, "--seeds", "2", "--json", tmp_path / "table.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"pairs:{one}") == 2
    assert f"--test pairs:{one} has no column of its own" in done.stderr
    assert "[95 % interval" in done.stdout
    assert f"A  pairs:{one} (5 scenes)" in done.stdout
    told = json.loads((tmp_path / "table.json").read_text())
    assert set(told["gain_db"]) == {f"pairs:{one}", f"pairs:{two}"}
    assert set(told["gain_db"][f"pairs:{one}"]) == {f"pairs:{one}", f"pairs:{two}", f"pairs:{three}"}
    assert set(told["data"]) == {f"pairs:{one}", f"pairs:{two}", f"pairs:{three}"}


def test_the_tool_says_what_is_missing_in_a_sentence(tmp_path: Path) -> None:
    """A set that is not there ends it with one line."""
    command = [sys.executable, ROOT / "tools" / "compare_datasets.py", f"pairs:{tmp_path / 'nowhere'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--workers", "0"], "no whole number from 1 on"),
        (["--json", "."], "is a folder"),
        (["--test", "pairs:x", "--test", "pairs:x"], "pairs:x is named twice"),
    ],
)
def test_the_tool_says_what_is_wrong_before_it_trains(tmp_path: Path, more: list[str], words: str) -> None:
    """Processes below one, and a table that cannot be written, are told at once."""
    command = [sys.executable, ROOT / "tools" / "compare_datasets.py", f"pairs:{_folder(tmp_path / 'one', 0)}", *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path)

    assert done.returncode != 0
    assert words in done.stderr
    assert "train and judge" not in done.stderr


def test_ctrl_c_ends_the_tool_with_a_sentence(tmp_path: Path) -> None:
    """Amid the training: exit code 130, one sentence, no traceback from any process."""
    recipe = tmp_path / "long.yaml"
    recipe.write_text("model: baseline\nsmall: true\nstages: [{steps: 100000, crop: 32, batch: 2}]\nlearning_rate: 1.0e-3\n")
    words = [ROOT / "tools" / "compare_datasets.py", f"pairs:{_folder(tmp_path / 'one', 0)}", "--recipe", recipe, "--seeds", "2"]
    process = interrupting.start(*words, "--workers", "1")
    assert process.stderr is not None
    said = process.stderr.readline()  # the first line of the progress

    _, rest = interrupting.interrupt(process)

    assert "train and judge" in said
    assert process.returncode == 130
    assert [line for line in rest.splitlines() if "train and judge" not in line] == [
        "compare_datasets: stopped; nothing was written, the same command begins anew."
    ]
