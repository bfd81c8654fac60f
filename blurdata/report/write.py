"""Measure a set, judge it, and write its page and its findings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from blurdata.errors import OutputError, SourceError
from blurdata.files import atomic_path, make_folder
from blurdata.locks import only_writer
from blurdata.pairs import PairSource
from blurdata.progress import SILENT, Advance
from blurdata.quality import measure_pair, survey
from blurdata.quality.survey import read_pair
from blurdata.report import show
from blurdata.report.found import Report, findings_json, judged
from blurdata.report.ignore import read_ignore
from blurdata.report.page import MARK, Scores, render


def write_report(
    source: PairSource,
    out: Path | str,
    *,
    title: str | None = None,
    notes: Sequence[str] = (),
    scores: Scores | None = None,
    samples: Sequence[str] | None = None,
    restored: show.Restore | None = None,
    ignore: Path | str | None = None,
    findings: Path | str | None = None,
    sample: int | None = None,
    seed: int = 0,
    workers: int = 1,
    overwrite: bool = False,
    advance: Advance = SILENT,
) -> Report:
    """Write one self-contained page about ``source``, and its findings as JSON beside it.

    Args:
        source: Any source of pairs.
        out: The HTML file; one that this function wrote before is replaced.
        title: Heading of the page; by default the source's name.
        notes: Sentences that stand under "How it was made".
        scores: A table: row name to column name to value, as ``{"untouched input": {"PSNR, dB": 28.1}}``.
        samples: Keys of the contact sheet; by default eight pairs from short to long blur.
        restored: Restored pictures for the contact sheet: a mapping from key to an array like the sharp half, or a function of the pair.
        ignore: File of findings judged harmless, one ``KIND KEY`` a line.
        findings: The JSON file; by default ``findings.json`` beside a page that is called ``report.html``, and
            ``NAME.findings.json`` beside any other ``NAME.html``.
        sample: Look at this many pairs only; the page says so.
        seed: Seed of that draw.
        workers: Processes that measure.
        overwrite: Replace an HTML file that this function did not write.
        advance: Called as pairs are measured, with their number.

    Raises:
        SourceError: If the source holds no pair, or a key of ``samples`` is not in it.
        OutputError: If ``out`` is some other page and ``overwrite`` is off, cannot be written, or is being written by another run, as
            is ``findings``.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from blurdata.pairs import Pair, PairList
        >>> picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
        >>> report = write_report(PairList([Pair("a", picture, picture)]), Path(tempfile.mkdtemp()) / "report.html")
        >>> report.page.name, [finding.kind for finding in report.findings]
        ('report.html', ['identical'])
    """
    page = Path(out)
    listing = Path(findings) if findings is not None else _beside(page)
    _check(source, page, samples, overwrite=overwrite)
    harmless = read_ignore(Path(ignore)) if ignore is not None else frozenset()
    for file in (page, listing):  # a long survey must not be lost to a folder that cannot be written
        make_folder(file.parent)
    with only_writer(page, listing):
        measured = survey(source, sample=sample, seed=seed, workers=workers, advance=advance)
        report = judged(page, listing, measured, harmless)
        pictures = _pictures(source, report, samples, restored)
        text = render(source, report, title=title or title_of(source), notes=notes, scores=scores, pictures=pictures)
        _write(report, text, findings_json(source, report))
    return report


def _beside(page: Path) -> Path:
    """Where the findings of a page go."""
    name = page.name.removesuffix(".html")
    return page.with_name("findings.json" if name == "report" else f"{name}.findings.json")


def _write(report: Report, text: str, findings: str) -> None:
    """Page and findings, so that neither ever stands beside the other of an earlier run; what is killed here leaves a page alone."""
    with atomic_path(report.findings_file) as listing:
        listing.write_text(findings + "\n", encoding="utf-8")
        with atomic_path(report.page) as page:
            page.write_text(text, encoding="utf-8")
            report.findings_file.unlink(missing_ok=True)


def _check(source: PairSource, page: Path, samples: Sequence[str] | None, *, overwrite: bool) -> None:
    if not len(source):
        msg = f"{source.text or 'The source'} holds no pair; there is nothing to report."
        raise SourceError(msg)
    unknown = sorted(set(samples or ()) - set(source.keys))
    if unknown:
        msg = f"{source.text or 'The source'} holds no pair '{unknown[0]}'; take keys of the contact sheet from its list of keys."
        raise SourceError(msg)
    if page.is_dir():
        msg = f"{page}: is a folder; give the name of an HTML file, such as {page / 'report.html'}."
        raise OutputError(msg)
    if page.exists() and not overwrite and MARK not in page.read_text(encoding="utf-8", errors="replace")[:4096]:
        msg = f"{page}: exists and is no report of blurdata; choose another name, or give --overwrite."
        raise OutputError(msg)


def title_of(source: PairSource) -> str:
    """The last name in the source's path, or a plain heading for pairs made in memory."""
    path = source.text.partition(":")[2].partition("?")[0]
    return Path(path).name or "A set of blurry and sharp pairs"


def _pictures(source: PairSource, report: Report, samples: Sequence[str] | None, restored: show.Restore | None) -> dict[str, Any]:
    measured, findings = report.survey, report.findings
    facts = {f.key: f for f in measured.facts}
    place = {key: i for i, key in enumerate(source.keys)}
    suspects = [f.key for f in findings]
    on_sheet = list(samples) if samples is not None else show.pick(measured.facts, suspects, 8)
    on_wipe = show.pick([facts[key] for key in on_sheet if key in facts] or measured.facts, suspects, 4)
    with_thumbs = set(show.thumbs_wanted(findings))
    pictures: dict[str, Any] = {"wipes": [], "sheet": [], "thumbs": {}, "example": None}
    for key in dict.fromkeys([*on_sheet, *on_wipe, *sorted(with_thumbs, key=lambda key: place[key])]):
        pair = read_pair(source, place[key])
        if pair is None:
            continue
        about = facts.get(key) or measure_pair(pair, place[key])
        if key in on_sheet:
            pictures["sheet"].append(show.sheet_row(pair, about, restored))
            pictures["example"] = pictures["example"] or pair
        if key in on_wipe:
            pictures["wipes"].append(show.wipe(pair, about))
        if key in with_thumbs:
            pictures["thumbs"][key] = show.thumbs(pair)
    return pictures
