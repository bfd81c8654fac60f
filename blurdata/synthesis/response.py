"""How is a camera's response found from an exposure bracket: the same still scene at several known exposure times.

Three methods, each per channel and for 8-bit codes:

``comparagram`` (default)
    For each pair of pictures, the pixels with code ``c`` in the brighter one have a median code ``m``, a fraction, in the darker
    one: ``g(m) = g(c) + log(t_dark / t_bright)`` with ``g`` the logarithm of light. These equations (Mann, 2000) are solved for
    all codes together by weighted least squares with a penalty on how ``g`` bends over log code. Medians over thousands
    of pixels see through noise, rounding and clipping. The bias that noise leaves is measured by a simulation and taken away
    (:mod:`~blurdata.synthesis.bracket_noise`).
``debevec``, ``robertson``
    OpenCV's calibrations (Debevec and Malik 1997; Robertson et al. 2003), made strictly increasing.

Largest relative error over codes 10 to 245 after the best scale, from seven exposures one stop apart with clipping and RSBlur's noise, of
six curves, two scenes, three channels and three brackets each (``tools/bench/response.py --seeds 3``): 1.5 %; medians are 0.1 to 1.4 %.
At code 10 the read noise is larger than the light: what is left there is the scatter of so many pixels. OpenCV's two methods are off by
25 to 41 % on such brackets, because their smoothness prior is uniform in code.

A bracket knows ratios of light only: the scale of the result is undetermined, in each channel. The table is scaled so that full
code is light 1.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple, cast, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.errors import SourceError
from blurdata.synthesis.bracket_noise import without_bias
from blurdata.synthesis.comparagram import equations_of, residual_of, strictly_increasing

Float = NDArray[np.float64]
Method = Literal["comparagram", "debevec", "robertson"]

_MOST_PIXELS = 4_000_000  # a larger picture is read every k-th pixel
_MOST_RESIDUAL = 0.25  # stops
_ENDS = 16  # codes by whose slope a curve is continued


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
        >>> light = np.tile(np.geomspace(0.001, 1.0, 40000).reshape(200, 200, 1), 3)
        >>> times = [0.25, 0.5, 1.0, 2.0]
        >>> shots = [np.rint(255 * np.clip(light * t, 0, 1) ** (1 / 2.2)).astype(np.uint8) for t in times]
        >>> table = calibrate_response(shots, times).table[:, 1]
        >>> bool(abs(table[128] / (128 / 255) ** 2.2 - 1) < 0.02)
        True
    """
    shots, times = _checked(pictures, exposure_s, method)
    channels = [[shot[:, channel] for shot in shots] for channel in range(3)]
    equations = [equations_of(channel, times) for channel in channels]
    for name, rows in zip(("red", "green", "blue"), equations, strict=True):
        if len(np.unique(rows.bright)) < 32:
            msg = (
                f"The exposures share too few codes in {name} ({len(np.unique(rows.bright))} of 256); take pictures one stop apart of a "
                "scene with dark and bright places, until the brightest is partly white."
            )
            raise SourceError(msg)
    covered = (int(max(rows.dark.min() for rows in equations)), int(min(rows.bright.max() for rows in equations)))
    if method == "comparagram":
        log_light = np.stack([without_bias(rows, channel, times) for rows, channel in zip(equations, channels, strict=True)], axis=1)
    else:
        log_light = _continued(_opencv(pictures, times, method), *covered)
    increasing = np.stack([strictly_increasing(log_light[:, channel]) for channel in range(3)], axis=1)
    residual = float(np.median(np.concatenate([np.abs(residual_of(increasing[:, c], equations[c])) for c in range(3)])) / np.log(2))
    if residual > _MOST_RESIDUAL:
        msg = (
            f"The pictures contradict their exposure times by {residual:.2f} stops; check the times, and that camera and scene stood still."
        )
        raise SourceError(msg)
    table = np.exp(increasing - increasing[-1])
    if method == "comparagram":
        table[0] = 0.0  # no light, no code: g has no finite value there
    return Response(table, covered, residual)


def check_method(method: str) -> Method:
    """The method of a name.

    Raises:
        ValueError: If there is none.
    """
    if method in get_args(Method):
        return cast(Method, method)
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
    _check_order(pictures, times)
    stride = max(1, -(-pictures[0].size // (3 * _MOST_PIXELS)))
    return [picture.reshape(-1, 3)[::stride] for picture in pictures], times


def _check_order(pictures: Sequence[NDArray[np.uint8]], times: Float) -> None:
    """Times that were mixed up fit a wrong curve quite well, but longer exposures are brighter under any curve."""
    for one, two in pairwise(np.argsort(times, kind="stable")):
        if times[one] < times[two] and pictures[two].mean() <= pictures[one].mean() and 0 < pictures[one].mean() < 255:
            msg = (
                f"Picture {two + 1} ({times[two]:g} s) is no brighter than picture {one + 1} ({times[one]:g} s) although it was exposed "
                "longer; check the times and their order."
            )
            raise SourceError(msg)


def _opencv(pictures: Sequence[NDArray[np.uint8]], times: Float, method: Method) -> Float:
    """(256, 3) log light by OpenCV's calibrations."""
    calibrator = cv2.createCalibrateDebevec(samples=300) if method == "debevec" else cv2.createCalibrateRobertson()
    light = calibrator.process([np.ascontiguousarray(picture) for picture in pictures], times.astype(np.float32))
    return np.asarray(np.log(np.maximum(light.reshape(256, 3).astype(np.float64), 1e-12)))


def _continued(log_light: Float, low: int, high: int) -> Float:
    """(256, 3) log light, straight over log code below ``low`` and above ``high``: what OpenCV says of codes not seen is no measurement."""
    place = np.log(np.maximum(np.arange(256), 0.5))
    out = log_light.copy()
    for end, seen, unseen in (
        (low, slice(low, min(low + _ENDS, high + 1)), slice(0, low)),
        (high, slice(max(low, high + 1 - _ENDS), high + 1), slice(high + 1, 256)),
    ):
        slope = np.polyfit(place[seen], log_light[seen], 1)[0]
        out[unseen] = log_light[end] + slope * (place[unseen, None] - place[end])
    return out
