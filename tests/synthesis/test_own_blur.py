"""The frames' own motion blur is told from sharp motion."""

import itertools

import cv2
import numpy as np
import pytest
from skimage import data

from blurdata.synthesis.own_blur import OWN_BLUR_ABOVE, own_blur


def panned(name, angle, blur):
    """Four frames of a photograph moving 14 px a frame, each smeared over ``blur`` px along the motion."""
    grey = cv2.cvtColor(getattr(data, name)(), cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_AREA)
    frames = []
    for i in range(4):
        steps = [14 * i + k - (max(blur, 1) - 1) / 2 for k in range(max(blur, 1))]
        moved = [np.float32([[1, 0, -80 - s * np.cos(angle)], [0, 1, -80 - s * np.sin(angle)]]) for s in steps]
        light = sum(cv2.warpAffine(grey, m, (320, 240)).astype(np.float64) for m in moved) / len(moved)
        noise = np.random.default_rng(i).normal(0, 1, light.shape)
        frames.append(np.clip(light + noise, 0, 255).astype(np.uint8))
    return list(itertools.pairwise(frames))


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "rocket"])
@pytest.mark.parametrize("angle", [0.0, 0.7, 1.6])
def test_blurred_frames_are_told_from_sharp_ones(name, angle):
    """Smearing over half the motion or all of it goes over the line, sharp frames stay below."""
    sharp, half, whole = (own_blur(panned(name, angle, blur)) for blur in (0, 7, 14))
    assert sharp < OWN_BLUR_ABOVE < half
    assert whole > OWN_BLUR_ABOVE


def test_nothing_moving_gives_no_answer():
    """Still frames and blank frames say nothing rather than something wrong."""
    still = np.random.default_rng(0).integers(0, 256, (64, 80), np.uint8)
    blank = np.zeros((64, 80), np.uint8)
    assert own_blur([(still, still), (blank, blank)]) is None
    assert own_blur([]) is None
