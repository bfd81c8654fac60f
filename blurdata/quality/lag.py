"""Does the blurry half sit in time where its sharp half does? A numbering that is off by one leaves each pair nearly right.

With ``S`` the sharp halves of a film in order, ``T = (S[k+1] - S[k-1]) / 2`` is the film's change per step. A blurry half that lies ``lag``
steps behind or ahead differs from its sharp half by ``lag T``, whatever moves: camera or things, near or far. Blur itself is even in time
and adds what looks like the Laplacian of ``S`` instead, so that both are told apart by least squares on reduced pictures.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.pairs import Pair
from blurdata.quality.spectrum import Plane
from blurdata.quality.tone import to_light

_SIDE = 90  # px of the shorter side: motion becomes small against what is left to see
_LEAST_CHANGE = 0.01  # of the picture's own contrast; stiller film cannot say


@dataclass(frozen=True, eq=False)
class Glimpse:
    """A pair as far as its neighbours need it: both halves, reduced, in linear light."""

    sequence: str
    blurry: Plane
    sharp: Plane


@dataclass(frozen=True)
class Lag:
    """Where the blurry half sits in time.

    Args:
        steps: Steps of the sequence by which it lies after its sharp half; NaN where nothing moves, or a neighbour is missing.
        share: How much of what the halves differ by this explains, [0, 1].
    """

    steps: float
    share: float


UNKNOWN_LAG = Lag(float("nan"), 0.0)


def glimpse(pair: Pair, light: NDArray[np.float32], luma: NDArray[np.float32]) -> Glimpse:
    """What the neighbours of ``pair`` need of it.

    Args:
        pair: The pair.
        light: (1 or 3, codes) linear light of every code.
        luma: Weights of the channels.
    """
    factor = max(min(pair.size) // _SIDE, 1)
    size = pair.size[1] // factor, pair.size[0] // factor
    halves = []
    for half in (pair.blurry, pair.sharp):
        small = cv2.resize(half, size, interpolation=cv2.INTER_AREA)
        halves.append(cv2.GaussianBlur(np.asarray(to_light(small, light) @ luma, np.float32), (0, 0), 1.0))
    sequence = str(pair.meta.get("sequence") or pair.key.rpartition("/")[0])
    return Glimpse(sequence, halves[0], halves[1])


def fit_lag(before: Glimpse, this: Glimpse, after: Glimpse) -> Lag:
    """Lag of ``this`` pair between its neighbours.

    Args:
        before: The pair a step earlier.
        this: The pair.
        after: The pair a step later.

    Example:
        >>> film = [np.full((8, 8), 0.1, np.float32) + np.eye(8, k=k, dtype=np.float32) for k in range(5)]
        >>> late = [Glimpse("a", film[k], film[k + 1]) for k in range(4)]  # each sharp half is the next frame's
        >>> fit_lag(*late[:3]).steps < -0.5
        True
    """
    if not (before.sequence == this.sequence == after.sequence and before.sharp.shape == this.sharp.shape == after.sharp.shape):
        return UNKNOWN_LAG
    sharp = this.sharp
    even = np.stack([cv2.Laplacian(sharp, cv2.CV_32F), sharp, np.ones_like(sharp)]).reshape(3, -1).T.astype(np.float64)
    basis, _ = np.linalg.qr(even)
    change, difference = (
        plane.ravel() - basis @ (basis.T @ plane.ravel()) for plane in ((after.sharp - before.sharp) / 2, this.blurry - sharp)
    )
    own = float(change @ change)
    if own < (_LEAST_CHANGE * float(sharp.std())) ** 2 * sharp.size or own == 0:
        return UNKNOWN_LAG
    cross = float(change @ difference)
    return Lag(cross / own, cross * cross / max(own * float(difference @ difference), 1e-30))
