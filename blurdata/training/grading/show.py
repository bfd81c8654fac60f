"""What was found, as tables and curves that a person reads."""

from pathlib import Path

import numpy as np

from blurdata.files import atomic_path
from blurdata.training.grading.arms import SEVERITIES, TESTS
from blurdata.training.grading.score import Compared, Scores


def scores_table(scores: dict[str, dict[str, list[Scores]]]) -> str:
    """Accuracy in percent of every arm under every test, means over seeds, and the other scores under three of them.

    Args:
        scores: Arm -> test (``"clean"``, ``"motion 1"`` …) -> a score for each seed.

    Example:
        >>> names = ["clean", *(f"{test} {severity}" for test in TESTS for severity in SEVERITIES)]
        >>> one = Scores(0.75, 0.7, 0.6, 0.1, ((3, 1), (1, 3)))
        >>> print(scores_table({"ours": {name: [one] for name in names}}).splitlines()[1][:21])
        ours     75.0    75.0
    """
    width = max(map(len, scores)) + 2
    lines = [f"{'accuracy, %':<{width}}{'clean':>7}" + "".join(f"{test + ' 1 to 5':>33}" for test in TESTS)]
    for name, tests in scores.items():
        cells = [f"{100 * _mean_of(tests['clean'], 'accuracy'):7.1f}"]
        for test in TESTS:
            cells.append("  " + "".join(f"{100 * _mean_of(tests[f'{test} {severity}'], 'accuracy'):6.1f}" for severity in SEVERITIES) + " ")
        lines.append(f"{name:<{width}}" + "".join(cells))
    shown = ("clean", "motion 3", "defocus 3")
    lines += ["", f"{'':<{width}}" + "".join(f"{test + ': F1':>14}{'kappa':>8}{'calib.':>8}" for test in shown)]
    for name, tests in scores.items():
        cells = [f"{_mean_of(tests[test], 'macro_f1'):14.3f}{_mean_of(tests[test], 'kappa'):8.3f}" for test in shown]
        errors = [f"{_mean_of(tests[test], 'calibration_error'):8.3f}" for test in shown]
        lines.append(f"{name:<{width}}" + "".join(cell + error for cell, error in zip(cells, errors, strict=True)))
    return "\n".join(lines)


def compared_text(compared: dict[str, Compared], first: str) -> str:
    """Every arm beside the first, in points of accuracy with intervals.

    Args:
        compared: What :func:`~blurdata.training.grading.compare_arms` found.
        first: Name of the arm that the others stand beside.

    Example:
        >>> from blurdata.training.grading import compare_arms
        >>> wrong = {test: np.zeros((1, 8)) for test in ("clean", "motion 3", "defocus 3")}
        >>> right = {test: np.ones((1, 8)) for test in wrong}
        >>> print(compared_text(compare_arms({"none": wrong, "ours": right}, [str(i) for i in range(8)]), "none").splitlines()[1][:33])
          ours: clean +100.00 [+100.00, +
    """
    lines = [f"points of accuracy beside '{first}' [95 %, paired over runs of names and seeds]"]
    for name, one in compared.items():
        lines.append(f"  {name}: clean {one.clean}; motion and defocus 3 to 5 {one.hard}")
        lines.append("    " + "; ".join(f"{test} {value}" for test, value in one.blurred.items() if test.endswith(" 3")))
        lines.append("    on motion, 1 to 5, over " + "; ".join(f"'{other}' {value}" for other, value in one.on_motion.items()))
        for test, share in one.won_back.items():
            lines.append(f"    won back of the loss at {test}: {100 * share.mean:.0f} % [{100 * share.low:.0f}, {100 * share.high:.0f}]")
        if not one.won_back:
            lines.append("    blur costs the first arm too little to speak of a share won back")
    return "\n".join(lines)


def plot_scores(scores: dict[str, dict[str, list[Scores]]], path: Path) -> None:
    """Accuracy over severity as a PNG, a panel a test: the mean over seeds, and shaded their range.

    Args:
        scores: Arm -> test -> a score for each seed.
        path: Where the picture goes; it is whole or not there.

    Raises:
        OutputError: If it cannot be written.

    Example:
        >>> import tempfile
        >>> names = ["clean", *(f"{test} {severity}" for test in TESTS for severity in SEVERITIES)]
        >>> one, path = Scores(0.75, 0.7, 0.6, 0.1, ((3, 1), (1, 3))), Path(tempfile.mkdtemp()) / "curves.png"
        >>> plot_scores({"ours": {name: [one] for name in names}}, path)
        >>> path.read_bytes()[1:4]
        b'PNG'
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(TESTS), figsize=(4 * len(TESTS), 3.6), sharey=True, layout="constrained")
    for panel, test in zip(panels, TESTS, strict=True):
        for name, tests in scores.items():
            names = ["clean", *(f"{test} {severity}" for severity in SEVERITIES)]
            values = np.array([[100 * one.accuracy for one in tests[key]] for key in names])
            (line,) = panel.plot(range(len(names)), values.mean(1), marker="o", label=name)
            panel.fill_between(range(len(names)), values.min(1), values.max(1), alpha=0.15, color=line.get_color(), linewidth=0)
        panel.set(title=f"{test} (trained on: lines, disks)" if test == "shake" else f"ImageNet-C {test}", xlabel="severity")
        panel.set_xticks(range(len(names)), ["clean", *map(str, SEVERITIES)])
        panel.grid(alpha=0.3)
    shown = [100 * one.accuracy for tests in scores.values() for rows in tests.values() for one in rows]
    spare = max(1.0, 5 - (max(shown) - min(shown)) / 2)  # ten points at least: arms that are alike look alike
    panels[0].set_ylim(min(shown) - spare, max(shown) + spare)
    panels[0].set_ylabel("accuracy, %")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(scores), frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120, format="png")
    plt.close(figure)


def _mean_of(rows: list[Scores], field: str) -> float:
    """The mean over seeds of one score."""
    return float(np.mean([getattr(row, field) for row in rows]))
