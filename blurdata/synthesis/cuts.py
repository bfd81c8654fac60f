"""Where does a new shot begin? Found among the steps of a film, which say what flow and light leave unexplained."""

import numpy as np
from numpy.typing import NDArray

_CUT_RATIO, _CUT_REACH = 3.0, 6  # measured: tools/bench/cuts.py
_FLASH_RATIO = 0.5
_LIGHT_SHARE = 0.75  # of a change: what light leaves of a flash at most, though it clips; a foreign frame is left whole


def find_cuts(steps: NDArray[np.void]) -> list[int]:
    """Frames that begin a shot: what is left there exceeds the residuals around it by a factor, and not for one frame only, as in a flash.

    A single frame of something else, which a change of light does not explain, is a shot of its own.

    Args:
        steps: (N - 1,) records with the fields of :class:`Step`, one for each pair of neighbours.

    Returns:
        Numbers of the second frames.
    """
    residual, left, across = steps["residual"], steps["left"], steps["across"]
    suspects = np.flatnonzero(left > steps["limit"])
    around = np.pad(residual.astype(np.float64), _CUT_REACH, constant_values=np.nan)
    near = np.delete(np.arange(2 * _CUT_REACH + 1), _CUT_REACH)
    jumps = np.zeros(len(residual) + 1, np.bool_)
    for block in np.array_split(suspects, 1 + suspects.size // 65536):
        usual = _median(around[block[:, None] + near])
        jumps[block] = left[block] > _CUT_RATIO * usual  # False where there are no neighbours
    lit = steps["moving_change"] < _LIGHT_SHARE * steps["mean_change"]
    for i in np.flatnonzero(jumps[:-1] & jumps[1:]):
        if jumps[i] and lit[i] and lit[i + 1] and across[i + 1] < _FLASH_RATIO * min(left[i], left[i + 1]):
            jumps[i] = jumps[i + 1] = False
    return (np.flatnonzero(jumps) + 1).tolist()


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each row of (N, K), NaN left out; NaN for a row of nothing else."""
    ordered = np.sort(values, axis=1)  # NaN goes last
    count = values.shape[1] - np.isnan(values).sum(axis=1)
    rows = np.arange(len(values))
    low, high = ordered[rows, np.maximum(count - 1, 0) // 2], ordered[rows, count // 2 % values.shape[1]]
    return np.asarray(np.where(count % 2 == 1, low, (low + high) / 2))
