"""What each part of the page says: from measurements and findings to words, tables and charts."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from blurdata.naming import counted
from blurdata.quality import KINDS, Finding, PairFacts, Survey
from blurdata.quality.findings import SHIFT_LINE_PX
from blurdata.report import charts
from blurdata.report.scale import finite, show

Card = dict[str, Any]


def lead(survey: Survey) -> str:
    """One line under the title."""
    sizes = Counter(f.size for f in survey.facts if not f.error)
    splits = {f.split for f in survey.facts if f.split}
    scenes = count_scenes(survey.facts)
    parts = [counted(survey.total, "blurry/sharp pair")]
    if splits:
        parts.append(counted(len(splits), "split"))
    if scenes:
        parts.append(counted(scenes, "scene"))
    if sizes:
        (height, width), _ = sizes.most_common(1)[0]
        parts.append(f"{width}×{height} px" + (f" and {counted(len(sizes) - 1, 'other size')}" if len(sizes) > 1 else ""))
    if survey.sampled:
        parts.append(f"a sample of {len(survey.facts):,} was looked at")
    return " · ".join(parts)


def count_scenes(facts: Sequence[PairFacts]) -> int:
    """Scenes as the sources count them: one name in two splits is two, as in REDS."""
    return len({(f.split, f.scene) for f in facts if f.scene})


def tiles(survey: Survey, findings: Sequence[Finding]) -> list[dict[str, str]]:
    """The few numbers that a hurried reader wants."""
    readable = [f for f in survey.facts if not f.error]
    suspects = len({f.key for f in findings})
    share = 100 * suspects / max(len(survey.facts), 1)
    return [
        {"value": f"{survey.total:,}", "label": "pair" if survey.total == 1 else "pairs", "css": ""},
        {
            "value": f"{suspects:,}",
            "label": f"suspect {'pair' if suspects == 1 else 'pairs'} ({show(share, 2)} %)",
            "css": "bad" if suspects else "good",
        },
        {"value": f"{_median(readable, lambda f: f.length_px)} px", "label": "median length of blur", "css": ""},
        {"value": f"{_median(readable, lambda f: f.shift_px, 2)} px", "label": "median shift between the halves", "css": ""},
        {"value": f"{_median(readable, lambda f: f.psnr)} dB", "label": "median PSNR of the untouched input", "css": ""},
    ]


def _median(facts: Sequence[PairFacts], of: Callable[[PairFacts], float], digits: int = 3) -> str:
    values = finite([of(f) for f in facts])
    return show(float(np.median(values)), digits) if len(values) else "–"


def verdict(survey: Survey, findings: Sequence[Finding], ignored: int) -> str:
    """The sentence over the list of suspects."""
    looked = counted(len(survey.facts), "pair") + (f" (a sample of {survey.total:,}, seed {survey.seed})" if survey.sampled else "")
    hidden = f" {ignored} {'is' if ignored == 1 else 'are'} left out, judged harmless in the ignore file." if ignored else ""
    pairs = len({f.key for f in findings})
    if not pairs:
        return f"No suspect among {looked}.{hidden}"
    kinds = len({f.kind for f in findings})
    return (
        f"{pairs:,} of {looked} {'is' if pairs == 1 else 'are'} suspect, in {counted(kinds, 'kind')}. "
        f"Each entry gives its value, the line it crossed and the median of the set.{hidden}"
    )


def blur_cards(facts: Sequence[PairFacts]) -> list[Card]:
    """Length, direction and PSNR by length."""
    by_origin = [
        (name, [f.length_px for f in facts if f.length_from == origin], css)
        for name, origin, css in (("meta", "meta", "a"), ("measured", "pair", "b"), ("rough", "rough", "c"))
    ]
    known = [f for f in facts if f.length_from != "rough"]
    straight = [f for f in known if f.anisotropy > 0.5 and f.length_px > 2]
    return [
        {
            "title": "Length",
            "chart": charts.histogram(by_origin, x_label="length of blur, px", what=f"blur length of {counted(len(facts), 'pair')}"),
            "text": "Length of a straight uniform motion of the same width; blue: the set's own records, amber: measured from "
            "the pair, grey: rough, from the blurry half alone.",
        },
        {
            "title": "Direction",
            "chart": charts.rose([f.angle_deg for f in straight], what=f"direction of {counted(len(straight), 'elongated blur')}"),
            "text": counted(len(straight), "pair") + " with over 2 px of blur, at least twice as long as wide. 0° is horizontal.",
        },
        {
            "title": "PSNR of the untouched input",
            "chart": charts.curve_by(
                [f.length_px for f in known],
                [f.psnr for f in known],
                x_label="length of blur, px",
                y_label="PSNR, dB",
                what="PSNR of the blurry half in dB, by length of blur in px",
            ),
            "text": "What a network that does nothing would score: a point a pair, and a smooth curve through their middle.",
        },
    ]


def agree_cards(facts: Sequence[PairFacts], findings: Sequence[Finding]) -> list[Card]:
    """Shift, its map and brightness."""
    shifted = {f.key for f in findings if f.kind in ("misaligned", "late")}
    strange = {f.key for f in findings if f.kind in ("blank", "cut", "unmatched")}  # whose halves have nothing to compare
    facts = [f for f in facts if f.key not in strange]
    grids = np.array([f.grid for f in facts if len(f.grid) == 9], float).reshape(-1, 9, 2)
    return [
        {
            "title": "Shift between the halves",
            "chart": charts.target(
                [f.dx for f in facts],
                [f.dy for f in facts],
                [f.key in shifted for f in facts],
                line=SHIFT_LINE_PX,
                what=f"blurry against sharp in {counted(len(facts), 'pair')}",
            ),
            "text": "Offset of the PSF's centroid in px; uneven motion moves it a little without any fault. Dashed: the line of suspicion.",
        },
        {
            "title": "Shift over the picture",
            "chart": charts.grid_map(grids, what=f"{counted(len(grids), 'pair')} on a 3×3 grid"),
            "text": "Median offset per part. The same everywhere means misaligned; varying means rotation, depth or moving things.",
        },
        {
            "title": "Brightness agreement",
            "chart": charts.histogram(
                [("ratio", [f.tone.mean_ratio for f in facts], "a")],
                x_label="blurry over sharp, linear light",
                what=f"ratio of mean light in {counted(len(facts), 'pair')}",
                lines=(1.0,),
                span=_around_one([f.tone.mean_ratio for f in facts]),
            ),
            "text": "Blur neither makes nor loses light: good pairs lie at 1. What lies further out is counted in the outermost bars.",
        },
    ]


def _around_one(ratios: Sequence[float]) -> tuple[float, float]:
    """A range about 1 that holds most pairs, so that one with a wrong exposure does not squeeze the others into a single bar."""
    values = finite(ratios)
    reach = 1.5 * float(np.percentile(np.abs(values - 1), 90)) if len(values) else 0.0
    return 1 - min(max(reach, 0.02), 1.0), 1 + max(reach, 0.02)


def tone_tables(facts: Sequence[PairFacts]) -> list[dict[str, Any]]:
    """Gain and offset per channel, clipping and noise per half."""

    def cell(of: Callable[[PairFacts], float], factor: float = 1.0, digits: int = 3) -> tuple[str, str]:
        values = finite([of(f) for f in facts]) * factor
        if not len(values):
            return "–", ""
        low, middle, high = np.percentile(values, [5, 50, 95])
        return show(float(middle), digits), f"{show(float(low), digits)} to {show(float(high), digits)}"

    rows = [
        ["Gain, blurry over sharp", *[cell(lambda f, c=c: f.tone.gain[c]) for c in range(3)]],  # type: ignore[misc]
        ["Offset, % of full light", *[cell(lambda f, c=c: f.tone.offset[c], 100, 2) for c in range(3)]],  # type: ignore[misc]
    ]
    halves = [
        ["Noise, 8-bit codes", cell(lambda f: f.noise_blurry, digits=2), cell(lambda f: f.noise_sharp, digits=2)],
        ["Pixels at black, %", cell(lambda f: f.clipped_blurry[0], 100, 2), cell(lambda f: f.clipped_sharp[0], 100, 2)],
        ["Pixels at white, %", cell(lambda f: f.clipped_blurry[1], 100, 2), cell(lambda f: f.clipped_sharp[1], 100, 2)],
        ["Width of the sharpest edges, px", cell(lambda f: f.edge_blurry), cell(lambda f: f.edge_sharp)],
    ]
    spread = "Median of the pairs, below it 5th to 95th percentile"
    return [
        {"caption": f"Tone in linear light. {spread}", "head": ["R", "G", "B"], "rows": rows},
        {"caption": f"Each half. {spread}", "head": ["blurry", "sharp"], "rows": halves},
    ]


def count_cards(facts: Sequence[PairFacts]) -> list[Card]:
    """Pairs by split, scene, size and family of blur."""
    made: list[tuple[str, Counter[str]]] = [
        ("Split", Counter(_named(f, f.split) for f in facts)),
        ("Scene", Counter(_named(f, _scene(f, splits=len({f.split for f in facts if f.split}))) for f in facts)),
        ("Size", Counter(f"{f.size[1]}×{f.size[0]}, {f.bits} bit" if not f.error else "(unreadable)" for f in facts)),
    ]
    return [
        {"title": f"By {name.lower()}", "chart": charts.counts(counter.most_common(), what=f"Pairs by {name.lower()}")}
        for name, counter in made
    ]


def _named(fact: PairFacts, name: str) -> str:
    """What a pair that could not be read belongs to is not known."""
    return "(unreadable)" if fact.error else name or "(none)"


def _scene(fact: PairFacts, *, splits: int) -> str:
    return f"{fact.split}/{fact.scene}" if fact.scene and fact.split and splits > 1 else fact.scene or fact.sequence


def group_findings(findings: Sequence[Finding], thumbs: Mapping[str, Any], *, most: int) -> list[dict[str, Any]]:
    """Suspects by kind, those with pictures first, at most ``most`` a kind."""
    groups = []
    for kind, about in KINDS.items():
        mine = [f for f in findings if f.kind == kind]
        if mine:
            suspects = [_suspect(f, thumbs) for f in mine]
            suspects.sort(key=lambda s: s["thumbs"] is None)
            groups.append(
                {
                    "kind": kind,
                    "title": about.title,
                    "meaning": about.meaning,
                    "remedy": about.remedy,
                    "count": f"{len(mine):,}",
                    "suspects": suspects[:most],
                    "left": max(len(mine) - most, 0),
                }
            )
    return groups


def _suspect(finding: Finding, thumbs: Mapping[str, Any]) -> dict[str, Any]:
    measured = np.isfinite(finding.value)
    return {
        "key": finding.key,
        "sentence": finding.sentence,
        "value": f"{show(finding.value)} {finding.unit}" if measured else "",
        "line": show(finding.line),
        "median": f"{show(finding.median, 2)} {finding.unit}" if np.isfinite(finding.median) else "",
        "thumbs": _shown(finding, thumbs),
    }


def _shown(finding: Finding, thumbs: Mapping[str, Any]) -> Any:
    """Both halves of the pair; of two pairs that share a picture, the sharp half of each."""
    mine, other = thumbs.get(finding.key), thumbs.get(finding.other)
    if not mine or not other:
        return mine
    sharp = [next(part for part in parts if part[0] == "sharp") for parts in (mine, other)]
    return [(f"sharp, {key}", *part[1:]) for key, part in zip((finding.key, finding.other), sharp, strict=True)]


def blur_text(facts: Sequence[PairFacts]) -> str:
    """Where the blur lengths come from."""
    origins = Counter(f.length_from for f in facts)
    words = {
        "meta": "known from the set's own records",
        "pair": "measured from the pair",
        "rough": "read from the blurry half alone (rough)",
    }
    said = [f"{origins[name]:,} {word}" for name, word in words.items() if origins[name]]
    return (
        "Length and direction: "
        + ("; ".join(said) if said else "none could be measured")
        + ". Suspects are left out of these charts but for rough lengths."
    )


AGREE = (
    "Blur moves light about; it neither shifts the picture, nor makes it brighter, nor exchanges colours. "
    "What differs between the halves beyond that is a fault of the set, or a property to know."
)

METHOD = (
    "Shift is the offset of the PSF's centroid: the slope of the cross-spectrum's phase at low frequencies, weighted by coherence, in a "
    "band cut to 0.6 cycles per length of blur, after taking out the third moments that uneven motion gives. Phase correlation is not "
    "used: it locks onto the zeros of the blur.",
    "Length is that of a straight uniform motion with the PSF's second moment, the square root of 12 times its larger eigenvalue, from the "
    "logarithm of the amplitude at low frequencies. Lines, disks and Gaussians are fitted to the pair, and named where they explain it "
    "nearly as well as a PSF that may be anything. Where the pair's own record gives length and angle, these are used. Where the halves do "
    "not show the same thing, length is read from the blurry half alone and marked rough: to some 5 % for straight motion and disks, 12 % "
    "for Gaussians; most camera shake is left unknown.",
    "Lag compares what differs between the halves with how the sharp halves of a sequence change from pair to pair: a half that lies a "
    "step behind or ahead differs by one step of that change. A sequence votes by its median.",
    "Brightness, gain and offset are those of block means in linear light with the border and what clipped light may have reached left "
    "out; offset is in per cent of full light. Noise is the root mean square of the diagonal detail in the calmest fifth of the picture, "
    "in 8-bit codes.",
    "A line of suspicion is an absolute floor that good pairs do not reach, widened where the set's own spread asks for it.",
)
