"""Lines that follow the set, and where they stop following it."""

import cv2
import numpy as np
import pytest

from blurdata.pairs import Pair
from blurdata.quality import judge, measure_pair


def scene(seed):
    """(200, 200, 3) uint8: patches of all sizes."""
    rng = np.random.default_rng(seed)
    codes = np.full((200, 200, 3), 60, np.uint8)
    for x, y, w, h in rng.integers((0, 0, 4, 4), (200, 200, 60, 60), (250, 4)):
        cv2.rectangle(codes, (int(x), int(y)), (int(x + w), int(y + h)), [int(v) for v in rng.integers(10, 240, 3)], -1)
    return cv2.GaussianBlur(codes, (0, 0), 0.7)


def kinds(partner):
    """Kinds of findings of each of ten pairs, the blurry half of pair i made from scene ``partner(i)``."""
    pairs = [Pair(f"{i}", cv2.blur(scene(partner(i)), (9, 1)), scene(i), {"curve": "linear"}) for i in range(10)]
    found = judge([measure_pair(pair, i) for i, pair in enumerate(pairs)])
    return [{finding.kind for finding in found if finding.key == pair.key} for pair in pairs]


@pytest.mark.parametrize("wrong", [0, 3, 7, 10], ids=lambda wrong: f"{wrong} of 10")
def test_shuffled_pairs_are_called_unmatched(wrong):
    """However many pairs of a set show two scenes, they are named for it, and the others are left alone."""
    named = kinds(lambda i: (i + 1) % wrong if i < wrong else i)

    assert named == [{"unmatched"}] * wrong + [set()] * (10 - wrong)


@pytest.mark.parametrize(("pictures", "accused"), [(("", ""), ["copy"]), (("a.jpg", "a.jpg"), []), (("a.jpg", "b.jpg"), ["copy"])])
def test_several_blurs_of_one_picture_are_no_copies(pictures, accused):
    """A recipe that blurs each photograph several times, and says so, shares sharp halves by intent; anything else is a copy."""
    sharp = scene(0)
    pairs = [Pair(f"{i}", cv2.blur(sharp, (5 + 2 * i, 1)), sharp, {"curve": "linear", "picture": name}) for i, name in enumerate(pictures)]

    assert [f.kind for f in judge([measure_pair(pair, i) for i, pair in enumerate(pairs)]) if f.kind == "copy"] == accused
