"""``blurdata report``: one page about a set of pairs, and its findings."""

from pathlib import Path
from typing import Annotated

import typer

from blurdata.cli._workers import Workers
from blurdata.processes import available_cpus


def run(
    source: Annotated[str, typer.Argument(help="KIND:PATH?option=value, or a folder of shards.", metavar="SOURCE|SHARDS")],
    out: Annotated[Path, typer.Option(help="The page to write.", metavar="FILE.html")] = Path("report.html"),
    findings: Annotated[Path | None, typer.Option(help="Where the findings go as JSON; by default beside the page.")] = None,
    title: Annotated[str | None, typer.Option(help="Heading of the page.")] = None,
    ignore: Annotated[
        Path | None, typer.Option(help="Findings judged harmless: a file with one 'KIND KEY' a line.", metavar="FILE")
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option("--fail-on", help="Exit with 1 if a finding of one of these kinds is there; 'any' for all.", metavar="KIND[,KIND]"),
    ] = None,
    card: Annotated[Path | None, typer.Option(help="Fill this Hugging Face data card too.", metavar="README.md")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Look at this many pairs only; the page says so.", metavar="N")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sample.")] = 0,
    workers: Workers = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a page that is no report of blurdata.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Write one self-contained page about a set: what it is, its blur, and which pairs are suspect.

    Examples:
      blurdata report pairs:data/mine --out report.html
      blurdata report shards/ --out report.html --fail-on misaligned,leak
      blurdata report 'video:ride.mp4?recipe=gopro' --sample 200 --card README.md
    """
    from blurdata.cli._report import check_kinds, say_result
    from blurdata.progress import progress
    from blurdata.report import write_card, write_report
    from blurdata.report.card import check_card
    from blurdata.shards import open_input

    kinds = check_kinds(fail_on)
    if card is not None:
        check_card(card)
    opened = open_input(source)
    total = min(sample or len(opened), len(opened))
    with progress("Measuring", total) as advance:
        report = write_report(
            opened,
            out,
            title=title,
            ignore=ignore,
            findings=findings,
            sample=sample,
            seed=seed,
            workers=workers or available_cpus(),
            overwrite=overwrite,
            advance=advance,
        )
    if card is not None:
        write_card(opened, report, card)
    say_result(opened, report, kinds, card=card, as_json=as_json)
