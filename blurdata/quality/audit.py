"""What the threads ask of a downloaded set: which variant is it, what is missing or doubled, do the halves agree, does a split leak?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from blurdata.naming import counted
from blurdata.pairs import PairSource
from blurdata.progress import SILENT, Advance
from blurdata.quality.blend import Blend, blend_of
from blurdata.quality.facts import PairFacts
from blurdata.quality.findings import KINDS, Finding, judge
from blurdata.quality.hashes import Copy, copies_across_splits
from blurdata.quality.response import Averaging, Verdict, tell_averaging
from blurdata.quality.survey import choose, survey
from blurdata.quality.traces import take_traces

_LISTED = 20  # keys that a fault names
_CURVES = {"linear": "codes", "gamma22": "light", "srgb": "light"}  # how the blur of a set that names this curve was averaged
_NAMES = {"codes": "code values (GoPro 'blur', linear pictures)", "light": "light (GoPro 'blur_gamma', camera JPEG)"}


@dataclass(frozen=True)
class Fault:
    """Something that is wrong with the set.

    Args:
        kind: ``"missing"`` (short of the published counts), ``"files"`` (what the loader found on disk), ``"gap"``, ``"variant"``,
            ``"scene-leak"``, ``"near-leak"``, ``"mixed"``, or a kind of :data:`blurdata.quality.KINDS`.
        sentence: What, where, and by how much.
        keys: The pairs, at most twenty.
        count: How many there are.
    """

    kind: str
    sentence: str
    keys: tuple[str, ...] = ()
    count: int = 1


@dataclass(frozen=True)
class Audit:
    """The answers about one set.

    Args:
        pairs: Pairs in the set.
        looked_at: Pairs that were opened.
        splits: Pairs by split.
        scenes: Pairs by scene.
        sizes: Pairs by ``"WIDTHxHEIGHT"``.
        bits: Pairs by bits a sample.
        averaging: Whether the blur was averaged in code values or in light, by content.
        blend: The same, asked of the sharp frames before and after; where it tells, it is certain and goes before ``averaging``.
        claimed: The curve that the set's loader names, or ``""``.
        median_code: Median code of the sharp halves, of 1; linear pictures are dark.
        shift_px: Median and 95th percentile of the offset between the halves.
        brightness: Median over pairs of blurry over sharp mean light.
        summary: What the source tells of itself.
        faults: What is wrong; empty for a sound set.
    """

    pairs: int
    looked_at: int
    splits: Mapping[str, int]
    scenes: Mapping[str, int]
    sizes: Mapping[str, int]
    bits: Mapping[str, int]
    averaging: Averaging
    blend: Blend
    claimed: str
    median_code: float
    shift_px: tuple[float, float]
    brightness: float
    summary: Mapping[str, Any]
    faults: tuple[Fault, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    @property
    def averaged(self) -> Verdict:
        """In what the blur was averaged: what the neighbouring frames say, else what the brightness of the pairs does."""
        return _averaged(self.averaging, self.blend)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; numbers that could not be measured are None."""
        return {"sound": self.sound, **_json_able(asdict(self))}


def audit(
    source: PairSource, *, partial: bool = False, sample: int | None = None, seed: int = 0, workers: int = 1, advance: Advance = SILENT
) -> Audit:
    """Audit a set.

    Args:
        source: Any source of pairs; opened over all its splits, leaks between them are found.
        partial: The set is a part on purpose: fewer pairs than published are no fault.
        sample: Open this many pairs only (leaks and copies are then found among those only).
        seed: Seed of the sample.
        workers: Processes.
        advance: Called with pairs as they are done; twice the number of pairs in all.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> from blurdata.datasets import open_folders
        >>> from blurdata.files import write_png
        >>> root, picture = Path(mkdtemp()), np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)
        >>> for half in ("blurry", "sharp"):
        ...     write_png(root / half / "a.png", picture)
        >>> [fault.kind for fault in audit(open_folders(root)).faults]
        ['identical']
    """
    summary = source.summary()
    indices = choose(len(source), sample, seed)
    facts = survey(source, sample=sample, seed=seed, workers=workers, advance=advance).facts
    traces = take_traces(source, indices, workers=workers, advance=advance)
    readable = [fact for fact in facts if not fact.error]
    averaging = tell_averaging([trace.evidence for trace in traces])
    blend = blend_of(source)
    claimed = _claimed(readable)
    sizes = Counter(f"{fact.size[1]}x{fact.size[0]}" for fact in readable)
    faults = [
        *([] if partial else [Fault("missing", sentence) for sentence in summary.get("shortfall", [])]),
        *(Fault("files", sentence) for sentence in summary.get("faults", [])),
        *_gaps(source.keys),
        *_variant(claimed, averaging, blend),
        *_scene_leaks(readable),
        *_near_leaks(copies_across_splits([trace.sharp for trace in traces])),
        *_mixed_depths(readable),
        *_found(judge(facts)),
    ]
    return Audit(
        pairs=len(source),
        looked_at=len(facts),
        splits=_splits(summary) or dict(Counter(fact.split or "all" for fact in facts)),
        scenes=dict(Counter(fact.scene for fact in facts if fact.scene)),
        sizes=dict(sizes),
        bits={str(bits): count for bits, count in Counter(fact.bits for fact in readable).items()},
        averaging=averaging,
        blend=blend,
        claimed=claimed,
        median_code=_median([trace.median for trace in traces]),
        shift_px=_percentiles([fact.shift_px for fact in readable]),
        brightness=_median([fact.tone.mean_ratio for fact in readable]),
        summary=summary,
        faults=tuple(faults),
    )


def _splits(summary: Mapping[str, Any]) -> dict[str, int]:
    """Pairs by split as the source counts them: with those that cannot be read, and however few are opened."""
    return {name.removeprefix("pairs_"): int(count) for name, count in summary.items() if name.startswith("pairs_")}


def _claimed(facts: Sequence[PairFacts]) -> str:
    """The curve that most pairs name, where they name one."""
    named = Counter(fact.curve for fact in facts if fact.curve_named and fact.curve in _CURVES)
    return named.most_common(1)[0][0] if named else ""


def _gaps(keys: Sequence[str]) -> list[Fault]:
    """Runs of numbered frames that leave numbers out, where most of the run is there."""
    runs: dict[str, list[str]] = {}
    for key in keys:
        run, _, number = key.rpartition("/")
        if number.isdigit() and len(number) >= 5:  # %05d and longer number frames; shorter ones number anything
            runs.setdefault(run, []).append(number)
    faults = []
    for run, texts in runs.items():
        numbers = sorted(int(text) for text in texts)
        steps = np.diff(numbers)
        if not len(steps) or (step := int(np.median(steps))) < 1:
            continue
        missing = [n for a, b in pairwise(numbers) for n in range(a + step, b, step)]
        if 0 < len(missing) <= len(numbers):
            names = tuple(f"{run}/{number:0{len(texts[0])}d}".lstrip("/") for number in missing)
            told = f"{run or 'the set'} leaves out {counted(len(missing), 'frame number')}."
            faults.append(Fault("gap", told, names[:_LISTED], len(names)))
    return faults


def _averaged(averaging: Averaging, blend: Blend) -> Verdict:
    return averaging.verdict if blend.verdict == "unclear" else blend.verdict


def _variant(claimed: str, averaging: Averaging, blend: Blend) -> list[Fault]:
    told = _averaged(averaging, blend)
    if not claimed or told in ("unclear", _CURVES[claimed]):
        return []
    if blend.verdict == "unclear":
        why = f"slope {averaging.slope:.2f} ± {averaging.error:.2f} over {averaging.pairs} pairs (0 is codes, 1 is light)"
    else:
        why = (
            f"of {blend.frames} sharp frames the mean of codes leaves {blend.codes:.2f} codes and that of light {blend.light:.2f}, "
            f"over {blend.pairs} pairs"
        )
    claim = "The set is opened as linear" if claimed == "linear" else f"The set is opened as averaged in {_NAMES[_CURVES[claimed]]}"
    return [Fault("variant", f"{claim}, but its pictures were averaged in {_NAMES[told]}: {why}.")]


def _scene_leaks(facts: Sequence[PairFacts]) -> list[Fault]:
    homes: dict[str, dict[str, str]] = {}
    for fact in facts:
        if fact.scene and fact.split:
            homes.setdefault(fact.scene, {}).setdefault(fact.split, fact.key)
    return [
        Fault("scene-leak", f"Scene {scene} is in the splits {' and '.join(sorted(keys))}.", tuple(keys.values()), len(keys))
        for scene, keys in homes.items()
        if len(keys) > 1
    ]


def _near_leaks(copies: Sequence[Copy]) -> list[Fault]:
    """Near copies only: exact ones are among the findings."""
    return [
        Fault(
            "near-leak",
            f"The sharp picture of {copy.second} ({copy.splits[1]}) is nearly that of {copy.first} ({copy.splits[0]})"
            f"{', mirrored' if copy.mirrored else ''}: {copy.bits} of 64 bits differ and the fine structure agrees.",
            (copy.first, copy.second),
        )
        for copy in copies
        if not copy.exact
    ]


def _mixed_depths(facts: Sequence[PairFacts]) -> list[Fault]:
    depths = Counter(fact.bits for fact in facts)
    if len(depths) < 2:
        return []
    few = min(depths, key=lambda bits: depths[bits])
    keys = tuple(fact.key for fact in facts if fact.bits == few)
    return [Fault("mixed", f"{depths[few]} of {len(facts)} pairs have {few} bits, the others not.", keys[:_LISTED], len(keys))]


def _found(findings: Sequence[Finding]) -> list[Fault]:
    """One fault a kind of finding, with the worst named in words."""
    faults = []
    for kind, about in KINDS.items():
        mine = [finding for finding in findings if finding.kind == kind]
        if mine:
            sentence = f"{about.title}: {counted(len(mine), 'pair')}. {mine[0].key}: {mine[0].sentence} {about.remedy}"
            faults.append(Fault(kind, sentence, tuple(finding.key for finding in mine[:_LISTED]), len(mine)))
    return faults


def _median(values: Sequence[float]) -> float:
    return _percentiles(values)[0]


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    finite = np.array([value for value in values if np.isfinite(value)])
    return (float(np.median(finite)), float(np.percentile(finite, 95))) if len(finite) else (float("nan"), float("nan"))


def _json_able(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _json_able(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_able(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
