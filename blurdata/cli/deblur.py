"""``blurdata deblur``: pictures restored by a trained network."""

from pathlib import Path
from typing import Annotated

import typer

from blurdata.cli._next import say_next


def run(
    images: Annotated[list[Path], typer.Argument(help="Blurry pictures, or folders of them with their sub-folders.", metavar="IMAGE…")],
    checkpoint: Annotated[Path, typer.Option("--checkpoint", help="A network that the demo or tools/train_deblur.py saved.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the restored pictures (PNG); a killed run goes on there.")],
    tile: Annotated[
        int, typer.Option("--tile", min=0, help="Side of the overlapping tiles that large pictures are cut into, in px; 0: never cut.")
    ] = 512,
    overlap: Annotated[int, typer.Option("--overlap", min=0, help="How far neighbouring tiles overlap, in px.")] = 32,
    device: Annotated[str, typer.Option("--device", help="auto (CUDA where there is one), cpu, cuda, cuda:1 …")] = "auto",
    compiled: Annotated[bool, typer.Option("--compile", help="Compile the network first (CUDA only): worth it for many pictures.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Restore again what is there already, whoever made it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Restore blurry pictures with a trained network.

    Examples:
      blurdata deblur photo.jpg --checkpoint demo/network.pt --out restored
      blurdata deblur photos --checkpoint runs/gopro/network.pt --tile 768 --out restored

    16-bit pictures stay 16-bit, pictures that a camera stored on their side come out upright, sub-folders are mirrored; deblur.json in
    the output folder says which network made each of them. Loading a checkpoint runs no code in it.
    """
    from blurdata.cli._copies import say_outcome
    from blurdata.progress import progress
    from blurdata.training.restoring import RECORD, open_restorer, restore_files
    from blurdata.transforms.copies import plan_copies

    try:
        restorer = open_restorer(checkpoint, device=device, tile=tile or None, overlap=overlap, compiled=compiled)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    copies = plan_copies(images, out)
    with progress("deblur", len(copies), unit="pictures") as advance:
        outcome = restore_files(copies, out, restorer, overwrite=overwrite, advance=advance)
    say_outcome(outcome, out, done="restored", record=out / RECORD, as_json=as_json)
    say_next("evaluate", out, "SHARP", "--protocol", "plain", behind=", where SHARP is the folder of the true pictures")
