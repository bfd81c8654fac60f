"""How far do two equally blurred pictures lie apart: a shift or a homography, from the low frequencies, to a hundredth of a pixel.

The kernel of a pair is known only to its larger values, so its centroid is off by some hundredths to tenths of a pixel. But
far below the kernel's own scale its spectrum is ``1 - i 2 pi f . centroid``: between ``b`` and ``k * s``, both smoothed, an error of
the centroid is all that is left. Solved is ``b(x) = a p(x - d) + c`` for the displacement d, with an a and c of each channel.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.alignment.geometry import Float, Float32, corners

_SIGMA_PX = 4.0
_ENOUGH = 400  # samples of a channel that must speak
_TRUST = 0.98  # of a smoothed weight
_EVERY = slice(None, None, 2)  # smoothed, every other pixel says all


class Drift:
    """Smoothed pictures and their gradients, from which the displacement of the whole or of a part is read.

    Args:
        blurry: (H, W, C) float32.
        predicted: (H, W, C) float32, ``k * s`` on the same grid.
        weights: (H, W, C) float32 in [0, 1], trust in each sample.
        sigma_px: Of the Gaussian both are smoothed with: wide where a kernel is known roughly, narrow where there is none.
    """

    def __init__(self, blurry: Float32, predicted: Float32, weights: Float32, *, sigma_px: float = _SIGMA_PX) -> None:
        self._size, self._sigma_px = blurry.shape[:2], sigma_px
        trusted = _smooth(weights, sigma_px) > _TRUST
        margin = round(2.5 * sigma_px)  # the frame's edge is smeared inwards
        trusted[:margin] = trusted[-margin:] = False
        trusted[:, :margin] = trusted[:, -margin:] = False
        base = _smooth(predicted, sigma_px)
        rest = _smooth(blurry, sigma_px) - base
        dx = cv2.Sobel(base, cv2.CV_32F, 1, 0, ksize=1, scale=0.5).reshape(base.shape)
        dy = cv2.Sobel(base, cv2.CV_32F, 0, 1, ksize=1, scale=0.5).reshape(base.shape)
        self._trusted = trusted[_EVERY, _EVERY]
        self._base = base
        self._planes = tuple(plane[_EVERY, _EVERY] for plane in (rest, base, dx, dy))

    def shift(self, rows: slice = slice(None), columns: slice = slice(None), *, within_px: float = np.inf) -> Float | None:
        """(x, y) px that ``predicted`` must move to lie on ``blurry``, or None where too little can be seen.

        Args:
            rows: Of the full-size picture that are looked at.
            columns: Same.
            within_px: None, too, where the noise over the gradients there leaves a standard error above this.
        """
        half = tuple(slice(s.start and s.start // 2, s.stop and s.stop // 2) for s in (rows, columns))
        solved = _solve([(rest, base, np.stack([-dx, -dy], axis=1)) for rest, base, dx, dy, _, _ in self._seen(*half)])
        if solved is None:
            return None
        found, left = solved
        samples = max(np.pi * self._sigma_px**2, 1)  # every other pixel of smoothed noise: so many say the same
        error = float(np.sqrt(samples * np.trace(np.linalg.inv(left))))
        return found if error <= within_px else None

    def homography(self) -> Float | None:
        """3x3 that takes pixels of ``predicted`` to ``blurry``, near the identity; None where too little can be seen."""
        channels = []
        for rest, base, dx, dy, u, v in self._seen(slice(None), slice(None)):
            # a displacement field linear in eight numbers: affine, and the quadratic terms of a small perspective
            columns = [dx, dx * u, dx * v, dy, dy * u, dy * v, dx * u * u + dy * u * v, dx * u * v + dy * v * v]
            channels.append((rest, base, -np.stack(columns, axis=1)))
        solved = _solve(channels)
        if solved is None:
            return None
        found, _ = solved
        at = corners(self._size)
        moved = at.copy()
        for i, (u, v) in enumerate(at / (np.array(self._size[::-1]) - 1) * 2 - 1):
            bent = found[6] * u + found[7] * v
            moved[i] += (found[0] + found[1] * u + found[2] * v + bent * u, found[3] + found[4] * u + found[5] * v + bent * v)
        return np.asarray(cv2.getPerspectiveTransform(at.astype(np.float32), moved.astype(np.float32)), np.float64)

    def blur_px(self) -> float | None:
        """Length of the straight motion that would blur ``predicted`` as ``blurry`` is; blind to noise, too short beyond ``sigma_px``.

        A narrow kernel of covariance M adds ``1/2 M : grad grad p``, which is fitted like a displacement.
        """
        orders = ((2, 0), (0, 2), (1, 1))
        bends = [cv2.Sobel(self._base, cv2.CV_32F, *order, ksize=1).reshape(self._base.shape)[_EVERY, _EVERY] for order in orders]
        channels = []
        for c in range(self._trusted.shape[2]):
            trusted = self._trusted[..., c]
            if trusted.sum() >= _ENOUGH:
                xx, yy, xy = (bend[..., c][trusted] for bend in bends)
                rest, base = (plane[..., c][trusted] for plane in self._planes[:2])
                channels.append((rest, base, np.stack([xx / 2, yy / 2, xy / 4], axis=1)))  # ksize 1 spans two pixels each way for xy
        solved = _solve(channels)
        if solved is None:
            return None
        found, _ = solved
        xx, yy, xy = found
        return float(np.sqrt(12 * max((xx + yy) / 2 + np.hypot((xx - yy) / 2, xy), 0)))

    def _seen(self, rows: slice, columns: slice) -> list[tuple[Float32, ...]]:
        """Of each channel in which enough can be seen: rest, base, dx, dy and place (u, v) in [-1, 1] of the trusted samples."""
        height, width = self._trusted.shape[:2]
        v, u = np.meshgrid(np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32), indexing="ij")
        seen = []
        for c in range(self._trusted.shape[2]):
            trusted = self._trusted[rows, columns, c]
            if trusted.sum() >= _ENOUGH:
                planes = [*(plane[..., c] for plane in self._planes), u, v]
                seen.append(tuple(plane[rows, columns][trusted] for plane in planes))
        return seen


def _solve(channels: list[tuple[Float32, Float32, Float32]], rounds: int = 4) -> tuple[Float, Float] | None:
    """Iteratively re-weighted least squares of (rest, base, columns of the shared unknowns) over all channels, with its normal matrix.

    Each channel's own a and c are eliminated by a Schur complement. A channel counts by the inverse square of what it leaves
    unexplained: one that the sharp camera clipped says little.
    """
    if not channels:
        return None
    data = [(np.column_stack([columns, base - base.mean(), np.ones_like(base)]), rest) for rest, base, columns in channels]
    weights = [np.ones_like(rest) for _, rest in data]
    shared = channels[0][2].shape[1]
    found = np.zeros(shared)
    for _ in range(rounds):
        left, right = np.zeros((shared, shared)), np.zeros(shared)
        own = []
        for (columns, rest), w in zip(data, weights, strict=True):
            normal = ((columns * w[:, None]).T @ columns).astype(np.float64)
            known = ((columns * w[:, None]).T @ rest).astype(np.float64)
            inner = normal[shared:, shared:] + np.eye(2) * 1e-9 * max(float(np.trace(normal[shared:, shared:])), 1e-9)
            gain = np.linalg.solve(inner, np.column_stack([normal[shared:, :shared], known[shared:]]))
            left += normal[:shared, :shared] - normal[:shared, shared:] @ gain[:, :shared]
            right += known[:shared] - normal[:shared, shared:] @ gain[:, shared]
            own.append(gain)
        if np.linalg.cond(left) > 1e6:
            return None
        found = np.asarray(np.linalg.solve(left, right), np.float64)
        for i, ((columns, rest), gain) in enumerate(zip(data, own, strict=True)):
            solution = np.concatenate([found, gain[:, shared] - gain[:, :shared] @ found]).astype(np.float32)
            off = np.abs(rest - columns @ solution)
            weights[i] = robust_weights(off, 2.0) / (1.48 * float(np.median(off)) + 1e-6) ** 2
    return found, left


def robust_weights(off: NDArray[np.floating], sigmas: float) -> Float32:
    """Weights of Geman and McClure for absolute residuals, ``1 / (1 + (r / (sigmas * sigma))^2)^2``, sigma from the median."""
    sigma = 1.48 * float(np.median(off)) + 1e-9
    return (1 / (1 + (off / (sigmas * sigma)) ** 2) ** 2).astype(np.float32)


def _smooth(picture: Float32, sigma: float) -> Float32:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)).reshape(picture.shape)
