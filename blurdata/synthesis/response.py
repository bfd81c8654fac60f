"""How is a camera's response found from an exposure bracket: the same still scene at several known exposure times.

Three methods, each per channel and for 8-bit codes:

``comparagram`` (default)
    For each pair of pictures, the pixels with code ``c`` in the brighter one have a median code ``m``, a fraction, in the darker
    one: ``g(m) = g(c) + log(t_dark / t_bright)`` with ``g`` the logarithm of light. These equations (Mann, 2000) are solved for
    all codes together by weighted least squares with a penalty on the curvature of ``g`` over log code. Medians over thousands
    of pixels see through noise, rounding and clipping. Where nothing is clipped they are moved by 2/3 towards the code of the
    mean light: the median is too low where light comes in few electrons, the mean too high where noise was added to codes, and
    a picture does not tell which of the two it has.
``debevec``, ``robertson``
    OpenCV's calibrations (Debevec and Malik 1997; Robertson et al. 2003), made strictly increasing.

Largest relative error over codes 10 to 245 after the best scale: the worst of R, G, B, of gamma 2.2, sRGB, linear, an S curve and a
film curve, and of two scenes, from seven exposures one stop apart with clipping (``tools/bench/response.py``):

| noise of          | comparagram | debevec | robertson |
|-------------------|-------------|---------|-----------|
| RSBlur's camera   | 3.3 %       | 41.1 %  | 24.6 %    |
| RealBlur's camera | 2.0 %       | 6.3 %   | 4.9 %     |
| BSD's camera      | 0.8 %       | 9.8 %   | 5.5 %     |
| none              | 0.9 %       | 2.1 %   | 3.8 %     |
| 1 code, Gaussian  | 1.2 %       | 29.0 %  | 30.7 %    |

The 3.3 % is code 10 of gamma 2.2, where the read noise is larger than the light (over scenes and channels the median worst error of gamma
2.2 is 1.4 %, of sRGB 1.3 %): pixels chosen by a noisy bright code are on average darker than it says where dark places prevail.
OpenCV's two pull the dark codes of a steep curve
away, because their smoothness prior is uniform in code.

A bracket knows ratios of light only: the scale of the result is undetermined, in each channel. The table is scaled so that full
code is light 1.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import solve
from scipy.optimize import isotonic_regression

from blurdata.errors import SourceError

Float = NDArray[np.float64]
Method = Literal["comparagram", "debevec", "robertson"]

_LOWEST, _HIGHEST = 3, 254  # codes that equations are made of: below lies the black level, above is clipped
_LEAST_PIXELS = 10
_MOST_PIXELS = 4_000_000  # a larger picture is read every k-th pixel
_SMOOTHNESS = 3.0
_BIAS = 3.0  # weight of the squared relative noise of the brighter code, which shifts its mean light
_MEAN = 2 / 3  # share of the mean where nothing is clipped
_MOST_RESIDUAL = 0.25  # stops


class Response(NamedTuple):
    """A measured response.

    Attributes:
        table: (256, 3) float64, light of each code of R, G, B, strictly increasing, full code is 1.
        covered: Lowest and highest code that the pictures say something about; beyond, the curve is continued.
        residual: Median disagreement of the pictures with the curve, in stops.
    """

    table: Float
    covered: tuple[int, int]
    residual: float


class _Equations(NamedTuple):
    """``g(dark) - g(bright) = log_ratio``; ``share`` (N, 256) of the dark codes among so many ``pixels``, and their ``variance``."""

    dark: Float
    bright: NDArray[np.int64]
    log_ratio: Float
    share: Float
    pixels: Float
    variance: Float


def calibrate_response(pictures: Sequence[NDArray[np.uint8]], exposure_s: Sequence[float], *, method: Method = "comparagram") -> Response:
    """The response of a camera from one still scene at several exposure times.

    Args:
        pictures: At least two (H, W, 3) uint8 pictures of one size.
        exposure_s: Their exposure times in seconds; only the ratios matter.
        method: ``"comparagram"``, or OpenCV's ``"debevec"`` or ``"robertson"``.

    Returns:
        The table, what it covers and how well the pictures agree.

    Raises:
        ValueError: If the method is unknown or the numbers of pictures and times differ.
        SourceError: If the pictures cannot say: sizes or depth differ, equal times, no overlap, times that do not fit.

    Example:
        >>> light = np.tile(np.geomspace(0.001, 1.0, 4000).reshape(40, 100, 1), 3)
        >>> times = [0.25, 0.5, 1.0, 2.0]
        >>> shots = [np.rint(255 * np.clip(light * t, 0, 1) ** (1 / 2.2)).astype(np.uint8) for t in times]
        >>> table = calibrate_response(shots, times).table[:, 1]
        >>> bool(abs(table[128] / (128 / 255) ** 2.2 - 1) < 0.02)
        True
    """
    shots, times = _checked(pictures, exposure_s, method)
    equations = [_equations([shot[:, channel] for shot in shots], times) for channel in range(3)]
    for name, rows in zip(("red", "green", "blue"), equations, strict=True):
        if len(np.unique(rows.bright)) < 32:
            msg = (
                f"The exposures share too few codes in {name} ({len(np.unique(rows.bright))} of 256); take pictures one stop apart of a "
                "scene with dark and bright places, until the brightest is partly white."
            )
            raise SourceError(msg)
    if method == "comparagram":
        log_light = np.stack([_comparagram(rows) for rows in equations], axis=1)
    else:
        log_light = _opencv(pictures, times, method)
    increasing = np.stack([_strictly_increasing(log_light[:, channel]) for channel in range(3)], axis=1)
    residual = float(np.median(np.concatenate([np.abs(_residual(increasing[:, c], equations[c])) for c in range(3)])) / np.log(2))
    if residual > _MOST_RESIDUAL:
        msg = (
            f"The pictures contradict their exposure times by {residual:.2f} stops; check the times, and that camera and scene stood still."
        )
        raise SourceError(msg)
    table = np.exp(increasing - increasing[-1])
    if method == "comparagram":
        table[0] = 0.0  # no light, no code: g has no finite value there
    covered = (int(max(rows.dark.min() for rows in equations)), int(min(rows.bright.max() for rows in equations)))
    return Response(table, covered, residual)


def check_method(method: str) -> Method:
    """The method of a name.

    Raises:
        ValueError: If there is none.
    """
    for known in get_args(Method):
        if method == known:
            return known  # type: ignore[no-any-return]
    msg = f"method must be one of {', '.join(get_args(Method))}, got {method!r}."
    raise ValueError(msg)


def table_text(response: Response, exposure_s: Sequence[float], method: Method) -> str:
    """The table as a text file that :func:`blurdata.color.curve` reads."""
    low, high = response.covered
    times = ", ".join(f"{time:g}" for time in exposure_s)
    rows = "\n".join(" ".join(f"{value:.9e}" for value in row) for row in response.table)
    return (
        f"# Light of code 0 to 255 in R, G, B, measured from exposures of {times} s ({method}).\n"
        "# The scale is undetermined: a bracket knows ratios only. Full code is light 1 in each channel.\n"
        f"# Codes {low} to {high} were seen; beyond, the curve is continued. Disagreement of the pictures: {response.residual:.4f} stops.\n"
        f"{rows}\n"
    )


def _checked(pictures: Sequence[NDArray[np.uint8]], exposure_s: Sequence[float], method: str) -> tuple[list[NDArray[np.uint8]], Float]:
    """Pixels as (N, 3), thinned out evenly, and times."""
    times = np.asarray(exposure_s, np.float64)
    check_method(method)
    if len(pictures) != len(times):
        msg = f"Each picture needs one exposure time, got {len(pictures)} pictures and {len(times)} times."
        raise ValueError(msg)
    if len(pictures) < 2 or not (np.isfinite(times).all() and (times > 0).all()) or len(np.unique(times)) < 2:
        msg = f"A bracket needs at least two pictures of different exposure times above 0, got {times.tolist()} s."
        raise SourceError(msg)
    for number, picture in enumerate(pictures, 1):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape != (*pictures[0].shape[:2], 3):
            msg = (
                f"Picture {number} of the bracket is {picture.dtype} {picture.shape}, the first {pictures[0].dtype} {pictures[0].shape}; "
                "give 8-bit RGB pictures of one size."
            )
            raise SourceError(msg)
    stride = max(1, -(-pictures[0].size // (3 * _MOST_PIXELS)))
    return [picture.reshape(-1, 3)[::stride] for picture in pictures], times


def _equations(shots: Sequence[NDArray[np.uint8]], times: Float) -> _Equations:
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
                parts.append((codes, share, count, np.full(len(codes), np.log(times[dark] / times[bright]))))
    bright_code, share, count, ratio = (np.concatenate(column) for column in zip(*parts, strict=True))
    variance = _variances(share)
    dark_code = _medians(share)
    good = (dark_code >= _LOWEST) & (dark_code <= _HIGHEST)
    return _Equations(dark_code[good], bright_code[good], ratio[good], share[good], count[good], variance[good])


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


def _with_means(rows: _Equations, log_light: Float) -> _Equations:
    """The same equations, moved from the median towards the code of the mean light where nothing is clipped."""
    light = np.r_[0.0, np.exp(log_light[1:])]
    mean = np.interp(np.log(rows.share @ light), log_light[1:], np.arange(1.0, 256.0))
    whole = (rows.share[:, :2].sum(axis=1) < 0.01) & (rows.share[:, 255] < 0.001)
    return rows._replace(dark=np.clip(np.where(whole, _MEAN * mean + (1 - _MEAN) * rows.dark, rows.dark), _LOWEST, _HIGHEST))


def _matrix(rows: _Equations) -> sparse.csr_array:
    """(N, 256): the left side, ``g`` interpolated between whole codes."""
    at = np.floor(rows.dark).astype(np.int64)
    part = rows.dark - at
    number = np.arange(len(at))
    values = np.concatenate([1 - part, part, np.full(len(at), -1.0)])
    places = np.concatenate([number] * 3), np.concatenate([at, at + 1, rows.bright])
    return sparse.csr_array((values, places), shape=(len(at), 256))


def _residual(log_light: Float, rows: _Equations) -> Float:
    return np.asarray(_matrix(rows) @ log_light - rows.log_ratio)


def _comparagram(rows: _Equations) -> Float:
    """(256,) log light: first from medians, then from medians and means under the curve so far."""
    log_light = _solve(rows, 2.2 * np.log(np.arange(256) + 0.5), rounds=3)
    for _ in range(3):
        increasing = _strictly_increasing(log_light)
        log_light = _solve(_with_means(rows, increasing), increasing, rounds=1)
    return log_light


def _solve(rows: _Equations, log_light: Float, *, rounds: int) -> Float:
    """(256,) log light by weighted least squares, reweighted for noise and outliers; that of code 0 is a placeholder."""
    left, bend = _matrix(rows)[:, 1:], _curvature()
    prior = bend.T @ bend * (_SMOOTHNESS**2 * np.sqrt(len(rows.dark)))
    prior[-1, -1] += 1e6  # g(255) = 0
    nearest = np.rint(rows.dark).astype(np.int64)
    noise = _noise_of_code(rows)
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


def _curvature() -> Float:
    """(253, 255): second differences of ``g`` over log code, weaker towards high codes, where curves have shoulders."""
    place = np.log(np.arange(1, 256))
    rows = np.zeros((253, 255))
    for j in range(1, 254):
        before, after = place[j] - place[j - 1], place[j + 1] - place[j]
        scale = np.sqrt((before + after) / 2) * 30 / (j + 1)
        rows[j - 1, j - 1 : j + 2] = (
            2 * scale * np.array([1 / (before * (before + after)), -1 / (before * after), 1 / (after * (before + after))])
        )
    return rows


def _noise_of_code(rows: _Equations) -> Float:
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


def _opencv(pictures: Sequence[NDArray[np.uint8]], times: Float, method: Method) -> Float:
    """(256, 3) log light by OpenCV's calibrations."""
    calibrator = cv2.createCalibrateDebevec(samples=300) if method == "debevec" else cv2.createCalibrateRobertson()
    light = calibrator.process([np.ascontiguousarray(picture) for picture in pictures], times.astype(np.float32))
    return np.asarray(np.log(np.maximum(light.reshape(256, 3).astype(np.float64), 1e-12)))


def _strictly_increasing(log_light: Float) -> Float:
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
