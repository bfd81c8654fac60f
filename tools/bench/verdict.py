"""Is the verdict by training right? Sets that are good and sets that are spoilt, five seeds each.

    python tools/bench/verdict.py [--seeds 5] [--pairs 240] [--kinds good shuffled swapped unblurred "shift 2"] [--photos FOLDER]

Kernel-blurred pairs of photographs (scikit-image's by default, or ``--photos``): lines, disks, shake and Gaussians in linear light with
noise; every pair of a spoilt set is spoilt alike. Printed for each set: the verdict, the gain over the input and over the best linear
filter, the rise of the edges' agreement, the halves' shift, coherence and edge ratio, and the seconds it took. The floors of
``blurdata.training.verdict`` are set from this table. About two minutes a set on two idle cores. Scikit-image's seven photographs are few
scenes to learn from: the intervals of good sets are three times as wide as those of hundreds of photographs.
"""

import argparse
import os
import time

from findings import Made, find_photos

from blurdata.progress import progress
from blurdata.recipe import read_recipe
from blurdata.training import TrainRecipe, Verdict, verify_by_training

WANTED = {"good": ("pass",), "shuffled": ("fail",), "swapped": ("fail",), "unblurred": ("fail",), "shift 2": ("weak", "fail")}


def main() -> None:
    """Judge every set and count what was judged wrongly."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", default=list(WANTED), choices=list(WANTED))
    parser.add_argument("--seeds", type=int, default=5, help="sets of each kind")
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--pairs", type=int, default=240)
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--photos", help="folder of photographs")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    photos = find_photos(args.photos)
    recipe = read_recipe("verdict", TrainRecipe)
    if args.steps:
        recipe = recipe.model_copy(update={"stages": (recipe.stages[0].model_copy(update={"steps": args.steps}),)})
    print(f"{recipe.steps} steps; 95 % intervals over scenes and seeds")
    wrong = 0
    for kind in args.kinds:
        for seed in range(args.first, args.first + args.seeds):
            faults = {} if kind == "good" else dict.fromkeys(range(args.pairs), kind)
            start = time.perf_counter()
            with progress(f"{kind} {seed}", 100, unit="%") as advance:
                verdict = verify_by_training(
                    Made(photos, args.pairs, seed, faults),
                    recipe.model_copy(update={"seed": 100 * seed}),
                    workers=args.workers,
                    advance=advance,
                )
            right = verdict.status in WANTED[kind]
            wrong += not right
            tell(kind, seed, verdict, time.perf_counter() - start, right)
    print(f"judged wrongly: {wrong} of {len(args.kinds) * args.seeds}")


def tell(kind: str, seed: int, verdict: Verdict, seconds: float, right: bool) -> None:
    """One line."""
    v, rise, mark = verdict, verdict.agreement, "" if right else " WRONG"
    print(
        f"{kind:<10} seed {seed}  {v.status:<5}{mark}  gain {v.gain_db}  over filter {v.over_filter_db}  "
        f"agreement {rise.mean:+.3f} [{rise.low:+.3f}, {rise.high:+.3f}]  shift {v.shift_px:.2f} px  coherence {v.coherence:.2f}  "
        f"edges {v.edge_ratio:.2f}  {seconds:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
