"""Which frames show nothing new: repeats, as frame-rate converters and cameras that lose frames make them, and static stretches.

A frame that equals the one before to within ``still_change`` is a repeat, if the film moves around it. Once a film has been compressed
that does not find all: encoders refine a repeated frame, so that grain and edges change by several codes. But they refine far less than the
frames around move, so a frame is a repeat too where its mean change is a small share of what its neighbours' suggest, each taken without
what a change of light explains: under light that flashes the frames of one brightness would else look like repeats. At the turning point of
a shaking camera the change shrinks too, though not suddenly: there the changes before and behind, continued in a straight line, say so. In
a still scene all changes are alike, by grain, and none is accused; a compressed one that stands still changes by a little now and then.

Measured: ``tools/bench/cuts.py``.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Changes = NDArray[np.floating]

_NEAR, _FAR = 9, 37  # changes: of a film of 60 frames a second shown at 240, two of nine are not 0; of one of 20, two of 37 at an end
_LONGEST_HOLD, _JUMP = 12, 1.0  # frames that one picture is shown, as 25 a second shown at 300; codes on average from one to the next
_FLICKER = 4  # times still_change: as much as a still picture changes where an encoder refines it
_LEAST_CHANGE = 0.15  # codes on average; where less goes on around, coding errors are all there is to see


def unchanged(
    changes: NDArray[np.void], *, still_change: float, repeat_share: float, still_frames: int, cuts: Sequence[int] = ()
) -> tuple[set[int], set[int]]:
    """Frames of static stretches, and repeated frames; what goes on in one shot says nothing of another.

    Args:
        changes: (N - 1,) records with ``change``, ``mean_change`` and ``moving_change`` between neighbours.
        still_change: Frames are equal where no spot changes by more, 8-bit codes.
        repeat_share: Share of the expected change below which a frame is a repeat.
        still_frames: So many equal frames are a static stretch, unless each picture around is shown for as many.
        cuts: Numbers of the frames that begin a shot.
    """
    static: set[int] = set()
    repeated: set[int] = set()
    for first, end in pairwise([0, *cuts, len(changes) + 1]):
        found = _unchanged_in_shot(changes[first : end - 1], still_change, repeat_share, still_frames)
        for all_of_them, here in zip((static, repeated), found, strict=True):
            all_of_them.update(first + frame for frame in here)
    return static, repeated


def _unchanged_in_shot(changes: NDArray[np.void], still_change: float, repeat_share: float, still_frames: int) -> tuple[set[int], set[int]]:
    change, mean = changes["change"], changes["mean_change"].astype(np.float64)
    equal = change <= still_change
    flicker = (change <= _FLICKER * still_change) & (mean < _LEAST_CHANGE)
    begins = np.r_[0, np.flatnonzero(~(equal | flicker)) + 1]  # of each picture
    holds = np.diff(np.r_[begins, len(changes) + 1])
    static: set[int] = set()
    for i in np.flatnonzero(holds >= still_frames):
        start, end = begins[i], begins[i] + holds[i]  # the last one begins what follows
        if 2 * equal[start : end - 1].sum() >= holds[i] - 1 and not _in_step(int(i), holds, mean[begins[1:] - 1]):
            static.update(range(start, end))
    repeats = equal & (_usual(change, _FAR, "mirror") > _FLICKER * still_change)
    repeats[find_dips(changes["moving_change"], repeat_share)] = True
    return static, set((np.flatnonzero(repeats) + 1).tolist()) - static


def find_dips(changes: Changes, share: float) -> list[int]:
    """Places where the change is less than ``share`` of what those around it suggest.

    Example:
        >>> find_dips(np.array([3.0, 3.1, 2.9, 0.2, 3.0, 2.8, 3.0]), 0.15)  # a repeat
        [3]
        >>> find_dips(np.array([3.0, 2.0, 1.0, 0.1, 1.0, 2.0, 3.0]), 0.15)  # a hand turns round
        []
    """
    if not len(changes) or share == 0:
        return []
    changes = np.asarray(changes, np.float64)
    usual = _usual(changes, _NEAR, "constant")  # nothing goes on beyond the ends: a flash near one, mirrored, would be two
    low = (changes < share * usual) & (usual > _LEAST_CHANGE)
    moving = np.flatnonzero(~low)
    found = []
    for i in np.flatnonzero(low):
        at = int(np.searchsorted(moving, i))
        left, right = changes[moving[max(0, at - 2) : at][::-1]], changes[moving[at : at + 2]]
        expected = max(_continued(left, usual[i]), _continued(right, usual[i]))
        if changes[i] < share * expected:
            found.append(int(i))
    return found


def _continued(near: Changes, most: float) -> float:
    """The change that the two nearest ones on one side, the nearer first, lead to in a straight line; between 0 and the nearer one."""
    if len(near) < 2:
        return 0.0
    return float(max(0.0, min(near[0], 2 * near[0] - near[1], most)))


def _usual(changes: Changes, side: int, beyond: str) -> NDArray[np.float64]:
    """The second largest of ``side`` changes up to each and from each on, the smaller of both: no cut or flash on one side raises it."""
    from scipy.ndimage import rank_filter  # takes a third of a second to import, which blending does without

    values = changes.astype(np.float64)
    sides = [rank_filter(values, -2, size=side, mode=beyond, origin=origin) for origin in (side // 2, -(side // 2))]
    return np.asarray(np.minimum(*sides))


def _in_step(i: int, holds: NDArray[np.int_], jumps: Changes) -> bool:
    """Whether picture ``i`` is shown for about as many frames as those beside it, with jumps between: a slower film, shown quickly."""
    inner = 0 < i < len(holds) - 1
    beside: NDArray[np.int_] = holds[i - 1 : i + 2 : 2] if i else holds[1:2]
    alike = np.abs(beside - holds[i]) <= 1 if inner else beside >= holds[i] - 1  # the first and the last may be cut short
    near = jumps[max(0, i - 1) : i + 1]
    return bool(holds[i] <= _LONGEST_HOLD and len(beside) and alike.all() and (near > _JUMP).all())
