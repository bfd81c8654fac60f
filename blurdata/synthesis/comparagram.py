"""The response of one channel from joint histograms of each pair of pictures (Mann, 2000).

The pixels with code ``c`` in the brighter picture have a median code ``m``, a fraction, in the darker one:
``g(m) = g(c) + log(t_dark / t_bright)`` with ``g`` the logarithm of light. These equations are solved for all codes together by weighted
least squares with a penalty on how ``g`` bends over log code. Medians over thousands of pixels see through noise, rounding and
clipping. Where nothing is clipped they are moved by 2/3 towards the code of the mean light: the median is too low where light comes in
few electrons, the mean too high where noise was added to codes. What bias is left, :mod:`~blurdata.synthesis.bracket_noise` removes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import solve
from scipy.optimize import isotonic_regression

from blurdata.errors import SourceError

Float = NDArray[np.float64]

_LOWEST, _HIGHEST = 3, 254  # codes that equations are made of: below lies the black level, above is clipped
_LEAST_PIXELS = 10
_THIRD, _SECOND = 0.4, 1.0  # weights of the penalties
_BIAS = 1.0  # weight of the squared relative noise of the brighter code, which shifts its mean light
_MEAN = 2 / 3  # share of the mean where nothing is clipped


class Equations(NamedTuple):
    """``g(dark) - g(bright) = log_ratio``; ``share`` (N, 256) of the dark codes among so many ``pixels``, and their ``variance``."""

    pair: NDArray[np.int64]
    dark: Float
    bright: NDArray[np.int64]
    log_ratio: Float
    share: Float
    pixels: Float
    variance: Float


def equations_of(shots: Sequence[NDArray[np.uint8]], times: Float) -> Equations:
    """The equations of one channel, from the joint histogram of each pair of pictures."""
    order = np.argsort(times, kind="stable")
    parts = []
    for place, dark in enumerate(order):
        for bright in order[place + 1 :]:
            if times[bright] > times[dark]:
                joint = np.bincount(shots[bright].astype(np.int64) * 256 + shots[dark], minlength=65536).reshape(256, 256)
                codes, share, count = _shares(joint)
                mixed = _mixed_with_clipped(codes, share)
                codes, share, count = codes[~mixed], share[~mixed], count[~mixed]
                number = np.full(len(codes), place * len(order) + bright)
                parts.append((number, codes, share, count, np.full(len(codes), np.log(times[dark] / times[bright]))))
    pair, bright_code, share, count, ratio = (np.concatenate(column) for column in zip(*parts, strict=True))
    variance = _variances(share)
    dark_code = _medians(share)
    good = (dark_code >= _LOWEST) & (dark_code <= _HIGHEST)
    return Equations(pair[good], dark_code[good], bright_code[good], ratio[good], share[good], count[good], variance[good])


def _shares(joint: NDArray[np.int64]) -> tuple[NDArray[np.int64], Float, Float]:
    """For each bright code with enough pixels: the code, how the dark codes are shared out, and the number of pixels."""
    count = joint.sum(axis=1)
    codes = np.flatnonzero(count >= _LEAST_PIXELS)
    codes = codes[(codes >= _LOWEST) & (codes <= _HIGHEST)]
    return codes, joint[codes] / count[codes, None], count[codes].astype(np.float64)


def _mixed_with_clipped(codes: NDArray[np.int64], share: Float) -> NDArray[np.bool_]:
    """Bright codes near the top that noise or JPEG has mixed with clipped pixels: dark codes spread far more than below."""
    spread = np.sqrt(_variances(share))
    calm = spread[(codes >= 100) & (codes < 200)]
    return (codes >= 200) & (spread > 3 * np.median(calm) + 1) if len(calm) else np.zeros(len(codes), np.bool_)


def _variances(share: Float) -> Float:
    values = np.arange(256.0)
    return np.asarray(np.maximum(share @ values**2 - (share @ values) ** 2, 0.0))


def _medians(share: Float) -> Float:
    """Median code of each row, a fraction: codes are bins of width 1 (the median of grouped data)."""
    total = np.cumsum(share, axis=1)
    middle = np.argmax(total >= 0.5, axis=1)
    row = np.arange(len(share))
    here = share[row, middle]
    return np.asarray(middle - 0.5 + (0.5 - (total[row, middle] - here)) / here)


def _with_means(rows: Equations, log_light: Float) -> Equations:
    """The same equations, moved from the median towards the code of the mean light where nothing is clipped."""
    light = np.r_[0.0, np.exp(log_light[1:])]
    mean = np.interp(np.log(rows.share @ light), log_light[1:], np.arange(1.0, 256.0))
    whole = (rows.share[:, :2].sum(axis=1) < 0.01) & (rows.share[:, 255] < 0.001)
    return rows._replace(dark=np.clip(np.where(whole, _MEAN * mean + (1 - _MEAN) * rows.dark, rows.dark), _LOWEST, _HIGHEST))


def _matrix(rows: Equations) -> sparse.csr_array:
    """(N, 256): the left side, ``g`` interpolated between whole codes."""
    at = np.floor(rows.dark).astype(np.int64)
    part = rows.dark - at
    number = np.arange(len(at))
    values = np.concatenate([1 - part, part, np.full(len(at), -1.0)])
    places = np.concatenate([number] * 3), np.concatenate([at, at + 1, rows.bright])
    return sparse.csr_array((values, places), shape=(len(at), 256))


def residual_of(log_light: Float, rows: Equations) -> Float:
    """By how much each equation is off, in log light."""
    return np.asarray(_matrix(rows) @ log_light - rows.log_ratio)


def log_light_of(rows: Equations) -> Float:
    """(256,) log light: first from medians, then from medians and means under the curve so far."""
    noise = _noise_of_code(rows)
    log_light = _solve(rows, 2.2 * np.log(np.arange(256) + 0.5), noise, rounds=3)
    for _ in range(3):
        increasing = strictly_increasing(log_light)
        log_light = _solve(_with_means(rows, increasing), increasing, noise, rounds=1)
    return log_light


def _solve(rows: Equations, log_light: Float, noise: Float, *, rounds: int) -> Float:
    """(256,) log light by weighted least squares, reweighted for noise and outliers; that of code 0 is a placeholder."""
    left, bend = _matrix(rows)[:, 1:], _bending()
    prior = bend.T @ bend * np.sqrt(len(rows.dark))
    prior[-1, -1] += 1e6  # g(255) = 0
    nearest = np.rint(rows.dark).astype(np.int64)
    for _ in range(rounds):
        slope = np.gradient(log_light)
        rounding = 0.15**2 / 12  # what is left of rounding in a median
        deviation = np.sqrt(
            (rows.variance / rows.pixels + rounding) * slope[nearest] ** 2
            + rounding * slope[rows.bright] ** 2
            + (_BIAS * (noise[rows.bright] + 1 / 12) * slope[rows.bright] ** 2) ** 2
        )
        outlying = np.maximum(1.0, np.abs(left @ log_light[1:] - rows.log_ratio) / (3 * deviation))
        weight = 1 / (deviation**2 * outlying)
        weighted = left.T * weight
        rest = solve((weighted @ left).toarray() + prior, weighted @ rows.log_ratio, assume_a="pos")
        log_light = np.r_[2 * rest[0] - rest[1], rest]
    return log_light


def _bending() -> Float:
    """(505, 255): third and second differences of ``g`` over log code, the weaker the higher the code, where curves have shoulders.

    Exposures one stop apart say nothing about what repeats itself with each stop of light, so the penalty has to choose. Second
    differences alone straighten true curves (Sony's by 4 %); third alone let noise bend the darkest codes.
    """
    place = np.log(np.arange(1, 256))
    gap, middle = np.diff(place), (place[:-1] + place[1:]) / 2
    slope = np.diff(np.eye(255), axis=0) / gap[:, None]
    second = np.diff(slope, axis=0) / np.diff(middle)[:, None]
    third = np.diff(second, axis=0) / gap[1:-1, None]
    weak = 30 / np.arange(2, 255)[:, None]
    third *= _THIRD * np.sqrt(gap[1:-1, None]) * weak[:-1] ** 2
    second *= _SECOND * np.sqrt(np.diff(middle))[:, None] * weak
    return np.concatenate([third, second])


def _noise_of_code(rows: Equations) -> Float:
    """(256,) variance of the noise at each code, from the spread of dark codes where little else spreads them."""
    nearest = np.rint(rows.dark).astype(np.int64)
    noise = np.full(256, np.nan)
    for code in range(256):
        spread = rows.variance[(nearest == code) & (rows.pixels >= 30)]
        if len(spread):
            noise[code] = max(np.percentile(spread, 30) - 1 / 12, 0.0)
    known = np.flatnonzero(~np.isnan(noise))
    if not len(known):
        return np.zeros(256)
    filled = np.interp(np.arange(256), known, noise[known])
    return np.asarray(np.convolve(np.pad(filled, 5, mode="edge"), np.full(11, 1 / 11), "valid"))


def strictly_increasing(log_light: Float) -> Float:
    """The nearest non-decreasing curve, with level runs of codes joined by slopes through their middles."""
    level = isotonic_regression(log_light).x
    starts = np.flatnonzero(np.r_[True, np.diff(level) > 0])
    if len(starts) < 2:
        msg = "The pictures show no response at all (light does not grow with code); check the exposures."
        raise SourceError(msg)
    ends = np.r_[starts[1:], len(level)] - 1
    middle, value = (starts + ends) / 2, level[starts]
    codes = np.arange(len(level), dtype=np.float64)
    curve = np.interp(codes, middle, value)
    low, high = (value[1] - value[0]) / (middle[1] - middle[0]), (value[-1] - value[-2]) / (middle[-1] - middle[-2])
    curve = np.where(codes < middle[0], value[0] + (codes - middle[0]) * low, curve)
    return np.asarray(np.where(codes > middle[-1], value[-1] + (codes - middle[-1]) * high, curve))
