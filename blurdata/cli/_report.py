"""What ``blurdata report`` checks before it starts and says when it is done."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from blurdata.errors import did_you_mean

if TYPE_CHECKING:
    from blurdata.pairs import PairSource
    from blurdata.report import Report


def check_kinds(text: str | None) -> list[str]:
    """Kinds of ``--fail-on``; an unknown one is wrong usage, so that a typo cannot pass for a clean set."""
    from blurdata.quality import KINDS

    wanted = [kind.strip() for kind in (text or "").split(",") if kind.strip()]
    for kind in wanted:
        if kind != "any" and kind not in KINDS:
            msg = f"'{kind}' is no kind of finding; {did_you_mean(kind, KINDS)}the kinds are any, {', '.join(KINDS)}."
            raise typer.BadParameter(msg, param_hint="--fail-on")
    return list(KINDS) if "any" in wanted else wanted


def say_result(source: "PairSource", report: "Report", fail_on: Sequence[str], *, card: Path | None, as_json: bool) -> None:
    """Counts by kind (or the findings) on stdout, the files and the next command on stderr; exit 1 where ``fail_on`` says so."""
    from blurdata.naming import counted
    from blurdata.report.found import findings_json

    counts = Counter(finding.kind for finding in report.findings)
    if as_json:
        typer.echo(findings_json(source, report))  # not what is in the file, which another run may have replaced by now
    else:
        looked = (
            f"{len(report.survey.facts)} of {report.survey.total} pairs" if report.survey.sampled else counted(report.survey.total, "pair")
        )
        pairs = len({finding.key for finding in report.findings})
        typer.echo(f"{looked} looked at, {pairs} suspect" + (f", {counted(report.ignored, 'finding')} ignored" if report.ignored else ""))
        for kind, count in counts.items():
            typer.echo(f"  {kind:<12} {count:>6}")
    written = [str(report.page), str(report.findings_file), *([str(card)] if card else [])]
    typer.echo(f"Wrote {', '.join(written)}. Next: open {report.page} in a browser.", err=True)
    failing = {kind: counts[kind] for kind in fail_on if counts[kind]}
    if failing:
        said = ", ".join(f"{count} {kind}" for kind, count in failing.items())
        typer.echo(f"blurdata: --fail-on: {said}; look at {report.page}.", err=True)
        raise typer.Exit(1)
