"""Are the frames themselves blurred along their own motion: film is exposed for a while, high-speed video hardly."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.synthesis.flow import both_flows

OWN_BLUR_ABOVE = 0.16
_MOVING_PX = (6.0, 48.0)  # slower motion leaves no trace to measure, faster flow is not to be trusted
_LAGS = (0.15, 0.2, 0.25, 0.3)  # shares of the way from one frame to the next, within any film shutter's opening
_ENOUGH_PX = 300
_NOISE_PX = 0.8  # sigma of the Gaussian that keeps noise out of the slopes

Grey = NDArray[np.uint8]
Field = NDArray[np.float32]


def own_blur(neighbours: Iterable[Sequence[Grey]]) -> float | None:
    """How alike the picture's slopes are along its own motion, beyond how alike they are across it.

    Blur over a share of the motion makes the slope along the motion keep its value over that share of the way; in a sharp frame
    it does so no further along than across. So with slopes ``s`` along the motion ``v`` (px a frame) and ``t`` across it, at points
    that move 6 to 48 px a frame::

        mean over lags a of  <s(x) s(x + a v)> / <s^2>  -  <t(x) t(x + a |v| n)> / <t^2>,   n across v,   a = 0.15 … 0.3

    Sharp frames gave up to 0.15, frames exposed for half the time 0.2 to 0.5, whatever the grain of the scene.

    Args:
        neighbours: Pairs of consecutive frames of one shot, each (H, W) uint8 grey.

    Returns:
        The difference, over ``OWN_BLUR_ABOVE`` where the frames' own blur shows, or None where nothing moves enough to tell.

    Example:
        >>> still = np.zeros((32, 32), np.uint8)
        >>> own_blur([(still, still)]) is None
        True
    """
    found = [one for before, after in neighbours if (one := _excess(before, after)) is not None]
    if not found:
        return None
    values, pixels = np.array(found).T
    return float((values * pixels).sum() / pixels.sum())


def _excess(before: Grey, after: Grey) -> tuple[float, int] | None:
    """The difference for one pair of frames and how many pixels it rests on."""
    forward, backward = both_flows(before, after)
    speed = np.hypot(forward[..., 0], forward[..., 1])
    y, x = np.nonzero((speed > _MOVING_PX[0]) & (speed < _MOVING_PX[1]))
    v = forward[y, x]
    back = np.stack([_sample(backward[..., c], x + v[:, 0], y + v[:, 1]) for c in (0, 1)], axis=-1)
    agreed = np.hypot(*(v + back).T) < 1 + 0.05 * speed[y, x]
    x, y, v = x[agreed], y[agreed], v[agreed]
    if len(x) < _ENOUGH_PX:
        return None
    grey = cv2.GaussianBlur(before.astype(np.float32), (0, 0), _NOISE_PX)
    n = np.stack([-v[:, 1], v[:, 0]], axis=-1)
    along, across = (_persistence(grey, x, y, way) for way in (v, n))
    return (along - across, len(x)) if along is not None and across is not None else None


def _persistence(grey: Field, x: NDArray[np.intp], y: NDArray[np.intp], way: Field) -> float | None:
    """Mean correlation of the slope along ``way`` with itself some lags further and back."""
    unit = way / np.hypot(way[:, 0], way[:, 1])[:, None]

    def slope(lag: float) -> Field:
        cx, cy = x + lag * way[:, 0], y + lag * way[:, 1]
        return _sample(grey, cx + unit[:, 0], cy + unit[:, 1]) - _sample(grey, cx - unit[:, 0], cy - unit[:, 1])

    here = slope(0.0)
    power = float(here @ here)
    if power <= 0:
        return None
    return float(np.mean([here @ (slope(lag) + slope(-lag)) for lag in _LAGS]) / 2 / power)


def _sample(values: Field, x: NDArray[np.floating], y: NDArray[np.floating]) -> Field:
    from scipy.ndimage import map_coordinates  # takes a third of a second to import, which blending does without

    return np.asarray(map_coordinates(values, [y, x], order=1, mode="nearest"))
