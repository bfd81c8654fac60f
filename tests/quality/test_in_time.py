"""A numbering that is off by one, films that were never blurred, lengths without a sharp half."""

import cv2
import numpy as np
import pytest
from skimage import data

from blurdata import Pair, PairSource, psf
from blurdata.color import curve
from blurdata.quality import judge, measure_pair, rough_blur, survey
from blurdata.quality.sharpness import softening

FRAMES, WINDOW = 3 * 12 + 6, 3


def picture(seed, height=150, width=400):
    """Linear light of a scene of rectangles, (H, W, 3)."""
    rng = np.random.default_rng(seed)
    light = np.full((height, width, 3), 0.3, np.float32)
    for _ in range(150):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        cv2.rectangle(light, (x, y), (x + int(rng.integers(3, 40)), y + int(rng.integers(3, 30))), rng.random(3).tolist(), -1)
    return cv2.GaussianBlur(light, (0, 0), 0.8)


def film(kind):
    """Frames of linear light: the camera pans by 1.3 px a frame, or a small thing crosses a still picture, or nothing moves."""
    back, thing = picture(1), picture(2)[:40, :40]
    for t in range(FRAMES):
        if kind == "pan":
            move = np.float32([[1, 0, -1.3 * t], [0, 1, 0]])
            yield cv2.warpAffine(back, move, (200, 150), flags=cv2.INTER_LINEAR)
        else:
            frame = back[:, :200].copy()
            x = 20 + (3 * t if kind == "thing" else 0)
            frame[60:100, x : x + 40] = thing
            yield frame


def codes(light):
    return (np.clip(curve("srgb").encode(light), 0, 1) * 255).round().astype(np.uint8)


class Windows(PairSource):
    """Means of three frames; ``late`` pairs have the sharp half of the next window."""

    def __init__(self, kind, late=(), meta=None):
        frames = list(film(kind))
        starts = range(0, len(frames) - WINDOW, WINDOW)
        self.blurry = [codes(np.mean(frames[s : s + WINDOW], axis=0)) for s in starts]
        self.sharp = [codes(frames[s + 1]) for s in starts]
        self.late, self.meta, self.recipe = set(late), meta or {}, {"kind": "test"}

    @property
    def keys(self):
        return [f"film/{i:03d}" for i in range(len(self.blurry) - 1)]

    def fingerprint(self):
        return "test"

    def __getitem__(self, i):
        rng = np.random.default_rng(i)
        halves = [self.blurry[i], self.sharp[i + (i in self.late)]]
        blurry, sharp = (np.clip(half + rng.normal(0, 1.5, half.shape), 0, 255).round().astype(np.uint8) for half in halves)
        return Pair(self.keys[i], blurry, sharp, {"curve": "srgb", "sequence": "film", **self.meta})


def found(source, kind):
    """Keys with a finding of this kind."""
    return {finding.key for finding in judge(survey(source).facts) if finding.kind == kind}


@pytest.mark.parametrize("kind", ["pan", "thing", "still"])
def test_windows_in_order_are_not_late(kind):
    """A film whose halves belong together is accused of nothing, whatever moves in it."""
    assert judge(survey(Windows(kind)).facts) == []


@pytest.mark.parametrize("kind", ["pan", "thing"])
def test_whole_sequence_late_is_listed_as_such(kind):
    """Where every sharp half is that of the next window, every pair of the sequence is listed, though single pairs hardly differ."""
    source = Windows(kind, late=range(100))

    assert found(source, "late") == set(source.keys)


@pytest.mark.parametrize("kind", ["pan", "thing"])
def test_single_late_pair_is_listed_alone(kind):
    """One pair with its neighbour's sharp half stands out of its sequence, and its neighbours do not."""
    assert found(Windows(kind, late=[5]), "late") == {"film/005"}


def test_lag_is_in_steps():
    """The lag of a film whose halves are off by one is one step, and that of one in order is none."""
    lags = [[f.lag.steps for f in survey(Windows("pan", late=late)).facts] for late in ((), range(100))]

    assert np.nanmedian(lags[0]) == pytest.approx(0, abs=0.05)
    assert np.nanmedian(lags[1]) == pytest.approx(-1, abs=0.25)
    assert np.isnan(lags[0][0])  # no neighbour before the first


def test_workers_find_the_same_lag():
    """Runs of pairs look over their own edges: two processes measure what one does."""
    source = Windows("pan")
    alone, together = (survey(source, workers=workers).facts for workers in (1, 2))

    assert [f.lag for f in alone[1:-1]] == [f.lag for f in together[1:-1]]


def test_film_that_was_never_blurred_is_listed():
    """A record that says 2 px of blur beside a half that is the sharp one with new noise: not blurred."""

    class Copied(Windows):
        def __getitem__(self, i):
            pair = super().__getitem__(i)
            noise = np.random.default_rng(i + 99).normal(0, 2, pair.sharp.shape)
            return Pair(pair.key, np.clip(pair.sharp + noise, 0, 255).round().astype(np.uint8), pair.sharp, pair.meta)

    meta = {"blur_px_mean": 2.0}
    copied = Copied("pan", meta=meta)

    assert found(copied, "unblurred") == set(copied.keys)
    assert found(Windows("pan", meta=meta), "unblurred") == set()


def test_softening_is_half_the_second_moment():
    """A Gaussian of deviation s softens by s^2 / 2 px^2, noise by nothing."""
    sharp = cv2.GaussianBlur(picture(3)[..., 1], (0, 0), 2)
    noisy = sharp + np.random.default_rng(0).normal(0, 0.01, sharp.shape).astype(np.float32)

    assert softening(cv2.GaussianBlur(sharp, (0, 0), 0.8), sharp) == pytest.approx(0.32, abs=0.06)
    assert softening(noisy, sharp) == pytest.approx(0, abs=0.01)


def kernel_of_line(length, angle):
    """A straight motion as many points, anti-aliased by area."""
    side = int(length) + 6 | 1
    big = np.zeros((side * 8, side * 8), np.float32)
    step = np.linspace(-length / 2, length / 2, 2000)
    x = side * 4 + 8 * step * np.cos(np.radians(angle))
    y = side * 4 - 8 * step * np.sin(np.radians(angle))
    np.add.at(big, (y.astype(int), x.astype(int)), 1)
    small = cv2.resize(big, (side, side), interpolation=cv2.INTER_AREA)
    return small / small.sum()


@pytest.mark.parametrize(("length", "angle"), [(9, 30), (16, 100), (25, 155)])
def test_straight_blur_is_read_without_its_sharp_half(length, angle):
    """From the blurry half alone: length to 20 %, direction to 8 degrees. Rough, and no more is promised."""
    for photograph in (data.coffee(), data.astronaut(), data.chelsea()):
        blurry = cv2.filter2D((photograph[..., 1] / 255).astype(np.float32) ** 2.2, -1, kernel_of_line(length, angle))
        said, turn = rough_blur(blurry[40:-40, 40:-40])

        assert said == pytest.approx(length, rel=0.2)
        assert abs((turn - angle + 90) % 180 - 90) < 8


def test_rough_length_of_a_shake_is_mostly_unknown():
    """A shake has no zeros to be known by: most get no number at all."""
    answers = []
    for seed in range(12):
        photograph = (data.coffee(), data.astronaut(), data.chelsea(), data.rocket())[seed % 4]
        light = (photograph[..., 1] / 255).astype(np.float32) ** 2.2
        answers.append(rough_blur(cv2.filter2D(light, -1, psf.shake(25, rng=np.random.default_rng(seed))[::-1, ::-1].copy()))[0])

    assert np.isnan(answers).mean() >= 0.7, answers


def test_rough_length_says_nothing_of_nothing():
    """A blank picture and a tiny one get no length."""
    assert np.isnan(rough_blur(np.zeros((200, 200), np.float32))).all()
    assert np.isnan(rough_blur(picture(5)[:40, :40, 1])).all()


def test_pair_whose_halves_do_not_match_gets_a_rough_length():
    """Where the sharp half shows another scene the length comes from the blurry half, and the record says so."""
    blurry = cv2.filter2D(picture(6, 300, 300), -1, kernel_of_line(15, 20))
    right, wrong = codes(picture(6, 300, 300)), codes(picture(7, 300, 300))

    matched, unmatched = (measure_pair(Pair("a", codes(blurry), sharp)) for sharp in (right, wrong))

    assert (matched.length_from, unmatched.length_from) == ("pair", "rough")
    assert unmatched.length_px == pytest.approx(15, rel=0.2)
