"""Does a set of pairs do its job? A small network is trained on it, against controls that see through the ways to gain without learning.

A gain over the blurry input says little: on shuffled pairs a network gains 2 dB by learning to smooth. So a pass takes

* a gain over the untouched input and over the best fixed linear filter fitted on the same crops, the lower end of each interval (scenes
  and seeds drawn anew) above a floor,
* gradients that agree better with the sharp half's than before, which smoothing cannot bring about,
* halves that show the same thing, lie on each other, and of which the blurry one is the blurred one, as measured without any network.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from blurdata.pairs import Pair, PairList, PairSource
from blurdata.progress import SILENT, Advance
from blurdata.quality import PairFacts, survey
from blurdata.quality.measured import brightness, clipped
from blurdata.training.interval import Interval, bootstrap
from blurdata.training.linear import fit_filter
from blurdata.training.patches import Crop, draw_crops
from blurdata.training.recipe import TrainRecipe
from blurdata.training.trial import Outcome, Trial, run_trials

# From `tools/bench/verdict.py`: lower ends over the filter of good sets are 0.17 to 0.20 dB, of sets shifted by 2 px 0.04 to 0.09, which
# the halves' shift tells with certainty. The gain over the input does not tell them apart (lower ends 0.04 to 0.18 against 0.03 to 0.20),
# so it need only be one.
GAIN_FLOOR_DB = 0.0
FILTER_FLOOR_DB = 0.05
SHIFT_LINE_PX = 0.7
_UNLIKE = 0.75  # coherence: good pairs are above 0.9, pictures of different things below 0.5
_SWAPPED, _UNBLURRED = 0.9, 1.1  # edge width of the blurry half over the sharp half's
# detail that is gone, px^2: motion of 2 px takes 0.08, of 3 px 0.13, and leaves fine strokes along it as they are; noise and JPEG take
# 0.02 at most, or seem to bring 0.28 back
_SOFTER, _HARDER = 0.07, -0.3
_MANY = 0.2  # of the pairs; good sets have none
_FEWEST = 4  # crops in a bin that is spoken of


@dataclass(frozen=True)
class Bin:
    """The held-out crops of one kind.

    Args:
        name: Such as ``"blur 5 to 10 px"``.
        crops: How many.
        gain_db: Over the untouched input.
        helped: Whether the lower end of the gain's interval is above 0.
    """

    name: str
    crops: int
    gain_db: Interval
    helped: bool


@dataclass(frozen=True)
class Verdict:
    """What the training says of a set.

    Args:
        status: ``pass``, ``weak`` or ``fail``.
        reasons: Sentences; why it is no pass, or what the pass rests on.
        input_db: Mean PSNR of the held-out blurry crops.
        gain_db: Of the network over the untouched input.
        over_filter_db: Of the network over the best fixed linear filter.
        agreement: Rise of the gradients' correlation with the sharp half's.
        shift_px: Median offset between the held-out halves.
        coherence: Median share of coarse structure that the halves have in common.
        edge_ratio: Median edge width of the blurry half over the sharp half's.
        softer_px2: Median of the detail that is gone, less what would be gone if the halves were exchanged
            (:func:`blurdata.quality.sharpness.softening`).
        bins: The gain by blur length, darkness and clipping.
        train_crops: Crops trained on.
        test_crops: Crops judged by.
        scenes: Scenes among these.
        seeds: Trainings.
    """

    status: Literal["pass", "weak", "fail"]
    reasons: tuple[str, ...]
    input_db: float
    gain_db: Interval
    over_filter_db: Interval
    agreement: Interval
    shift_px: float
    coherence: float
    edge_ratio: float
    softer_px2: float
    bins: tuple[Bin, ...]
    train_crops: int
    test_crops: int
    scenes: int
    seeds: int


def verify_by_training(
    source: PairSource,
    recipe: TrainRecipe,
    *,
    seeds: int = 4,
    workers: int = 1,
    keep: Callable[[Mapping[str, Any]], bool] | None = None,
    advance: Advance = SILENT,
) -> Verdict:
    """Train the recipe's network on a set's own training pairs with several seeds and judge by pairs of other scenes.

    A set without a split of its own has another third of its scenes held out from seed to seed, so that all are judged by.

    Args:
        source: Any source with at least 12 pairs.
        recipe: What to train; its seed is the first of the seeds.
        seeds: Trainings, at least 3.
        workers: Processes to train in, one thread each.
        keep: Says from a pair's meta and ``key`` whether to train on it.
        advance: Called with the share of the work done, 100 in all.

    Raises:
        SourceError: If the pairs are too few or too small.
        Diverged: If the loss is no number.
        ValueError: If there are fewer than 3 seeds.

    Example:
        >>> from blurdata import open_source
        >>> from blurdata.recipe import read_recipe
        >>> source, recipe = open_source("shards:shards"), read_recipe("verdict", TrainRecipe)  # doctest: +SKIP
        >>> verify_by_training(source, recipe, workers=2).status  # doctest: +SKIP
        'pass'
    """
    if seeds < 3:
        msg = f"seeds must be at least 3, got {seeds}: two trainings say nothing of how much they differ."
        raise ValueError(msg)
    rounds = draw_crops(source, rounds=3, seed=recipe.seed, keep=keep)
    kernels = [fit_filter([crop.blurry for crop in train], [crop.sharp for crop in train]) for train, _ in rounds]
    trials = [
        Trial(*rounds[i % len(rounds)], kernels[i % len(rounds)], recipe.model_copy(update={"seed": recipe.seed + i})) for i in range(seeds)
    ]
    judged = [
        {crop.key: one for crop, one in zip(trial.test, row, strict=True)}
        for trial, row in zip(trials, run_trials(trials, workers=workers, advance=advance), strict=True)
    ]
    test = list({crop.key: crop for _, crops in rounds for crop in crops}.values())
    facts = survey(PairList([Pair(f"{i}/{crop.key}", crop.blurry, crop.sharp, crop.meta) for i, crop in enumerate(test)])).facts
    return judge_training([[row.get(crop.key) for crop in test] for row in judged], test, facts, train_crops=len(rounds[0][0]))


def judge_training(
    outcomes: Sequence[Sequence[Outcome | None]], test: Sequence[Crop], facts: Sequence[PairFacts], *, train_crops: int
) -> Verdict:
    """The verdict from what was measured.

    Args:
        outcomes: One row a seed, one outcome a held-out crop; None where that seed trained on the crop's scene or did not judge it.
        test: The held-out crops.
        facts: Measurements of their halves.
        train_crops: How many were trained on.
    """
    scenes = [crop.scene if len({c.scene for c in test}) > 1 else crop.key for crop in test]

    def interval(of: Callable[[Outcome], float]) -> Interval:
        return bootstrap(_table(outcomes, of), groups=scenes)

    gain = interval(lambda one: one.restored_psnr - one.input_psnr)
    over = interval(lambda one: one.restored_psnr - one.filtered_psnr)
    agreement = interval(lambda one: one.restored_agreement - one.input_agreement)
    shift, coherence, edges, softer = (_median([of(f) for f in facts]) for of in (_shift, _coherence, _edges, _softer))
    broken = _broken(shift, coherence, edges, softer) or _broken_part(facts)
    short = _short(gain, over, agreement)
    if any(fatal for fatal, _ in broken) or gain.high <= GAIN_FLOOR_DB or over.high < FILTER_FLOOR_DB or agreement.high <= 0:
        status: Literal["pass", "weak", "fail"] = "fail"
    else:
        status = "weak" if broken or short else "pass"
    reasons = [sentence for _, sentence in broken] + short or [
        f"The network gains {gain} dB over the blurry pictures and {over} dB over the best linear filter, and its edges agree better."
    ]
    return Verdict(
        status,
        tuple(reasons),
        float(np.nanmean(_table(outcomes, lambda one: one.input_psnr))),
        gain,
        over,
        agreement,
        shift,
        coherence,
        edges,
        softer,
        tuple(bins(outcomes, test, facts, scenes)),
        train_crops,
        len(test),
        len(set(scenes)),
        len(outcomes),
    )


def _broken(shift: float, coherence: float, edges: float, softer: float) -> list[tuple[bool, str]]:
    """What is wrong with the halves themselves: whether it fails the set, and a sentence."""
    if np.isnan(edges):
        return [(True, "The held-out pictures hold no edges to be measured: give pairs of scenes with detail.")]
    found = []
    if coherence < _UNLIKE:
        found.append(
            (
                True,
                f"The halves do not show the same thing ({coherence:.2f} of their coarse structure is shared): check how names are paired.",
            )
        )
    elif shift > SHIFT_LINE_PX:
        found.append((False, f"The halves lie {shift:.1f} px apart, more than blur explains: align the pairs again."))
    if edges < _UNBLURRED and softer <= _SOFTER:
        if edges < _SWAPPED or softer < _HARDER:
            said = f"The blurry half is the sharper one (edges {edges:.2f} times as wide): exchange the halves."
        else:
            said = f"The blurry half is hardly blurred (edges {edges:.2f} times as wide): there is nothing to learn from it."
        found.append((True, said))
    return found


def _broken_part(facts: Sequence[PairFacts]) -> list[tuple[bool, str]]:
    """What is wrong with many of the pairs and not with most, which fails no set and lets none pass."""
    parts = {
        f"the halves clearly lie more than {SHIFT_LINE_PX:g} px apart": [
            _shift(f) > SHIFT_LINE_PX + 2 * f.shift_error_px and _coherence(f) >= _UNLIKE for f in facts
        ],
        "the halves do not show the same thing": [_coherence(f) < _UNLIKE for f in facts],
        "the blurry half is the sharper one": [_edges(f) < _SWAPPED and _softer(f) <= _SOFTER for f in facts],
    }
    return [
        (False, f"In {sum(wrong)} of {len(facts)} held-out pairs {what}; `blurdata report` names such pairs.")
        for what, wrong in parts.items()
        if sum(wrong) > _MANY * len(facts)
    ]


def _short(gain: Interval, over: Interval, agreement: Interval) -> list[str]:
    """What the training did not reach."""
    found = []
    if gain.low <= GAIN_FLOOR_DB:
        found.append(f"The gain over the blurry pictures, {gain} dB, is not clearly above {GAIN_FLOOR_DB:g} dB.")
    if over.low <= FILTER_FLOOR_DB:
        found.append(
            f"The gain over the best fixed linear filter, {over} dB, is not clearly above {FILTER_FLOOR_DB:g} dB: a filter would do."
        )
    if agreement.low <= 0:
        found.append(f"The gradients' agreement with the sharp half does not clearly rise ({agreement}).")
    return found


def _table(outcomes: Sequence[Sequence[Outcome | None]], of: Callable[[Outcome], float]) -> NDArray[np.float64]:
    """(seeds, crops), NaN where there is no outcome."""
    return np.array([[np.nan if one is None else of(one) for one in row] for row in outcomes])


def bins(
    outcomes: Sequence[Sequence[Outcome | None]], test: Sequence[Crop], facts: Sequence[PairFacts], scenes: Sequence[str]
) -> list[Bin]:
    """The gain over the input by blur length, darkness and clipping of the held-out crops; bins of fewer than four crops are left out."""
    gains = _table(outcomes, lambda one: one.restored_psnr - one.input_psnr)
    length = np.array([f.measured_px for f in facts])
    light = np.array([brightness(crop.sharp) for crop in test])
    share = np.array([clipped(crop.sharp) for crop in test])
    edges = (0.0, 5.0, 10.0, 15.0, 25.0, np.inf)
    chosen: dict[str, NDArray[np.bool_]] = {
        f"blur {low:.0f} to {high:.0f} px" if high < np.inf else f"blur over {low:.0f} px": (length >= low) & (length < high)
        for low, high in pairwise(edges)
    }
    chosen |= {
        "dark (mean under 25 %)": light < 0.25,
        "bright": light >= 0.25,
        "clipped (over 1 % of pixels)": share > 0.01,
        "not clipped": share <= 0.01,
    }
    found = []
    for name, rows in chosen.items():
        if rows.sum() >= _FEWEST:
            here = [scene for scene, kept in zip(scenes, rows, strict=True) if kept]
            gain = bootstrap(gains[:, rows], groups=here if len(set(here)) > 1 else [crop.key for crop in compress(test, rows)])
            found.append(Bin(name, int(rows.sum()), gain, gain.low > 0))
    return found


def _shift(facts: PairFacts) -> float:
    return facts.shift_px


def _coherence(facts: PairFacts) -> float:
    return facts.coherence


def _edges(facts: PairFacts) -> float:
    return facts.edge_blurry / facts.edge_sharp


def _softer(facts: PairFacts) -> float:
    return facts.softened_px2 - facts.hardened_px2


def _median(values: Sequence[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.median(finite)) if finite else float("nan")
