"""Fill a Hugging Face data card: what a program knows goes in, what only a person knows is asked for."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

import blurdata
from blurdata.errors import OutputError
from blurdata.files import make_folder, write_atomic
from blurdata.pairs import PairSource
from blurdata.quality import KINDS
from blurdata.report.found import Report
from blurdata.report.scale import finite, show
from blurdata.report.sections import count_scenes
from blurdata.report.write import title_of

_BEGIN, _END = "<!-- blurdata report: begin (this part is replaced by every run) -->", "<!-- blurdata report: end -->"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"))


def write_card(source: PairSource, report: Report, path: Path | str) -> None:
    """Write the data card ``path``, or fill the marked part of one that is there and leave the rest as it is.

    Args:
        source: The set.
        report: What :func:`blurdata.report.write_report` found.
        path: The card, usually ``README.md`` of the set's repository.

    Raises:
        OutputError: If the file cannot be read or written, or holds only one of the two marks.

    Example:
        >>> import tempfile
        >>> from blurdata.pairs import Pair, PairList
        >>> from blurdata.report import write_report
        >>> picture, folder = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8), Path(tempfile.mkdtemp())
        >>> source = PairList([Pair("a", picture, picture)])
        >>> write_card(source, write_report(source, folder / "report.html"), folder / "README.md")
        >>> "- Identical halves: 1." in (folder / "README.md").read_text()
        True
    """
    card = Path(path)
    old = check_card(card)
    part = f"{_BEGIN}\n{_facts(source, report)}\n{_END}"
    write_atomic(card, _new(source, part) if old is None else _filled(old, part))


def check_card(card: Path) -> str | None:
    """The text of a card that can be filled, None where there is none yet; asked before a long survey, too.

    Raises:
        OutputError: As :func:`write_card` does.
    """
    make_folder(card.parent)
    try:
        old = card.read_text(encoding="utf-8") if card.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{card}: cannot be read as text ({error}); choose another --card."
        raise OutputError(msg) from error
    if old is not None and (_BEGIN in old) != (_END in old):
        msg = f"{card}: holds only one of the marks '{_BEGIN}' and '{_END}'; put the other one back, or remove both."
        raise OutputError(msg)
    return old


def _filled(old: str, part: str) -> str:
    if _BEGIN in old:
        return re.sub(re.escape(_BEGIN) + ".*?" + re.escape(_END), lambda _: part, old, count=1, flags=re.DOTALL)
    return old.rstrip() + "\n\n" + part + "\n"


def _new(source: PairSource, part: str) -> str:
    size = next((name for most, name in _SIZES if len(source) < most), "n>10M")
    return f"""---
task_categories:
- image-to-image
tags:
- deblurring
- image-restoration
- blurdata
size_categories:
- {size}
# license: write the licence of the pictures here, for example cc-by-4.0
---

# {title_of(source)}

What the set shows, who made it and for whom: please write it here. Uses it is not meant for, people in the pictures, and the licence
belong here too.

{part}
"""


def _facts(source: PairSource, report: Report) -> str:
    facts = [f for f in report.survey.facts if not f.error]
    rows = [
        ("Pairs", f"{report.survey.total:,}"),
        ("Looked at", _looked(report)),
        ("Splits", _counted(f.split or "(none)" for f in facts)),
        ("Scenes", f"{count_scenes(facts):,}"),
        ("Sizes", _counted(f"{f.size[1]}×{f.size[0]}" for f in facts)),
        ("Length of blur, px", _spread([f.length_px for f in facts])),
        ("Shift between the halves, px", _spread([f.shift_px for f in facts])),
        ("PSNR of the untouched input, dB", _spread([f.psnr for f in facts])),
        ("Brightness, blurry over sharp", _spread([f.tone.mean_ratio for f in facts])),
        ("Recipe id", f"`{source.recipe_id}`" if source.recipe else "–"),
        ("Content", f"`{source.fingerprint()}`"),
        ("Made with", f"blurdata {blurdata.__version__}"),
    ]
    lines = [
        "## The pairs in numbers",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows),
        "",
        "## Known flaws",
        "",
    ]
    kinds = Counter(finding.kind for finding in report.findings)
    lines += [f"- {KINDS[kind].title}: {count:,}. {KINDS[kind].meaning}" for kind, count in kinds.items()] or [
        f"None found in {_looked(report)}."
    ]
    lines += ["", "Measured by `blurdata report`; flaws are counted in the pairs looked at; spreads are median (5th to 95th percentile)."]
    return "\n".join(lines)


def _looked(report: Report) -> str:
    seen = report.survey
    return f"{len(seen.facts):,} of {seen.total:,} pairs (seed {seen.seed})" if seen.sampled else "all pairs"


def _counted(names: Iterable[str]) -> str:
    counter = Counter(names)
    shown = ", ".join(f"{name}: {count:,}" for name, count in counter.most_common(6))
    return shown + (f" and {len(counter) - 6} more" if len(counter) > 6 else "")


def _spread(values: list[float]) -> str:
    kept = finite(values)
    if not len(kept):
        return "–"
    low, middle, high = (show(float(value)) for value in np.percentile(kept, [5, 50, 95]))
    return f"{middle} ({low} to {high})"
