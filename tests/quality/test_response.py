"""In codes or in light: the averaging of a set is told from its pictures."""

import cv2
import numpy as np
import pytest

from blurdata.quality.response import averaging_evidence, tell_averaging


def scene(seed: int) -> np.ndarray:
    """(120, 160, 3) float codes in [0, 1] with strong contrast."""
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.random((120 // s + 2, 160 // s + 2, 3)), (160, 120), interpolation=cv2.INTER_CUBIC) for s in (3, 8, 30)]
    mixed = sum(layers) / 3
    return np.clip((mixed - mixed.min()) / np.ptp(mixed), 0, 1) * 0.9 + 0.02


def shaken(codes: np.ndarray, seed: int, *, light: bool) -> np.ndarray:
    """The mean of moving frames, in light under gamma 2.2 or in code values."""
    rng = np.random.default_rng(seed)
    length, angle = rng.uniform(6, 14), rng.uniform(0, np.pi)
    frames = []
    for step in np.linspace(-0.5, 0.5, 13):
        warp = np.float32([[1, 0, step * length * np.cos(angle)], [0, 1, step * length * np.sin(angle)]])
        frames.append(np.clip(cv2.warpAffine(codes, warp, (160, 120), borderMode=cv2.BORDER_REFLECT_101), 0, 1))
    stack = np.array(frames)
    return np.mean(stack**2.2, axis=0) ** (1 / 2.2) if light else stack.mean(axis=0)


def to_codes(picture: np.ndarray) -> np.ndarray:
    """8-bit codes."""
    return np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("light", [False, True])
def test_the_averaging_is_told(light: bool) -> None:
    """Eight pairs are enough to tell a mean of codes from a mean of light, near 0 and near 1."""
    pairs = [(to_codes(shaken(scene(i), i, light=light)), to_codes(scene(i))) for i in range(8)]

    told = tell_averaging([averaging_evidence(*pair) for pair in pairs])

    assert told.verdict == ("light" if light else "codes")
    assert told.slope == pytest.approx(float(light), abs=0.15)


@pytest.mark.parametrize("gain", [0.94, 1.06])
@pytest.mark.parametrize("light", [False, True])
def test_another_brightness_never_gives_the_wrong_answer(light: bool, gain: float) -> None:
    """A gain between the halves may make it unclear, and never says the opposite."""
    pairs = [(to_codes(np.clip(shaken(scene(i), i, light=light) * gain, 0, 1)), to_codes(scene(i))) for i in range(8)]

    told = tell_averaging([averaging_evidence(*pair) for pair in pairs])

    assert told.verdict in ("unclear", "light" if light else "codes")


def test_what_is_not_blurred_cannot_tell() -> None:
    """Equal halves, flat pictures and too few pairs are unclear, without a warning."""
    still = [averaging_evidence(to_codes(scene(i)), to_codes(scene(i))) for i in range(8)]
    flat = [averaging_evidence(np.full((40, 40, 3), 9, np.uint8), np.full((40, 40, 3), 200, np.uint8)) for _ in range(2)]
    few = [averaging_evidence(to_codes(shaken(scene(i), i, light=True)), to_codes(scene(i))) for i in range(3)]

    assert {tell_averaging(evidence).verdict for evidence in (still, flat, few, [])} == {"unclear"}
