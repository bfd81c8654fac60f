"""What the answers of the arms are worth, and whether the arms can be told apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import (
    multiclass_calibration_error,
    multiclass_cohen_kappa,
    multiclass_confusion_matrix,
    multiclass_f1_score,
)

from blurdata.training.interval import Interval, bootstrap

Float = NDArray[np.float64]
_SPEAKABLE = 0.05  # a loss by blur below this, or not clearly above 0, has no share that could be won back


@dataclass(frozen=True)
class Scores:
    """How one set of answers does.

    Args:
        accuracy: Share of right answers.
        macro_f1: Mean over the classes of the harmonic mean of precision and recall.
        kappa: Cohen's kappa with quadratic weights for ordered grades; NaN where the classes have no order.
        calibration_error: Mean over 15 bins of confidence of the gap to the accuracy, weighted by answers.
        confusion: [true class][answered class] counts.
    """

    accuracy: float
    macro_f1: float
    kappa: float
    calibration_error: float
    confusion: tuple[tuple[int, ...], ...]


def score(chances: Float, labels: NDArray[np.int64], *, ordered: bool) -> Scores:
    """Scores of (N, classes) probabilities against (N,) labels.

    Example:
        >>> chances = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
        >>> found = score(chances, np.array([0, 1, 1]), ordered=False)
        >>> round(found.accuracy, 3), found.confusion
        (0.667, ((1, 0), (1, 1)))
    """
    answers, truth = torch.from_numpy(np.asarray(chances, np.float32)), torch.from_numpy(labels)
    classes = chances.shape[1]
    kappa = multiclass_cohen_kappa(answers, truth, classes, weights="quadratic") if ordered else torch.tensor(float("nan"))
    matrix = multiclass_confusion_matrix(answers, truth, classes)
    return Scores(
        float((answers.argmax(1) == truth).double().mean()),
        float(multiclass_f1_score(answers, truth, classes, average="macro")),
        float(kappa),
        float(multiclass_calibration_error(answers, truth, classes, n_bins=15)),
        tuple(tuple(int(count) for count in row) for row in matrix.tolist()),
    )


@dataclass(frozen=True)
class Compared:
    """One arm beside the others, above all the first, in points of accuracy, paired by seed and picture.

    Args:
        clean: Difference on clean pictures.
        blurred: Difference, for each test and severity (``"motion 3"``).
        hard: Difference of the mean over motion and defocus at severities 3 to 5.
        won_back: Share of what blur costs the first arm that this one wins back, for each test at severity 3; only where that cost is
            at least 5 points and clearly above 0.
        on_motion: Difference of the mean over all severities of motion to each of the other arms.
    """

    clean: Interval
    blurred: dict[str, Interval]
    hard: Interval
    won_back: dict[str, Interval]
    on_motion: dict[str, Interval]


def compare_arms(right: Mapping[str, Mapping[str, Float]], groups: Sequence[str]) -> dict[str, Compared]:
    """Every arm but the first beside the others.

    Args:
        right: Arm -> test (``"clean"``, ``"motion 1"`` …) -> (seeds, pictures), 1 where the answer was right.
        groups: Of each picture.

    Example:
        >>> answers = np.zeros((3, 40))  # of 3 seeds for 40 pictures; 1 is right
        >>> answers[:, :20] = 1
        >>> better = answers.copy()
        >>> better[:, 20:30] = 1
        >>> base, ours = {"clean": answers, "motion 3": answers}, {"clean": answers, "motion 3": better}
        >>> found = compare_arms({"none": base, "ours": ours}, groups=[f"{i}" for i in range(40)])["ours"]
        >>> found.clean.mean, round(found.blurred["motion 3"].mean, 3)
        (0.0, 25.0)
    """
    names = list(right)
    base = right[names[0]]
    tests = [test for test in base if test != "clean"]
    hard = [test for test in tests if test.split()[0] in ("motion", "defocus") and test.split()[1] in "345"]
    motion = [test for test in tests if test.startswith("motion ")]
    found = {}
    for name in names[1:]:
        arm = right[name]
        won = {}
        for test in (test for test in tests if test.endswith(" 3")):
            lost = bootstrap(base["clean"] - base[test], groups=groups)
            if lost.low > 0 and lost.mean >= _SPEAKABLE:
                won[test] = bootstrap(arm[test] - base[test], base["clean"] - base[test], groups=groups, figure=lambda a, b: a / b)
        found[name] = Compared(
            _points(arm["clean"] - base["clean"], groups),
            {test: _points(arm[test] - base[test], groups) for test in tests},
            _points(np.mean([arm[test] - base[test] for test in hard], axis=0), groups) if hard else Interval(*(float("nan"),) * 3),
            won,
            {
                other: _points(np.mean([arm[test] - right[other][test] for test in motion], axis=0), groups)
                for other in names
                if other != name and motion
            },
        )
    return found


def _points(difference: Float, groups: Sequence[str]) -> Interval:
    return bootstrap(100 * difference, groups=groups)
