"""``blurdata synthesize``: blurry/sharp pairs from video."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from blurdata.cli._next import say_next
from blurdata.processes import available_cpus


def run(
    videos: Annotated[list[Path], typer.Argument(help="Videos, folders of frames, or folders with these at any depth.", metavar="VIDEO…")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the pairs; a killed run goes on there.")],
    recipe: Annotated[str, typer.Option("--recipe", help="Name or path of a recipe.")] = "gopro",
    format: Annotated[str, typer.Option("--format", help="folder (PNG, GOPRO_Large layout) or shards (HDF5).")] = "folder",  # noqa: A002
    variant: Annotated[str | None, typer.Option("--variant", help="blur, blur_gamma or both; the recipe's own if not given.")] = None,
    window: Annotated[int | None, typer.Option("--window", help="Frames in one exposure, odd.")] = None,
    step: Annotated[int | None, typer.Option("--step", help="Frames from one exposure to the next.")] = None,
    capture_fps: Annotated[float | None, typer.Option("--capture-fps", help="Rate at capture, where the file's own is not it.")] = None,
    interpolator: Annotated[Path | None, typer.Option("--interpolator", help="TorchScript file that makes the frames between.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of everything drawn at random.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="With --format shards: processes; by default all cores.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Blend the sharp frames of videos into blurry/sharp pairs.

    Examples:
      blurdata synthesize ride.mp4 --recipe gopro --out pairs
      blurdata synthesize ride.mp4 walk.mov --recipe reds --out shards --format shards --variant blur_gamma

    Cuts, repeated frames, static stretches and windows that had to be refused are counted and reported, never dropped silently.
    """
    from blurdata.layouts import refuse_pictures, refuse_shards
    from blurdata.paths import user_path
    from blurdata.progress import progress
    from blurdata.sources import source_text
    from blurdata.synthesis.folder import write_folder
    from blurdata.synthesis.make import open_films, resolve

    if format not in ("folder", "shards"):
        msg = f"--format must be folder or shards, got '{format}'."
        raise typer.BadParameter(msg)
    if workers is not None and format != "shards":
        msg = "--workers is for --format shards; pictures are written by one process."
        raise typer.BadParameter(msg)
    fields = {"variant": variant, "window": window, "step": step, "capture_fps": capture_fps, "seed": seed}
    _check_options(fields)
    if interpolator is not None:
        fields |= {"interpolation": "torchscript", "interpolator": str(user_path(interpolator).resolve())}
    plan = resolve(recipe, **fields)
    (refuse_shards if format == "folder" else refuse_pictures)(out)
    _refuse_frames(videos, out)
    with _folder_of_pairs(out):
        pairs = open_films(videos, plan, cache=out / ".analysis", show_progress=True)
        with progress("blend", len(pairs)) as advance:
            if format == "folder":
                write_folder(pairs, out, advance=advance)
            else:
                from blurdata.shards import build

                build(pairs, out, workers=workers or available_cpus(), advance=advance)
    _tell(dict(pairs.summary()), len(pairs), pairs.remarks(), both=format == "shards" and plan.variant == "both", as_json=as_json)
    if format == "folder":
        say_next("report", source_text("pairs", out, f"blurry={'blur' if plan.variant == 'blur' else 'blur_gamma'}"))
    else:
        say_next("verify", out)


def _tell(summary: dict[str, Any], pairs: int, remarks: Sequence[str], *, both: bool, as_json: bool) -> None:
    """What was made, and what a user might not expect of it."""
    import json

    from blurdata.cli._next import say_notes
    from blurdata.synthesis.source import UNBLURRED_PX

    if as_json:
        typer.echo(json.dumps(summary))
    else:
        typer.echo("\n".join(f"{name.replace('_', ' '):<26} {value}" for name, value in summary.items() if value))
    say_notes(remarks)
    if still := summary["pairs_without_blur"]:
        told = f"less than {UNBLURRED_PX} px of blur in {still} of {pairs} pairs, as where a film stands still under grain"
        typer.echo(f"Note: {told}; `min_blur_px` in the recipe leaves such out.", err=True)
    if both:
        told = "the blurry half of each pair is blur_gamma (light averaged), and blur (code values averaged) is the extra `blur`"
        typer.echo(f"Note: {told}; --variant blur_gamma or --variant blur stores one of them alone.", err=True)


def _check_options(fields: Mapping[str, Any]) -> None:
    """Wrong usage where an option's value is wrong whatever the recipe says; what does not go with the recipe is told with its file."""
    from blurdata.errors import RecipeError
    from blurdata.recipe import parse_recipe
    from blurdata.synthesis.recipe import SynthesisRecipe

    for name, value in fields.items():
        if value is not None:
            try:
                parse_recipe({name: value}, SynthesisRecipe, where=f"--{name.replace('_', '-')}")
            except RecipeError as error:
                raise typer.BadParameter(str(error)) from error


def _refuse_frames(videos: list[Path], out: Path) -> None:
    """Raise OutputError where the pairs would go among the frames that they are made of."""
    from blurdata.errors import OutputError
    from blurdata.files import list_images
    from blurdata.paths import user_path

    inputs, place = [user_path(video).resolve() for video in videos], out.resolve()
    if place in inputs or (out.is_dir() and any(given in place.parents for given in inputs) and list_images(out)):
        msg = f"{out}: is a folder of the frames themselves; choose another --out."
        raise OutputError(msg)


@contextmanager
def _folder_of_pairs(out: Path) -> Iterator[None]:
    """Make the folder; a new one goes again if no pair came of the work, for then there is nothing to go on with."""
    import shutil

    from blurdata.errors import BlurDataError
    from blurdata.files import make_folder

    fresh = not out.exists()
    make_folder(out)
    try:
        yield
    except BlurDataError:
        if fresh and not any(out.rglob("*.png")) and not any(out.glob("shard-*.h5")):
            shutil.rmtree(out)
        raise
