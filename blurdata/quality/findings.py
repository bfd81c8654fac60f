"""Which pairs are suspect, by which value, beyond which line?

Every line is drawn where the set itself allows it: an absolute floor that good pairs never reach, widened where the set's own spread
(median absolute deviation) asks for it. A finding carries the value, the line and the set's median, so that a person can judge the judge.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from blurdata.quality.facts import ALIKE, UNLIKE, PairFacts
from blurdata.quality.hashes import NEAR_BITS, Print, copies_across_splits

SCHEMA = 1
SHIFT_LINE_PX = 0.7  # means of real frames with uneven motion reach 0.5
_FILM_PX, _SOFTENED_PX2 = 1.5, 0.025  # films that blur this much on average soften by 0.03 and more, copies with noise by 0.017 at most


@dataclass(frozen=True)
class Finding:
    """One suspicion about one pair.

    Args:
        kind: Name of the suspicion, a key of :data:`KINDS`.
        key: The pair.
        value: What was measured.
        line: The line it crossed.
        median: The set's median of the same value.
        unit: Unit of the three.
        sentence: The same in words.
        other: The second pair where two are involved, else ``""``.
    """

    kind: str
    key: str
    value: float
    line: float
    median: float
    unit: str
    sentence: str
    other: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of suspicion: its heading, what it means and what to do."""

    title: str
    meaning: str
    remedy: str


KINDS: dict[str, Kind] = {
    "unreadable": Kind("Cannot be read", "A picture is missing, cut off or damaged.", "Fetch or export it again."),
    "blank": Kind("Blank", "A half shows next to nothing.", "Leave the pair out, or look for the frame that belongs there."),
    "cut": Kind(
        "Cut off", "The foot or head of one half is filled with a single colour, as a broken download leaves it.", "Fetch it again."
    ),
    "unmatched": Kind(
        "Halves do not match",
        "The two halves do not show the same thing, as after pairing by a wrong name.",
        "Check how names were paired.",
    ),
    "late": Kind(
        "One half a frame late",
        "In time, the blurry half lies before or after its sharp half: it differs from it as its neighbours do.",
        "Check the numbering of one half.",
    ),
    "misaligned": Kind(
        "Shifted", "The blurry half is displaced by more than its blur explains (offset of the PSF's centroid).", "Align the pair again."
    ),
    "swapped": Kind("Halves swapped", "The half that should be blurry is the sharper one.", "Exchange the halves."),
    "unblurred": Kind("Not blurred", "The pair's recipe promised a blur that is not there.", "Build the pair again, or leave it out."),
    "identical": Kind("Identical halves", "Both halves are the same picture, bit for bit.", "Build the pair again, or leave it out."),
    "soft": Kind("Sharp half is blurred", "The sharpest edges of the sharp half are far wider than the set's.", "Leave the pair out."),
    "brightness": Kind(
        "Brightness differs",
        "In linear light one half is brighter than the other; blur cannot do that.",
        "Match the exposure of the halves; where most pairs are listed, their blur was made under another curve than the report names.",
    ),
    "channels": Kind(
        "Channels exchanged", "A colour channel of one half fits another channel of the other half.", "Check RGB against BGR."
    ),
    "copy": Kind("Exact copies", "The same sharp picture, bit for bit, is in two pairs.", "Keep one of them."),
    "leak": Kind(
        "Leak between splits", "Two splits hold the same, or nearly the same, sharp picture.", "Move the whole scene into one split."
    ),
}


class Column:
    """One measurement over the whole set: its median and spread, for lines that follow the set."""

    def __init__(self, facts: Sequence[PairFacts], of: Callable[[PairFacts], float]) -> None:
        values = np.array([of(f) for f in facts], float)
        finite = values[np.isfinite(values)]
        self.median = float(np.median(finite)) if len(finite) else float("nan")
        self.spread = float(1.4826 * np.median(np.abs(finite - self.median))) if len(finite) else 0.0


def judge(facts: Sequence[PairFacts]) -> list[Finding]:
    """Every suspicion about the pairs of one set, in the order of :data:`KINDS` and then of the set.

    Args:
        facts: Measurements of the pairs, in order.

    Example:
        >>> from blurdata.pairs import Pair
        >>> from blurdata.quality import measure_pair
        >>> picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
        >>> [finding.kind for finding in judge([measure_pair(Pair("a", picture, picture))])]
        ['identical']
    """
    readable = [f for f in facts if not f.error]
    found: list[Finding] = [_unreadable(f) for f in facts if f.error]
    found += _blank(readable)
    gone = {finding.key for finding in found}
    found += _cut([f for f in readable if f.key not in gone])
    gone = {finding.key for finding in found}
    whole = [f for f in readable if f.key not in gone]
    unmatched = list(_unmatched(whole))
    late = list(_late(whole))
    beside = {finding.key for finding in late}
    found += late + [finding for finding in unmatched if finding.key not in beside]
    gone |= beside
    gone |= {finding.key for finding in unmatched}
    matched = [f for f in whole if f.key not in gone]
    swapped = list(_swapped(matched))
    turned = {finding.key for finding in swapped}
    found += swapped
    for rule in (_misaligned, _identical, _brightness, _channels):
        found += rule(matched)
    for rule in (_unblurred, _soft):  # one name for one fault
        found += [finding for finding in rule(matched) if finding.key not in turned]
    found += _copies(whole)
    order = {kind: i for i, kind in enumerate(KINDS)}
    place = {f.key: i for i, f in enumerate(facts)}
    return sorted(found, key=lambda finding: (order[finding.kind], place[finding.key]))


Rule = Iterator[Finding]


def _unreadable(f: PairFacts) -> Finding:
    return Finding("unreadable", f.key, float("nan"), float("nan"), float("nan"), "", f.error)


def _blank(facts: Sequence[PairFacts]) -> Rule:
    column = Column(facts, lambda f: min(f.contrast))
    line = min(2.0, column.median / 4)
    for f in facts:
        if min(f.contrast) < line:
            half = "blurry" if f.contrast[0] < f.contrast[1] else "sharp"
            yield Finding(
                "blank",
                f.key,
                min(f.contrast),
                line,
                column.median,
                "codes",
                f"The {half} half has a contrast of {min(f.contrast):.1f} codes.",
            )


def _cut(facts: Sequence[PairFacts]) -> Rule:
    for f in facts:
        value = abs(f.blank_foot[0] - f.blank_foot[1])
        if value > 0.06:
            half = "blurry" if f.blank_foot[0] > f.blank_foot[1] else "sharp"
            yield Finding(
                "cut", f.key, 100 * value, 6.0, 0.0, "% of the height", f"{value:.0%} of the {half} half's height is one flat colour."
            )


def _unmatched(facts: Sequence[PairFacts]) -> Rule:
    column = Column(facts, lambda f: f.coherence)
    guide = column.median > UNLIKE  # a shuffled set is none
    line = float(np.clip(column.median - 4 * column.spread, UNLIKE, ALIKE)) if guide else ALIKE
    for f in facts:
        if f.coherence < line:
            yield Finding(
                "unmatched",
                f.key,
                f.coherence,
                line,
                column.median,
                "coherence",
                f"The halves share {f.coherence:.2f} of their coarse structure.",
            )


def _shift_line(f: PairFacts) -> float:
    return SHIFT_LINE_PX + 2 * f.shift_error_px


def _misaligned(facts: Sequence[PairFacts]) -> Rule:
    column = Column(facts, lambda f: f.shift_px)
    for f in facts:
        line = _shift_line(f)
        if f.shift_px > line:
            yield Finding(
                "misaligned",
                f.key,
                f.shift_px,
                line,
                column.median,
                "px",
                f"The blurry half lies {f.dx:+.1f} px in x and {f.dy:+.1f} px in y (downwards) from its sharp half.",
            )


def _swapped(facts: Sequence[PairFacts]) -> Rule:
    column = Column(facts, lambda f: f.edge_blurry / f.edge_sharp)
    for f in facts:
        value = f.edge_blurry / f.edge_sharp
        if value < 0.8:
            yield Finding(
                "swapped",
                f.key,
                value,
                0.8,
                column.median,
                "edge widths",
                f"Edges of the blurry half are {value:.2f} times as wide as the sharp half's.",
            )


def _unblurred(facts: Sequence[PairFacts]) -> Rule:
    column, softened = Column(facts, lambda f: f.measured_px), Column(facts, lambda f: f.softened_px2)
    for f in facts:
        line = 0.4 * f.promised_px
        if f.promised_px >= 1.5 and f.measured_px < line:
            said = f"{f.promised_px:.1f} px of blur were promised, {f.measured_px:.1f} px are there."
            yield Finding("unblurred", f.key, f.measured_px, line, column.median, "px", said)
        elif f.film_px >= _FILM_PX and f.softened_px2 < _SOFTENED_PX2:
            said = f"The film's record says {f.film_px:.1f} px of blur on average, yet no detail of the sharp half is softened."
            yield Finding("unblurred", f.key, f.softened_px2, _SOFTENED_PX2, softened.median, "px²", said)


def _identical(facts: Sequence[PairFacts]) -> Rule:
    for f in facts:
        if f.sharp_print is not None and f.blurry_hash == f.sharp_print.content:
            yield Finding("identical", f.key, 0.0, 0.0, float("nan"), "differing pixels", "Both halves are the same picture.")


def _soft(facts: Sequence[PairFacts]) -> Rule:
    column = Column(facts, lambda f: f.edge_sharp)
    line = max(1.6 * column.median, column.median + 5 * column.spread)
    for f in facts:
        if f.edge_sharp > line:
            yield Finding(
                "soft",
                f.key,
                f.edge_sharp,
                line,
                column.median,
                "px",
                f"The sharpest edges of the sharp half are {f.edge_sharp:.1f} px wide.",
            )


def _brightness(facts: Sequence[PairFacts]) -> Rule:
    column = Column(facts, _ratio)
    line = float(np.clip(5 * column.spread, 0.045, 0.08))
    for f in facts:
        value = _ratio(f)
        if not -line <= value - 1 <= line + f.added_light:
            yield Finding(
                "brightness",
                f.key,
                value,
                1 + np.copysign(line, value - 1),
                column.median,
                "times",
                "Blurry over sharp in linear light: " + ", ".join(f"{c} {r:.3f}" for c, r in zip("RGB", f.tone.ratio, strict=True)) + ".",
            )


def _ratio(f: PairFacts) -> float:
    """The channel that is furthest from 1."""
    return max(f.tone.ratio, key=lambda r: abs(np.log(max(r, 1e-6))))


def _channels(facts: Sequence[PairFacts]) -> Rule:
    column = Column(facts, lambda f: f.tone.channel_gain)
    for f in facts:
        if f.tone.channel_of != (0, 1, 2) and f.tone.channel_gain > 2:
            names = ", ".join(f"{c} fits {'RGB'[k]}" for c, k in zip("RGB", f.tone.channel_of, strict=True) if "RGB"[k] != c)
            yield Finding(
                "channels",
                f.key,
                f.tone.channel_gain,
                2.0,
                column.median,
                "times the error",
                f"Blurry against sharp: {names}.",
            )


def _copies(facts: Sequence[PairFacts]) -> Rule:
    """Exact copies inside a split, and exact or near ones across splits, sharp half against sharp half."""
    prints = [f.sharp_print for f in facts if f.sharp_print is not None]
    picture = {f.key: f.picture for f in facts}  # recipes with several kernels a picture share its sharp half by intent
    first: dict[tuple[str, str], Print] = {}
    for print_ in prints:
        earlier = first.setdefault((print_.split, print_.content), print_)
        if earlier is not print_ and not (picture[print_.key] and picture[print_.key] == picture[earlier.key]):
            said = f"The sharp picture is that of {earlier.key}, bit for bit."
            yield Finding("copy", print_.key, 0.0, 0.0, float("nan"), "differing bits", said, earlier.key)
    for copy in copies_across_splits(prints):
        how = "bit for bit" if copy.exact else "mirrored" if copy.mirrored else "nearly"
        said = f"'{copy.splits[1]}' holds the sharp picture of {copy.first} in '{copy.splits[0]}', {how}."
        yield Finding("leak", copy.second, float(copy.bits), float(NEAR_BITS), float("nan"), "differing bits of 64", said, copy.first)


def _late(facts: Sequence[PairFacts]) -> Rule:
    """Sequences that vote for a lag as a whole, and single pairs that stand out of theirs."""
    column = Column(facts, lambda f: f.lag.steps)
    films: dict[tuple[str, str], list[PairFacts]] = {}
    for f in facts:
        films.setdefault((f.split, f.sequence), []).append(f)
    for film in films.values():
        lag, line = _vote([f.lag.steps for f in film if np.isfinite(f.lag.steps)])
        if abs(lag) > line:
            said = f"The blurry halves of this sequence lie {_after(lag)} their sharp halves, by the vote of its pairs."
            yield from (Finding("late", f.key, lag, float(np.copysign(line, lag)), column.median, "steps", said) for f in film)
            continue
        line = float(np.clip(10 * column.spread, 0.4, 0.75))
        for f in film:
            if abs(f.lag.steps) > line and f.lag.share > 0.3:
                said = f"The blurry half lies {_after(f.lag.steps)} its sharp half; its neighbours do not."
                yield Finding("late", f.key, f.lag.steps, float(np.copysign(line, f.lag.steps)), column.median, "steps", said)


def _vote(lags: Sequence[float]) -> tuple[float, float]:
    """Median lag of a sequence, and the line: five standard errors of a median, 0.08 steps at least; fewer than five pairs say nothing.

    Motion that speeds up looks like a small lag, to neighbours alike: below 0.3 steps three pairs count as one.
    """
    if len(lags) < 5:
        return 0.0, np.inf
    middle = float(np.median(lags))
    error = 1.25 * 1.4826 * float(np.median(np.abs(np.asarray(lags) - middle))) / (len(lags) / (3 if abs(middle) < 0.3 else 1)) ** 0.5
    return middle, max(5 * error, 0.08)


def _after(lag: float) -> str:
    return f"{abs(lag):.2f} steps {'after' if lag > 0 else 'before'}"
