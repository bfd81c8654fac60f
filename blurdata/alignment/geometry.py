"""How do points and pictures move: homographies, one exact cubic resampling, and the rectangle that is left.

Pixel centres are at integers, x right, y down. A homography takes (x, y, 1) of one picture to another up to scale.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from blurdata.compiled import compiled

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Rectangle = tuple[int, int, int, int]  # top, left, bottom, right; the last two excluded


def translation(x: float, y: float) -> Float:
    """The homography that moves points by (x, y) px."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def scaling(scale: float) -> Float:
    """From a picture's pixels to those of a ``scale`` times larger copy; both cover the same area, so half-pixels shift.

    Example:
        >>> (scaling(0.5) @ [0.5, 0.5, 1]).tolist()  # the centre of the first four pixels is the first small pixel
        [0.0, 0.0, 1.0]
    """
    rest = (scale - 1) / 2
    return np.array([[scale, 0.0, rest], [0.0, scale, rest], [0.0, 0.0, 1.0]])


def normalized(homography: Float) -> Float:
    """The same homography with its last entry 1."""
    return np.asarray(homography / homography[2, 2], np.float64)


def inverse(homography: Float) -> Float:
    """The way back."""
    return np.asarray(np.linalg.inv(homography), np.float64)


def apply(homography: Float, points: Float) -> Float:
    """Where points go: (..., 2) px to (..., 2) px."""
    moved = points @ homography[:, :2].T + homography[:, 2]
    return np.asarray(moved[..., :2] / moved[..., 2:])


def corners(size: tuple[int, int]) -> Float:
    """Centres of the four corner pixels of a (height, width) picture: (4, 2) as (x, y)."""
    bottom, right = size[0] - 1.0, size[1] - 1.0
    return np.array([[0.0, 0.0], [right, 0.0], [right, bottom], [0.0, bottom]])


def map_of(homography: Float, size: tuple[int, int]) -> Float32:
    """Where each pixel of a (height, width) picture goes: (height, width, 2) as (x, y)."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float64)
    w = homography[2, 0] * x + homography[2, 1] * y + homography[2, 2]
    moved = [(homography[i, 0] * x + homography[i, 1] * y + homography[i, 2]) / w for i in (0, 1)]
    return np.stack(moved, axis=-1).astype(np.float32)


def sample(picture: NDArray[np.generic], positions: Float32) -> tuple[Float32, NDArray[np.bool_]]:
    """A picture read at ``positions`` by cubic convolution (Keys 1981, a = -1/2), and where these lie inside it.

    Positions are exact: ``cv2.remap`` rounds them to 1/32 px, which alone would move a translated picture by up to 0.016 px.

    Args:
        picture: (H, W) or (H, W, C), any real dtype; the edge is repeated outside.
        positions: (h, w, 2) float32 px, as (x, y).

    Returns:
        (h, w[, C]) float32 on the scale of ``picture``, and (h, w) bool, False outside the picture.
    """
    planes = picture[..., None] if picture.ndim == 2 else picture
    out = np.empty((*positions.shape[:2], planes.shape[2]), np.float32)
    _sample(np.ascontiguousarray(planes), np.ascontiguousarray(positions, np.float32), out)
    x, y = positions[..., 0], positions[..., 1]
    slack = 1e-3  # float32 positions of an identity are not exactly on the edge
    inside = (x >= -slack) & (y >= -slack) & (x <= picture.shape[1] - 1 + slack) & (y <= picture.shape[0] - 1 + slack)
    return out.reshape((*positions.shape[:2], *picture.shape[2:])), inside


@compiled
def _weights(t: Any, w: Any) -> None:
    w[0] = np.float32(0.5) * t * (t * (np.float32(2.0) - t) - np.float32(1.0))
    w[1] = np.float32(0.5) * (t * t * (np.float32(3.0) * t - np.float32(5.0)) + np.float32(2.0))
    w[2] = np.float32(0.5) * t * (t * (np.float32(4.0) - np.float32(3.0) * t) + np.float32(1.0))
    w[3] = np.float32(0.5) * t * t * (t - np.float32(1.0))


@compiled
def _sample(picture: Any, positions: Any, out: Any) -> None:
    height, width, channels = picture.shape
    wx, wy = np.empty(4, np.float32), np.empty(4, np.float32)
    for i in range(positions.shape[0]):
        for j in range(positions.shape[1]):
            x = min(max(positions[i, j, 0], np.float32(-2.0)), np.float32(width + 1))
            y = min(max(positions[i, j, 1], np.float32(-2.0)), np.float32(height + 1))
            left, top = int(np.floor(x)), int(np.floor(y))
            _weights(np.float32(x - left), wx)
            _weights(np.float32(y - top), wy)
            for c in range(channels):
                total = np.float32(0.0)
                for a in range(4):
                    row = min(max(top + a - 1, 0), height - 1)
                    line = np.float32(0.0)
                    for b in range(4):
                        line += wx[b] * np.float32(picture[row, min(max(left + b - 1, 0), width - 1), c])
                    total += wy[a] * line
                out[i, j, c] = total


def common_rectangle(valid: NDArray[np.bool_]) -> Rectangle | None:
    """A large rectangle without an invalid pixel: the side with the largest share of them is trimmed until none is left.

    Exact for what a smooth warp leaves (a convex region). None where nothing is left.
    """
    top, left, bottom, right = 0, 0, *valid.shape
    bad = ~valid
    while top < bottom and left < right:
        shares = (
            bad[top, left:right].mean(),
            bad[top:bottom, left].mean(),
            bad[bottom - 1, left:right].mean(),
            bad[top:bottom, right - 1].mean(),
        )
        if max(shares) == 0:
            return (top, left, bottom, right) if valid[top:bottom, left:right].all() else None
        side = int(np.argmax(shares))
        top, left, bottom, right = top + (side == 0), left + (side == 1), bottom - (side == 2), right - (side == 3)
    return None
