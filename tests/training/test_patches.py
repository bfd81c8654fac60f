"""Which pairs are trained on and which are judged by."""

import numpy as np
import pytest

from blurdata.errors import SourceError
from blurdata.pairs import Pair, PairList
from blurdata.training.patches import draw_crops


def _source(keys: list[str], size: tuple[int, int] = (80, 100), **metas: list[object]) -> PairList:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*size, 3)).astype(np.uint8) for _ in keys]
    return PairList([Pair(k, p, 255 - p, {n: v[i] for n, v in metas.items()}) for i, (k, p) in enumerate(zip(keys, pictures, strict=True))])


def test_no_scene_is_on_both_sides() -> None:
    """Whole scenes are held out, about a third of them."""
    ((train, test),) = draw_crops(_source([f"{scene}/{i}" for scene in "abcdef" for i in range(5)]), train=40, test=20)
    assert {c.scene for c in train} == set("acdf")
    assert {c.scene for c in test} == set("be")


def test_the_sets_own_split_decides() -> None:
    """Where pairs name a split, those of test are judged by and the rest trained on."""
    split = ["train"] * 12 + ["test"] * 6
    ((train, test),) = draw_crops(_source([f"s/{i}" for i in range(18)], split=split), train=40)
    assert {c.meta["split"] for c in train} == {"train"}
    assert {c.meta["split"] for c in test} == {"test"}


def test_one_scene_is_cut_into_runs() -> None:
    """A set of one scene is split by runs of neighbouring pairs, not by single pairs."""
    ((train, test),) = draw_crops(_source([f"{i:03d}" for i in range(36)]), train=24)
    held = sorted(int(c.key) for c in test)
    assert held == [*range(4, 8), *range(16, 20), *range(28, 32)]
    assert not {c.key for c in train} & {c.key for c in test}


def test_crops_are_aligned_and_repeatable_and_of_their_pair() -> None:
    """Both halves show the same place; the same seed gives the same crops, another seed others."""
    source = _source([f"{scene}/{i}" for scene in "abc" for i in range(6)])
    first, second, other = (draw_crops(source, side=64, seed=seed)[0][0] for seed in (3, 3, 4))
    assert all((c.blurry == 255 - c.sharp).all() and c.blurry.shape == (64, 64, 3) for c in first)
    assert all((a.blurry == b.blurry).all() for a, b in zip(first, second, strict=True))
    assert any((a.blurry != b.blurry).any() for a, b in zip(first, other, strict=True))


def test_few_pairs_give_several_crops() -> None:
    """A small set still fills the crops to train on, from different places."""
    ((train, _),) = draw_crops(_source([f"{scene}/{i}" for scene in "abc" for i in range(6)]), train=60, side=64)
    assert len(train) == 60
    places = {c.blurry.tobytes() for c in train if c.key == "a/0"}
    assert len(places) > 2


def test_a_condition_chooses_what_is_trained_on_alone() -> None:
    """``keep`` sees meta and key and leaves the pairs to judge by as they are."""
    source = _source([f"{scene}/{i}" for scene in "abc" for i in range(6)], blur_px_p95=[float(i % 6) for i in range(18)])
    ((train, test),) = draw_crops(source, keep=lambda meta: meta["blur_px_p95"] < 3 and meta["key"] != "a/0")
    assert {c.key for c in train} == {"a/1", "a/2", "c/0", "c/1", "c/2"}
    assert len(test) == 6


def test_too_few_or_too_small_pairs_are_told() -> None:
    """What cannot be judged is said in a sentence."""
    with pytest.raises(SourceError, match="too few"):
        draw_crops(_source([f"a/{i}" for i in range(11)]))
    with pytest.raises(SourceError, match="side of 60 px"):
        draw_crops(_source([f"{s}/{i}" for s in "ab" for i in range(6)], size=(60, 100)))
    with pytest.raises(SourceError, match="0 pairs left to train on"):
        draw_crops(_source([f"{s}/{i}" for s in "ab" for i in range(6)]), keep=lambda _: False)
    with pytest.raises(SourceError, match="1 pair left to train on and 6 to judge by"):  # of which there are many crops
        draw_crops(_source([f"{s}/{i}" for s in "ab" for i in range(6)]), keep=lambda meta: meta["key"] == "a/1")


def test_every_scene_is_held_out_in_one_of_three_rounds() -> None:
    """The rounds share the scenes out, and none is on both sides of one; a set with a split of its own keeps it."""
    source = _source([f"{scene}/{i}" for scene in "abcdefg" for i in range(4)])
    rounds = draw_crops(source, rounds=3, train=30, test=30)
    held = [{crop.scene for crop in test} for _, test in rounds]
    assert len(rounds) == 3
    assert sorted(scene for scenes in held for scene in scenes) == list("abcdefg")
    assert all(not scenes & {crop.scene for crop in train} for scenes, (train, _) in zip(held, rounds, strict=True))
    assert all(len(test) <= 10 for _, test in rounds)
    ((_, first),) = draw_crops(source, train=30, test=30)
    assert {crop.scene for crop in first} == held[0]

    split = ["test" if i < 6 else "train" for i in range(18)]
    own = draw_crops(_source([f"s/{i}" for i in range(18)], split=split), rounds=3, train=20)
    assert all([c.key for c in test] == [f"s/{i}" for i in range(6)] for _, test in own)


def test_a_round_that_holds_out_next_to_nothing_is_left_out() -> None:
    """Two scenes, one of a single pair: what can be judged by is judged by."""
    rounds = draw_crops(_source([*(f"a/{i}" for i in range(12)), "b/0", *(f"c/{i}" for i in range(4))]), rounds=3, train=20)
    assert [{crop.scene for crop in test} for _, test in rounds] == [{"c"}, {"a"}]
