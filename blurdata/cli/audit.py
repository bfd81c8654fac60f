"""``blurdata audit``: what is wrong with a set?"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from blurdata.cli._next import say_pack
from blurdata.cli._workers import Workers
from blurdata.errors import command
from blurdata.processes import available_cpus

if TYPE_CHECKING:
    from blurdata.quality.audit import Audit


def run(
    source: Annotated[
        str, typer.Argument(help="KIND:PATH?option=value, or a folder of shards.", metavar="SOURCE|SHARDS", show_default=False)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the answers as JSON.")] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="The set is a part on purpose: missing pairs are told, not held against it.")
    ] = False,
    sample: Annotated[int | None, typer.Option(min=1, help="Open this many pairs only.", metavar="N")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sample.")] = 0,
    workers: Workers = None,
) -> None:
    """Check a set: variant, missing and doubled frames, counts, sizes, alignment, brightness, leaks between splits.

    Examples:
      blurdata audit 'gopro:GOPRO_Large?variant=blur_gamma'
      blurdata audit realblur-j:RealBlur --json
      blurdata audit pairs:data/mine --sample 200

    Open all splits at once (no split=…) to find leaks between them. Exits 1 where something is wrong.
    """
    from blurdata.naming import counted
    from blurdata.progress import progress
    from blurdata.quality.audit import audit
    from blurdata.shards import open_input

    opened = open_input(_leaving_out(source))
    looked_at = min(sample or len(opened), len(opened))
    with progress("auditing", 2 * looked_at, unit="pictures") as advance:
        found = audit(opened, partial=partial, sample=sample, seed=seed, workers=workers or available_cpus(), advance=advance)
    if as_json:
        typer.echo(json.dumps({"source": source, **found.as_dict()}, indent=1, allow_nan=False))
    else:
        typer.echo(as_text(found))
    if not found.sound:
        lost = any(fault.kind == "files" for fault in found.faults)  # a half, it may be, and then the set opens without that pair only
        showing = command("report", _leaving_out(source) if lost else source)
        typer.echo(f"blurdata: {counted(len(found.faults), 'fault')} found; `{showing}` shows the pairs.", err=True)
        raise typer.Exit(1)
    say_pack(source)


def _leaving_out(text: str) -> str:
    """The same source, told to go on without pictures that lost a half: the audit lists them with everything else."""
    from blurdata.sources import options_of

    if "unmatched" not in options_of(text.partition(":")[0]) or "unmatched=" in text:
        return text
    return f"{text}{'&' if '?' in text else '?'}unmatched=leave-out"


def as_text(found: "Audit") -> str:
    """The answers for a person."""
    means = {
        "codes": "in code values (as GoPro 'blur')",
        "light": "in light (as GoPro 'blur_gamma' or a camera)",
        "unclear": "cannot be told",
    }
    if found.claimed == "linear":
        means |= {"codes": "in light, which linear codes are", "light": "in light that was encoded (as a camera's), not linear"}
    lines = [
        f"pairs       {found.pairs}{_part(found)}",
        f"splits      {_counts(found.splits)}{_published(found)}",
        f"scenes      {len(found.scenes)}"
        + (f", {min(found.scenes.values())} to {max(found.scenes.values())} pairs each" if found.scenes else ""),
        f"sizes       {_counts(found.sizes)}",
        f"bits        {_counts(found.bits)}",
        f"averaged    {means[found.averaged]}{_margin(found)}" + (f"; opened as '{found.claimed}'" if found.claimed else ""),
        f"brightness  sharp halves have a median of {found.median_code:.2f} of full code; blurry over sharp light {found.brightness:.3f}",
        f"shift       median {found.shift_px[0]:.2f} px, 95 % below {found.shift_px[1]:.2f} px",
    ]
    if "looks_like" in found.summary:
        lines.append(f"looks like  RealBlur-{found.summary['looks_like']}")
    if found.sound:
        return "\n".join([*lines, "", "Nothing is wrong."])
    lines += ["", "Wrong:"]
    for fault in found.faults:
        lines.append(f"  {fault.kind:<11} {fault.sentence}")
        if fault.keys:
            more = f" and {fault.count - 5} more" if fault.count > 5 else ""
            lines.append(f"  {'':<11} {', '.join(fault.keys[:5])}{more}")
    return "\n".join(lines)


def _margin(found: "Audit") -> str:
    """On what the answer about averaging rests."""
    blend, averaging = found.blend, found.averaging
    if blend.verdict != "unclear":
        rests = f"codes leaves {blend.codes:.2f} codes, that of light {blend.light:.2f}"
        return f", certain: of {blend.frames} sharp frames the mean of {rests}, over {blend.pairs} of {blend.looked_at} pairs"
    return f", slope {averaging.slope:.2f} ± {averaging.error:.2f} over {averaging.pairs} pairs" if averaging.pairs > 3 else ""


def _part(found: "Audit") -> str:
    return f" ({found.looked_at} opened)" if found.looked_at < found.pairs else ""


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def _published(found: "Audit") -> str:
    told = {name.removeprefix("published_"): count for name, count in found.summary.items() if name.startswith("published_")}
    return f" (published: {_counts(told)})" if told else ""
