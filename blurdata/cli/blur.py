"""``blurdata blur``: blurred copies of pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blurdata.cli._next import say_next

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blurdata.transforms.copies import Copy


def _option(name: str, text: str) -> Any:
    return typer.Option(name, help=text, metavar="N[,N]", rich_help_panel="Parameters of the kinds (a number, or LOW,HIGH to draw from)")


def run(
    images: Annotated[list[Path], typer.Argument(help="Pictures, or folders of them with their sub-folders.", metavar="IMAGE…")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the copies (PNG); a killed run goes on there.")],
    kind: Annotated[
        str, typer.Option("--kind", help="motion, shake, defocus, gaussian, zoom, depth, noise, saturation, imagenet-c or any.")
    ],
    length_px: Annotated[str | None, _option("--length-px", "motion: length of the stroke.")] = None,
    angle_deg: Annotated[str | None, _option("--angle-deg", "motion, gaussian: direction, counter-clockwise from +x.")] = None,
    extent_px: Annotated[str | None, _option("--extent-px", "shake: longer side of the trajectory.")] = None,
    inertia: Annotated[str | None, _option("--inertia", "shake: 0 to 1, how long the camera keeps its direction.")] = None,
    tremor: Annotated[str | None, _option("--tremor", "shake: strength of the fast tremble.")] = None,
    radius_px: Annotated[str | None, _option("--radius-px", "defocus: radius of the aperture's picture.")] = None,
    blades: Annotated[str | None, _option("--blades", "defocus: blades of the aperture, 3 to 64; round if not given.")] = None,
    rotation_deg: Annotated[str | None, _option("--rotation-deg", "defocus: turns the blades.")] = None,
    roundness: Annotated[str | None, _option("--roundness", "defocus: 0 straight blades to 1 a disk.")] = None,
    sigma_px: Annotated[str | None, _option("--sigma-px", "gaussian: standard deviation.")] = None,
    ratio: Annotated[str | None, _option("--ratio", "gaussian: 0 to 1, narrow over wide.")] = None,
    zoom: Annotated[str | None, _option("--zoom", "zoom: magnification during the exposure, 1 is none.")] = None,
    roll_deg: Annotated[str | None, _option("--roll-deg", "zoom: turn of the camera during the exposure.")] = None,
    f_number: Annotated[str | None, _option("--f-number", "depth: of the lens.")] = None,
    focus_m: Annotated[str | None, _option("--focus-m", "depth: distance in focus.")] = None,
    focal_length_mm: Annotated[str | None, _option("--focal-length-mm", "depth: of the lens; one number.")] = None,
    near_m: Annotated[str | None, _option("--near-m", "depth: nearest corner of the slanted plane.")] = None,
    far_m: Annotated[str | None, _option("--far-m", "depth: its farthest corner.")] = None,
    slant_deg: Annotated[str | None, _option("--slant-deg", "depth: direction away, counter-clockwise from +x.")] = None,
    shot: Annotated[str | None, _option("--shot", "noise: light of one electron, white is 1.")] = None,
    read: Annotated[str | None, _option("--read", "noise: read noise, white is 1.")] = None,
    highlights: Annotated[str | None, _option("--highlights", "all blurs: light that clipped places get back, in units of white.")] = None,
    gain: Annotated[str | None, _option("--gain", "saturation: exposure over the right one.")] = None,
    corruption: Annotated[str | None, typer.Option("--corruption", help="imagenet-c: defocus, motion or gaussian.")] = None,
    severity: Annotated[str | None, _option("--severity", "any: 0 to 1; imagenet-c: 1 to 5.")] = None,
    curve: Annotated[
        str | None, typer.Option("--curve", help="srgb (the default), gamma22, linear (blur code values) or a table's path.")
    ] = None,
    border: Annotated[
        str | None,
        typer.Option("--border", help="Beyond the edge, of one convolution or zoom: reflect (the default), replicate or constant."),
    ] = None,
    p: Annotated[float, typer.Option("-p", "--p", "--probability", min=0, max=1, help="Share of the pictures that is changed.")] = 1.0,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Seed of everything drawn; a picture's draw depends on it and on its name.")
    ] = 0,
    save_psf: Annotated[
        bool, typer.Option("--save-psf", help="Write NAME.psf.npy, the PSF, beside each copy that is one convolution.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Make blurred copies of pictures, in linear light.

    Examples:
      blurdata blur photo.jpg --kind motion --length-px 15 --angle-deg 30 --out blurred
      blurdata blur photos --kind defocus --radius-px 1,10 --blades 5,9 --save-psf --out blurred

    Copies are PNG, so that no compression is taken for blur; depth, grey, transparency and an RGB or grey colour profile stay (the
    light is --curve's, whatever the profile says); sub-folders are mirrored. blur.json in the output folder says what each picture got.
    """
    from blurdata.cli._copies import say_outcome
    from blurdata.progress import progress
    from blurdata.transforms.copies import blur_copies, plan_copies
    from blurdata.transforms.kinds import make_degradation

    given = {
        "length_px": length_px, "angle_deg": angle_deg, "extent_px": extent_px, "inertia": inertia, "tremor": tremor,
        "radius_px": radius_px, "blades": blades, "rotation_deg": rotation_deg, "roundness": roundness, "sigma_px": sigma_px,
        "ratio": ratio, "zoom": zoom, "roll_deg": roll_deg, "f_number": f_number, "focus_m": focus_m,
        "focal_length_mm": focal_length_mm, "near_m": near_m, "far_m": far_m, "slant_deg": slant_deg,
        "shot": shot, "read": read, "gain": gain, "highlights": highlights, "corruption": corruption, "severity": severity,
        "curve": curve, "border": border,
    }  # fmt: skip
    try:
        degradation, settings = make_degradation(kind, given, p=p, needs_psf=save_psf)
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    copies = plan_copies(images, out)
    with progress("blur", len(copies), unit="pictures") as advance:
        outcome = blur_copies(copies, out, degradation, seed=seed, settings=settings, save_psf=save_psf, advance=advance)
    say_outcome(outcome, out, done="blurred", record=out / "blur.json", as_json=as_json)
    _say_following(copies, images, out)


def _say_following(copies: "Sequence[Copy]", images: list[Path], out: Path) -> None:
    """How to score the copies, where their names tell what they are copies of."""
    doubled = next((copy for copy in copies if Path(copy.name).stem == copy.source.name), None)
    if doubled:
        typer.echo(
            f"Next: rename pictures that differ in nothing but their suffix, as {doubled.source.name}; evaluate pairs by name.", err=True
        )
    elif len(images) == 1 and images[0].is_dir():
        say_next("evaluate", out, images[0], "--protocol", "plain")
