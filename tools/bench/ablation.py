"""Which steps of synthesis help a network on true exposures? The reference camera, which shares no code with blending, is the judge.

    python tools/bench/ablation.py [--scenes 60] [--test 30] [--seeds 3] [--steps N]

Nine frames of each training scene are blended with every step on, with one step off at a time, and with all off; the small baseline is
trained on each set with the same steps, crops and order, and judged by exact exposures of other scenes, with lamps far above white and
the sensor's noise. Printed: gain in dB over the blurry pictures, and how far a set lies behind the best, with 95 % intervals over
scenes and seeds. (Rim et al. 2022 found, with long training: noise about +1.6 dB, the other steps 0.1 to 0.8.)
"""

import argparse
import os

import numpy as np

from blurdata.pairs import Pair, PairList
from blurdata.progress import progress
from blurdata.recipe import read_recipe
from blurdata.sensor import Sensor
from blurdata.synthesis import synthesize
from blurdata.synthesis.reference_camera import Motion, ReferenceCamera, Sway, hdr_scene
from blurdata.training import TrainRecipe
from blurdata.training.compare import compare

SIZE = (160, 160)
FRAMES = 9
PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket")
PLAIN = {"mosaic": False, "camera": None, "white_balance_red": 1.0, "white_balance_blue": 1.0, "noise_scale": 1.0}
FULL = {"curve": "srgb", "interpolation": "dis", "saturation": (0.25, 1.75), "noise": "rsblur"}
WAYS = {
    "every step": {},
    "codes instead of light": {"curve": "linear"},
    "no interpolation": {"interpolation": "none"},
    "no noise": {"noise": None},
    "no saturation": {"saturation": None},
    "no step": {"curve": "linear", "interpolation": "none", "noise": None, "saturation": None},
}


def camera(seed: int) -> ReferenceCamera:
    """A scene of two photographs with lamps, moved as a hand moves: 5 to 22 px and up to 2 degrees during an exposure."""
    rng = np.random.default_rng([seed, 7])
    back, front = rng.choice(PHOTOGRAPHS, 2, replace=False)
    turn, way = rng.uniform(0, 2 * np.pi), rng.uniform(5, 22)
    sway = Sway(x_px=rng.uniform(0, 2), y_px=rng.uniform(0, 2), cycles=rng.uniform(0.7, 2), phase=rng.uniform())
    motion = Motion(x_px=way * np.cos(turn), y_px=way * np.sin(turn), roll_deg=rng.uniform(-2, 2), sways=(sway,))
    layers = hdr_scene(SIZE, background=back, foreground=front, lights=int(rng.integers(0, 16)), seed=seed)
    return ReferenceCamera(layers, motion, SIZE)


def blended(cameras: dict[str, ReferenceCamera], frames: dict[str, list[np.ndarray]], changes: dict[str, object]) -> PairList:
    """The pairs that synthesis makes of the frames, with some steps changed."""
    fields = {**FULL, **changes}
    sensor = Sensor(saturation=fields.pop("saturation"), noise=fields.pop("noise"), **PLAIN)
    pairs = []
    for i, name in enumerate(cameras):
        recipe = {"window": FRAMES, "variant": "blur_gamma", "max_disagreement": 1.0, "seed": i, **fields}
        recipe |= {"still_change": 0, "repeat_share": 0}  # all frames are true, also where a hand turns round
        source = synthesize(frames[name], recipe | {"sensor": sensor.resolved()})
        pair = source[0]
        pairs.append(Pair(f"{name}/0", pair.blurry, pair.sharp, {**pair.meta, "scene": name, "sequence": name}))
    return PairList(pairs)


def main() -> None:
    """Render, blend, train, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=60, help="to train on (a third of them is held out as a column of its own)")
    parser.add_argument("--test", type=int, default=30, help="scenes of the judge")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    cameras = {f"scene{seed:03d}": camera(seed) for seed in range(args.scenes)}
    with progress("render the frames", len(cameras), unit="scenes") as advance:
        frames = {}
        for name, one in cameras.items():
            frames[name] = one.frames(0.0, 1.0, FRAMES)
            advance()
    sensor = Sensor(saturation=None, noise="rsblur", **PLAIN)
    judge = []
    with progress("integrate the judge", args.test, unit="scenes") as advance:
        for seed in range(10_000, 10_000 + args.test):
            rng = np.random.default_rng(seed)
            judge.append(camera(seed).pair(f"judge{seed}/0", 0.0, 1.0, sensor=sensor, rng=rng))
            advance()
    sets = {name: blended(cameras, frames, changes) for name, changes in WAYS.items()}
    recipe = read_recipe("verdict", TrainRecipe, loss="l1")
    if args.steps:
        recipe = recipe.model_copy(update={"stages": (recipe.stages[0].model_copy(update={"steps": args.steps}),)})
    with progress("train and judge", 100, unit="%") as advance:
        table = compare(sets, {"judge": PairList(judge)}, recipe, seeds=args.seeds, workers=args.workers, advance=advance)
    print(f"{'trained on frames blended with':<32}{'gain, dB':>24}{'behind the best, dB':>28}")
    for name, cells in table.items():
        cell = cells["judge"]
        print(f"{name:<32}{cell.gain_db!s:>24}{cell.behind_db!s:>28}{'  cannot be told from the best' if cell.as_good else ''}")


if __name__ == "__main__":
    main()
