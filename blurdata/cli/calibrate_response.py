"""``blurdata calibrate-response``: from an exposure bracket to a curve."""

from pathlib import Path
from typing import Annotated

import typer

from blurdata.errors import command


def run(
    pictures: Annotated[
        list[Path], typer.Argument(help="At least two 8-bit pictures of one still scene, or a folder of them.", metavar="PICTURE…")
    ],
    out: Annotated[Path, typer.Option(help="The table to write; a recipe's `curve:` takes its path.")],
    exposures: Annotated[
        str | None, typer.Option(help="Exposure times in seconds, in the order of the pictures: 1/60,1/30,0.1. Default: from EXIF.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="comparagram; or OpenCV's debevec or robertson, which are off by 25 % and more under noise.")
    ] = "comparagram",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Measure a camera's response curve from an exposure bracket.

    Examples:
      blurdata calibrate-response bracket/*.jpg --out mine.txt
      blurdata calibrate-response a.png b.png c.png --exposures 1/60,1/30,1/15 --out mine.txt

    Camera and scene stand still, aperture, ISO and white balance are fixed, only the exposure time changes; seven pictures one
    stop apart are good, and the brightest should be partly white. The scale of light is undetermined: full code becomes 1.
    """
    import json

    from blurdata.errors import SourceError
    from blurdata.files import write_atomic
    from blurdata.layouts import refuse_originals
    from blurdata.synthesis.bracket import bracket_files, exif_exposures, read_bracket
    from blurdata.synthesis.response import calibrate_response, check_method, table_text

    try:
        kind = check_method(method)
        given = [_seconds(text) for text in exposures.split(",")] if exposures is not None else None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    files = bracket_files(pictures)
    if given is not None and len(given) != len(files):
        msg = f"--exposures has {len(given)} times for {len(files)} pictures."
        raise typer.BadParameter(msg)
    if len(files) < 2:
        msg = f"{pictures[0]}: a bracket needs at least two pictures of different exposure times."
        raise SourceError(msg)
    refuse_originals([out], files)
    shots, times = read_bracket(files), given or exif_exposures(files)
    response = calibrate_response(shots, times, method=kind)
    write_atomic(out, table_text(response, times, kind))
    low, high = response.covered
    result = {"curve": str(out), "pictures": len(files), "method": kind, "codes": [low, high], "residual_stops": response.residual}
    if as_json:
        typer.echo(json.dumps({**result, "exposure_s": times, "scale": "undetermined"}))
    else:
        typer.echo(f"{out}: response of codes {low} to {high} from {len(files)} pictures, which agree to {response.residual:.3f} stops.")
        typer.echo("The scale of light is undetermined, in each channel; full code was set to 1.")
    following = command("synthesize", "VIDEO", "--recipe", "RECIPE", "--out", "DIR")
    typer.echo(f"Next: write `curve: {out}` in a recipe, then {following}", err=True)


def _seconds(text: str) -> float:
    """Seconds of ``1/60`` or ``0.5``."""
    over, _, under = text.strip().partition("/")
    try:
        seconds = float(over) / float(under or 1)
    except (ValueError, ZeroDivisionError):
        seconds = 0.0
    if not 0 < seconds < 1e6:
        msg = f"'{text.strip()}' is no exposure time; write 1/60 or 0.5, in seconds."
        raise ValueError(msg)
    return seconds
