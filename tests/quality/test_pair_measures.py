"""What is measured on a pair, against truth that is known because the pair was made from it."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from blurdata.color import curve
from blurdata.pairs import Pair, PairSource
from blurdata.psf import motion
from blurdata.quality import judge, survey
from blurdata.quality.blur import name_blur
from blurdata.quality.sharpness import blank_rows, edge_width
from blurdata.quality.shift import estimate_shift, shift_grid
from blurdata.quality.tone import clipped_share, compare_tone, noise_codes
from blurdata.sensor import Sensor, photograph

SIDE, RIM = 256, 40


def scene(seed, channels=1):
    """Rectangles of all sizes over smooth light, float32 in [0, 1], with a rim for motion to come in from."""
    rng = np.random.default_rng(seed)
    side = SIDE + 2 * RIM
    shape = (side, side, 3) if channels == 3 else (side, side)
    light = (
        cv2.resize(rng.random((6, 6, 3) if channels == 3 else (6, 6)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC) * 0.4
    )
    for _ in range(500):
        x, y = (int(v) for v in rng.integers(0, side, 2))
        w, h = (int(v) for v in rng.integers(3, 36, 2))
        cv2.rectangle(light, (x, y), (x + w, y + h), [float(v) for v in rng.uniform(0.02, 0.8, channels)], -1)
    assert light.shape == shape
    return np.clip(cv2.GaussianBlur(light, (0, 0), 0.6), 0, 1)


def line(length, angle_deg):
    """A straight motion drawn at 16 points a px with bilinear weights: written apart from the package's own."""
    points = np.linspace(-length / 2, length / 2, int(length * 16) + 1)
    return splat(np.stack([points * np.cos(np.radians(angle_deg)), -points * np.sin(np.radians(angle_deg))], axis=1))


def splat(points):
    """Equal light at (x, y) points, about their mean."""
    points = points - points.mean(axis=0)
    kernel = np.zeros((71, 71))
    low = np.floor(points).astype(int)
    part = points - low
    for dy in (0, 1):
        for dx in (0, 1):
            share = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
            np.add.at(kernel, (low[:, 1] + dy + 35, low[:, 0] + dx + 35), share)
    return kernel / kernel.sum()


def disk(radius):
    """A disk drawn on a grid ten times as fine."""
    y, x = np.mgrid[:710, :710] / 10 - 35.45
    fine = (x**2 + y**2 <= radius**2).astype(float)
    kernel = fine.reshape(71, 10, 71, 10).sum(axis=(1, 3))
    return kernel / kernel.sum()


def pair(kernel, seed, shift=(0.0, 0.0), noise=0.004):
    """Blurry and sharp planes; the blurry one is moved by ``shift`` (x, y) px."""
    light = scene(seed)
    moved = cv2.filter2D(light, -1, kernel[::-1, ::-1].astype(np.float32))
    moved = cv2.warpAffine(moved, np.float32([[1, 0, shift[0]], [0, 1, shift[1]]]), moved.shape[::-1], flags=cv2.INTER_CUBIC)
    moved = moved + np.random.default_rng(seed).normal(0, noise, moved.shape).astype(np.float32)
    inner = slice(RIM, -RIM)
    return moved[inner, inner], light[inner, inner]


@pytest.mark.parametrize("kernel", [line(4, 20), line(17, 110), line(29, 65), disk(2), disk(8)], ids=["4", "17", "29", "r2", "r8"])
@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (-2, 1.5), (4, 3)])
def test_shift_is_read_through_blur(kernel, shift):
    """The offset of the PSF's centroid is read to half a px, whatever the blur."""
    found = [estimate_shift(*pair(kernel, seed, shift)) for seed in (1, 2, 3)]
    errors = [np.hypot(f.dx - shift[0], f.dy - shift[1]) for f in found]

    assert np.median(errors) < 0.1
    assert max(errors) < 0.25


def test_uneven_motion_is_no_shift():
    """Motion that lingers at one end moves no centroid: the skewness of the PSF is not taken for a shift."""
    t = np.linspace(0, 1, 400) ** 2
    path = splat(np.stack([16 * t, 5 * t**2], axis=1))
    errors = [estimate_shift(*pair(path, seed)).px for seed in (1, 2, 3)]

    assert max(errors) < 0.2


def test_large_shift_is_found():
    """An offset of 30 px, far beyond where phase wraps, is still read."""
    found = estimate_shift(*pair(line(9, 0), 4, (30, -12)))

    assert (found.dx, found.dy) == pytest.approx((30, -12), abs=0.6)


def test_unlike_halves_share_nothing():
    """Halves of different scenes have low coherence, halves of one scene a high one."""
    blurry, sharp = pair(line(9, 0), 5)

    assert estimate_shift(blurry, sharp).coherence > 0.95
    assert estimate_shift(blurry, pair(line(9, 0), 6)[1]).coherence < 0.6


def test_grid_tells_rotation_from_shift():
    """A turned half has offsets that differ over the grid as the rotation says; a moved one has the same everywhere."""
    light = scene(7)
    turn = cv2.getRotationMatrix2D((light.shape[1] / 2, light.shape[0] / 2), 1.0, 1.0)
    turned = cv2.warpAffine(light, turn, light.shape[::-1], flags=cv2.INTER_CUBIC)
    inner = slice(RIM, -RIM)
    blurry, sharp = turned[inner, inner], light[inner, inner]
    grid = np.array(shift_grid(blurry, sharp, estimate_shift(blurry, sharp)))
    moved = np.array(shift_grid(*pair(disk(1.5), 7, (2, 1)), estimate_shift(*pair(disk(1.5), 7, (2, 1)))))

    expected = np.radians(1) * SIDE / 4  # half a tile from the centre, 1 degree
    assert grid[1, 0] == pytest.approx(-expected, abs=0.6)  # above the centre, counter-clockwise: to the left
    assert grid[7, 0] == pytest.approx(expected, abs=0.6)
    assert np.abs(moved - [2, 1]).max() < 0.4


@pytest.mark.parametrize(("length", "angle"), [(3.5, 30), (9, 75), (16, 140), (28, 5)])
def test_line_is_named_and_measured(length, angle):
    """A straight motion is called a line; its length is read to half a px and its angle to a degree or the px at its end."""
    blurry, sharp = pair(line(length, angle), 8)
    found = name_blur(blurry, sharp, estimate_shift(blurry, sharp))

    assert found.family == "line"
    assert found.size_px == pytest.approx(length, abs=0.5)
    assert abs((found.angle_deg - angle + 90) % 180 - 90) < max(1, 12 / length)


@pytest.mark.parametrize("radius", [2, 4.3, 9])
def test_disk_is_named_and_measured(radius):
    """A disk is called a disk, its radius read to 0.2 px."""
    blurry, sharp = pair(disk(radius), 9)
    found = name_blur(blurry, sharp, estimate_shift(blurry, sharp))

    assert (found.family, found.size_px) == ("disk", pytest.approx(radius, abs=0.2))


def test_other_blur_is_unknown_and_none_is_none():
    """A hook-shaped path gets no name, an unblurred half is called none."""
    t = np.linspace(0, 1, 300)
    hook = splat(np.concatenate([np.stack([14 * t, 0 * t], axis=1), np.stack([14 + 0 * t, 12 * t], axis=1)]))
    blurry, sharp = pair(hook, 10)
    same = pair(np.ones((1, 1)), 10)

    assert name_blur(blurry, sharp, estimate_shift(blurry, sharp)).family == "unknown"
    assert name_blur(*same, estimate_shift(*same)).family == "none"


def codes(light):
    """8-bit sRGB codes of linear light."""
    return (np.clip(curve("srgb").encode(light), 0, 1) * 255).round().astype(np.uint8)


LIGHT = curve("srgb").light_of_codes(8).astype(np.float32)


def test_tone_of_blur_alone_is_neutral():
    """Blur changes no brightness: ratio and gain are 1, the offset is 0, channels are in place."""
    light = scene(11, channels=3)
    tone = compare_tone(codes(cv2.GaussianBlur(light, (0, 0), 4)), codes(light), LIGHT, reach_px=14)

    assert tone.ratio == pytest.approx((1, 1, 1), abs=0.015)
    assert tone.gain == pytest.approx((1, 1, 1), abs=0.04)
    assert tone.offset == pytest.approx((0, 0, 0), abs=0.015)
    assert tone.channel_of == (0, 1, 2)


@pytest.mark.parametrize("gain", [1.0, 1.1])
def test_a_channel_that_is_black_nearly_everywhere_does_not_look_brighter(gain):
    """A camera's colours cut blue off at black, and noise that is cut off there brightens it; the other channels still tell a gain."""
    light = scene(13, channels=3) * np.float32([0.8, 0.8, 0])
    rng = np.random.default_rng(0)
    noisy = codes(gain * cv2.GaussianBlur(light, (0, 0), 3)).astype(float) + rng.normal(0, 9, light.shape)
    tone = compare_tone(np.clip(np.rint(noisy), 0, 255).astype(np.uint8), codes(light), LIGHT, reach_px=10)

    assert tone.ratio[2] == pytest.approx(1, abs=0.045)
    assert tone.ratio[:2] == pytest.approx((gain, gain), abs=0.02)


def test_gain_and_offset_are_read_per_channel():
    """Gains of 1.1, 1.0 and 0.9 and an offset of 0.02 in linear light are read back."""
    light = scene(12, channels=3) * 0.8
    spoilt = cv2.GaussianBlur(light, (0, 0), 2) * np.float32([1.1, 1.0, 0.9]) + np.float32(0.02)
    tone = compare_tone(codes(spoilt), codes(light), LIGHT, reach_px=7)

    assert tone.gain == pytest.approx((1.1, 1.0, 0.9), abs=0.04)
    assert tone.offset == pytest.approx((0.02, 0.02, 0.02), abs=0.012)


def test_exchanged_channels_are_named():
    """BGR against RGB: the blurry red fits the sharp blue and the other way round."""
    light = scene(13, channels=3)
    tone = compare_tone(codes(cv2.GaussianBlur(light, (0, 0), 2))[..., ::-1], codes(light), LIGHT)

    assert tone.channel_of == (2, 1, 0)
    assert tone.channel_gain > 2


@pytest.mark.parametrize("sigma", [1.0, 3.0, 6.0])
def test_noise_is_read_in_codes(sigma):
    """The noise of a half is read to 15 %, texture notwithstanding."""
    picture = codes(cv2.GaussianBlur(scene(14, channels=3), (0, 0), 2)).astype(float)
    noisy = np.clip(picture + np.random.default_rng(0).normal(0, sigma, picture.shape), 0, 255).round().astype(np.uint8)

    assert noise_codes(noisy) == pytest.approx(sigma, rel=0.15)


def test_clipping_counts_pixels():
    """Shares of pixels at the lowest and the highest code, for 8 and 16 bits."""
    picture = np.full((10, 10, 3), 100, np.uint8)
    picture[0, :5, 1], picture[1, :, 2] = 0, 255

    assert clipped_share(picture) == (0.05, 0.1)
    assert clipped_share(picture.astype(np.uint16) * 257) == (0.05, 0.1)


@pytest.mark.parametrize("sigma", [1.5, 3.0])
def test_edge_width_follows_blur_not_contrast(sigma):
    """The width of the sharpest edges grows with blur as sigma sqrt(2 pi), and does not change with contrast."""
    step = np.zeros((96, 96), np.float32)
    step[:, 48:] = 0.8
    blurred = cv2.GaussianBlur(step, (0, 0), sigma)

    assert edge_width(blurred) == pytest.approx(sigma * np.sqrt(2 * np.pi), rel=0.15)
    assert edge_width(blurred * 0.4 + 0.1) == pytest.approx(edge_width(blurred), rel=0.01)
    assert np.isnan(edge_width(np.full((96, 96), 0.5, np.float32)))


def test_blank_rows_are_counted_at_either_end():
    """A flat foot or head counts with its share of the height; a textured picture has none."""
    picture = np.random.default_rng(0).integers(0, 255, (40, 30, 3), np.uint8)
    foot, head = picture.copy(), picture.copy()
    foot[30:], head[:8] = 128, 0

    assert (blank_rows(picture), blank_rows(foot), blank_rows(head)) == (0, 0.25, 0.2)
    assert blank_rows(np.zeros((4, 4, 3), np.uint8)) == 1


class Folder(PairSource):
    """Pairs that name no curve, as in plain folders."""

    keys, recipe = (), {"kind": "example"}

    def __init__(self, pairs):
        self._pairs = pairs
        self.keys = tuple(pair.key for pair in pairs)

    def fingerprint(self):
        """Of nothing."""
        return "example"

    def __getitem__(self, i):
        return self._pairs[i]


def unnamed(name):
    """Twelve pairs with warm, dark-blue pictures whose blur was made under a curve that no pair names."""
    rng, found = np.random.default_rng(3), []
    for i in range(12):
        small = rng.uniform(0, 1, (20, 20, 3)) ** 2 * np.array([1.0, 0.8, 0.25])
        sharp = (np.clip(cv2.resize(small, (200, 200), interpolation=cv2.INTER_LINEAR), 0, 0.95) * 255).round().astype(np.uint8)
        light = curve(name).light_of_codes(8).astype(np.float32)[0][sharp]
        kernel = motion(9 + i, 25 * i)
        blurry = curve(name).encode(cv2.filter2D(light, -1, kernel, borderType=cv2.BORDER_REFLECT))
        found.append(Pair(f"{i}", (np.clip(blurry, 0, 1) * 255).round().astype(np.uint8), sharp))
    return Folder(found)


@pytest.mark.parametrize("name", ["srgb", "gamma22", "linear"])
def test_curve_that_no_pair_names_is_found(name):
    """Blur made under any usual curve is measured under that one: no good pair looks shifted or of another brightness."""
    found = survey(unnamed(name)).facts

    assert {(f.curve, f.curve_named) for f in found} == {(name, False)}
    assert max(f.shift_px for f in found) < 0.1
    assert [f.kind for f in judge(found) if f.kind in ("misaligned", "brightness")] == []


def photographed(*, saturated):
    """Twelve pairs as a simulated camera stores them: the response that dips, noise, and lost light of lamps given back to the blur."""
    found = []
    for i in range(12):
        rng = np.random.default_rng([7, i])
        light = np.float32(0.7) * scene(100 + i, 3)
        if saturated:
            for x, y in rng.integers(RIM, RIM + SIDE - 16, (90, 2)):  # no part of the picture is without one
                light[y : y + 9, x : x + 9] = 1.0
        kernel = motion(9 + i, 25 * i)
        blurry, mask = (cv2.filter2D(part, -1, kernel, borderType=cv2.BORDER_REFLECT) for part in (light, (light >= 1).astype(np.float32)))
        sensor = Sensor(noise="realblur", response="sony_a7r3", saturation=1.2 if saturated else None)
        shot = photograph(blurry.astype(float), light.astype(float), sensor=sensor, rng=rng, mask=mask.astype(float))
        found.append(Pair(f"{i}", shot.blurry, shot.sharp, {"curve": "srgb", **shot.meta}))
    return Folder(found)


@pytest.mark.parametrize("saturated", [False, True])
def test_what_a_simulated_camera_does_is_no_fault(saturated):
    """Its response is undone as far as it can be, and light that it adds by design accuses nobody; ten per cent on top of it is told."""
    source = photographed(saturated=saturated)
    found = survey(source).facts
    brighter = [replace(p, blurry=np.clip(p.blurry * 1.1, 0, 255).astype(np.uint8)) if i == 5 else p for i, p in enumerate(source)]

    assert {f.curve for f in found} == {"sony_a7r3"}
    assert [f.kind for f in judge(found) if f.kind in ("misaligned", "unmatched", "brightness")] == []
    if saturated:
        assert max(f.tone.mean_ratio for f in found) > 1.02  # there is something to forgive
    else:
        assert np.median([f.shift_px for f in found]) < 0.15
        assert "brightness" in {f.kind for f in judge(survey(Folder(brighter)).facts) if f.key == "5"}
