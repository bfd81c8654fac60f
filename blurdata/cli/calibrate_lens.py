"""``blurdata calibrate-lens``: a lens's distortion from pictures of a checkerboard."""

from pathlib import Path
from typing import Annotated

import typer

from blurdata.errors import command


def run(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures of a flat checkerboard, or folders of them.", metavar="PICTURE…")],
    out: Annotated[Path, typer.Option("--out", help="Calibration to write, OpenCV YAML.")],
    corners: Annotated[str, typer.Option("--corners", help="Inner corners of the board, across x down.")] = "9x6",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Find a lens's distortion from checkerboard pictures taken by one camera at one setting.

    Examples:
      blurdata calibrate-lens board/*.jpg --corners 9x6 --out left.yaml

    Ten or more pictures, the board tilted and near every corner of the frame, as the camera wrote them (not mirrored, not cropped).
    Write the file's path into lens_sharp or lens_blurry of an align recipe.
    """
    import json
    import re

    from blurdata.alignment.lens import calibrate, write_lens
    from blurdata.errors import SourceError
    from blurdata.files import list_images
    from blurdata.layouts import refuse_originals

    match = re.fullmatch(r"(\d{1,3})x(\d{1,3})", corners)
    across, down = (int(match[1]), int(match[2])) if match else (0, 0)
    if min(across, down) < 3:
        msg = f"--corners must be the inner corners across x down, each 3 or more, such as 9x6; got '{corners}'."
        raise typer.BadParameter(msg)
    files: list[Path] = []
    for given in pictures:
        inside = list_images(given) if given.is_dir() else [given]
        if not inside:
            msg = f"{given}: holds no pictures; give the folder of the checkerboard pictures."
            raise SourceError(msg)
        files += inside
    refuse_originals([out], files)
    lens, error_px, left_out = calibrate(files, corners=(across, down))
    write_lens(out, lens)
    result = {
        "pictures": len(files) - len(left_out),
        "left_out": left_out,
        "error_px": round(error_px, 4),
        "distortion": list(lens.distortion),
    }
    if as_json:
        typer.echo(json.dumps(result))
    else:
        typer.echo(f"{result['pictures']} of {len(files)} pictures, reprojection error {error_px:.3f} px, written to {out}")
        for sentence in left_out:
            typer.echo(f"  left out: {sentence}")
    following = command("align", "CAPTURES", "--recipe", "RECIPE", "--out", "DIR")
    typer.echo(f"Next: set lens_blurry and lens_sharp in a recipe, then {following}", err=True)
