"""How fast are pairs made: ours, written to shards, against decoding alone, the usual numpy script, and FFmpeg's tmix.

    python tools/bench/synthesis.py [--frames 14400] [--rounds 3] [--only speed|memory|index]

speed: a minute of 240 frames a second, 1280x720 H.264, windows of 11 frames, no interpolation; `blur_gamma`, the mean of light, which
the numpy script makes too, and `blur`, the mean of codes. The analysis pass is cached and its own cost is shown beside, as is what
starting the workers costs. tmix is measured thrice: with the pairs it makes stored as we store ours, which is the like of `blur`; with
light instead of codes (16 bits, FFmpeg's own gamma before and after), the like of `blur_gamma`; and codes with nothing stored. Every
round times all of them one after the other on the same file; the figures are medians of frames per second and of the ratios within a
round. On a busy machine the processor's time tells more: it stands beside.

memory: the peak of all processes together (proportional set size), for a film and for one three times as long.

index: size and time of the analysis of a film of a million frames (over an hour at 240 frames a second), kept and read again.
"""

import argparse
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path

import av
import cv2
import numpy as np
from rows import note

from blurdata.shards import Settings, build
from blurdata.synthesis import SynthesisRecipe, synthesize
from blurdata.synthesis.analysis import Analysis, keep, recall
from blurdata.synthesis.steps import STEPS
from blurdata.synthesis.windows import plan_windows

WINDOW = 11
FIELDS = {"window": WINDOW, "variant": "blur_gamma", "still_change": 0}
VARIANTS = ("blur_gamma", "blur")
TMIX = {"blur": "ffmpeg tmix, stored", "blur_gamma": "ffmpeg tmix of light, stored"}
UNSTORED = "ffmpeg tmix, not stored"
GOALS = {"decode alone, 1 thread": 0.5, "numpy script": 10.0, UNSTORED: 2.0}  # either variant, on all cores, over each
GOAL_TMIX = 2.0  # a variant over its own like


def make_film(path: Path, frames: int) -> int:
    """A camera over photographs, coded once and repeated by copying packets; returns the number of frames."""
    from skimage import data

    scene = np.hstack([cv2.resize(picture, (1600, 1600)) for picture in (data.coffee(), data.astronaut())])
    once = path.with_name("once.mp4")
    rng = np.random.default_rng(0)
    with av.open(str(once), "w") as container:
        stream = container.add_stream("libx264", rate=240, options={"crf": "20", "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for i in range(220):
            x, y = 800 + 700 * np.sin(2 * np.pi * i / 220), 400 + 300 * np.cos(2 * np.pi * i / 110)
            view = cv2.warpAffine(scene, np.float32([[1, 0, -x], [0, 1, -y]]), (1280, 720), flags=cv2.INTER_LINEAR)
            noisy = np.clip(view + rng.normal(0, 2, (720, 1280, 1)), 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noisy, format="rgb24")))
        container.mux(stream.encode())
    times = max(1, frames // 220)
    with av.open(str(path), "w") as out:
        target = None
        for k in range(times):
            with av.open(str(once)) as source:
                stream = source.streams.video[0]
                target = target or out.add_stream_from_template(stream)
                length = int(220 / 240 / stream.time_base)
                for packet in source.demux(stream):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + k * length, packet.dts + k * length
                    packet.stream = target
                    out.mux(packet)
    return 220 * times


def decode_alone(path: Path) -> int:
    """Decoding on one thread."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        return sum(1 for _ in container.decode(stream))


def usual_script(path: Path, limit: int) -> int:
    """What everybody writes: float power, mean, power."""
    done, window = 0, []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            window.append(frame.to_ndarray(format="rgb24"))
            done += 1
            if len(window) == WINDOW:
                light = np.mean([(picture / 255.0) ** 2.2 for picture in window], axis=0)
                (255 * light ** (1 / 2.2)).round().astype(np.uint8)
                window = []
            if done == limit:
                break
    return done


def tmix(path: Path, variant: str, folder: Path | None) -> None:
    """FFmpeg's own averaging (5.1 or newer): blurry and sharp pictures, raw in two files of a folder, or the blurry ones thrown away."""
    last, middle = (f"select='eq(mod(n\\,{WINDOW})\\,{place})'" for place in (WINDOW - 1, WINDOW // 2))
    mean = f"tmix=frames={WINDOW},{last}"
    if variant == "blur_gamma":
        to_light, to_codes = (f"lutrgb=r=gammaval({power}):g=gammaval({power}):b=gammaval({power})" for power in ("2.2", "1/2.2"))
        mean = f"{to_light},{mean},{to_codes}"
    planar = "gbrp16" if variant == "blur_gamma" else "gbrp"
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(path)]
    if folder is None:
        command += ["-vf", f"format={planar},{mean}", "-fps_mode", "passthrough", "-f", "null", "-"]
    else:
        halves = f"format={planar},split[a][b];[a]{mean},format=rgb24[blurry];[b]{middle},format=rgb24[sharp]"
        command += ["-filter_complex", halves]
        for half in ("blurry", "sharp"):
            command += ["-map", f"[{half}]", "-fps_mode", "passthrough", "-f", "rawvideo", str(folder / half)]
    subprocess.run(command, check=True)


def costs(frames: int, work: Callable[[], object]) -> tuple[float, float]:
    """Frames per second, and frames per second of processor time, that of finished child processes included."""
    begin, before = time.perf_counter(), sum(os.times()[:4])
    work()
    took = time.perf_counter() - begin
    forkserver._forkserver._stop()  # the time of workers counts once the server they were forked from has ended; every build starts it anew
    return frames / took, frames / (sum(os.times()[:4]) - before)


def speed(folder: Path, *, frames: int, rounds: int, workers: int) -> None:
    """Time all of them and print medians and ratios."""
    film, short = folder / "film.mp4", folder / "short.mp4"
    frames = make_film(film, frames)
    make_film(short, 220)
    look = costs(frames, lambda: synthesize(film, FIELDS, cache=folder / "cache"))[0]
    pairs = {name: synthesize(film, {**FIELDS, "variant": name}, cache=folder / "cache") for name in VARIANTS}
    few = synthesize(short, FIELDS, cache=folder / "cache")
    settings = Settings(pairs=max(1, len(few) // workers))
    starts = [220 / costs(220, lambda k=k: build(few, folder / f"few{k}", workers=workers, settings=settings))[0] for k in range(2)]
    jobs: dict[str, tuple[int, Callable[[], object]]] = {
        "decode alone, 1 thread": (frames, lambda: decode_alone(film)),
        **{_ours(name): (frames, lambda name=name: build(pairs[name], folder / "out", workers=workers)) for name in VARIANTS},
        "ours, 1 process, not stored": (frames, lambda: sum(1 for _ in pairs["blur_gamma"])),
        "numpy script": (110, lambda: usual_script(film, 110)),
    }
    if shutil.which("ffmpeg"):
        (folder / "raw").mkdir(exist_ok=True)
        jobs |= {TMIX[name]: (frames, lambda name=name: tmix(film, name, folder / "raw")) for name in VARIANTS}
        jobs[UNSTORED] = (frames, lambda: tmix(film, "blur", None))
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, (count, work) in jobs.items():
            found[name].append(costs(count, work))
            shutil.rmtree(folder / "out", ignore_errors=True)
            for half in (folder / "raw").glob("*"):
                half.unlink()
    load = os.getloadavg()[0]
    said = f"{frames} frames of 1280x720 H.264, {len(pairs['blur'])} pairs, {workers} workers, {rounds} rounds, load {load:.1f}"
    print(f"{said}\nanalysis pass (once, then cached): {look:.0f} frames/s; a build of 220 frames, workers started: {min(starts):.1f} s")
    heads = [f"{name} / this" for name in VARIANTS]
    print(f"{'':<30}{'frames/s':>10}", *(f"{head:>18}" for head in heads), f"{'per CPU s':>12}", *(f"{head:>18}" for head in heads), sep="")
    for name, values in found.items():
        wall, cpu = (statistics.median(column) for column in zip(*values, strict=True))
        ratios = [[_ratio(found[_ours(variant)], values, k) for variant in VARIANTS] for k in (0, 1)]
        by_wall, by_cpu = ("".join(f"{ratio:>18.2f}" for ratio in row) for row in ratios)
        print(f"{name:<30}{wall:>10.0f}{by_wall}{cpu:>12.0f}{by_cpu}")
        for variant, ratio in zip(VARIANTS, ratios[0], strict=True):
            if goal := GOAL_TMIX if name == TMIX[variant] else GOALS.get(name):
                own = statistics.median(pace[0] for pace in found[_ours(variant)])
                note(f"frames made to pairs, {variant} / {name}", own, peer=wall, ratio=ratio, unit="1/s", at_least=goal)
    if UNSTORED not in jobs:
        print("ffmpeg tmix: not measured, there is no ffmpeg on this machine")


def _ours(variant: str) -> str:
    return f"ours, {variant}, to shards"


def _ratio(ours: list[tuple[float, float]], theirs: list[tuple[float, float]], which: int) -> float:
    """The median over rounds, by the clock (0) or by processor time (1)."""
    return statistics.median(a[which] / b[which] for a, b in zip(ours, theirs, strict=True))


def memory(folder: Path, *, frames: int, workers: int) -> None:
    """Print the peak memory of analysis and build for two lengths of film."""
    for length in (frames // 3, frames):
        film = folder / f"film{length}.mp4"
        length = make_film(film, length)
        process = multiprocessing.get_context("spawn").Process(target=_whole, args=(film, folder / f"out{length}", workers))
        process.start()
        together, largest, processes = 0.0, 0.0, 0
        while process.is_alive():
            sizes = list(_sizes_mb(process.pid))
            together, largest, processes = max(together, sum(sizes)), max([largest, *sizes]), max(processes, len(sizes))
            time.sleep(0.1)
        process.join()
        if process.exitcode:
            sys.exit("The build failed; see its message above.")
        shutil.rmtree(folder / f"out{length}", ignore_errors=True)
        print(f"{length} frames of 1280x720: at most {largest:.0f} MB in a process, {together:.0f} MB in all {processes}")


def _whole(film: Path, out: Path, workers: int) -> None:
    build(synthesize(film, FIELDS), out, workers=workers)


def _sizes_mb(pid: int) -> Iterator[float]:
    """Memory of a process and of all below it, shared pages divided among those that share them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has just ended
        return
    yield from (int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss:"))
    for child in children:
        yield from _sizes_mb(int(child))


def index(folder: Path) -> None:
    """Print what the analysis of a very long film takes; its numbers are random, which packs worse than any film's."""
    count, rng = 1_000_000, np.random.default_rng(0)
    steps = np.zeros(count - 1, STEPS)
    for name in steps.dtype.names:
        steps[name] = rng.gamma(2, 3, count - 1).round(3)
    stamps = np.arange(count)
    known = Analysis(720, 1280, 8, (stamps / 240).round(6), stamps * 512, stamps[::250], steps, "0" * 32)
    path, begin = folder / "long.npz", time.perf_counter()
    keep(path, known)
    kept, begin = time.perf_counter() - begin, time.perf_counter()
    again = recall(path, known.fingerprint)
    took, begin = time.perf_counter() - begin, time.perf_counter()
    windows, _ = plan_windows("long", again, SynthesisRecipe(window=WINDOW, still_change=0))
    print(f"{count} frames: {path.stat().st_size / 1e6:.1f} MB, kept in {kept:.1f} s, read in {took:.2f} s")
    print(f"{len(windows)} windows planned in {time.perf_counter() - begin:.1f} s")


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=14400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=["speed", "memory", "index"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        if arguments.only in (None, "speed"):
            speed(folder, frames=arguments.frames, rounds=arguments.rounds, workers=arguments.workers)
        if arguments.only in (None, "memory"):
            memory(folder, frames=arguments.frames, workers=arguments.workers)
        if arguments.only in (None, "index"):
            index(folder)


if __name__ == "__main__":
    main()
