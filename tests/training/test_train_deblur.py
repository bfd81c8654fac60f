"""`tools/train_deblur.py`: a run that can be killed, its files, its faults, and many processes as one."""

import csv
import json
import shutil
import signal
import time

import interrupting
import numpy as np
import pytest
import torch
from deblurring import SCRIPT, child, losses, words

from blurdata.errors import SourceError
from blurdata.files import read_image, write_png
from blurdata.pairs import Pair, PairList
from blurdata.shards import build, open_input
from blurdata.training import load_checkpoint, load_network, save_checkpoint
from blurdata.training.evaluation import evaluate


class TestRun:
    def test_everything_that_is_promised_is_there(self, train, shards, tmp_path):
        """A run leaves losses, scores, a curve, samples, TensorBoard logs, a network that loads, and a result with ids and scores."""
        assert (
            train(tmp_path / "run", "--shards", shards, "--test", shards, sets={"evaluate_every": 4, "evaluate_pairs": 3}.items()) is None
        )

        result = json.loads((tmp_path / "run/result.json").read_text())
        with (tmp_path / "run/scores.csv").open() as stream:
            scores = list(csv.DictReader(stream))
        model, state = load_network(tmp_path / "run/network.pt")
        assert sorted(losses(tmp_path / "run")) == list(range(10))
        assert [(row["step"], row["pairs"]) for row in scores] == [("4", "3"), ("8", "3"), ("10", "3")]
        assert [row["key"] for row in result["pairs"]] == [f"s/{i}" for i in range(10)]
        assert result["ids"]["train"]["shards"]["plan_id"]
        assert result["ids"]["recipe"] == state["ids"]["recipe"]
        assert result["environment"]["versions"]["torch"]
        assert model.parameter_count == result["parameters"]
        assert read_image(tmp_path / "run/samples/0000010.png").shape == (4 * 48 + 12, 3 * 48 + 8, 3)
        assert read_image(tmp_path / "run/curve.png").std() > 0
        assert any((tmp_path / "run/tensorboard").iterdir())

    def test_killed_anywhere_it_repeats_the_curve_of_a_run_that_was_not(self, train, shards, tmp_path):
        """After kill -9 and the same command again, each loss and the network are exactly those of an uninterrupted run."""
        more = ("--shards", shards, "--checkpoint-every", 3)
        slow = {"stages": "[{steps: 6, crop: 16, batch: 4}, {steps: 74, crop: 24, batch: 2}]"}
        process = child(words(tmp_path / "killed", *more, sets=slow.items()))
        until = time.monotonic() + 120
        while time.monotonic() < until and (not (tmp_path / "killed/loss.csv").exists() or len(losses(tmp_path / "killed")) < 10):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        left = losses(tmp_path / "killed")
        saved = load_checkpoint(tmp_path / "killed/checkpoint.pt")["step"]
        with (tmp_path / "killed/loss.csv").open("a") as stream:
            stream.write("9999,0.1")  # a line that was cut off

        assert train(tmp_path / "killed", *more, sets=slow.items()) is None
        assert train(tmp_path / "whole", *more, sets=slow.items()) is None

        assert 3 <= saved <= len(left) < 80
        assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
        weights = [load_checkpoint(tmp_path / name / "network.pt")["weights"] for name in ("killed", "whole")]
        assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])

    def test_a_run_goes_on_only_as_it_began(self, train, shards, tmp_path):
        """Another recipe or other pairs in the same folder are refused by name; --no-resume starts anew."""
        assert train(tmp_path / "run", "--shards", shards) is None
        refused = train(tmp_path / "run", "--shards", shards, sets={"learning_rate": 1e-4}.items())
        again = train(tmp_path / "run", "--shards", shards, "--no-resume", sets={"learning_rate": 1e-4}.items())

        assert "other learning_rate" in refused
        assert again is None

    def test_a_new_run_removes_what_the_old_one_left(self, script, train, shards, tmp_path, monkeypatch):
        """With --no-resume no network, result, curve, checkpoint or sample of the earlier run stays beside the new one's losses."""
        assert train(tmp_path / "run", "--shards", shards, "--test", shards) is None
        (tmp_path / "run/diverged.json").write_text("{}")
        (tmp_path / "run/.checkpoint.pt.0123abcd.tmp").write_bytes(b"half")  # as a kill leaves it

        def stop(*_, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr(script.Trainer, "step", stop)
        assert train(tmp_path / "run", "--shards", shards, "--no-resume") == 130

        left = {path.name for path in (tmp_path / "run").rglob("*") if path.is_file() and not path.name.startswith("events.")}
        assert left == {"loss.csv", "scores.csv"}

    @pytest.mark.parametrize("more", [(), ("--no-resume",)])
    def test_ctrl_c_keeps_the_run_and_says_what_comes_next(self, train, shards, tmp_path, more):
        """Stopped between two checkpoints, a run is saved as it stands, and goes on to the losses of one that was never stopped."""
        slow = {"stages": "[{steps: 6, crop: 16, batch: 4}, {steps: 94, crop: 24, batch: 2}]"}
        given = words(tmp_path / "stopped", "--shards", shards, sets=slow.items())
        process = interrupting.start(SCRIPT, *given, "--workers", "1", *more)
        until = time.monotonic() + 120
        while time.monotonic() < until and (not (tmp_path / "stopped/loss.csv").exists() or len(losses(tmp_path / "stopped")) < 10):
            time.sleep(0.01)
        _, said = interrupting.interrupt(process)
        saved = load_checkpoint(tmp_path / "stopped/checkpoint.pt")["step"]

        assert process.returncode == 130
        assert said.splitlines()[-1] == (
            f"train_deblur: stopped; the same command {'without --no-resume ' if more else ''}goes on at step {saved}."
        )
        assert "Traceback" not in said
        assert 10 <= saved == len(losses(tmp_path / "stopped")) < 100
        assert train(tmp_path / "stopped", "--shards", shards, sets=slow.items()) is None
        assert train(tmp_path / "whole", "--shards", shards, sets=slow.items()) is None
        assert losses(tmp_path / "stopped") == losses(tmp_path / "whole")

    def test_ctrl_c_before_the_first_step_promises_nothing(self, script, train, shards, tmp_path, monkeypatch, capsys):
        """Where nothing is kept yet, the sentence says so."""

        def stop(*_, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr(script.Trainer, "step", stop)

        assert train(tmp_path / "run", "--shards", shards) == 130
        assert capsys.readouterr().err.splitlines()[-1] == "train_deblur: stopped; the same command begins anew."

    def test_a_run_that_ends_amid_an_evaluation_has_its_checkpoint_and_repeats_it(self, script, train, shards, tmp_path, monkeypatch):
        """At a step with both, the checkpoint is written first, and the evaluation is made when the run goes on."""
        more, sets = ("--shards", shards, "--test", shards, "--checkpoint-every", 4), {"evaluate_every": 4}.items()

        def fail(*_, **__):
            raise SourceError("killed")
            yield

        with monkeypatch.context() as patch:
            patch.setattr(script, "evaluate", fail)
            assert "killed" in train(tmp_path / "run", *more, sets=sets)
        saved = load_checkpoint(tmp_path / "run/checkpoint.pt")["step"]
        assert train(tmp_path / "run", *more, sets=sets) is None

        with (tmp_path / "run/scores.csv").open() as stream:
            assert [row["step"] for row in csv.DictReader(stream)] == ["4", "8", "10"]
        assert saved == 4

    @pytest.mark.parametrize(
        ("spoil", "words"),
        [
            (lambda trainer: trainer.pop("optimiser"), "KeyError: 'optimiser'"),
            (lambda trainer: trainer.update(step="4"), "step must be a whole number"),
            (lambda trainer: trainer.update(step=11), "step must be a whole number from 0 to 10, got 11"),
            (lambda trainer: trainer.update(step=4), "its data stand at step 10 and its network at step 4"),
            (lambda trainer: trainer.update(model={}), "RuntimeError"),
        ],
    )
    def test_a_checkpoint_that_holds_no_run_is_a_sentence(self, train, shards, tmp_path, spoil, words):
        """A checkpoint whose parts are missing or of another kind is told by name, with the remedy."""
        assert train(tmp_path / "run", "--shards", shards) is None
        state = load_checkpoint(tmp_path / "run/checkpoint.pt")
        spoil(state["trainer"])
        save_checkpoint(tmp_path / "run/checkpoint.pt", state)

        sentence = train(tmp_path / "run", "--shards", shards)

        assert "checkpoint.pt: holds no run that can go on" in sentence
        assert words in sentence
        assert "--no-resume" in sentence


class TestPairs:
    @pytest.fixture
    def photos(self, tmp_path):
        """Three sharp pictures, one of them 16-bit."""
        rng = np.random.default_rng(1)
        for i in range(3):
            picture = rng.integers(0, 256, (80, 64, 3)).astype(np.uint8)
            write_png(tmp_path / "photos" / f"{i}.png", picture if i else picture.astype(np.uint16) * 257)
        return tmp_path / "photos"

    def test_pairs_made_on_line_and_both_train(self, train, shards, photos, tmp_path):
        """Sharp pictures alone, the sharp halves of shards, and shards and pictures by halves all train."""
        small = {"blur_margin_px": 4}.items()
        assert train(tmp_path / "a", "--pairs", "online", "--sharp", photos, sets=small) is None
        assert train(tmp_path / "b", "--pairs", "online", "--shards", shards, sets=small) is None
        assert train(tmp_path / "c", "--pairs", "both", "--shards", shards, "--sharp", photos, sets=small) is None

        ids = {name: json.loads((tmp_path / name / "result.json").read_text())["ids"]["train"] for name in "abc"}
        assert [sorted(ids[name]) for name in "abc"] == [["sharp"], ["sharp"], ["sharp", "shards"]] or sorted(ids["c"]) == [
            "shards",
            "sharp",
        ]
        assert ids["a"]["sharp"] == ids["c"]["sharp"]
        assert len({tuple(losses(tmp_path / name).values()) for name in "abc"}) == 3

    def test_halves_of_another_depth_are_told_at_the_door(self, train, photos, tmp_path):
        """16-bit shards beside 8-bit pictures: told before the first step, not by a batch that cannot be put together."""
        deep = np.full((48, 48, 3), 30_000, np.uint16)
        build(PairList([Pair(f"s/{i}", deep, deep + 1) for i in range(4)]), tmp_path / "deep")

        said = train(
            tmp_path / "d", "--pairs", "both", "--shards", tmp_path / "deep", "--sharp", photos, sets={"blur_margin_px": 4}.items()
        )
        assert "holds uint16 pairs and those made of" in said
        assert not (tmp_path / "d" / "result.json").exists()

    def test_pairs_of_two_depths_are_told_at_the_door(self, train, tmp_path):
        """8-bit and 16-bit pairs in one set of shards make no batch; the sentence names one of each."""
        deep = np.full((48, 48, 3), 30_000, np.uint16)
        build(PairList([Pair(f"s/{i}", *[deep if i % 2 else (deep // 257).astype(np.uint8)] * 2) for i in range(4)]), tmp_path / "mixed")

        said = train(tmp_path / "run", "--shards", tmp_path / "mixed")

        assert "mixed: holds 8-bit pairs ('s/2') beside 16-bit pairs ('s/3')" in said
        assert not (tmp_path / "run/loss.csv").exists()

    @pytest.mark.parametrize("workers", [0, 1])
    def test_a_damaged_shard_is_one_sentence(self, train, shards, tmp_path, workers):
        """Damage that is met while training is told by shard and pair, whichever process reads."""
        shutil.copytree(shards, tmp_path / "shards")
        (shard,) = (tmp_path / "shards").rglob("*.h5")
        whole = bytearray(shard.read_bytes())
        middle = len(whole) // 2
        whole[middle : middle + 4000] = bytes(4000)
        shard.write_bytes(whole)

        sentence = train(tmp_path / "run", "--shards", tmp_path / "shards", "--workers", workers)

        assert "rebuild it with" in sentence
        assert "Traceback" not in sentence

    @pytest.mark.parametrize(("spoil", "words"), [("small", "at least 11 px"), ("cut", "damaged or cut off")])
    def test_test_pairs_that_cannot_be_scored_are_told_at_the_door(self, script, train, shards, tmp_path, monkeypatch, spoil, words):
        """Too small or cut off: told before the first step; met at the end, the trained network and a result without scores are kept."""
        for half in ("blur", "sharp"):
            for i in range(3):
                side = 8 if spoil == "small" and i == 1 else 48
                write_png(tmp_path / f"test/{half}/{i}.png", np.random.default_rng(i).integers(0, 256, (side, side, 3)).astype(np.uint8))
        if spoil == "cut":
            path = tmp_path / "test/sharp/1.png"
            path.write_bytes(path.read_bytes()[:500])
        more = ("--shards", shards, "--test", f"pairs:{tmp_path / 'test'}")

        said = train(tmp_path / "run", *more)
        assert words in said
        assert not (tmp_path / "run/loss.csv").exists()

        monkeypatch.setattr(script, "check_pairs", lambda *_, **__: None)
        said = train(tmp_path / "run", *more)
        assert words in said
        assert "network.pt" in said
        assert load_network(tmp_path / "run/network.pt")
        assert json.loads((tmp_path / "run/result.json").read_text())["scores"] is None
        assert (tmp_path / "run/curve.png").exists()

    @pytest.mark.parametrize(
        ("more", "expected"),
        [
            (("--set", "arguments={a"), "'{a' of arguments is no YAML"),
            (("--workers", "-1"), "'-1' is no whole number from 0 on"),
            (("--accumulate", "0"), "'0' is no whole number from 1 on"),
        ],
    )
    def test_words_that_cannot_be_read_are_told(self, train, shards, tmp_path, capsys, more, expected):
        """A mistyped option is a sentence with the usage."""
        assert train(tmp_path / "run", "--shards", shards, *more) == 2
        assert expected in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("more", "sets", "expected"),
        [
            (("--shards", "none"), {}, "holds no shards"),
            ((), {}, "give --shards DIR"),
            (("--pairs", "online"), {}, "give --sharp DIR"),
            (("--pairs", "online", "--sharp", "empty"), {}, "holds no pictures"),
            (("--shards", "SHARDS"), {"stages": "[{steps: 1, crop: 64, batch: 1}]"}, "smaller than the crop of 64 px"),
            (("--shards", "SHARDS"), {"where": "key == 'none'"}, "no pair that meets"),
            (("--shards", "SHARDS"), {"small": "false", "arguments": "{widht: 8}"}, "widht"),
            (("--shards", "SHARDS"), {"small": "true", "arguments": "{width: 8}"}, "leave one of them out"),
            (("--pairs", "online", "--shards", "SHARDS"), {"blur": "[{kind: shake, parameters: {sigma: 3}}]"}, "sigma"),
            (("--pairs", "online", "--shards", "SHARDS"), {"blur_margin_px": 4, "balance": "blur_px_p95"}, "no number 'blur_px_p95'"),
            (("--shards", "SHARDS", "--test", "none"), {}, "none"),
            (("--shards", "SHARDS"), {"small": "false", "arguments": "{width: 0}"}, "cannot be run with the arguments {'width': 0}"),
            (("--shards", "SHARDS", "--accumulate", "3"), {}, "2 pairs for a process and cannot be cut into more parts"),
        ],
    )
    def test_bad_input_is_told_at_the_door(self, train, shards, tmp_path, monkeypatch, more, sets, expected):
        """What cannot be trained on is one sentence before the first step."""
        monkeypatch.chdir(tmp_path)
        (tmp_path / "empty").mkdir()
        sentence = train(tmp_path / "run", *(str(shards) if word == "SHARDS" else word for word in more), sets=sets.items())

        assert expected in sentence
        assert "\n" not in sentence
        assert not (tmp_path / "run/loss.csv").exists()

    def test_a_recipe_of_something_else_is_refused(self, train, shards, tmp_path):
        """A recipe of synthesis is told apart from one of training."""
        assert "another kind of recipe (synthesis, not training)" in train(tmp_path / "run", "--shards", shards, recipe="gopro")


class TestTestPairs:
    @pytest.fixture
    def others(self, tmp_path):
        """Pairs of the same names and shapes that show something else; one has equal halves."""
        rng = np.random.default_rng(1)
        sharp = [rng.integers(0, 256, (12, 12, 3)).astype(np.uint8).repeat(4, 0).repeat(4, 1) for _ in range(4)]
        build(PairList([Pair(f"s/{i}", one if i == 2 else one // 2 + 64, one) for i, one in enumerate(sharp)]), tmp_path / "others")
        return tmp_path / "others"

    def test_a_curve_is_of_the_same_pairs(self, train, shards, others, tmp_path, capsys):
        """Other test pairs begin a new curve, also under the same path; the result says by its ids which they were."""
        out, held, sets = tmp_path / "run", tmp_path / "held", {"evaluate_every": 4}.items()
        ids = []
        for source in (others, shards):
            shutil.rmtree(held, ignore_errors=True)
            shutil.copytree(source, held)
            assert train(out, "--shards", shards, "--test", held, sets=sets) is None
            ids.append(json.loads((out / "result.json").read_text())["ids"]["test"])
        with (out / "scores.csv").open() as stream:
            assert [(row["step"], row["pairs"]) for row in csv.DictReader(stream)] == [("10", "10")]
        assert ids[0]["source"] == ids[1]["source"]
        assert ids[0]["content"] != ids[1]["content"]
        said = capsys.readouterr().err
        assert "scores.csv begins anew" in said
        assert said.count("--test holds the pairs that are trained on") == 1

    def test_equal_halves_have_no_psnr_in_the_result(self, train, shards, others, tmp_path):
        """JSON has no word for infinity."""
        assert train(tmp_path / "run", "--shards", shards, "--test", others) is None
        pairs = json.loads((tmp_path / "run/result.json").read_text(), parse_constant=lambda word: pytest.fail(word))["pairs"]
        assert [row["blurry_psnr"] is None for row in pairs] == [False, False, True, False]


def test_two_processes_score_the_network_that_is_saved(shards, tmp_path):
    """Batch norms gather statistics of their own in each process; all score with those of the first, which are saved."""
    more = ("--shards", shards, "--test", shards)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    sets = {"model": "noblur", "ema": "null"}.items()
    process = child(words(tmp_path / "two", *more, sets=sets), launcher=launcher)
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 0, said
    told = json.loads((tmp_path / "two/result.json").read_text())["pairs"]
    network, _ = load_network(tmp_path / "two/network.pt")
    again = evaluate(network.eval(), open_input(str(shards)), protocol="plain")
    assert [row["restored_psnr"] for row in told] == pytest.approx([score.restored_psnr for score, _ in again], abs=1e-4)


def test_two_processes_are_one(train, shards, tmp_path):
    """Under torchrun two processes share each batch, average their gradients, and only the first writes: the curve of one process."""
    sets = {"evaluate_every": 4}.items()
    more = ("--shards", shards, "--test", shards)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    process = child(words(tmp_path / "two", *more, sets=sets), launcher=launcher)
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 0, said
    assert train(tmp_path / "one", *more, sets=sets) is None

    two, one = (np.array(list(map(float, losses(tmp_path / name).values()))) for name in ("two", "one"))
    results = [json.loads((tmp_path / name / "result.json").read_text()) for name in ("two", "one")]
    assert len(two) == 10
    np.testing.assert_allclose(two, one, rtol=1e-4)
    assert results[0]["environment"]["processes"] == 2
    assert [row["key"] for row in results[0]["pairs"]] == [row["key"] for row in results[1]["pairs"]]
    assert results[0]["scores"]["restored_psnr"] == pytest.approx(results[1]["scores"]["restored_psnr"], abs=1e-2)
    assert said.count("Next: blurdata deblur") == 1
