"""Charts as inline SVG: drawn for a width of 340 px, coloured by the page's own style sheet, each with a text that says what it shows."""

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup, escape

from blurdata.naming import counted
from blurdata.report.scale import finite, show, tick_labels, ticks

_W, _H = 340, 200
_LEFT, _RIGHT, _TOP, _FOOT = 58, 20, 12, 38


def _svg(body: str, alt: str, *, height: int = _H) -> Markup:
    return Markup(
        f'<svg class="chart" viewBox="0 0 {_W} {height}" role="img" aria-label="{escape(alt)}"><title>{escape(alt)}</title>{body}</svg>'
    )


def empty(why: str) -> Markup:
    """A box that says why there is no chart."""
    return _svg(f'<text class="muted" x="{_W / 2}" y="60" text-anchor="middle">{escape(why)}</text>', why, height=120)


class _Frame:
    """The plot area, its axes and the mapping from data to it."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float], *, x_label: str, y_label: str, whole: bool = False) -> None:
        self.x, self.y = x, y
        self._whole = whole  # y counts things: no half of one
        self._labels = x_label, y_label

    def at_x(self, value: float) -> float:
        low, high = self.x
        return _LEFT + (value - low) / (high - low) * (_W - _LEFT - _RIGHT)

    def at_y(self, value: float) -> float:
        low, high = self.y
        return _H - _FOOT - (value - low) / (high - low) * (_H - _TOP - _FOOT)

    def axes(self) -> str:
        parts = []
        foot, right = _H - _FOOT, _W - _RIGHT
        levels, columns = ticks(*self.y, about=4, whole=self._whole), ticks(*self.x, about=5)
        for value, label in zip(levels, tick_labels(levels), strict=True):
            y = self.at_y(value)
            parts.append(f'<line class="rule" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
        for value, label in zip(columns, tick_labels(columns), strict=True):
            x = self.at_x(value)
            parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{foot}" y2="{foot + 4}"/>')
            parts.append(f'<text x="{x:.1f}" y="{foot + 16}" text-anchor="middle">{label}</text>')
        parts.append(f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{foot}" y2="{foot}"/>')
        x_label, y_label = (escape(label) for label in self._labels)
        parts.append(f'<text class="muted" x="{(right + _LEFT) / 2:.0f}" y="{_H - 4}" text-anchor="middle">{x_label}</text>')
        middle = (_TOP + foot) / 2
        parts.append(f'<text class="muted" transform="translate(14 {middle:.0f}) rotate(-90)" text-anchor="middle">{y_label}</text>')
        return "".join(parts)


def histogram(
    series: Sequence[tuple[str, Sequence[float], str]],
    *,
    x_label: str,
    what: str,
    bins: int = 24,
    lines: Sequence[float] = (),
    span: tuple[float, float] | None = None,
) -> Markup:
    """Stacked bars of counts.

    Args:
        series: (name, values, CSS class) from the bottom up.
        x_label: Label of the x axis, with its unit.
        what: What is counted, for the text: "blur length of 200 pairs".
        bins: Number of bars.
        lines: Values at which to draw a dashed line.
        span: Range of x; by default that of the values and lines.
    """
    clean = [(name, finite(values), css) for name, values, css in series]
    everything = np.concatenate([values for _, values, _ in clean]) if clean else np.array([])
    if not len(everything):
        return empty(f"No {what}")
    low, high = span or (float(min([everything.min(), *lines])), float(max([everything.max(), *lines])))
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    counts = [np.histogram(np.clip(values, low, high), edges)[0] for _, values, _ in clean]
    top = max(int(np.sum(counts, axis=0).max()), 1)
    frame = _Frame((low, high), (0, top * 1.05), x_label=x_label, y_label="pairs", whole=True)
    bars = []
    base = np.zeros(bins, int)
    for (_, _, css), count in zip(clean, counts, strict=True):
        for i in np.flatnonzero(count):
            x0, x1 = frame.at_x(edges[i]), frame.at_x(edges[i + 1])
            y0, y1 = frame.at_y(base[i] + count[i]), frame.at_y(base[i])
            bars.append(f'<rect class="{css}" x="{x0 + 0.5:.1f}" y="{y0:.1f}" width="{max(x1 - x0 - 1, 0.8):.1f}" height="{y1 - y0:.1f}"/>')
        base += count
    dashed = "".join(_dashed(frame, x) for x in lines if low <= x <= high)
    median, p95 = np.median(everything), np.percentile(everything, 95)
    alt = f"Histogram: {what}; median {show(float(median))}, 95th percentile {show(float(p95))}, largest {show(float(everything.max()))}."
    return _svg(frame.axes() + "".join(bars) + dashed, alt)


def _dashed(frame: _Frame, x: float) -> str:
    return f'<line class="limit" x1="{frame.at_x(x):.1f}" x2="{frame.at_x(x):.1f}" y1="{_TOP}" y2="{_H - _FOOT}"/>'


def rose(angles_deg: Sequence[float], *, what: str, petals: int = 12) -> Markup:
    """Directions of straight blur: a petal's area is its share. Blur has no sign, so each direction is drawn both ways."""
    angles = finite(angles_deg) % 180
    if not len(angles):
        return empty(f"No {what}")
    width = 180 / petals
    counts = np.bincount(((angles + width / 2) % 180 // width).astype(int), minlength=petals)
    radius = 84 * np.sqrt(counts / counts.max())
    cx, cy = _W / 2, 112
    parts = [f'<circle class="rule" cx="{cx}" cy="{cy}" r="{84 * math.sqrt(share):.1f}" fill="none"/>' for share in (0.25, 0.5, 0.75, 1)]
    for i in range(2 * petals):
        r = radius[i % petals]
        if r > 0:
            a0, a1 = (math.radians(i * width + side * width / 2 * 0.92) for side in (-1, 1))
            x0, y0, x1, y1 = cx + r * math.cos(a0), cy - r * math.sin(a0), cx + r * math.cos(a1), cy - r * math.sin(a1)
            parts.append(f'<path class="a" d="M{cx} {cy}L{x0:.1f} {y0:.1f}A{r:.1f} {r:.1f} 0 0 0 {x1:.1f} {y1:.1f}Z"/>')
    for angle, text, anchor in ((0, "0°", "start"), (90, "90°", "middle"), (180, "180°", "end")):
        x, y = cx + 92 * math.cos(math.radians(angle)), cy - 92 * math.sin(math.radians(angle))
        parts.append(f'<text x="{x:.0f}" y="{y + 4:.0f}" text-anchor="{anchor}">{text}</text>')
    most = int(counts.argmax())
    alt = (
        f"Rose plot: {what}; {show(100 * counts.max() / counts.sum())} % lie within {show(width / 2)} degrees of "
        f"{show(most * width)} degrees, the emptiest direction ({show(int(counts.argmin()) * width)} degrees) "
        f"holds {show(100 * counts.min() / counts.sum())} %."
    )
    return _svg("".join(parts), alt, height=224)


def target(dx: Sequence[float], dy: Sequence[float], suspect: Sequence[bool], *, line: float, what: str) -> Markup:
    """Offsets as points around the centre, with the circle beyond which a pair is suspect; y downwards as in the picture."""
    x, y, bad = np.asarray(dx, float), np.asarray(dy, float), np.asarray(suspect, bool)
    good = np.isfinite(x) & np.isfinite(y)
    if not good.any():
        return empty(f"No {what}")
    x, y, bad = x[good], y[good], bad[good]
    length = np.hypot(x, y)
    reach = float(np.clip(1.1 * np.percentile(length, 98), 1.5 * line, 6.0))  # what lies further out is drawn at the rim
    cx, cy, scale = _W / 2, 112, 88 / reach
    parts = [
        f'<line class="rule" x1="{cx - 92}" x2="{cx + 92}" y1="{cy}" y2="{cy}"/>',
        f'<line class="rule" x1="{cx}" x2="{cx}" y1="{cy - 92}" y2="{cy + 92}"/>',
    ]
    for value in ticks(0, reach, about=3)[1:]:
        parts.append(f'<circle class="rule" cx="{cx}" cy="{cy}" r="{value * scale:.1f}" fill="none"/>')
        parts.append(f'<text class="muted" x="{cx + 3}" y="{cy - value * scale - 2:.1f}">{show(value)}</text>')
    parts.append(f'<circle class="limit" cx="{cx}" cy="{cy}" r="{line * scale:.1f}" fill="none"/>')
    keep = np.sort(np.random.default_rng(0).permutation(len(x))[:1500])
    for i in keep:
        inwards = min(1.0, reach / max(length[i], 1e-9)) * scale
        px, py = cx + x[i] * inwards, cy + y[i] * inwards
        parts.append(f'<circle class="{"bad" if bad[i] else "a"}" cx="{px:.1f}" cy="{py:.1f}" r="{2.4 if bad[i] else 1.7}"/>')
    middle, high, most = (show(float(value)) for value in np.percentile(length, [50, 95, 100]))
    alt = f"Offsets: {what}; median {middle} px, 95th percentile {high} px, largest {most} px."
    return _svg("".join(parts), alt, height=224)


def grid_map(offsets: np.ndarray, *, what: str) -> Markup:
    """Median offset on a 3x3 grid as arrows, magnified alike; ``offsets`` is (pairs, 9, 2) px."""
    usable = offsets[np.isfinite(offsets).all(axis=(1, 2))] if len(offsets) else offsets
    if not len(usable):
        return empty(f"No {what}")
    median = np.median(usable, axis=0)
    length = np.hypot(*median.T)
    scale = 22 / max(float(length.max()), 0.25)
    parts = []
    for i, (dx, dy) in enumerate(median):
        x, y = 70 + 100 * (i % 3), 36 + 62 * (i // 3)
        parts.append(f'<rect class="cell" x="{x - 48}" y="{y - 29}" width="96" height="58" rx="4"/>')
        parts.append(f'<circle class="dot" cx="{x}" cy="{y}" r="2.2"/>')
        parts.append(f'<line class="arrow" x1="{x}" y1="{y}" x2="{x + dx * scale:.1f}" y2="{y + dy * scale:.1f}"/>')
        parts.append(f'<text class="muted" x="{x + 44}" y="{y + 25}" text-anchor="end">{length[i]:.2f}</text>')
    alt = f"Median offset of {what}: " + ", ".join(f"{value:.2f}" for value in length) + " px, row by row."
    return _svg("".join(parts), alt, height=200)


def curve_by(x: Sequence[float], y: Sequence[float], *, x_label: str, y_label: str, what: str) -> Markup:
    """Points, and a smooth curve through their middle; fewer than eight points get no curve."""
    px, py = np.asarray(x, float), np.asarray(y, float)
    good = np.isfinite(px) & np.isfinite(py)
    px, py = px[good], py[good]
    if not len(px):
        return empty(f"No {what}")
    frame = _Frame((0, max(float(px.max()) * 1.03, 1)), _span(py), x_label=x_label, y_label=y_label)
    keep = np.sort(np.random.default_rng(0).permutation(len(px))[:1200])
    dots = "".join(f'<circle class="a faint" cx="{frame.at_x(px[i]):.1f}" cy="{frame.at_y(py[i]):.1f}" r="1.7"/>' for i in keep)
    if len(px) < 8 or np.ptp(px) == 0:
        return _svg(frame.axes() + dots, f"{what}: {counted(len(px), 'pair')}, median {show(float(np.median(py)))}.")
    low, high = np.percentile(px, [2, 98])
    at = np.linspace(low, high, 25)
    middle = list(zip(at.tolist(), smooth(px, py, at).tolist(), strict=True))
    path = "M" + "L".join(f"{frame.at_x(a):.1f} {frame.at_y(b):.1f}" for a, b in middle)
    alt = f"{what}: " + "; ".join(f"{show(b)} at {show(a)}" for a, b in middle[::6]) + "."
    return _svg(frame.axes() + dots + f'<path class="trend" d="{path}"/>', alt)


def smooth(x: np.ndarray, y: np.ndarray, at: np.ndarray, share: float = 0.5) -> np.ndarray:
    """Local straight lines through the nearest ``share`` of the points, tricube weights (Cleveland's LOESS), at ``at``.

    Example:
        >>> x = np.arange(20.0)
        >>> smooth(x, 3 * x + 1, np.array([2.5, 10.0])).round(6).tolist()
        [8.5, 31.0]
    """
    count = max(round(share * len(x)), 6)
    values = []
    for place in at:
        distance = np.abs(x - place)
        reach = max(float(np.sort(distance)[min(count, len(x)) - 1]), 1e-9) * 1.001
        weight = np.clip(1 - (distance / reach) ** 3, 0, None) ** 3
        design = np.stack([np.ones_like(x), x - place], axis=1) * np.sqrt(weight)[:, None]
        values.append(float(np.linalg.lstsq(design, y * np.sqrt(weight), rcond=1e-6)[0][0]))
    return np.array(values)


def _span(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = max((high - low) * 0.06, 0.5)
    return low - margin, high + margin


def counts(rows: Sequence[tuple[str, int]], *, what: str, most: int = 12) -> Markup:
    """Horizontal bars with names; what does not fit is summed in a last bar."""
    if not rows:
        return empty(f"No {what}")
    shown = list(rows[:most])
    if len(rows) > most:
        shown = [*rows[: most - 1], (f"{len(rows) - most + 1} more", sum(n for _, n in rows[most - 1 :]))]
    top = max(n for _, n in shown)
    parts = []
    for i, (name, n) in enumerate(shown):
        y = 6 + 22 * i
        label = name if len(name) <= 17 else "…" + name[-16:]
        parts.append(f'<text x="150" y="{y + 13}" text-anchor="end">{escape(label)}</text>')
        parts.append(f'<rect class="a" x="156" y="{y + 2}" width="{max(134 * n / top, 1):.1f}" height="15" rx="2"/>')
        parts.append(f'<text x="{160 + 134 * n / top:.1f}" y="{y + 14}">{n:,}</text>')
    alt = f"{what}: " + ", ".join(f"{name} {n:,}" for name, n in shown) + "."
    return _svg("".join(parts), alt, height=12 + 22 * len(shown))
