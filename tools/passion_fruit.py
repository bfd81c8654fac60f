"""Render graded passion fruits: synthetic pictures, plainly labelled so, for tests and for showing what blur does to grading.

    python tools/passion_fruit.py --out fruits --count 400 --seed 0     # fruits/grade_0 … fruits/grade_3, PNG, 224x224

No graded photographs of passion fruit are to be had, so these stand in. The four grades are ordered by what the trade looks at:
shrivelling (wrinkles some 6 px apart), blemishes (spots of 2 to 6 px) and ripeness colour, whose ranges overlap so that colour alone
tells about two in three. Light, background, size, place, noise and exposure vary alike in all grades. Nothing here is a photograph, and
no score on it says anything about real fruit.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.color import curve
from blurdata.errors import BlurDataError, OutputError
from blurdata.files import make_folder, write_png
from blurdata.naming import walk_images

GRADES = 4
SIDE = 224
MOST = 100_000  # pictures: some 10 GB, and numbers of five digits in the names
Float = NDArray[np.float64]

# by grade: depth of the wrinkles (px of relief), spots on the visible half, share of the skin that is still green
_WRINKLES = (0.10, 0.32, 0.60, 0.95)
_SPOTS = (3, 14, 30, 52)
_GREEN = (0.80, 0.60, 0.40, 0.20)
_GREEN_SPREAD = 0.14
_PURPLE, _GREEN_SKIN, _BROWN = np.array([0.11, 0.035, 0.075]), np.array([0.22, 0.28, 0.06]), np.array([0.20, 0.12, 0.07])


def passion_fruit(grade: int, rng: np.random.Generator, *, side: int = SIDE) -> NDArray[np.uint8]:
    """One picture of a fruit of ``grade`` (0 best to 3 worst): (side, side, 3) uint8 RGB; all randomness comes from ``rng``."""
    y, x = np.mgrid[:side, :side] / side
    radius = rng.uniform(0.30, 0.40)
    cx, cy = 0.5 + rng.uniform(-0.07, 0.07, 2)
    squash, turn = rng.uniform(0.90, 1.0), rng.uniform(0, np.pi)
    u, v = x - cx, y - cy
    u, v = u * np.cos(turn) + v * np.sin(turn), (v * np.cos(turn) - u * np.sin(turn)) / squash
    distance = np.hypot(u, v) / radius
    inside = np.clip((1 - distance) * radius * side, 0, 1)[..., None]  # anti-aliased edge
    height = np.sqrt(np.clip(1 - distance**2, 0, 1)) * radius * side

    relief = height + _wrinkles(grade, rng, side)
    light = _light(relief, rng)
    skin = _skin(grade, rng, side) * light[..., None] + _gloss(height, rng)[..., None]
    scene = _background(rng, side, distance) * (1 - inside) + skin * inside
    return _photograph(scene, rng)


def _band_noise(rng: np.random.Generator, side: int, wavelength_px: float) -> Float:
    """Smooth noise of about one wavelength, zero mean, unit deviation."""
    white = rng.standard_normal((side, side))
    sigma = wavelength_px / 5
    band = cv2.GaussianBlur(white, (0, 0), sigma) - cv2.GaussianBlur(white, (0, 0), 1.6 * sigma)
    return (band - band.mean()) / band.std()


def _wrinkles(grade: int, rng: np.random.Generator, side: int) -> Float:
    depth = _WRINKLES[grade] * rng.uniform(0.75, 1.25)
    ridges = 1 - np.abs(_band_noise(rng, side, rng.uniform(8, 12)))
    patchy = 0.6 + 0.4 * np.tanh(_band_noise(rng, side, 90))
    return depth * ridges * patchy


def _skin(grade: int, rng: np.random.Generator, side: int) -> Float:
    share = np.clip(rng.normal(_GREEN[grade], _GREEN_SPREAD), 0, 1)
    green = 1 / (1 + np.exp(-3 * (_band_noise(rng, side, 120) + 2.2 * (2 * share - 1))))
    skin = _PURPLE * (1 - green[..., None]) + _GREEN_SKIN * green[..., None]
    skin = skin * (1 + 0.06 * _band_noise(rng, side, 5)[..., None])
    blemish = np.zeros((side, side))
    for _ in range(rng.poisson(_SPOTS[grade])):
        centre = rng.uniform(0.15, 0.85, 2) * side
        _add_spot(blemish, centre, rng.uniform(1.0, 3.0), rng.uniform(0.6, 1.0))
    tone = _BROWN * rng.uniform(0.5, 1.6)
    return skin * (1 - blemish[..., None]) + tone * blemish[..., None]


def _add_spot(blemish: Float, centre: Float, radius_px: float, strength: float) -> None:
    """A soft-edged round spot, painted only where it lies."""
    side = blemish.shape[0]
    x0, y0 = (np.maximum(centre - radius_px - 2, 0)).astype(int)
    x1, y1 = (np.minimum(centre + radius_px + 3, side)).astype(int)
    y, x = np.mgrid[y0:y1, x0:x1]
    spot = strength * np.clip(radius_px + 0.5 - np.hypot(x - centre[0], y - centre[1]), 0, 1)
    np.maximum(blemish[y0:y1, x0:x1], spot, out=blemish[y0:y1, x0:x1])


def _light(relief: Float, rng: np.random.Generator) -> Float:
    """Lambert's cosine of the relief under one lamp plus ambient light."""
    gy, gx = np.gradient(relief)
    azimuth, elevation = rng.uniform(0, 2 * np.pi), rng.uniform(0.7, 1.2)
    lx, ly, lz = np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)
    cosine = (lz - lx * gx - ly * gy) / np.sqrt(1 + gx**2 + gy**2)
    ambient = rng.uniform(0.35, 0.6)
    return ambient + (1.6 - ambient) * np.clip(cosine, 0, None)


def _gloss(height: Float, rng: np.random.Generator) -> Float:
    gy, gx = np.gradient(cv2.GaussianBlur(height, (0, 0), 2))
    tilt = rng.uniform(-0.5, 0.5, 2)
    return rng.uniform(0.0, 0.35) * np.exp(-((gx - tilt[0]) ** 2 + (gy - tilt[1]) ** 2) / 0.03)


def _background(rng: np.random.Generator, side: int, distance: Float) -> Float:
    """Cloth, wood or gravel: stretched noise of a random scale in a random muted colour, with a soft shadow round the fruit."""
    colour = rng.uniform(0.08, 0.6) * np.clip(1 + rng.normal(0, 0.15, 3), 0.4, 1.6)
    grain = _band_noise(rng, side, rng.uniform(4, 40))
    if rng.random() < 0.5:
        grain = cv2.GaussianBlur(grain, (0, 0), sigmaX=rng.uniform(4, 20), sigmaY=0.6)
        grain /= grain.std()
    shadow = 1 - 0.5 * np.exp(-((np.clip(distance - 1, 0, None) / 0.25) ** 2))
    return colour * (np.clip(1 + rng.uniform(0.05, 0.25) * grain, 0.1, None) * shadow)[..., None]


def _photograph(scene: Float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """White balance, exposure, a lens that is never quite sharp, shot noise, the sRGB curve, 8 bits."""
    balance = np.array([rng.uniform(0.9, 1.15), 1.0, rng.uniform(0.9, 1.15)])
    exposed = cv2.GaussianBlur(scene * balance * rng.uniform(0.9, 1.7), (0, 0), 0.6)
    noisy = exposed + rng.standard_normal(scene.shape) * np.sqrt(1e-5 + 2e-4 * np.clip(exposed, 0, None))
    return np.floor(curve("srgb").encode(np.clip(noisy, 0, 1)) * 255 + 0.5).astype(np.uint8)


def fruit_paths(out: Path, count: int) -> list[Path]:
    """Where the pictures of a run go, in the order of their numbers: grade by grade in turn."""
    return [out / f"grade_{index % GRADES}" / f"synthetic_{index:05d}.png" for index in range(count)]


def refuse_others(out: Path, count: int) -> None:
    """Raise OutputError if a grade's folder holds pictures that a run of ``count`` would not write over: they would pass for its own."""
    folders = [folder for grade in range(GRADES) if (folder := out / f"grade_{grade}").is_dir()]
    ours = set(fruit_paths(out, count))
    others = [path for folder in folders for path in walk_images(folder) if path not in ours]
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        msg = f"{others[0]}{more}: not among the {count} pictures of this run, which would be mixed with it; choose another --out."
        raise OutputError(msg)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder that gets grade_0 … grade_3, without other pictures in them")
    parser.add_argument("--count", type=int, default=400, help="pictures of all grades together")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not 1 <= options.count <= MOST:
        parser.error(f"--count must be from 1 to {MOST}, got {options.count}")
    if options.seed < 0:
        parser.error(f"--seed must be 0 or more, got {options.seed}")
    try:
        refuse_others(options.out, options.count)
        for grade in range(GRADES):
            make_folder(options.out / f"grade_{grade}")
        for index, path in enumerate(fruit_paths(options.out, options.count)):
            write_png(path, passion_fruit(index % GRADES, np.random.default_rng([options.seed, index])))
    except BlurDataError as error:
        raise SystemExit(str(error)) from None
    print(f"{options.count} synthetic fruits of {GRADES} grades in {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
