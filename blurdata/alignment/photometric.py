"""How do the two cameras' code values relate: blurry = gain * sharp + offset, per channel."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.alignment.drift import robust_weights
from blurdata.alignment.geometry import Float, Float32
from blurdata.alignment.kernel import convolved
from blurdata.alignment.light import Light

_STATIC_PX, _BLURRED_PX = 2.5, 3.0  # smoothing: takes noise away, and what is wrong with a kernel beyond its second moments
_FINE_PX, _FINEST_PX = 1.0, 0.5  # where wider smoothing leaves too few samples without a clipped one, or too little range
_SURE = 0.003  # of the slope: a standard error below which finer smoothing is not asked
_SPREAD_CLIPPED = 0.02  # share of a blurred sample that may come from clipped ones
_ENOUGH = 200
_PLENTY = 50_000  # samples say nearly all
_STRICT, _MILD = 3.0, 12.0  # standard deviations: strict weights would choose pixels whose halves' noise is opposite, and tilt the line
# of the slope that noise may tilt it by at worst; beyond, stripes are compared, which fine texture misleads where one picture is softer
_TILT = 0.0015
_AKIN = 0.3  # least correlation of the stripes
_STRIPE = 3  # rows: wider than resampling spreads noise, narrower than smoothing resolves
_WHOLE = 0.995  # of a smoothed 0 or 1
# standard deviations between the pairs of one scene, whose cameras are set alike: light flickers, black levels stay where they are;
# and what an estimated kernel leaves wrong
_GAIN_BETWEEN, _GAIN_BY_KERNEL, _OFFSET_BETWEEN = 0.002, 0.002, 0.1 / 255


def published(blurry: Float32, sharp: Float32) -> tuple[Float, Float]:
    """RealBlur's: ``gain = std(blurry) / std(sharp)`` (N - 1), ``offset = mean(blurry) - gain * mean(sharp)``, per channel.

    Args:
        blurry: (H, W, C) float32 code values on the common rectangle.
        sharp: Same shape, aligned.
    """
    spread = sharp.std((0, 1), ddof=1, dtype=np.float64)
    gain = blurry.std((0, 1), ddof=1, dtype=np.float64) / np.maximum(spread, 1e-9)
    return gain, blurry.mean((0, 1), dtype=np.float64) - gain * sharp.mean((0, 1), dtype=np.float64)


def robust(
    blurry: Float32, sharp: Float32, inside: Float32, kernel: Float, light: Light, *, start: tuple[Float, Float] | None = None
) -> tuple[Float, Float]:
    """Gain and offset of a robust line through unclipped samples of two equally blurred, equally smoothed pictures.

    The sharp picture is blurred in linear light with ``kernel`` first, so that its range and its clipped parts are the blurry one's. An
    estimated kernel is wrong by a little, which to second order adds ``M : grad grad (k * s)``: these three derivatives are fitted along
    with the line. A static pair has no kernel and noise in both halves; there the slope is the ratio of the standard deviations, or where
    much noise is left that of the covariances between stripes of rows, whose noise is not related. A channel that is clipped but for a
    narrow range is looked at through finer smoothing too, which leaves more of it; the line with the least standard error counts.

    Args:
        blurry: (H, W, C) float32 code values.
        sharp: Same shape, aligned.
        inside: (H, W) float32, 1 where both cameras saw the pixel.
        kernel: Centred blur kernel, 1x1 for a static pair.
        light: How code values become light.
        start: Gain and offset of the scene's reference. A pair's own line counts against them as its standard error says, so that a
            channel that is clipped nearly everywhere keeps them; without, the pair stands alone.
    """
    gain, offset = (np.array(part, np.float64) for part in start or (np.ones(3), np.zeros(3)))
    spread = convolved(light.decode(sharp), kernel)
    predicted = light.encode(spread) if kernel.size > 1 else sharp
    unspread = (convolved(1 - light.trusted(sharp), kernel) < _SPREAD_CLIPPED) * inside[..., None] * light.trusted(blurry)
    bends = _bends(spread, predicted, light) if kernel.size > 1 else []
    left = [0, 1, 2]
    lines: dict[int, _Line] = {}
    for sigma in (_BLURRED_PX if bends else _STATIC_PX, _FINE_PX, _FINEST_PX):
        y, x, clear, *z = (_smooth(picture, sigma) for picture in (blurry, predicted, unspread, *bends))
        codes = _thinned(predicted), _thinned(blurry)
        halves = [] if bends or sigma < _FINE_PX else [half for picture in (predicted, blurry) for half in _halves(picture, sigma)]
        for c in [c for c in left if sigma > _FINEST_PX or c not in lines]:  # noise tilts the finest most
            others = ([plane[..., c] for plane in z], [plane[..., c] for plane in halves])
            area = np.pi * sigma**2  # samples, every other pixel, that smoothing makes one
            line = _unclipped_line(x[..., c], y[..., c], others, clear[..., c] > _WHOLE, [part[..., c] for part in codes], light.full, area)
            if line is not None and (c not in lines or line.error < lines[c].error):
                lines[c] = line
            if line is not None and line.error < _SURE * line.slope:
                left.remove(c)
    for c, line in lines.items():
        gain[c], offset[c] = line.among(gain[c], offset[c], light.full) if start else (line.slope, line.at(0.0))
    if lines and start is None:  # a channel clipped nearly everywhere: exposed like the others, for all that can be seen
        seen, unseen = list(lines), [c for c in range(3) if c not in lines]
        gain[unseen], offset[unseen] = gain[seen].mean(), offset[seen].mean()
    return gain, offset


def _bends(spread: Float32, predicted: Float32, light: Light) -> list[Float32]:
    """Second derivatives of the convolved light along xx, yy and xy, in code values."""
    slope = 1 / np.maximum(light.decode(predicted + 0.5) - light.decode(predicted - 0.5), 1e-9)
    derivatives = [cv2.Sobel(spread, cv2.CV_32F, *order, ksize=1, borderType=cv2.BORDER_REPLICATE) for order in ((2, 0), (0, 2), (1, 1))]
    return [slope * derivative for derivative in derivatives]


def _smooth(picture: Float32, sigma: float) -> Float32:
    smooth = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return _thinned(np.asarray(smooth).reshape(picture.shape))


def _halves(picture: Float32, sigma: float) -> list[Float32]:
    """The picture smoothed from every other stripe of rows, and from the rest."""
    stripes = np.zeros_like(picture)
    stripes[np.arange(len(picture)) // _STRIPE % 2 == 0] = 1
    return [np.asarray(_smooth(picture * part, sigma) / _smooth(part, sigma), np.float32) for part in (stripes, 1 - stripes)]


def _thinned(picture: Float32) -> Float32:
    """Every other pixel, without the frame."""
    return picture[6:-6:2, 6:-6:2]


Others = tuple[list[Float32], list[Float32]]  # what is fitted along with a line; x and y, each in two halves of unrelated noise, or nothing


@dataclass(frozen=True)
class _Line:
    """A fitted line: its slope with the standard error, and the mean point that it goes through."""

    slope: float
    error: float
    middle: tuple[float, float]

    def at(self, x: Any) -> Any:
        return self.middle[1] + self.slope * (x - self.middle[0])

    def among(self, gain: float, offset: float, full: int) -> tuple[float, float]:
        """Gain and offset of this pair's line among those of its scene: weighed by their variances, and through the mean point."""
        x, y = self.middle
        own, scene = self.error**2 + _GAIN_BY_KERNEL**2, _GAIN_BETWEEN**2
        level = (_OFFSET_BETWEEN * full) ** 2
        weights = np.array([1 / own, 1 / scene, x * x / level])
        found = float(weights @ [self.slope, gain, (y - offset) / max(x, 1e-9)] / weights.sum())
        return found, y - found * x


def _unclipped_line(
    x: Float32, y: Float32, others: Others, clear: NDArray[np.bool_], codes: list[Float32], full: int, area: float
) -> _Line | None:
    """The line through clear samples of smoothed ``x`` and ``y``; ``codes`` are both before smoothing."""
    line = _line(x, y, others, clear, full, area)
    if line is None:
        return None
    # near the ends only samples that noise moved inwards look unclipped: leave out where they were to be expected
    noise = 1.48 * float(np.median(np.abs(codes[1] - line.at(codes[0]))[clear]))
    margin, expected = 3 * noise + full / 255, line.at(x)
    within = (np.minimum(expected, x) > margin) & (np.maximum(expected, x) < full - margin)
    return _line(x, y, others, clear & within, full, area) or line


def _line(x: Float32, y: Float32, others: Others, chosen: NDArray[np.bool_], full: int, area: float, rounds: int = 5) -> _Line | None:
    """Iteratively re-weighted least squares; None where too little is chosen or it is all one grey."""
    at = np.flatnonzero(chosen)
    if len(at) < _ENOUGH or x.ravel()[at].std() < full / 255:
        return None
    step = -(-len(at) // _PLENTY)
    bends, halves = others
    table = np.stack([np.ones(len(at[::step])), *(plane.ravel()[at[::step]] for plane in (*bends, x, y, *halves))], axis=1)  # float64
    last = 1 + len(bends)  # of x; what is before it is taken out of both x and y (Frisch and Waugh 1933)
    w = np.ones(len(table))
    line = _Line(1.0, 0.0, (0.0, 0.0))
    for _ in range(rounds):
        sums = (table * w[:, None]).T @ table
        taken = np.linalg.lstsq(sums[:last, :last], sums[:last, last:], rcond=1e-12)[0]
        left = sums[last:, last:] - sums[last:, :last] @ taken
        uu, uv = left[0, :2]
        slope = uv / max(uu, 1e-12) if bends else np.sqrt(left[1, 1] / max(uu, 1e-12))  # noise in both: between the two lines
        noisy = left[1, 1] - 2 * slope * uv + slope**2 * uu > 2 * _TILT * left[1, 1]
        kinship = 1.0  # correlation of the stripes: they are an instrumental variable, as good as they are akin
        if halves and noisy and left[2, 3] > _AKIN * np.sqrt(left[2, 2] * left[3, 3]):
            kinship = left[2, 3] / np.sqrt(left[2, 2] * left[3, 3])
            slope = (left[2, 5] + left[3, 4]) / 2 / left[2, 3]
        off = table[:, : last + 2] @ np.concatenate([slope * taken[:, 0] - taken[:, 1], [-slope, 1.0]])
        error = np.sqrt((w @ off**2) / sums[0, 0] / max(uu, 1e-12) * area / step) / kinship
        line = _Line(float(slope), float(error), (float(sums[0, last] / sums[0, 0]), float(sums[0, last + 1] / sums[0, 0])))
        w = robust_weights(np.abs(off), _MILD if halves else _STRICT).astype(np.float64)
    return line
