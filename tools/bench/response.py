"""Error of ``blurdata calibrate-response`` against known curves: ``python tools/bench/response.py``, about two minutes.

Prints, for each kind of noise and each method, the largest relative error over codes 10 to 245 after the best scale: the worst of
six curves, two scenes and three channels, from seven exposures one stop apart, noisy and clipped. With ``--seeds 20``: the worst and the
median of our method over so many brackets of each curve and scene.
"""

import argparse

import numpy as np
from rows import note
from skimage import data

from blurdata.color import curve
from blurdata.sensor import NOISE_LEVELS, NoiseLevel, poisson_gaussian
from blurdata.synthesis.response import calibrate_response

CODES = np.arange(256) / 255
TIMES = 4.0 * 0.5 ** np.arange(6, -1, -1)


def curves():
    """Light of 256 codes."""
    light = np.linspace(0, 1, 20001)
    root = light ** (1 / 2.2)
    s_shaped = 0.6 * root**2 * (3 - 2 * root) + 0.4 * root
    film = ((1 - np.exp(-4 * light)) / (1 - np.exp(-4))) ** 0.8
    known = {name: curve(name).decode(CODES) for name in ("gamma22", "srgb", "linear")}
    codes = np.maximum.accumulate(curve("sony_a7r3").encode(light))  # no camera's curve falls; this one does above code 250
    codes = codes / codes[-1] + 1e-9 * light
    return known | {
        "sony_a7r3": np.interp(CODES, codes, light),
        "s_curve": np.interp(CODES, s_shaped, light),
        "film": np.interp(CODES, film, light),
    }


def scenes():
    """Linear light of two scenes over several stops."""
    y, x = np.mgrid[0:256, 0:320]
    yield (1e-3 * 3e3 ** (x / 319))[..., None] * np.array([1.0, 0.8, 1.2])
    picture = (data.astronaut()[::2, ::2] / 255.0) ** 2.2
    y, x = np.mgrid[0:256, 0:256]
    yield (0.002 + picture) * np.exp(1.5 * np.sin(x / 50) + 1.2 * np.cos(y / 40))[..., None]


def bracket(scene, table, noise, code_noise, rng):
    """Seven 8-bit pictures."""
    for time in TIMES:
        light = np.clip(poisson_gaussian(scene * time, noise, rng), 0, 1)
        codes = np.interp(light, table, 255 * CODES) + rng.normal(0, code_noise, light.shape)
        yield np.clip(np.floor(codes + 0.5), 0, 255).astype(np.uint8)


def error(estimate, truth):
    """Largest relative error over codes 10 to 245 after the best scale."""
    ratio = estimate[10:246] / truth[10:246]
    return np.abs(ratio / np.exp(np.log(ratio).mean()) - 1).max()


def over_seeds(count):
    """Print the worst and the median error of many brackets of RSBlur's noise."""
    worst = 0.0
    for name, table in curves().items():
        for number, scene in enumerate(scenes()):
            errors = []
            for seed in range(1000, 1000 + count):
                shots = list(bracket(scene, table, NOISE_LEVELS["rsblur"], 0.0, np.random.default_rng(seed)))
                found = calibrate_response(shots, TIMES).table
                errors += [error(found[:, c], table) for c in range(3)]
            worst = max(worst, *errors)
            print(f"{name:10} scene {number}: worst {100 * max(errors):.2f} %, median {100 * np.median(errors):.2f} %", flush=True)
    note(f"response, largest error of {count} brackets of each curve and scene", 100 * worst, unit="%", at_most=2)


def main():
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--noises", type=int, help="only the first few kinds of noise")
    options.add_argument("--seeds", type=int, help="only the comparagram, over so many brackets of each curve and scene")
    given = options.parse_args()
    few = given.noises
    if given.seeds:
        over_seeds(given.seeds)
        return
    noises = {f"noise of {name}": (level, 0.0) for name, level in NOISE_LEVELS.items()}
    noises |= {"no noise": (NoiseLevel(0, 0), 0.0), "1 code, Gaussian": (NoiseLevel(0, 0), 1.0)}
    print(f"{'':20}" + "".join(f"{method:>14}" for method in ("comparagram", "debevec", "robertson")))
    for label, (noise, code_noise) in list(noises.items())[:few]:
        worst = {}
        for seed, scene in enumerate(scenes()):
            for table in curves().values():
                shots = list(bracket(scene, table, noise, code_noise, np.random.default_rng(seed)))
                for method in ("comparagram", "debevec", "robertson"):
                    result = calibrate_response(shots, TIMES, method=method).table
                    worst[method] = max(worst.get(method, 0), *(error(result[:, c], table) for c in range(3)))
        ours, peer = worst["comparagram"], min(worst["debevec"], worst["robertson"])
        note(f"response, largest error, {label} / OpenCV's better one", 100 * ours, peer=100 * peer, ratio=peer / ours, unit="%")
        print(f"{label:20}" + "".join(f"{100 * value:12.1f} %" for value in worst.values()), flush=True)


if __name__ == "__main__":
    main()
