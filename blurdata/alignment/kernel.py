"""What did the blurry camera's exposure do: the kernel k of b = k * s, by non-negative least squares on gradients.

Solved is ``min over k >= 0 of sum of w (grad b - k * grad s)^2`` in linear light. The weights w live on the residual alone: a
clipped pixel of ``b`` says nothing, but the same pixel of ``s`` may spread over others. Where w is below 1 the datum is filled in
with ``w b + (1 - w) k * s`` of the round before (a majorisation of the weighted problem), so that every round is an
unweighted problem whose normal equations are a small convolution. After two rounds w also falls where the residual is an outlier:
trails of lights that are clipped in the sharp picture, things that moved.
"""

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from blurdata.alignment.geometry import Float, Float32

_ROUNDS = 4  # fillings-in of the pixels without weight
_STEPS = 120
_KEEP = 0.05  # of the largest value: what is below is noise
_MASS = 0.02  # of the kernel: a smaller connected part is noise


def estimate_kernel(blurry: Float32, sharp: Float32, weights: Float32, radius: int) -> Float:
    """The kernel that takes ``sharp`` to ``blurry`` within ``radius`` px: (2 radius + 1, 2 radius + 1) float64, sum 1, all >= 0.

    Args:
        blurry: (H, W) float32, linear light with gain and offset undone.
        sharp: (H, W) float32, linear light on the same grid.
        weights: (H, W) float32 in [0, 1], trust in each pixel of ``blurry``.
        radius: Half the side of the square the kernel lies in, px.

    Returns:
        The kernel; all zeros where the pictures hold nothing that speaks of one.
    """
    shape = [scipy.fft.next_fast_len(side, real=True) for side in blurry.shape]
    trusted = _inside(weights, radius + 1)
    sharp_hat = [_hat(gradient, shape) for gradient in _gradients(sharp)]
    target = _gradients(blurry)
    gram = scipy.fft.irfft2(sum(np.abs(hat) ** 2 for hat in sharp_hat), shape)
    system = _System(gram, radius)
    filled, w = target, trusted
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1))
    for turn in range(_ROUNDS):
        right = sum(np.conj(hat) * _hat(part, shape) for hat, part in zip(sharp_hat, filled, strict=True))
        kernel = system.solve(_centre(scipy.fft.irfft2(right, shape), radius), kernel)
        if turn == _ROUNDS - 1:
            break
        spectrum = _hat(_uncentre(kernel, shape), shape)
        predicted = [scipy.fft.irfft2(hat * spectrum, shape)[: blurry.shape[0], : blurry.shape[1]] for hat in sharp_hat]
        if turn >= 1:
            w = trusted * _robust([t - p for t, p in zip(target, predicted, strict=True)], trusted)
        filled = [p + w * (t - p) for t, p in zip(target, predicted, strict=True)]
    total = kernel.sum()
    return kernel / total if total > 0 else kernel


def cleaned(kernel: Float) -> Float:
    """The kernel without noise: its connected parts above 5 % of the largest value with 2 % of the sum or more; zeros where none is."""
    largest = float(kernel.max())
    if largest <= 0:
        return kernel
    count, labels = cv2.connectedComponents((kernel > _KEEP * largest).astype(np.uint8), connectivity=8)
    masses = np.array([kernel[labels == part].sum() for part in range(1, count)])
    keep = np.isin(labels, 1 + np.flatnonzero(masses >= _MASS * masses.sum()))
    kept = np.where(keep, kernel, 0)
    return np.asarray(kept / kept.sum() if kept.any() else kept)  # specks alone are no kernel


def centroid(kernel: Float) -> Float:
    """Centre of mass (x, y) in px from the middle of the kernel."""
    radius_y, radius_x = (side // 2 for side in kernel.shape)
    total = kernel.sum()
    x = (kernel.sum(0) * np.arange(-radius_x, radius_x + 1)).sum() / total
    y = (kernel.sum(1) * np.arange(-radius_y, radius_y + 1)).sum() / total
    return np.array([x, y])


def spread(kernel: Float) -> float:
    """The distance in px from the middle of the farthest pixel the kernel reaches, in the larger of x and y."""
    y, x = np.nonzero(kernel)
    return float(max(np.abs(x - kernel.shape[1] // 2).max(initial=0), np.abs(y - kernel.shape[0] // 2).max(initial=0)))


def convolved(picture: Float32, kernel: Float) -> Float32:
    """``kernel * picture`` for (H, W) or (H, W, C) float32; the edge is repeated."""
    return np.asarray(cv2.filter2D(picture, cv2.CV_32F, kernel[::-1, ::-1].astype(np.float32), borderType=cv2.BORDER_REPLICATE))


def centred(kernel: Float) -> Float:
    """The kernel with its centroid moved to the middle by a bilinear splat, some pixels wider."""
    x, y = -centroid(kernel)
    if abs(x) < 1e-9 and abs(y) < 1e-9:
        return kernel
    wide = np.pad(kernel, int(max(abs(x), abs(y))) + 2)
    left, top = int(np.floor(x)), int(np.floor(y))
    moved = np.zeros_like(wide)
    for dy, wy in ((0, 1 - (y - top)), (1, y - top)):
        for dx, wx in ((0, 1 - (x - left)), (1, x - left)):
            moved += wy * wx * np.roll(wide, (top + dy, left + dx), (0, 1))
    return moved


def blur_length(kernel: Float) -> float:
    """Length in px of the even, straight motion with the kernel's variance along its main axis: sqrt(12 lambda)."""
    middle_y, middle_x = (side // 2 for side in kernel.shape)
    y, x = np.mgrid[: kernel.shape[0], : kernel.shape[1]]
    weights = kernel / kernel.sum()
    mx, my = centroid(kernel)
    dx, dy = x - middle_x - mx, y - middle_y - my
    xx, yy, xy = ((weights * product).sum() for product in (dx * dx, dy * dy, dx * dy))
    return float(np.sqrt(12 * ((xx + yy) / 2 + np.hypot((xx - yy) / 2, xy))))


class _System:
    """The normal equations ``A k = r``, A the autocorrelation of the sharp gradients, for k >= 0 by accelerated projected gradient."""

    def __init__(self, gram: Float32, radius: int) -> None:
        self._side = 2 * radius + 1
        lags = _centre(gram, 2 * radius)
        self._n = scipy.fft.next_fast_len(lags.shape[0] + self._side - 1, real=True)
        self._hat = scipy.fft.rfft2(lags, (self._n, self._n))
        self._start = 2 * radius
        self._bound = float(np.abs(self._hat).max())

    def _times(self, kernel: Float) -> Float:
        full = scipy.fft.irfft2(self._hat * scipy.fft.rfft2(kernel, (self._n, self._n)), (self._n, self._n))
        return np.asarray(full[self._start : self._start + self._side, self._start : self._start + self._side])

    def solve(self, right: Float, start: Float) -> Float:
        if self._bound <= 0:
            return np.zeros_like(right, np.float64)
        kernel = ahead = start.astype(np.float64)
        t = 1.0
        for _ in range(_STEPS):
            after = np.maximum(ahead - (self._times(ahead) - right) / self._bound, 0)
            if ((ahead - after) * (after - kernel)).sum() > 0:  # overshot: restart the momentum (O'Donoghue and Candes 2015)
                t, ahead = 1.0, after
            else:
                t_after = (1 + np.sqrt(1 + 4 * t * t)) / 2
                ahead = after + (t - 1) / t_after * (after - kernel)
                t = t_after
            kernel = after
        return kernel


def _gradients(picture: Float32) -> list[Float32]:
    """Forward differences along x and y, zero at the far edge."""
    dx, dy = np.zeros_like(picture), np.zeros_like(picture)
    dx[:, :-1] = picture[:, 1:] - picture[:, :-1]
    dy[:-1] = picture[1:] - picture[:-1]
    return [dx, dy]


def _inside(weights: Float32, margin: int) -> Float32:
    """Weights of differences (the lesser of a pixel's and its neighbours'), zero near the frame where the kernel reaches outside."""
    low = cv2.erode(weights, np.ones((2, 2), np.uint8), anchor=(0, 0)) if weights.min() < 1 else weights.copy()
    low[:margin] = low[-margin:] = 0
    low[:, :margin] = low[:, -margin:] = 0
    return np.asarray(low, np.float32)


def _robust(residuals: list[Float32], trusted: Float32) -> Float32:
    """Weights of Geman and McClure, 1 / (1 + (r / 4 sigma)^2)^2, sigma from the median of the trusted residuals."""
    size = np.sqrt(residuals[0] ** 2 + residuals[1] ** 2)
    sample = size[::3, ::3][trusted[::3, ::3] > 0.5]
    if not len(sample):
        return np.ones_like(trusted)
    sigma = float(np.median(sample)) / 1.18 + 1e-12  # the median of a Rayleigh variable is 1.18 sigma
    return np.asarray(1 / (1 + (size / (4 * sigma)) ** 2) ** 2, np.float32)


def _hat(plane: NDArray[np.floating], shape: list[int]) -> NDArray[np.complexfloating]:
    return np.asarray(scipy.fft.rfft2(plane, shape))


def _centre(periodic: Float32, radius: int) -> Float:
    """The lags from -radius to radius of a periodic array, lag 0 in the middle."""
    lags = np.arange(-radius, radius + 1)
    return np.asarray(periodic[np.ix_(lags, lags)], np.float64)


def _uncentre(kernel: Float, shape: list[int]) -> Float32:
    """The way back, on a plane of that shape."""
    radius = kernel.shape[0] // 2
    padded = np.zeros(shape, np.float32)
    padded[: kernel.shape[0], : kernel.shape[1]] = kernel
    return np.roll(padded, (-radius, -radius), (0, 1))
