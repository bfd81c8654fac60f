"""Draw one PNG sheet of every PSF and every transform on a photograph.

python tools/gallery.py tools/gallery.png
"""

import argparse
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
import skimage.data
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image as PillowImage

from blurdata import psf
from blurdata.errors import BlurDataError
from blurdata.files import atomic_path
from blurdata.transforms import defocus, depth, gaussian, imagenet_c, motion, noise, saturation, shake, zoom
from blurdata.transforms.any_blur import AnyBlur
from blurdata.transforms.degradation import Degradation, Params

INK, QUIET, PAPER = "#1b1f24", "#6a737d", "#ffffff"
COLUMNS, SIDE, GAP, MARGIN = 6, 1.9, 0.14, 0.25  # inches
ROW = SIDE + 0.52
WIDTH, HEIGHT = 2 * MARGIN + COLUMNS * SIDE + (COLUMNS - 1) * GAP, 2 * 0.72 + 4 * ROW + 0.1


def psfs() -> list[tuple[str, str, np.ndarray]]:
    """Title, call, and PSF."""
    rng = np.random.default_rng
    return [
        ("Straight motion", "motion(31, 30)", psf.motion(31, 30)),
        ("Motion, speeding up", "motion(31, 150, profile=speeds)", psf.motion(31, 150, profile=np.linspace(1, 4, 16))),
        ("Camera shake", "shake(31, rng=rng)", psf.shake(31, rng=rng(5))),
        ("Shake, heavy tremor", "shake(31, tremor=1.5)", psf.shake(31, rng=rng(2), tremor=1.5)),
        ("A path of your own", "from_path(points_xy)", psf.from_path(_spiral())),
        ("Gaussian", "gaussian(4)", psf.gaussian(4)),
        ("Disk", "disk(10.5)", psf.disk(10.5)),
        ("Aperture, 5 blades", "polygon(12, blades=5)", psf.polygon(12, blades=5, rotation_deg=18)),
        ("Aperture, rounded", "polygon(…, roundness=0.5)", psf.polygon(12, blades=6, roundness=0.5)),
        ("Gaussian, drawn out", "anisotropic_gaussian(6, 2, 25)", psf.anisotropic_gaussian(6, 2, 25)),
        ("ImageNet-C defocus", 'imagenet_c("defocus", 5)', psf.imagenet_c("defocus", 5)),
        ("ImageNet-C motion", 'imagenet_c("motion", 1)', psf.imagenet_c("motion", 1, angle_deg=30)),
    ]


def transforms() -> list[tuple[str, str, Degradation | None, Params]]:
    """Title, what is shown, degradation (None is the photograph itself), and its parameters."""
    any_blur = AnyBlur(weights={"defocus": 1}, severity=0.6)
    return [
        ("The photograph", "skimage.data.coffee()", None, {}),
        ("MotionBlur", "length_px=25, angle_deg=20", motion.MotionBlur(), {"length_px": 25, "angle_deg": 20}),
        ("CameraShakeBlur", "extent_px=31", shake.CameraShakeBlur(), {"extent_px": 31, "inertia": 0.7, "tremor": 0.3, "seed": 5}),
        (
            "DefocusBlur",
            "radius_px=9, blades=5",
            defocus.DefocusBlur(blades=5),
            {"radius_px": 9, "blades": 5, "rotation_deg": 18, "roundness": 0},
        ),
        (
            "… with highlights",
            "DefocusBlur, highlights=1.75",
            defocus.DefocusBlur(blades=5, highlights=1.75),
            {"radius_px": 9, "blades": 5, "rotation_deg": 18, "roundness": 0, "highlights": 1.75},
        ),
        ("GaussianBlur", "sigma_px=4", gaussian.GaussianBlur(), {"sigma_px": 4, "ratio": 1, "angle_deg": 0}),
        ("ZoomBlur", "zoom=1.15, roll_deg=5", zoom.ZoomBlur(), {"zoom": 1.15, "roll_deg": 5}),
        (
            "DepthDefocusBlur",
            "f_number=1.2, focus_m=0.8",
            depth.DepthDefocusBlur(),
            {"f_number": 1.2, "focus_m": 0.8, "near_m": 0.5, "far_m": 10, "slant_deg": 90},
        ),
        ("SensorNoise", "shot=5e-3, read=1e-2", noise.SensorNoise(), {"shot": 5e-3, "read": 1e-2, "seed": 1}),
        ("Saturation", "gain=2.5", saturation.Saturation(), {"gain": 2.5}),
        ("ImageNetCBlur", 'kind="motion", severity=3', imagenet_c.ImageNetCBlur(), {"kind": "motion", "severity": 3, "angle_deg": 30}),
        ("AnyBlur", "severity=0.6", any_blur, any_blur.draw([0.0, 0.0, 0.0])),
    ]


def _spiral() -> np.ndarray:
    turn = np.linspace(0, 4 * np.pi, 200)
    return np.stack([turn * np.cos(turn), turn * np.sin(turn)], axis=1)


def draw(out: Path) -> None:
    """Draw the sheet."""
    photo = np.ascontiguousarray(skimage.data.coffee()[10:390, 100:480])
    mpl.rcParams.update({"font.family": "DejaVu Sans", "text.color": INK})
    figure = Figure(figsize=(WIDTH, HEIGHT), facecolor=PAPER)
    bottom = _section(figure, 0.0, "Point-spread functions", "centred to 1e-3 px, of sum 1, anti-aliased; ImageNet-C's own are not")
    for index, (title, call, kernel) in enumerate(psfs()):
        axes = _cell(figure, bottom, index, title, call)
        axes.imshow(_on_canvas(kernel), cmap="magma", interpolation="nearest")
    below = bottom + -(-len(psfs()) // COLUMNS) * ROW
    bottom = _section(figure, below, "Transforms", "in linear light, on a 380 px photograph; every number may be a range")
    for index, (title, call, degradation, params) in enumerate(transforms()):
        axes = _cell(figure, bottom, index, title, call)
        axes.imshow(photo if degradation is None else degradation.prepare(params)(photo, 0), interpolation="lanczos")
    stream = BytesIO()
    figure.savefig(stream, dpi=140)
    sheet = PillowImage.open(stream).convert("RGB").quantize(256, dither=PillowImage.Dither.FLOYDSTEINBERG)
    with atomic_path(out) as temporary:
        sheet.save(temporary, format="PNG", optimize=True)


def _section(figure: Figure, top: float, title: str, text: str) -> float:
    """Write a heading ``top`` inches from the top edge; returns where the cells begin."""
    figure.text(MARGIN / WIDTH, 1 - (top + 0.34) / HEIGHT, title, fontsize=15, fontweight="bold", va="baseline")
    figure.text(MARGIN / WIDTH, 1 - (top + 0.58) / HEIGHT, text, fontsize=9.5, color=QUIET, va="baseline")
    return top + 0.72


def _cell(figure: Figure, top: float, index: int, title: str, call: str) -> Axes:
    """The axes of one picture with its two lines of text above; all measures in inches."""
    left = MARGIN + index % COLUMNS * (SIDE + GAP)
    high = top + index // COLUMNS * ROW
    figure.text(left / WIDTH, 1 - (high + 0.15) / HEIGHT, title, fontsize=9.5, fontweight="bold", va="baseline")
    figure.text(left / WIDTH, 1 - (high + 0.31) / HEIGHT, call, fontsize=7.2, color=QUIET, va="baseline", family="DejaVu Sans Mono")
    axes = figure.add_axes((left / WIDTH, 1 - (high + 0.38 + SIDE) / HEIGHT, SIDE / WIDTH, SIDE / HEIGHT))
    axes.set_axis_off()
    return axes


def _on_canvas(kernel: np.ndarray, size: int = 45) -> np.ndarray:
    canvas = np.zeros((size, size))
    top, left = (size - kernel.shape[0]) // 2, (size - kernel.shape[1]) // 2
    canvas[top : top + kernel.shape[0], left : left + kernel.shape[1]] = kernel / kernel.max()
    return canvas**0.7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=Path("tools/gallery.png"), help="PNG to write")
    out = parser.parse_args().out
    try:
        draw(out)
    except BlurDataError as error:
        raise SystemExit(str(error)) from None
    print(f"{out}: {out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
