"""What is measured on one pair: a flat record, and the function that fills it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.color import Curve, curve
from blurdata.errors import SourceError
from blurdata.pairs import Image, Pair
from blurdata.quality.alone import rough_blur
from blurdata.quality.blur import name_blur
from blurdata.quality.hashes import Print, content_hash, take_print
from blurdata.quality.lag import UNKNOWN_LAG, Glimpse, Lag, glimpse
from blurdata.quality.sharpness import blank_rows, edge_width, softening
from blurdata.quality.shift import estimate_shift, shift_grid
from blurdata.quality.tone import UNKNOWN_TONE, Tone, clipped_share, compare_tone, noise_codes, to_light

# coherence below which two halves show different things, good pairs are above 0.9; and below which they do, whatever the set: with noise
# of a fifth of full light 0.55 is left, of 20 strangers 19 share less than 0.42
ALIKE, UNLIKE = 0.75, 0.5
_CURVES, _USUAL_BLUR_PX = ("srgb", "gamma22", "linear"), 20.0
_CLEARLY = 0.7  # how much better another curve than sRGB must do
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
# what a meta must hold to promise a blur, and what a straight motion of the same width would measure
_PROMISES = {"length_px": 1.0, "radius_px": 3**0.5, "sigma_px": 12**0.5, "extent_px": 0.5}


@dataclass(frozen=True)
class PairFacts:
    """Measurements of one pair.

    Lengths are in px, angles in degrees counter-clockwise from +x with y up, light is a fraction of full light. ``length_px`` and
    ``angle_deg`` are what the pair's own record says where it does, else what was measured, or read from the blurry half alone where the
    halves do not match (``length_from``: meta, pair or rough); ``measured_px`` is always what the pair measures. ``family`` and ``size_px``
    name the blur (:func:`blurdata.quality.blur.name_blur`). ``curve`` gives the light of a code, and ``curve_named`` says whether the pair
    itself names it. ``picture`` is the photograph that a pair was made from, where its record says so. ``lag`` is the pair's place between
    its neighbours (:mod:`blurdata.quality.lag`), ``softened_px2`` the fine detail that is gone
    (:func:`blurdata.quality.sharpness.softening`) and ``hardened_px2`` the same with the halves exchanged, ``film_px`` what a film's own
    record says of its blur on average over the picture, ``added_light`` by how much of its light a simulated camera made the blurry half
    brighter where the source is clipped, at most and in the channel with most of it. ``error`` is the sentence of a pair that could not
    be read; what is measured is then NaN.
    """

    index: int
    key: str
    split: str = ""
    scene: str = ""
    sequence: str = ""
    position: int = -1
    size: tuple[int, int] = (0, 0)
    bits: int = 8
    error: str = ""
    curve: str = ""
    curve_named: bool = False
    picture: str = ""
    blurry_hash: str = ""
    sharp_print: Print | None = None
    promised_px: float = float("nan")
    film_px: float = float("nan")
    length_px: float = float("nan")
    angle_deg: float = float("nan")
    anisotropy: float = float("nan")
    family: str = "unknown"
    size_px: float = float("nan")
    length_from: str = ""
    dx: float = float("nan")
    dy: float = float("nan")
    shift_error_px: float = float("nan")
    coherence: float = float("nan")
    grid: tuple[tuple[float, float], ...] = ()
    lag: Lag = UNKNOWN_LAG
    softened_px2: float = float("nan")
    hardened_px2: float = float("nan")
    measured_px: float = float("nan")
    tone: Tone = UNKNOWN_TONE
    clipped_blurry: tuple[float, float] = (float("nan"),) * 2
    clipped_sharp: tuple[float, float] = (float("nan"),) * 2
    noise_blurry: float = float("nan")
    noise_sharp: float = float("nan")
    edge_sharp: float = float("nan")
    edge_blurry: float = float("nan")
    contrast: tuple[float, float] = (float("nan"),) * 2
    blank_foot: tuple[float, float] = (0.0, 0.0)
    psnr: float = float("nan")
    added_light: float = 0.0

    @property
    def shift_px(self) -> float:
        """Length of the offset between the halves."""
        return float(np.hypot(self.dx, self.dy))


def measure_pair(pair: Pair, index: int = 0, *, usual: str = "srgb") -> PairFacts:
    """Everything the report says about one pair.

    Args:
        pair: The pair; sides of at least 32 px, smaller ones get no shift and no blur length.
        index: Its place in the source.
        usual: The curve where the pair names none, as :func:`usual_curve` finds it.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> scene = cv2.GaussianBlur(rng.integers(0, 255, (96, 96, 3), np.uint8), (0, 0), 1.0)
        >>> measure_pair(Pair("a", scene, scene)).psnr
        inf
    """
    bits = 8 * pair.sharp.dtype.itemsize
    name, named, light = _light(pair, bits, usual)
    b, s = _luma(to_light(pair.blurry, light)), _luma(to_light(pair.sharp, light))
    codes_b, codes_s = _code_plane(pair.blurry), _code_plane(pair.sharp)
    facts: dict[str, Any] = {
        "index": index,
        "key": pair.key,
        "split": str(pair.meta.get("split") or ""),
        "scene": str(pair.meta.get("scene") or ""),
        "sequence": str(pair.meta.get("sequence") or ""),
        "position": _whole(pair.meta.get("position")),
        "size": pair.size,
        "bits": bits,
        "curve": name,
        "curve_named": named,
        "picture": str(pair.meta.get("picture") or ""),
        "blurry_hash": content_hash(pair.blurry),
        "sharp_print": take_print(pair.sharp, pair.key, str(pair.meta.get("split") or "")),
        "promised_px": promised_blur(pair.meta),
        "film_px": _number(pair.meta.get("blur_px_mean")),
        "clipped_blurry": clipped_share(pair.blurry),
        "clipped_sharp": clipped_share(pair.sharp),
        "noise_blurry": noise_codes(pair.blurry),
        "noise_sharp": noise_codes(pair.sharp),
        "softened_px2": softening(b, s),
        "hardened_px2": softening(s, b),
        "edge_blurry": edge_width(codes_b),
        "edge_sharp": edge_width(codes_s),
        "contrast": (float(codes_b.std()) * 255, float(codes_s.std()) * 255),
        "blank_foot": (blank_rows(pair.blurry), blank_rows(pair.sharp)),
        "psnr": psnr(pair.blurry, pair.sharp),
        "added_light": _added_light(pair, light),
    }
    if min(pair.size) >= 32:
        facts |= _geometry(b, s, pair.meta)
    reach = float(np.nan_to_num(facts.get("measured_px", 0.0)))
    facts["tone"] = compare_tone(pair.blurry, pair.sharp, light, reach_px=reach)
    return PairFacts(**facts)


def _geometry(b: NDArray[np.float32], s: NDArray[np.float32], meta: Mapping[str, Any]) -> dict[str, Any]:
    shift = estimate_shift(b, s)
    blur = name_blur(b, s, shift)
    line = blur.family == "line"
    measured = (blur.size_px, blur.angle_deg) if line else (shift.length_px, shift.angle_deg)
    known = _number(meta.get("length_px")), _number(meta.get("angle_deg"))
    if all(np.isfinite(known)):
        said, (length, angle) = "meta", known
    elif shift.coherence >= ALIKE:
        said, (length, angle) = "pair", measured
    else:  # the halves do not show the same thing
        said, (length, angle) = "rough", rough_blur(b)
    return {
        "dx": shift.dx,
        "dy": shift.dy,
        "shift_error_px": shift.error_px,
        "coherence": shift.coherence,
        "grid": tuple((x, y) for x, y in shift_grid(b, s, shift)),
        "length_px": length,
        "measured_px": measured[0],
        "angle_deg": angle % 180,
        "anisotropy": 1.0 if line else shift.anisotropy,
        "family": blur.family,
        "size_px": blur.size_px,
        "length_from": said,
    }


def look_at(pair: Pair, *, usual: str = "srgb") -> Glimpse:
    """What the pair's neighbours in a film need of it."""
    return glimpse(pair, _light(pair, 8 * pair.sharp.dtype.itemsize, usual)[2], _LUMA)


def usual_curve(pairs: Iterable[Pair]) -> str:
    """The curve under which the halves agree best in brightness: of sRGB, gamma 2.2 and code values; sRGB where there is no pair.

    Blur made on code values (most folders of older sets) keeps the mean code, blur made of light keeps the mean light. Under a wrong curve
    a blur that is right looks shifted and brighter.

    Args:
        pairs: Some pairs of one set.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> sharp = [np.kron(rng.integers(0, 255, (12, 12, 3), np.uint8), np.ones((8, 8, 1), np.uint8)) for _ in range(4)]
        >>> usual_curve(Pair("a", cv2.blur(picture, (9, 9)), picture) for picture in sharp)
        'linear'
    """
    apart: dict[str, list[float]] = {name: [] for name in _CURVES}
    for pair in pairs:
        for name in _CURVES:
            light = _table(name, 8 * pair.sharp.dtype.itemsize)
            tone = compare_tone(pair.blurry, pair.sharp, light, reach_px=_USUAL_BLUR_PX)
            apart[name].append(abs(float(np.log(tone.mean_ratio))))
    if not apart["srgb"]:
        return "srgb"
    middle = {name: float(np.median(values)) for name, values in apart.items()}
    best = min(middle, key=middle.__getitem__)
    return best if middle[best] < _CLEARLY * middle["srgb"] else "srgb"


def promised_blur(meta: Mapping[str, Any]) -> float:
    """The blur that a pair's meta promises, as the length in px of a straight motion of the same width; NaN where it promises none.

    ``blur_px_mean`` of a film is no such promise of a whole picture: one small thing that moves fast raises it.
    """
    for name, factor in _PROMISES.items():
        value = _number(meta.get(name))
        if np.isfinite(value):
            return value * factor
    return float("nan")


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else float("nan")


def _whole(value: object) -> int:
    return value if isinstance(value, int) else -1


def _light(pair: Pair, bits: int, usual: str) -> tuple[str, bool, NDArray[np.float32]]:
    """The pair's curve (``usual`` where its meta names none that can be used), whether it was named, and the light of every code.

    A ``response`` is what a simulated camera stored both halves with, whatever the ``curve`` of the source was.
    """
    name = pair.meta.get("response") or pair.meta.get("curve")
    try:
        return str(name or usual), bool(name), _table(str(name or usual), bits)
    except (ValueError, SourceError):
        return usual, False, _table(usual, bits)


@lru_cache(maxsize=8)
def _table(name: str, bits: int) -> NDArray[np.float32]:
    response = curve(name)
    return np.asarray(response.light_of_codes(bits) if response.invertible else _nearest_light(response, bits), np.float32)


def _nearest_light(response: Curve, bits: int) -> NDArray[np.float64]:
    """Light of every code of a curve that dips: the least that reaches the code. Good enough to measure by, not to decode with."""
    light = np.linspace(0, 1, 1 << 14)
    codes = np.maximum.accumulate(response.encode(light))
    return np.interp(np.linspace(0, 1, 1 << bits), codes, light)[None]


def _luma(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.transform(image, _LUMA[None]), np.float32)  # a matrix product with three columns is slow


def _added_light(pair: Pair, light: NDArray[np.float32]) -> float:
    """``alpha * clipped share / mean light``: the saturation that a simulated camera says it added is by design."""
    alpha = _number(pair.meta.get("saturation_alpha"))
    if not alpha > 0:
        return 0.0
    full = np.iinfo(pair.sharp.dtype).max
    means = to_light(pair.sharp, light).reshape(-1, 3).mean(axis=0)
    return float(np.max(alpha * (pair.sharp >= full - full // 255).reshape(-1, 3).mean(axis=0) / np.maximum(means, 1e-6)))


def _code_plane(image: Image) -> NDArray[np.float32]:
    return _luma(image.astype(np.float32)) / np.float32(np.iinfo(image.dtype).max)


def psnr(image: Image, sharp: Image) -> float:
    """Peak signal-to-noise ratio in dB, as :func:`blurdata.metrics.psnr` gives it and several times as fast; both uint8 or both uint16."""
    difference = cv2.norm(image, sharp, cv2.NORM_L2SQR) / image.size
    return float(10 * np.log10(float(np.iinfo(sharp.dtype).max) ** 2 / difference)) if difference else float("inf")
