"""Which of several sets makes the better deblurring network? The same baseline on each, judged by the held-out pairs of all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blurdata.pairs import PairSource
from blurdata.progress import SILENT, Advance
from blurdata.shards.where import parse_where
from blurdata.training.interval import Interval, bootstrap
from blurdata.training.linear import fit_filter
from blurdata.training.patches import Crop, draw_all, draw_jointly, spread
from blurdata.training.recipe import TrainRecipe
from blurdata.training.trial import Trial, run_trials

_FEWEST = 3  # scenes that an interval over scenes takes
_WITHOUT_PART = ("pairs", "balance", "augment", "protocol")


@dataclass(frozen=True)
class Cell:
    """What training on one set gains on the pairs of another.

    Args:
        gain_db: Over the untouched input.
        behind_db: The column's best less this, paired by seed and scene; zero for the best itself.
        as_good: Whether the interval of that difference reaches down to zero, or there are too few scenes for one: the cell cannot be told
            from the best.
        scenes: By so many it is judged (pairs, where the column has but one scene).
    """

    gain_db: Interval
    behind_db: Interval
    as_good: bool
    scenes: int


def compare(
    train: Mapping[str, PairSource],
    test: Mapping[str, PairSource],
    recipe: TrainRecipe,
    *,
    seeds: int = 3,
    workers: int = 1,
    advance: Advance = SILENT,
) -> dict[str, dict[str, Cell]]:
    """The cross table: rows are the sets trained on, columns their held-out pairs and the further sets of ``test``.

    Every row takes as many steps on as many crops, in the same order, from the same weights; seed by seed only the pairs differ. Of a
    large set the crops that count are spread evenly over it. Scenes that one set holds out are trained on in none
    (:func:`~blurdata.training.patches.draw_jointly`). A set of ``test`` that is one of ``train``, by name or by content, has a column of
    held-out pairs already and gets no other; of further sets the pairs that a row was trained on are left out, and one with no others has
    no column.

    Args:
        train: Name -> a set with at least 12 pairs; a third of its scenes, or its own test split, becomes a column.
        test: Name -> a set that is only judged by.
        recipe: What to train; its `where` filters what is trained on.
        seeds: Trainings of each row, at least 2.
        workers: Processes to train in.
        advance: Called with shares that add up to 100.

    Returns:
        ``table[row][column]``.

    Raises:
        SourceError: If a set has too few or too small pairs.
        ValueError: If there are fewer than 2 seeds or no set, or the recipe wants what a comparison does not do.
    """
    if seeds < 2 or not train:
        msg = f"A comparison takes at least one set and 2 seeds, got {len(train)} and {seeds}."
        raise ValueError(msg)
    if unused := [field for field in _WITHOUT_PART if getattr(recipe, field) != TrainRecipe.model_fields[field].default]:
        msg = (
            "A comparison trains on stored crops, evenly drawn, by flips and quarter turns: "
            f"the recipe's {', '.join(unused)} has no part in it; leave it out."
        )
        raise ValueError(msg)
    keep = parse_where(recipe.where) if recipe.where else None
    drawn = draw_jointly(train, seed=recipe.seed, keep=keep)
    learnt = {name: crops for name, (crops, _) in drawn.items()}
    columns = {name: held for name, (_, held) in drawn.items()}
    for name, source in only_judged_by(train, test).items():
        if new := unseen(draw_all(source, seed=recipe.seed), source, learnt, train):
            columns[name] = new
    judged = [crop for crops in columns.values() for crop in crops]
    recipes = [recipe.model_copy(update={"seed": recipe.seed + i}) for i in range(seeds)]
    gains, fewest = {}, min(len(crops) for crops in learnt.values())
    for name, crops in learnt.items():
        chosen = [crops[i] for i in spread(len(crops), fewest)]
        rows = _gains(chosen, judged, recipes, workers, lambda steps=1, *, note="": advance(steps / len(learnt), note=note))
        gains[name] = rows
    return cross_table(gains, columns)


def only_judged_by(train: Mapping[str, PairSource], test: Mapping[str, PairSource]) -> dict[str, PairSource]:
    """The sets of ``test`` that are none of ``train``, by name or by content."""
    others = {name: source for name, source in test.items() if name not in train}
    contents = {source.fingerprint() for source in train.values()} if others else set()
    return {name: source for name, source in others.items() if source.fingerprint() not in contents}


def unseen(crops: Sequence[Crop], source: PairSource, learnt: Mapping[str, Sequence[Crop]], train: Mapping[str, PairSource]) -> list[Crop]:
    """The crops of pairs that no row was trained on: a pair of the same key is one if its sharp picture is the same."""
    own = {key: index for index, key in enumerate(source.keys)}
    seen = set[str]()
    for name, trained in learnt.items():
        place = {key: index for index, key in enumerate(train[name].keys)}
        for key in {crop.key for crop in trained} & {crop.key for crop in crops}:
            if np.array_equal(source[own[key]].sharp, train[name][place[key]].sharp):
                seen.add(key)
    return [crop for crop in crops if crop.key not in seen]


def _gains(
    train: Sequence[Crop], judged: Sequence[Crop], recipes: Sequence[TrainRecipe], workers: int, advance: Advance
) -> NDArray[np.float64]:
    kernel = fit_filter([crop.blurry for crop in train], [crop.sharp for crop in train])
    outcomes = run_trials([Trial(train, judged, kernel, recipe) for recipe in recipes], workers=workers, advance=advance)
    return np.array([[one.restored_psnr - one.input_psnr for one in row] for row in outcomes])


def cross_table(gains: Mapping[str, NDArray[np.float64]], columns: Mapping[str, Sequence[Crop]]) -> dict[str, dict[str, Cell]]:
    """The table from each row's gains, (seeds, crops of all columns in order)."""
    table: dict[str, dict[str, Cell]] = {name: {} for name in gains}
    start = 0
    for column, crops in columns.items():
        stop = start + len(crops)
        scenes = [crop.scene if len({c.scene for c in crops}) > 1 else crop.key for crop in crops]
        part = {name: rows[:, start:stop] for name, rows in gains.items()}
        count = len(set(scenes))
        best = max(part, key=lambda name: float(part[name].mean()))
        for name, rows in part.items():
            behind = bootstrap(part[best] - rows, groups=scenes)
            table[name][column] = Cell(bootstrap(rows, groups=scenes), behind, count < _FEWEST or behind.low <= 0, count)
        start = stop
    return table
