"""Make the README's pictures: a before/after strip, and what a report looks like (needs Chromium, a minute or two).

python tools/pictures.py            # writes tools/before_after.png and tools/report.png
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from PIL import Image as PillowImage

from blurdata import Pair, PairSource, convolve, psf
from blurdata.files import atomic_path
from blurdata.report import write_report

PHOTOS = ("coffee", "astronaut", "chelsea", "hubble_deep_field", "immunohistochemistry")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HERE = Path(__file__).parent


class Example(PairSource):
    """Kernel-blurred photographs from scikit-image; three faults are planted, for the report to find."""

    def __init__(self, count: int = 90) -> None:
        self._count = count
        self.recipe = {"kind": "example", "photographs": "scikit-image", "blur": "shake, motion and disk, 3 to 25 px", "seed": 0}

    @property
    def keys(self) -> list[str]:
        """By photograph and number."""
        return [f"{PHOTOS[i % len(PHOTOS)]}/{i:03d}" for i in range(self._count)]

    def fingerprint(self) -> str:
        """Nothing is stored that could change."""
        return "example"

    def __getitem__(self, i: int) -> Pair:
        rng = np.random.default_rng([1, i])
        photo = getattr(skimage.data, PHOTOS[i % len(PHOTOS)])()
        height, width = 240, 320
        y, x = rng.integers(0, photo.shape[0] - height + 1), rng.integers(0, photo.shape[1] - width + 1)
        size, angle = float(rng.uniform(3, 25)), float(rng.uniform(0, 180))
        kernel, said = [
            (psf.shake(size, rng=rng), {"extent_px": size}),
            (psf.motion(size, angle), {"length_px": size, "angle_deg": angle}),
            (psf.disk(size / 3), {"radius_px": size / 3}),
        ][i % 3 if i % 5 else 1]
        noise = rng.normal(0, 1.5, photo.shape)
        blurry = np.clip(convolve(photo, kernel) + noise, 0, 255).round().astype(np.uint8)
        crop = slice(y, y + height), slice(x, x + width)
        blurry, sharp = blurry[crop], np.ascontiguousarray(photo[crop])
        if i == 31:
            blurry, sharp = sharp, blurry
        if i in (12, 58):
            blurry = np.roll(blurry, (2, 3), axis=(0, 1))
        name = PHOTOS[i % len(PHOTOS)]
        return Pair(self.keys[i], blurry, sharp, {"curve": "srgb", "split": "train", "scene": name, "sequence": f"{name}-{i}", **said})


def before_after() -> np.ndarray:
    """One photograph three times, sharp on the left and blurred on the right of each; the PSF in the corner."""
    parts = []
    for photo, kernel in (
        (skimage.data.astronaut()[:300, 60:420], psf.motion(21, 30)),
        (skimage.data.coffee()[50:350, 120:480], psf.shake(27, rng=np.random.default_rng(5))),
        (skimage.data.chelsea()[:300, 40:400], psf.polygon(8, blades=6)),
    ):
        blurred = convolve(photo, kernel)
        blurred[:, :178], blurred[:, 178:182] = photo[:, :178], 255
        shown = cv2.resize((kernel / kernel.max() * 255).astype(np.uint8), (64, 64), interpolation=cv2.INTER_AREA)
        blurred[-72:-8, -72:-8] = shown[..., None]
        parts += [blurred, np.full((300, 10, 3), 255, np.uint8)]
    return np.concatenate(parts[:-1], axis=1)


def photograph_page(page: Path, out: Path, *, width: int, height: int) -> None:
    """The top of a page as a headless browser shows it."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise SystemExit("No Chromium is here; `apt-get install chromium` brings it.")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={width},{height}", f"--screenshot={out}"]
    subprocess.run([browser, *flags, page.resolve().as_uri()], check=True, capture_output=True, timeout=120)


def write_small(path: Path, picture: np.ndarray) -> None:
    """A PNG at 0.7 times the size with 256 colours: a page in a browser does not want a megabyte."""
    small = cv2.resize(picture, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    with atomic_path(path) as part:
        PillowImage.fromarray(small).quantize(256, dither=PillowImage.Dither.FLOYDSTEINBERG).save(part, format="png", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE, help="Folder for the two pictures.")
    args = parser.parse_args()
    write_small(args.out / "before_after.png", before_after())
    with tempfile.TemporaryDirectory() as folder:
        report = write_report(Example(), Path(folder) / "report.html", title="An example set", workers=1)
        shot = Path(folder) / "shot.png"
        photograph_page(report.page, shot, width=1240, height=2150)
        whole = cv2.imread(str(shot))[..., ::-1]
    write_small(args.out / "report.png", whole)
    for name in ("before_after.png", "report.png"):
        print(f"{args.out / name}: {(args.out / name).stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
