"""Do the tests notice when the maths is broken? Every line below is broken on purpose, and the tests of its part must fail.

    python tools/bench/mutants.py [--only psf …]

In a copy of the checkout one piece of text after the other is exchanged (by hand: each is a mistake that people make: a mirror image, a
half pixel, a gain that is left out, light that is rounded twice), the tests named beside it run, and must fail. Prints a line for each
mutant; exits 1 where one survived, or where the text to be exchanged is not there once.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Mutant(NamedTuple):
    """What is exchanged in a file, and what has to notice."""

    part: str
    file: str
    right: str
    wrong: str
    tests: str


PSF, BLEND, ORDER = "tests/psf", "tests/synthesis/test_blend.py", "tests/shards/test_order.py"
CONVOLVE = "tests/convolution/test_convolve.py tests/convolution/test_words.py"
SCENE, STAGES = "tests/alignment/test_align_scene.py", "tests/alignment/test_published_stages.py"
SCORE, ALIKE = "tests/metrics/test_realblur_score.py", "tests/metrics/test_similarity.py"
DAMAGE, SHARDS = "tests/shards/test_shard_damage.py", "tests/shards/test_shard_build.py tests/shards/test_shard_dataset.py"

MUTANTS = (
    Mutant("psf", "psf/_raster.py", "points * (1, -1) + (half_x, half_y)", "points * (1, 1) + (half_x, half_y)", PSF),  # angles clockwise
    Mutant("psf", "psf/_raster.py", "points - weights @ middle / weights.sum()", "points - points.mean(axis=0)", PSF),  # not the centroid
    Mutant("psf", "psf/_raster.py", "inner / inner.sum()", "inner / inner.max()", PSF),
    Mutant("psf", "psf/_raster.py", "0.5 + u - u * u", "0.5 + u - u", PSF),  # a spline that does not sum to 1
    Mutant("psf", "psf/aperture.py", "reach = radius * math", "reach = 0.99 * radius * math", PSF),  # a disk that is too small
    Mutant("psf", "psf/lens.py", "diameter / 2 / pitch", "diameter / pitch", PSF),
    Mutant("psf", "psf/shaking.py", "(extent / np.ptp(xy, axis=0).max())", "(extent / np.ptp(xy, axis=0).min())", PSF),
    Mutant("convolution", "convolution/single.py", "2 * top : 2 * top + height", "2 * top - 1 : 2 * top - 1 + height", CONVOLVE),
    Mutant("convolution", "convolution/single.py", "return column, row / total", "return column, row", CONVOLVE),
    Mutant("convolution", "convolution/single.py", "spectrum *= fft.rfft2(np.asarray(kernel, light.dtype), shape)",
           "spectrum *= fft.rfft2(np.asarray(kernel[::-1, ::-1], light.dtype), shape)", CONVOLVE),  # correlation
    Mutant("convolution", "convolution/light.py", "np.clip(np.asarray(change(light), np.float64), 0, 1)",
           "np.asarray(change(light), np.float64)", CONVOLVE),
    Mutant("blending", "synthesis/blend.py", "_least_dtype(samples * self._white + 1)", "np.uint32", BLEND),  # overflows
    Mutant("blending", "synthesis/blend.py", "(self.weight + 1) // 2 if", "0 if", BLEND),  # means half-way fall short
    Mutant("blending", "synthesis/blend.py", "_least_dtype(samples << bits)", "np.uint16", BLEND),
    Mutant("blending", "synthesis/blend.py", "* codes[-1] + 0.5) >=", "* codes[-1]) >=", BLEND),  # cut off instead of rounded
    Mutant("blending", "synthesis/blend.py", "self.sums() / (self.weight * self.full)", "self.sums() / self.full", BLEND),
    Mutant("alignment", "alignment/photometric.py", "/ np.maximum(spread, 1e-9)", "/ np.maximum(spread**2, 1e-9)", STAGES),
    Mutant("alignment", "alignment/photometric.py", "return self.middle[1] + self.slope * (x - self.middle[0])",
           "return self.middle[1] + self.slope * x", SCENE),
    Mutant("alignment", "alignment/light.py", "(codes > edge) & (codes < self.full - edge)", "(codes > edge)", SCENE),  # clipped is trusted
    Mutant("metrics", "metrics/realblur.py", "np.sum(x * z) / light", "np.sum(x) / np.sum(z)", SCORE),
    Mutant("metrics", "metrics/realblur.py", "np.sum(mask, dtype=np.float64)", "mask.size", SCORE),
    Mutant("metrics", "metrics/realblur.py", "borderMode=cv2.BORDER_REFLECT)", "borderMode=cv2.BORDER_CONSTANT)", SCORE),
    Mutant("metrics", "metrics/realblur.py", "use_sample_covariance=False", "use_sample_covariance=True", SCORE),
    Mutant("shards", "shards/order.py", 'f"{seed}/{epoch}/{key}"', 'f"{seed}/{key}"', f"{ORDER} {SHARDS}"),  # the same crops each epoch
    Mutant("shards", "shards/verify.py", "hash_file(path, sidecar.kind) != sidecar.hash", "False", DAMAGE),
)  # fmt: skip


def survives(mutant: Mutant, copy: Path) -> str:
    """Why a mutant is not killed, or an empty text."""
    path = copy / "blurdata" / mutant.file
    text = path.read_text()
    if text.count(mutant.right) != 1:
        return f"its text is there {text.count(mutant.right)} times"
    path.write_text(text.replace(mutant.right, mutant.wrong))
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *mutant.tests.split()]
        done = subprocess.run(command, cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)}, capture_output=True, text=True, check=False)
    finally:
        path.write_text(text)
    return "" if done.returncode == 1 else f"pytest ended with {done.returncode}: {done.stdout.strip().splitlines()[-1]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=sorted({mutant.part for mutant in MUTANTS}))
    options = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if not options.only or mutant.part in options.only]
    alive = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache"))
        for mutant in chosen:
            start = time.monotonic()
            why = survives(mutant, copy)
            alive += bool(why)
            told = f"SURVIVES, {why}" if why else "killed"
            print(f"{mutant.part:<12} {mutant.wrong[:60]:<62} {time.monotonic() - start:>4.0f} s  {told}", flush=True)
    print(f"{len(chosen)} mutants, {alive} not killed")
    sys.exit(1 if alive else 0)


if __name__ == "__main__":
    main()
