"""The learning rate at a step: linear rise, plateau, cosine."""

import math


def learning_rate(step: float, *, steps: int, peak: float, final: float = 0.0, warmup: int = 0, hold: int = 0) -> float:
    """Learning rate at ``step`` (from 0, may be fractional).

    ``peak * (step + 1) / (warmup + 1)`` during the rise, ``peak`` while held, then
    ``final + (peak - final) * (1 + cos(pi * t)) / 2`` with t from 0 to 1 over what is left.

    Example:
        >>> [round(learning_rate(s, steps=4, peak=1.0), 3) for s in range(5)]
        [1.0, 0.854, 0.5, 0.146, 0.0]
    """
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    left = steps - warmup - hold
    t = min(max((step - warmup - hold) / left, 0.0), 1.0) if left > 0 else 0.0
    return final + (peak - final) * (1 + math.cos(math.pi * t)) / 2
