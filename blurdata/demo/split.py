"""Whole shots to train or to test: two frames of one shot are nearly the same picture and must never be on both sides."""

from collections.abc import Sequence

_EVERY = 3


def split_shots(shots: Sequence[str]) -> tuple[list[str], list[str]]:
    """Shots to train on and shots to test on.

    Every third shot, from the second on, is held out: a rule that looks at no picture, gives each side something from all
    over the film, and keeps its answer for the first shots when the film gets longer. Of two shots one is held out.

    Args:
        shots: Names of the shots that have pairs, in the order of the film.

    Raises:
        ValueError: If there are fewer than two shots.

    Example:
        >>> split_shots(["a", "b", "c", "d", "e"])
        (['a', 'c', 'd'], ['b', 'e'])
    """
    if len(shots) < 2:
        msg = f"A split into train and test needs at least two shots, got {len(shots)}."
        raise ValueError(msg)
    test = list(shots[1::_EVERY])
    return [shot for shot in shots if shot not in test], test
