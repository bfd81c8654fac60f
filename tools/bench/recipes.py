"""What does a pair of each recipe cost: ``python tools/bench/recipes.py``, some minutes.

Films are 1280x720, a camera over photographs at 4 px a frame with sensor noise; pictures are of the same size. Printed as Markdown:
CPU seconds a pair of all threads (frames in memory, analysis apart, medians), virtual frames a pair, megabytes a pair as PNG and in
shards.
"""

import statistics
import time

import cv2
import numpy as np

from blurdata.errors import RecipeError
from blurdata.recipe import read_recipe, recipe_names
from blurdata.synthesis import KernelPairs, KernelRecipe, SynthesisRecipe, synthesize

PAIRS = 2


def scene():
    """A large photograph with detail."""
    from skimage import data

    return np.hstack([cv2.resize(picture, (1300, 1300), interpolation=cv2.INTER_CUBIC) for picture in (data.coffee(), data.astronaut())])


def film(frames):
    """(H, W, 3) uint8 frames of a camera that moves over the scene."""
    picture, rng = scene(), np.random.default_rng(0)
    for i in range(frames):
        shift = np.array([[1, 0, -40 - 3.5 * i], [0, 1, -40 - 2.0 * i]], np.float32)
        view = cv2.warpAffine(picture, shift, (1280, 720), flags=cv2.INTER_CUBIC)
        yield np.clip(view + rng.normal(0, 2, view.shape) + 0.5, 0, 255).astype(np.uint8)


def source(name, folder):
    """The pairs of a recipe, or None where it is for something else."""
    try:
        recipe = read_recipe(name, SynthesisRecipe)
    except RecipeError:
        try:
            return KernelPairs(folder, read_recipe(name, KernelRecipe))
        except RecipeError:
            return None
    longest = max(recipe.windows)
    return synthesize(list(film(longest + PAIRS * max(recipe.step_of(window) for window in recipe.windows))), recipe)


def row(name, pairs):
    """One line of the table."""
    seconds, png, shards, virtual = [], [], [], 0
    rest = pairs.pairs(0, PAIRS + 1)
    next(rest)  # compiles the loops
    begin = time.process_time()
    for pair in rest:
        seconds.append(time.process_time() - begin)
        arrays = [pair.blurry, pair.sharp, *(extra for extra in pair.extras.values() if extra.ndim == 3 and extra.dtype == np.uint8)]
        png.append(sum(len(cv2.imencode(".png", picture)[1]) for picture in arrays))
        shards.append(pair.blurry.nbytes + pair.sharp.nbytes)
        virtual = pair.meta.get("samples", 0) - pair.meta.get("window", 0)
        begin = time.process_time()
    median = statistics.median(seconds)
    return f"| {name} | {median:.2f} | {virtual} | {statistics.mean(png) / 1e6:.1f} | {statistics.mean(shards) / 1e6:.1f} |"


def main():
    """Print the table."""
    import tempfile
    from pathlib import Path

    print("| recipe | CPU s a pair | virtual frames | MB as PNG | MB in shards |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        for i in range(PAIRS + 1):
            cv2.imwrite(f"{place}/{i}.png", np.ascontiguousarray(scene()[100:820, 100 * i : 100 * i + 1280]))
        for name in recipe_names():
            pairs = source(name, Path(place))
            if pairs is not None:
                print(row(name, pairs), flush=True)


if __name__ == "__main__":
    main()
