"""A training step, its schedule, its checkpoints: exact, resumable, safe."""

import math
import pickle

import pytest
import torch

from blurdata.errors import OutputError, RecipeError, SourceError
from blurdata.recipe import parse_recipe
from blurdata.training import (
    Diverged,
    Trainer,
    TrainRecipe,
    build_model,
    learning_rate,
    load_checkpoint,
    load_network,
    save_checkpoint,
)


def recipe(**fields):
    return TrainRecipe(
        **{"small": True, "stages": [{"steps": 6, "crop": 16, "batch": 2}], "learning_rate": 1e-3, "ema": 0.9, "clip_norm": 1.0, **fields}
    )


def batch(step):
    generator = torch.Generator().manual_seed(step)
    sharp = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8, generator=generator)
    return sharp // 2, sharp


def run(trainer, steps):
    return [trainer.step(*batch(step), keys=["a", "b"]) for step in steps]


class TestTrainer:
    def test_loss_falls(self):
        """Repeating one batch lowers its loss."""
        trainer = Trainer(build_model("baseline", small=True), recipe(learning_rate=1e-2))
        losses = run(trainer, [0] * 6)
        assert losses[-1] < losses[0]

    def test_resumed_run_repeats_the_loss_curve_exactly(self, tmp_path):
        """A run that is stopped and continued from its checkpoint gives the very losses and weights of one that was not."""
        whole = Trainer(build_model("baseline", small=True), recipe())
        expected = run(whole, range(6))
        first = Trainer(build_model("baseline", small=True), recipe())
        losses = run(first, range(3))
        save_checkpoint(tmp_path / "c.pt", {"trainer": first.state_dict()})

        second = Trainer(build_model("baseline", small=True, seed=9), recipe())
        second.load_state_dict(load_checkpoint(tmp_path / "c.pt")["trainer"])
        losses += run(second, range(3, 6))

        assert losses == expected
        for name, weight in whole.evaluated.state_dict().items():
            assert torch.equal(weight, second.evaluated.state_dict()[name])

    @pytest.mark.parametrize(
        ("damage", "words"),
        [
            (lambda state: state["state"].clear(), "moments are not those of this network"),
            (lambda state: state["state"][0].pop("exp_avg_sq"), "moments are not those of this network"),
            (lambda state: state["state"][0].update(exp_avg=torch.zeros(1)), "moments are not those of this network"),
            (lambda state: state["param_groups"][0].update(betas=(0.1, 0.1)), "other settings"),
            (lambda state: state["param_groups"][0].update(weight_decay="x"), "other settings"),
        ],
    )
    def test_an_optimiser_of_another_run_is_refused(self, damage, words):
        """Torch would take it, and go on as another run."""
        trainer = Trainer(build_model("baseline", small=True), recipe())
        run(trainer, range(2))
        state = trainer.state_dict()
        damage(state["optimiser"])
        with pytest.raises(ValueError, match=words):
            Trainer(build_model("baseline", small=True), recipe()).load_state_dict(state)

    @pytest.mark.parametrize("name", ["baseline", "dehaze", "restormer", "nafnet", "noblur"])
    def test_a_batch_in_parts_gives_the_same_gradients_but_for_batch_norms(self, name):
        """The gradients of a batch that is cut into two differ by rounding alone, except where batch norms see each part by itself."""
        gradients = []
        for parts in (1, 2):
            trainer = Trainer(build_model(name, small=True), recipe(model=name), accumulate=parts)
            trainer.step(*(half.repeat(1, 1, 2, 2) for half in batch(0)), keys=["a", "b"])
            gradients.append(torch.cat([weight.grad.flatten() for weight in trainer.model.parameters()]))

        assert bool((gradients[0] - gradients[1]).norm() < 1e-4 * gradients[0].norm()) is (name != "noblur")

    def test_ema_is_the_running_average_of_the_weights(self):
        """The evaluated network is the exponential average of the trained one's weights."""
        trainer = Trainer(build_model("baseline", small=True), recipe(ema=0.5))
        name, weight = next(iter(trainer.model.named_parameters()))
        seen = []
        for step in range(3):
            run(trainer, [step])
            seen.append(weight.detach().clone())

        expected = 0.5 * (0.5 * seen[0] + 0.5 * seen[1]) + 0.5 * seen[2]
        torch.testing.assert_close(dict(trainer.evaluated.named_parameters())[name].detach(), expected)

    def test_a_loss_that_is_no_number_stops_with_the_keys(self):
        """NaN stops the run, names the pairs and leaves the weights untouched."""
        trainer = Trainer(build_model("baseline", small=True), recipe())
        with torch.no_grad():
            trainer.model.head[1].bias.fill_(math.nan)
        before = trainer.model.embed[1].weight.clone()

        with pytest.raises(Diverged, match="a, b") as caught:
            run(trainer, [0])

        assert caught.value.keys == ["a", "b"]
        assert torch.equal(before, trainer.model.embed[1].weight)

    @pytest.mark.parametrize("loss", ["l1", "mse", "psnr"])
    def test_losses_match_their_formulas(self, loss):
        """The first loss of a network that starts as the identity is the formula on the untouched input."""
        trainer = Trainer(build_model("baseline", small=True), recipe(loss=loss))
        blurry, sharp = batch(0)
        d = (blurry.double() - sharp.double()) / 255
        expected = {"l1": d.abs().mean(), "mse": d.square().mean(), "psnr": (10 * d.square().mean((1, 2, 3)).log10()).mean()}

        assert trainer.step(blurry, sharp, keys=["a", "b"]) == pytest.approx(float(expected[loss]), rel=1e-5)

    def test_bf16_trains(self):
        """Mixed precision gives a finite falling loss on the CPU too."""
        losses = run(Trainer(build_model("baseline", small=True), recipe(precision="bf16", learning_rate=1e-2)), [0] * 5)
        assert losses[-1] < losses[0]

    def test_weights_come_from_the_seed_alone(self):
        """Same seed, same weights; the global generator is left alone."""
        torch.manual_seed(5)
        expected = torch.rand(1)
        torch.manual_seed(5)
        one, two, other = (build_model("nafnet", small=True, seed=s).head.weight for s in (1, 1, 2))
        assert torch.equal(one, two)
        assert not torch.equal(one, other)
        assert torch.equal(torch.rand(1), expected)


class TestSchedule:
    def test_rise_hold_and_cosine(self):
        """The rate rises linearly, holds, and ends at the final value."""
        rates = [learning_rate(s, steps=20, peak=1.0, final=0.1, warmup=4, hold=6) for s in range(21)]
        assert rates[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
        assert rates[4:11] == pytest.approx([1.0] * 7)
        assert rates[15] == pytest.approx(0.55)
        assert rates[20] == pytest.approx(0.1)

    def test_stages_follow_each_other(self):
        """Progressive training switches crop and batch at the right step."""
        plan = recipe(stages=[{"steps": 2, "crop": 16, "batch": 4}, {"steps": 3, "crop": 32, "batch": 1}])
        assert [plan.stage_at(s).crop for s in range(6)] == [16, 16, 32, 32, 32, 32]
        assert plan.steps == 5


class TestRecipe:
    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"learningrate": 1}, "learning_rate"),
            ({"model": "gan"}, "baseline"),
            ({"stages": []}, "stages"),
            ({"stages": [{"steps": 1, "crop": 15, "batch": 1}]}, r"stages\.0\.crop"),
            ({"warmup_steps": 99}, "warmup_steps"),
            ({"ema": 1.5}, "ema"),
        ],
    )
    def test_wrong_fields_are_named(self, fields, words):
        """A wrong recipe is one sentence with the file and the field or the allowed values."""
        good = {"stages": [{"steps": 1, "crop": 16, "batch": 1}], "learning_rate": 1e-3}
        with pytest.raises(RecipeError, match=words) as caught:
            parse_recipe({**good, **fields}, TrainRecipe, where="mine.yaml")
        assert str(caught.value).startswith("mine.yaml: ")


class TestCheckpoint:
    def network(self, path):
        model = build_model("baseline", small=True, seed=3)
        save_checkpoint(path, {"recipe": recipe().resolved(), "weights": model.state_dict()})
        return model

    def test_network_comes_back(self, tmp_path):
        """A saved network restores pictures as the original does."""
        model = self.network(tmp_path / "c.pt")
        again, state = load_network(tmp_path / "c.pt")
        picture = torch.rand(1, 3, 10, 12)
        assert torch.equal(model.eval()(picture), again(picture))
        assert state["recipe"]["model"] == "baseline"

    def test_damage_is_a_sentence(self, tmp_path):
        """Missing, cut, foreign and pickled files are refused by name, and no code in them runs."""
        path = tmp_path / "c.pt"
        self.network(path)
        whole = path.read_bytes()
        marker = tmp_path / "ran"

        class Evil:
            def __reduce__(self):
                return (marker.touch, ())

        torch.save({"format": "other"}, tmp_path / "other.pt")
        (tmp_path / "evil.pt").write_bytes(pickle.dumps(Evil()))
        (tmp_path / "text.pt").write_text("hello")
        for cut in (0, 1, len(whole) // 2, len(whole) - 1):
            (tmp_path / "cut.pt").write_bytes(whole[:cut])
            with pytest.raises(SourceError, match=r"cut\.pt"):
                load_checkpoint(tmp_path / "cut.pt")
        for name in ("missing.pt", "other.pt", "evil.pt", "text.pt"):
            with pytest.raises(SourceError, match=name):
                load_network(tmp_path / name)
        assert not marker.exists()

    def test_a_flipped_byte_is_told(self, tmp_path):
        """Loading by torch does not look at the checksums of a checkpoint's parts: one flipped byte of a weight is refused by name."""
        path = tmp_path / "c.pt"
        model = self.network(path)
        whole = bytearray(path.read_bytes())
        weight = max(model.state_dict().values(), key=torch.numel).numpy().tobytes()
        whole[whole.index(weight) + len(weight) // 2] ^= 0x10
        path.write_bytes(whole)

        with pytest.raises(SourceError, match=r"c\.pt: is no checkpoint that can be read"):
            load_network(path)

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_weights_that_are_not_finite_are_refused(self, tmp_path, value):
        """A network of NaN or infinity restores nothing."""
        weights = build_model("baseline", small=True).state_dict()
        next(iter(weights.values())).view(-1)[3] = value
        save_checkpoint(tmp_path / "c.pt", {"recipe": recipe().resolved(), "weights": weights})

        with pytest.raises(SourceError, match="weights that are not finite"):
            load_network(tmp_path / "c.pt")

    def test_a_tensor_in_the_recipe_is_refused(self, tmp_path):
        """What is told of a network goes into JSON records, so it holds no tensors."""
        weights = build_model("baseline", small=True).state_dict()
        save_checkpoint(tmp_path / "c.pt", {"recipe": {**recipe().resolved(), "small": torch.ones(2)}, "weights": weights})

        with pytest.raises(SourceError, match="not plain numbers and texts"):
            load_network(tmp_path / "c.pt")

    def test_weights_of_another_network_are_refused(self, tmp_path):
        """Weights that do not fit the recipe are told apart from damage."""
        weights = build_model("dehaze", small=True).state_dict()
        save_checkpoint(tmp_path / "c.pt", {"recipe": recipe().resolved(), "weights": weights})
        with pytest.raises(SourceError, match="do not belong together"):
            load_network(tmp_path / "c.pt")

    def test_a_place_that_cannot_be_written_is_an_error(self, tmp_path):
        """Saving below a file fails with a sentence and leaves nothing."""
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError, match="choose another --out"):
            save_checkpoint(tmp_path / "file" / "c.pt", {})
