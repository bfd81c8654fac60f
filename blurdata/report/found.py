"""What was found in a set, and how a program reads it."""

import json
from collections.abc import Container
from dataclasses import asdict, dataclass
from pathlib import Path

import blurdata
from blurdata.json_values import finite
from blurdata.pairs import PairSource
from blurdata.quality import Finding, Survey, judge
from blurdata.quality.findings import SCHEMA


@dataclass(frozen=True)
class Report:
    """What was found and where it was written.

    Args:
        page: The HTML file.
        findings_file: The JSON file.
        survey: Measurements of every pair that was looked at.
        findings: Suspicions, those of the ignore file taken out.
        ignored: How many the ignore file took out.
    """

    page: Path
    findings_file: Path
    survey: Survey
    findings: tuple[Finding, ...]
    ignored: int


def judged(page: Path, findings_file: Path, measured: Survey, harmless: Container[tuple[str, str]]) -> Report:
    """What a survey makes suspect, less the (kind, key) that a person has judged harmless."""
    everything = judge(measured.facts)
    kept = tuple(f for f in everything if (f.kind, f.key) not in harmless)
    return Report(page, findings_file, measured, kept, len(everything) - len(kept))


def findings_json(source: PairSource, report: Report) -> str:
    """The findings as a program reads them, as JSON; ``schema`` grows when a field changes its meaning."""
    listed = [finite(asdict(finding)) for finding in report.findings]
    record = {
        "schema": SCHEMA,
        "blurdata": blurdata.__version__,
        "source": source.text,
        "recipe_id": source.recipe_id if source.recipe else None,
        "fingerprint": source.fingerprint(),
        "pairs": report.survey.total,
        "examined": len(report.survey.facts),
        "sample_seed": report.survey.seed,
        "ignored": report.ignored,
        "suspect_pairs": len({finding["key"] for finding in listed}),
        "findings": listed,
    }
    return json.dumps(record, indent=1)
