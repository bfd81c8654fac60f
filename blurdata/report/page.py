"""From measurements to the text of the page; writes nothing."""

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

import blurdata
from blurdata.pairs import JoinedSource, Pair, PairSource
from blurdata.quality import Survey
from blurdata.report import sections
from blurdata.report.found import Report

MARK = '<meta name="generator" content="blurdata report">'
_MOST_SUSPECTS = 60
Scores = Mapping[str, Mapping[str, float | int | str]]


def render(
    source: PairSource,
    report: Report,
    *,
    title: str,
    notes: Sequence[str],
    scores: Scores | None,
    pictures: Mapping[str, Any],
) -> str:
    """The whole page as one HTML text.

    Args:
        source: What the page is about.
        report: What was found.
        title: Heading.
        notes: Sentences under "How it was made".
        scores: Row name to column name to value.
        pictures: ``wipes``, ``sheet``, ``thumbs`` (key to pictures) and ``example`` (a pair, or None).
    """
    survey, findings = report.survey, report.findings
    readable = [f for f in survey.facts if not f.error]
    bad = {f.key for f in findings}
    example: Pair | None = pictures["example"]
    values = {
        "title": title,
        "lead": sections.lead(survey),
        "tiles": sections.tiles(survey, findings),
        "notes": notes,
        "made": _made(source, survey),
        "recipe": _yaml(source.recipe) if source.recipe else "",
        "meta": _yaml(example.meta) if example is not None and example.meta else "",
        "meta_key": example.key if example is not None else "",
        "wipes": pictures["wipes"],
        "sheet": pictures["sheet"],
        "restored": any(len(row["parts"]) == 3 for row in pictures["sheet"]),
        "scores": _score_table(scores),
        "verdict": sections.verdict(survey, findings, report.ignored),
        "groups": sections.group_findings(findings, pictures["thumbs"], most=_MOST_SUSPECTS),
        "findings_name": report.findings_file.name,
        "blur_text": sections.blur_text(readable),
        "blur_cards": sections.blur_cards([f for f in readable if f.key not in bad or f.length_from == "rough"] or readable),
        "agree_text": sections.AGREE,
        "agree_cards": sections.agree_cards(readable, findings),
        "tone": sections.tone_tables(readable),
        "count_cards": sections.count_cards(survey.facts),
        "method": sections.METHOD,
        "version": blurdata.__version__,
        "source_text": name_source(source),
        "style": Markup(_asset("style.css")),
        "script": Markup(_asset("page.js")),
    }
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(_asset("page.html.j2")).render(values)


def name_source(source: PairSource) -> str:
    """The text that opens a source; of several joined, that of each split."""
    if isinstance(source, JoinedSource):
        return "; ".join(f"{split}: {name_source(part)}" for split, part in source.splits.items())
    return source.text or "made in memory"


def _asset(name: str) -> str:
    return resources.files("blurdata.report").joinpath(name).read_text(encoding="utf-8")


def _yaml(mapping: Mapping[str, Any]) -> str:
    return yaml.safe_dump(_plain(mapping), sort_keys=False, allow_unicode=True, width=100).rstrip()


def _plain(value: Any) -> Any:
    """Mappings and tuples as YAML's safe dumper wants them."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def _made(source: PairSource, survey: Survey) -> list[tuple[str, str]]:
    """Rows of the table: where from, ids, seeds, curves, versions."""
    recipe = dict(source.recipe) if source.recipe else {}
    rows = [("Source", name_source(source)), ("Recipe id", source.recipe_id if recipe else "–")]
    for name in ("kind", "name", "variant", "curve", "seed"):
        if recipe.get(name) is not None and not isinstance(recipe[name], (Mapping, list)):
            rows.append((name.capitalize(), str(recipe[name])))
    rows.append(("Content", source.fingerprint()))
    summary = {name: value for name, value in source.summary().items() if name != "pairs" and value not in (None, "", [], {})}
    rows += [(str(name).replace("_", " ").capitalize(), _said(value)) for name, value in summary.items()]
    curves = sorted(
        {f.curve if f.curve_named else f"{f.curve} (the pairs name none; their halves agree best so)" for f in survey.facts if f.curve}
    )
    rows.append(("Light measured with", ", ".join(curves) or "–"))
    looked = f"{len(survey.facts):,} of {survey.total:,} pairs" + (f", drawn with seed {survey.seed}" if survey.sampled else "")
    rows += [("Looked at", looked), ("blurdata", blurdata.__version__)]
    return rows


def _said(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_said(item) for item in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _score_table(scores: Scores | None) -> dict[str, Any] | None:
    if not scores:
        return None
    columns = list(dict.fromkeys(name for row in scores.values() for name in row))
    rows = [(name, [_cell(row.get(column)) for column in columns]) for name, row in scores.items()]
    return {"columns": columns, "rows": rows}


def _cell(value: float | int | str | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.{2 if abs(value) >= 2 else 4}f}"
