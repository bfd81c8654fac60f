"""How fast are pairs made: ours, written to shards, against decoding alone, the usual numpy script, and FFmpeg's tmix.

    python tools/bench/synthesis.py [--frames 2200] [--rounds 3]

1280x720 H.264, windows of 11 frames, no interpolation, `blur_gamma`. The analysis pass is cached and its own cost is shown beside.
Every round times all of them one after the other on the same file; the figures are medians of frames per second, and ratios.
"""

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np

from blurdata.shards import build
from blurdata.synthesis import synthesize

WINDOW = 11


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


def tmix(path: Path) -> None:
    """FFmpeg's own averaging, its result thrown away."""
    graph = f"format=gbrp,tmix=frames={WINDOW},select='not(mod(n\\,{WINDOW}))'"
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-vf", graph, "-f", "null", "-"]
    subprocess.run(command, check=True)


def rate(frames: int, work: Callable[[], object]) -> float:
    """Frames per second."""
    begin = time.perf_counter()
    work()
    return frames / (time.perf_counter() - begin)


def main() -> None:
    """Time all of them and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=2200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        film = folder / "film.mp4"
        frames = make_film(film, arguments.frames)
        fields = {"window": WINDOW, "variant": "blur_gamma", "still_change": 0}
        look = rate(frames, lambda: synthesize(film, fields, cache=folder / "cache"))
        pairs = synthesize(film, fields, cache=folder / "cache")
        build(synthesize(film, fields, cache=folder / "cache"), folder / "warm", workers=arguments.workers)
        shutil.rmtree(folder / "warm")
        found: dict[str, list[float]] = {}

        def note(name: str, value: float) -> None:
            found.setdefault(name, []).append(value)

        for number in range(arguments.rounds):
            out = folder / f"shards{number}"
            note("decode alone, 1 thread", rate(frames, lambda: decode_alone(film)))
            note("ours, to shards", rate(frames, lambda out=out: build(pairs, out, workers=arguments.workers)))
            shutil.rmtree(out)
            note("ours, 1 process, not stored", rate(frames, lambda: sum(1 for _ in pairs)))
            note("numpy script", rate(110, lambda: usual_script(film, 110)))
            if shutil.which("ffmpeg"):
                note("ffmpeg tmix", rate(frames, lambda: tmix(film)))
        ours = statistics.median(found["ours, to shards"])
        print(f"{frames} frames of 1280x720 H.264, {len(pairs)} pairs, {arguments.workers} workers, {arguments.rounds} rounds")
        print(f"{'analysis pass (once, then cached)':<36}{look:>9.0f} frames/s")
        for name, values in found.items():
            middle = statistics.median(values)
            print(f"{name:<36}{middle:>9.0f} frames/s   ours / this = {ours / middle:.2f}")


if __name__ == "__main__":
    main()
