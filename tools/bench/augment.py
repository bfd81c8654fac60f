"""What blurring costs, against albumentations and kornia, although ours works in linear light and theirs do not.

    python tools/bench/augment.py            everything (a minute or two)
    python tools/bench/augment.py --ways     what each way of convolving costs, for the constants in blurdata/convolution/single.py

Needs the ``bench`` extra. One thread. Ours and the peer's are run in turns after a warm-up and the median is taken, of wall time
and of the thread's own processor time: the second leaves out what other programs on the machine take away.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import albumentations as A
import cv2
import kornia
import kornia.augmentation as K
import numba
import numpy as np
import skimage.data
import torch
from rows import note

from blurdata import convolve, convolve_batch, psf
from blurdata.color import curve
from blurdata.convolution import single, strokes, words

ROUNDS = 21
Times = dict[str, tuple[float, float]]


def medians(functions: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> Times:
    """Milliseconds of wall and of processor time of each function, measured in turns."""
    for function in functions.values():
        function()
        function()
    walls: dict[str, list[float]] = {name: [] for name in functions}
    own: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            wall, processor = time.perf_counter(), time.thread_time()
            function()
            own[name].append(1e3 * (time.thread_time() - processor))
            walls[name].append(1e3 * (time.perf_counter() - wall))
    return {name: (statistics.median(walls[name]), statistics.median(own[name])) for name in functions}


def show(title: str, times: Times, peer: str, targets: dict[str, float]) -> None:
    """One table: time, how many times quicker than the peer, and what was promised."""
    for name, goal in targets.items():
        (_, theirs), (_, ours) = times[peer], times[name]
        note(f"{name} / {peer}", ours, peer=theirs, ratio=theirs / ours, unit="cpu ms", at_least=goal)
    print(f"\n{title}")
    for name, (wall, own) in times.items():
        quicker = "" if name == peer else f"peer / ours {times[peer][0] / wall:5.2f} (wall) {times[peer][1] / own:5.2f} (cpu)"
        goal = f"target {targets[name]:.2f}" if name in targets else ""
        print(f"  {name:<44}{wall:8.2f} ms wall {own:8.2f} ms cpu   {quicker:<44}{goal}")


def strokes_against_albumentations(image: np.ndarray) -> None:
    """Motion of 7, 31 and 61 px at several angles."""
    angles, turn = (0, 17, 30, 45, 75, 90, 120), iter(range(10**9))
    for length in (7, 31):
        theirs = A.MotionBlur(blur_limit=(length, length), p=1)
        ours = [psf.motion(length, angle) for angle in angles]
        functions: dict[str, Callable[[], object]] = {
            f"albumentations MotionBlur {length}": lambda theirs=theirs: theirs(image=image),
            f"motion {length} px, sRGB": lambda ours=ours: convolve(image, ours[next(turn) % len(ours)]),
            f"motion {length} px, curve=linear": lambda ours=ours: convolve(image, ours[next(turn) % len(ours)], curve="linear"),
            f"motion {length} px, sRGB, PSF made anew": lambda length=length: convolve(image, psf.motion(length, next(turn) * 37 % 180)),
        }
        targets = {
            7: {"motion 7 px, sRGB": 1 / 4, "motion 7 px, curve=linear": 1 / 1.3},
            31: {"motion 31 px, sRGB": 6.0 if int(cv2.__version__.split(".")[0]) >= 5 else 1.5},
        }[length]
        show(
            f"512x512 uint8 RGB, motion of {length} px (angles {angles})",
            medians(functions, 35),
            f"albumentations MotionBlur {length}",
            targets,
        )
    by_length = {f"motion {n} px": [psf.motion(n, angle) for angle in angles] for n in (31, 61)}
    times = medians({name: lambda ks=ks: convolve(image, ks[next(turn) // 2 % len(ks)]) for name, ks in by_length.items()}, 35)
    (short, short_cpu), (long, long_cpu) = times.values()
    note("motion 61 px / 31 px, time", long_cpu / short_cpu, unit="times", at_most=1.8)
    print(f"\n61 px over 31 px: {long / short:.2f} (wall) {long_cpu / short_cpu:.2f} (cpu)   target at most 1.8")


def apertures_against_albumentations(image: np.ndarray) -> None:
    """A disk of radius 15, and other PSFs of that size."""
    theirs, disk = A.Defocus(radius=(15, 15), p=1), psf.disk(15)
    hexagon, spot = psf.polygon(15, blades=6), psf.gaussian(5)
    shake = psf.shake(31, rng=np.random.default_rng(0))
    functions: dict[str, Callable[[], object]] = {
        "albumentations Defocus 15": lambda: theirs(image=image),
        "disk 15, sRGB": lambda: convolve(image, disk),
        "disk 15, curve=linear": lambda: convolve(image, disk, curve="linear"),
        "hexagon 15, sRGB": lambda: convolve(image, hexagon),
        "gaussian sigma 5, sRGB": lambda: convolve(image, spot),
        "shake 31 px, sRGB": lambda: convolve(image, shake),
    }
    show("512x512 uint8 RGB, apertures", medians(functions), "albumentations Defocus 15", {"disk 15, sRGB": 4.0})


def batches_against_kornia() -> None:
    """A batch with its own length and angle a sample; kornia has one kernel size for all."""
    rng = np.random.default_rng(0)
    images = torch.rand(16, 3, 256, 256)
    bytes_ = (images * 255).to(torch.uint8)
    kernels = [psf.motion(rng.uniform(1, 31), rng.uniform(0, 180)) for _ in range(16)]
    longest = [psf.motion(31, rng.uniform(0, 180)) for _ in range(16)]
    theirs = K.RandomMotionBlur(31, (0.0, 360.0), (-1.0, 1.0), p=1.0)
    functions: dict[str, Callable[[], object]] = {
        "kornia RandomMotionBlur(31), float32": lambda: theirs(images),
        "lengths 1 to 31, sRGB, float32": lambda: convolve_batch(images, kernels),
        "lengths 1 to 31, curve=linear, float32": lambda: convolve_batch(images, kernels, curve="linear"),
        "all 31 px, sRGB, float32": lambda: convolve_batch(images, longest),
        "lengths 1 to 31, sRGB, uint8": lambda: convolve_batch(bytes_, kernels),
    }
    targets = {"lengths 1 to 31, sRGB, float32": 3.0, "lengths 1 to 31, curve=linear, float32": 5.0}
    show("batch of 16x3x256x256 on the CPU", medians(functions, 9), "kornia RandomMotionBlur(31), float32", targets)


def making_psfs() -> None:
    """PSFs by themselves."""
    rng = np.random.default_rng(0)
    functions: dict[str, Callable[[], object]] = {
        "psf.shake 64 px": lambda: psf.shake(64, rng=rng),
        "psf.motion 31 px": lambda: psf.motion(31, 33),
        "psf.disk 15": lambda: psf.disk(15),
        "psf.polygon 15, 6 blades": lambda: psf.polygon(15, blades=6, rotation_deg=5),
    }
    print("\nmaking PSFs")
    for name, (wall, own) in medians(functions, 201).items():
        note(name, own, unit="cpu ms", at_most=1.0 if "shake" in name else None)
        print(f"  {name:<44}{wall:8.3f} ms wall {own:8.3f} ms cpu   {'target 1 ms' if 'shake' in name else ''}")


def first_call() -> None:
    """What the first blur of a process costs, imports of numba included."""
    code = (
        "import numpy as np, time; from blurdata import convolve, psf; i = np.zeros((64, 64, 3), np.uint8); k = psf.motion(9, 20)\n"
        "t, c = time.perf_counter(), time.process_time(); convolve(i, k); print(time.perf_counter() - t, time.process_time() - c)"
    )
    print("\nfirst call in a process, wall and processor time")
    with tempfile.TemporaryDirectory() as empty:
        environment = {**os.environ, "NUMBA_CACHE_DIR": empty}
        for name in ("compiled anew", "compiled code cached"):
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
            wall, own = map(float, done.stdout.split())
            note(f"first call in a process, {name}", own, unit="cpu s", at_most=2.0)
            print(f"  {name:<44}{wall:8.2f} s wall  {own:8.2f} s cpu   target 2 s")


def ways(image: np.ndarray) -> None:
    """Nanoseconds a sample of each way, from which the cheapest is chosen."""
    response, size = curve("srgb"), image.size
    codes = image.reshape(image.shape[0], -1)
    light = response.decode(image / 255).astype(np.float32)
    print("\nnanoseconds a sample")
    for length in (1, 9, 31, 61, 121):
        kernel = psf.motion(length, 30)
        taps = words.taps_of(kernel)
        assert taps is not None
        tables = words.integer_tables(response, taps.scale)
        assert tables is not None
        functions: dict[str, Callable[[], object]] = {
            f"{taps.cost:.0f} words": lambda taps=taps, k=kernel, tables=tables: words.blur_integers(
                codes, 3, taps, k.shape, tables, "reflect"
            ),
            f"{np.count_nonzero(kernel)} taps": lambda k=kernel: strokes.blur_codes(codes, 3, k, response, "reflect"),
            "transform float32": lambda k=kernel: strokes.codes_of(single._fft(light, k, "reflect"), response),
            "transform float64": lambda k=kernel: single._fft(light.astype(np.float64), k, "reflect"),
        }
        print("  " + ", ".join(f"{name} {1e6 * own / size:.2f}" for name, (_, own) in medians(functions, 9).items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ways", action="store_true", help="only what each way of convolving costs")
    only_ways = parser.parse_args().ways
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    print(
        f"OpenCV {cv2.__version__}, albumentations {A.__version__}, kornia {kornia.__version__}, torch {torch.__version__}, "
        f"numba {numba.__version__}, numpy {np.__version__}, {platform.machine()}, one thread"
    )
    image = skimage.data.astronaut()
    if only_ways:
        ways(image)
        return
    strokes_against_albumentations(image)
    apertures_against_albumentations(image)
    batches_against_kornia()
    making_psfs()
    first_call()


if __name__ == "__main__":
    main()
