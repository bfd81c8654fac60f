"""``blurdata reproduce``: does averaging the published frames give the published blur?"""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blurdata.cli._next import say_next
from blurdata.cli._workers import Workers
from blurdata.processes import available_cpus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blurdata.synthesis.reproduce import SequenceReport


def run(
    frames: Annotated[Path, typer.Argument(help="All sharp frames: GOPRO_Large_all.", metavar="GOPRO_Large_all")],
    published: Annotated[Path, typer.Argument(help="The published pairs: GOPRO_Large.", metavar="GOPRO_Large")],
    workers: Workers = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Blend the published frames again and compare with the published blur.

    Examples:
      blurdata reproduce GOPRO_Large_all GOPRO_Large

    Ground truths are located by content, since file numbers are wrong in places. PSNR is given to blur (mean of code values) and to
    blur_gamma (mean of light, gamma 2.2), over the windows that are whole: the mean, and the lowest with its picture. Exit code 1 where
    something is missing.
    """
    import json

    from blurdata.progress import progress
    from blurdata.synthesis.reproduce import find_sequences, reproduce_sequence

    reports = []
    for name, all_frames, folder in find_sequences(frames, published):
        pairs = sum(1 for _ in (folder / "sharp").glob("*.*"))
        with progress(name, pairs) as advance:
            reports.append(reproduce_sequence(name, all_frames, folder, workers=workers or available_cpus(), advance=advance))
    complete = all(report.complete for report in reports)
    if as_json:
        typer.echo(json.dumps({"complete": complete, "sequences": [report.as_json() for report in reports]}))
    else:
        typer.echo("\n".join(_lines(reports)))
    if not complete:
        short = [report.name for report in reports if not report.complete]
        typer.echo(f"blurdata: {len(short)} of {len(reports)} sequences lack frames or pictures: {', '.join(short[:8])}.", err=True)
    behind = ", which makes pairs of your own of these frames, with other windows; only published ones can be compared here"
    say_next("synthesize", frames, "--recipe", "gopro", "--out", "DIR", behind=behind)
    raise typer.Exit(0 if complete else 1)


def _lines(reports: "Sequence[SequenceReport]") -> list[str]:
    """A table, and below it what is missing."""
    from blurdata.naming import counted

    wide = max(len(report.name) for report in reports)
    lines = [f"{'sequence':{wide}}   M  pairs  blended  blur dB  blur_gamma dB  renumbered  missing"]
    for report in reports:
        blur, gamma = ("-" if value is None else f"{value:.2f}" for value in (report.psnr_blur, report.psnr_blur_gamma))
        missing = len(report.missing_truths) + len(report.missing_frames) + len(report.missing_pictures)
        lines.append(
            f"{report.name:{wide}}  {report.window:2}  {report.pairs:5}  {report.blended:7}  {blur:>7}  {gamma:>13}  "
            f"{report.renumbered:10}  {missing:7}"
        )
    for report in reports:
        lowest = (report.lowest_blur, report.lowest_blur_name), (report.lowest_blur_gamma, report.lowest_blur_gamma_name)
        shown = [f"{psnr:.2f} dB at {picture}" for psnr, picture in lowest if psnr is not None]
        lines += [f"{report.name}: lowest {', '.join(shown)}"] if shown else []
    for report in reports:
        lines += [f"{report.name}: ground truth {number} is in no frame" for number in report.missing_truths]
        for each, count in Counter(report.missing_frames).items():
            number, _, frame = each.partition(": ")
            lacking = f"frame {frame}" if frame.isdigit() else f"{counted(count, 'frame')} {frame}"
            lines.append(f"{report.name}: window of ground truth {number} lacks {lacking}")
        lines += [f"{report.name}: {picture} is missing" for picture in report.missing_pictures]
    return lines
