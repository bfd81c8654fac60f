"""A scalar fixes a parameter, a pair is a uniform range, and anything else is refused in one sentence."""

from typing import Any

import numpy as np
import pytest

from blurdata import transforms as T
from blurdata.transforms.ranges import Choice, IntRange, Range, Seed


class TestRange:
    """Real parameters."""

    def test_ends_and_middle(self) -> None:
        """0, ½ and nearly 1 give the low end, the middle and nearly the high end."""
        drawn = Range.of("length_px", (2, 6))

        assert [drawn.at(u) for u in (0.0, 0.5, 0.999)] == pytest.approx([2, 4, 5.996])

    @pytest.mark.parametrize("given", [3, 3.0, np.float32(3), np.int64(3), (3, 3), [3, 3.0], Range(3, 3)])
    def test_a_scalar_fixes(self, given: Any) -> None:
        """Numbers of every kind, and a pair of equal ends, fix the parameter."""
        drawn = Range.of("length_px", given)

        assert (drawn.value, drawn.at(0.7)) == (3.0, 3.0)

    @pytest.mark.parametrize("given", ["3", None, True, (1, 2, 3), (1,), (1, "2"), {1, 2}, 1j])
    def test_other_kinds_are_refused(self, given: Any) -> None:
        """What is no number and no pair of numbers is a TypeError that names the parameter."""
        with pytest.raises(TypeError, match="length_px must be a number or a"):
            Range.of("length_px", given)

    def test_reversed_pairs_show_the_right_order(self) -> None:
        """A reversed range is a ValueError that shows the right order."""
        with pytest.raises(ValueError, match=r"write \(3, 31\)"):
            T.MotionBlur(length_px=(31, 3))

    @pytest.mark.parametrize("given", [float("nan"), (1, float("inf"))])
    def test_numbers_must_be_finite(self, given: Any) -> None:
        """NaN and infinity are refused."""
        with pytest.raises(ValueError, match="finite"):
            Range.of("length_px", given)


class TestOthers:
    """Whole numbers, names, seeds."""

    def test_whole_numbers_are_even(self) -> None:
        """Both ends of a range of whole numbers are drawn as often as what lies between."""
        counts = np.bincount([IntRange(5, 7).at(u) for u in np.arange(3000) / 3000])[5:]

        assert counts.tolist() == [1000, 1000, 1000]

    def test_weights_are_kept(self) -> None:
        """Names are drawn in proportion to their weights, a weight of 0 never."""
        names = [Choice(("a", "b", "c"), (3.0, 0.0, 1.0)).at(u) for u in np.arange(400) / 400]

        assert (names.count("a"), names.count("b"), names.count("c")) == (300, 0, 100)

    def test_seeds_use_all_bits(self) -> None:
        """Seeds span 32 bits."""
        assert (Seed().at(0.0), Seed().at(1 - 2**-33)) == (0, 2**32 - 1)


WRONG = [
    (T.MotionBlur, {"length_px": -1}, "length_px must be at least 0"),
    (T.MotionBlur, {"length_px": (3, 8000)}, "length_px must be at least 0 and at most 4096"),
    (T.MotionBlur, {"length_px": (5, 1e9)}, "length_px must be at least 0 and at most 4096"),
    (T.MotionBlur, {"length_px": 10**400}, "length_px must be finite"),
    (T.CameraShakeBlur, {"extent_px": 3000}, "extent_px must be at least 0 and at most 2048"),
    (T.DefocusBlur, {"radius_px": 2100}, "radius_px must be at least 0 and at most 2047"),
    (T.GaussianBlur, {"sigma_px": (1, 600)}, "sigma_px must be at least 0 and at most 512"),
    (T.MotionBlur, {"curve": "sony_a7r3"}, "forward-only"),
    (T.MotionBlur, {"curve": "srbg"}, "There is no curve"),
    (T.MotionBlur, {"curve": 2.2}, "curve must be a name"),
    (T.MotionBlur, {"border": "wrap"}, "border must be"),
    (T.CameraShakeBlur, {"inertia": 2}, "inertia must be at least 0 and at most 1"),
    (T.DefocusBlur, {"blades": 2}, "blades must be at least 3"),
    (T.DefocusBlur, {"blades": 5.5}, "whole number"),
    (T.GaussianBlur, {"ratio": 1.5}, "ratio must be"),
    (T.SensorNoise, {"shot": -1e-4}, "shot must be at least 0"),
    (T.Saturation, {"gain": 0.5}, "gain must be at least 1"),
    (T.ImageNetCBlur, {"kind": "fog"}, "kind must be one of"),
    (T.ImageNetCBlur, {"severity": 6}, "severity must be"),
    (T.AnyBlur, {"weights": {"motion": 0}}, "at least one kind"),
    (T.AnyBlur, {"weights": {"fog": 1}}, "no kind 'fog'"),
    (T.AnyBlur, {"weights": ["motion"]}, "weights must map"),
    (T.AnyBlur, {"weights": {"motion": float("nan")}}, "finite"),
    (T.AnyBlur, {"severity": 1.5}, "severity must be"),
    (T.MakePair, {"blur": "motion"}, "blur must be a transform"),
    (T.WithParams, {"blur": np.fliplr}, "blur must be a transform"),
]


@pytest.mark.parametrize(("transform", "options", "sentence"), WRONG, ids=[f"{kind.__name__}-{n}" for n, (kind, *_) in enumerate(WRONG)])
def test_wrong_arguments(transform: Any, options: dict[str, Any], sentence: str) -> None:
    """Wrong arguments are refused when the transform is made, in one sentence that names the argument."""
    with pytest.raises((TypeError, ValueError), match=sentence):
        transform(**options)


@pytest.mark.parametrize(
    "blur",
    [
        T.MotionBlur(4096, (0, 180)),
        T.CameraShakeBlur(2048, inertia=(0, 1), tremor=3),
        T.DefocusBlur(2047),
        T.DefocusBlur(2047, blades=3),
        T.GaussianBlur(512),
    ],
    ids=lambda blur: type(blur).__name__,
)
def test_the_largest_can_be_made(blur: Any) -> None:
    """What a transform takes when it is made, it can draw: the PSF of the largest blur is within bounds."""
    kernels = [blur.kernel(blur.draw([u] * blur.uniforms)) for u in (0.0, 0.25)]

    assert all(max(kernel.shape) <= 4097 for kernel in kernels)


def test_a_call_without_a_picture_is_one_sentence() -> None:
    """Nothing to blur is a TypeError that says what is taken, as for a call with something else."""
    with pytest.raises(TypeError, match=r"MotionBlur takes a PIL picture, .* got nothing"):
        T.MotionBlur(length_px=7)()
