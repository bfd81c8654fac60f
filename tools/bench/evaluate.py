"""How fast is ``blurdata evaluate``, and does it agree with the official steps?

python tools/bench/evaluate.py [--images 12] [--protocol realblur]

Prints images per second with one process and with two, their ratio (target 1.7), and the largest difference of PSNR to a direct
transcription of the published RealBlur steps (target 1e-4 dB).
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from rows import note

from blurdata.files import write_png
from blurdata.metrics import Protocol, Task, evaluate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--protocol", default="realblur")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tasks = make_tasks(Path(folder), options.images)
        protocol = Protocol(options.protocol)
        seconds: dict[int, list[float]] = {1: [], 2: []}
        rows = evaluate(tasks[:2], protocol, workers=1)  # warm-up
        for _ in range(options.rounds):
            for workers in (1, 2):
                start = time.perf_counter()
                rows = evaluate(tasks, protocol, workers=workers)
                seconds[workers].append(time.perf_counter() - start)
        one, two = (statistics.median(seconds[workers]) for workers in (1, 2))
        ratios = [a / b for a, b in zip(seconds[1], seconds[2], strict=True)]
        print(
            f"{options.protocol}, {len(tasks)} images of 773x680: one process {len(tasks) / one:.2f} images/s, two {len(tasks) / two:.2f}"
        )
        print(f"speed-up {statistics.median(ratios):.2f} (rounds {', '.join(f'{ratio:.2f}' for ratio in ratios)}; target 1.7)")
        note("blurdata evaluate, two processes / one", statistics.median(ratios), unit="times", at_least=1.7)
        if options.protocol == "realblur":
            official = [transcription(task) for task in tasks]
            gaps = [(abs(row.psnr - p), abs(row.ssim - s)) for row, (p, s) in zip(rows, official, strict=True)]
            worst_db, worst_ssim = (max(gap[i] for gap in gaps) for i in (0, 1))
            note("PSNR of the RealBlur protocol, difference to the official steps", worst_db, unit="dB", at_most=1e-4)
            print(f"largest difference to the official steps: {worst_db:.2e} dB (target 1e-4), SSIM {worst_ssim:.2e}")


def make_tasks(folder: Path, count: int) -> list[Task]:
    """Restored pictures that are shifted, turned, dimmed, blurred and noisy, at RealBlur's size."""
    from skimage import data, transform  # here, because worker processes import this script

    photographs = [data.astronaut(), data.coffee(), data.cat(), data.rocket()]
    rng = np.random.default_rng(0)
    tasks = []
    for index in range(count):
        picture = transform.resize(photographs[index % 4], (773, 680), order=3, anti_aliasing=False)
        sharp = (np.clip(picture, 0, 1) * 255).astype(np.uint8)
        warp = np.float32([[1, rng.normal(0, 2e-3), rng.normal(0, 1.5)], [rng.normal(0, 2e-3), 1, rng.normal(0, 1.5)]])
        moved = cv2.warpAffine(sharp, warp, (680, 773), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        moved = cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.4, 2)) * rng.uniform(0.9, 1.05) + rng.normal(0, 2, sharp.shape)
        restored = np.clip(np.rint(moved), 0, 255).astype(np.uint8)
        paths = folder / "restored" / f"{index}.png", folder / "sharp" / f"{index}.png"
        for path, pixels in zip(paths, (restored, sharp), strict=True):
            write_png(path, pixels)
        tasks.append(Task(str(index), *paths))
    return tasks


def transcription(task: Task) -> tuple[float, float]:
    """The published steps, one after the other."""
    from skimage.metrics import structural_similarity

    z, x = (cv2.imread(str(path))[..., ::-1].astype("float32") / 255 for path in (task.restored, task.sharp))
    zs = (np.sum(x * z) / np.sum(z * z)) * z
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 0)
    greys = [cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY) for picture in (x, zs)]
    _, warp = cv2.findTransformECC(*greys, np.eye(3, 3, dtype=np.float32), cv2.MOTION_HOMOGRAPHY, criteria, inputMask=None, gaussFiltSize=5)
    size = (x.shape[1], x.shape[0])
    zr = cv2.warpPerspective(zs, warp, size, flags=cv2.INTER_CUBIC + cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT)
    cr = cv2.warpPerspective(np.ones_like(zs), warp, size, flags=cv2.INTER_NEAREST + cv2.WARP_INVERSE_MAP, borderValue=0)
    zr, xr = zr * cr, x * cr
    error = np.sum((xr - zr) ** 2, dtype=np.float64) / np.sum(cr)
    options = {"channel_axis": -1, "gaussian_weights": True, "use_sample_covariance": False, "data_range": 1.0, "full": True}
    _, ssim_map = structural_similarity(xr, zr, **options)
    inner = (slice(5, -5), slice(5, -5))
    ssim = ((ssim_map * cr)[inner].sum(0).sum(0) / cr[inner].sum(0).sum(0)).mean()
    return 10 * np.log10(1 / error), float(ssim)


if __name__ == "__main__":
    main()
