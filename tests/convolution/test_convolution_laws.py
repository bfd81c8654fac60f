"""What convolution is by its definition, for any picture and any PSF: linear, the same everywhere, keeping light."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from blurdata import convolve, psf

SIDE = 48
Picture = NDArray[np.float64]


def picture(seed: int) -> Picture:
    """(48, 48, 3) float64 with a dark rim wide enough for every PSF here."""
    light = np.zeros((SIDE, SIDE, 3))
    light[18:-18, 18:-18] = np.random.default_rng(seed).random((SIDE - 36, SIDE - 36, 3))
    return light


kernels = st.one_of(
    st.builds(psf.motion, st.floats(0, 21), st.floats(0, 180)),
    st.builds(psf.disk, st.floats(0, 9)),
    st.builds(psf.gaussian, st.floats(0.2, 2.5)),
    st.builds(lambda px, seed: psf.shake(px, rng=np.random.default_rng(seed)), st.floats(1, 20), st.integers(0, 99)),
).filter(lambda kernel: max(kernel.shape) <= 27)  # a reach of 13 px, moved by 3, stays inside
pictures = st.integers(0, 2**20).map(picture)
borders = st.sampled_from(["reflect", "constant"])


def blur(light: Picture, kernel: NDArray[np.float32], border: str) -> Picture:
    return np.asarray(convolve(light, kernel, curve="linear", border=border), np.float64)


@settings(deadline=None, max_examples=60)
@given(pictures, pictures, st.floats(0, 3), st.floats(0, 3), kernels, borders)
def test_blur_is_linear(first: Picture, second: Picture, a: float, b: float, kernel: NDArray[np.float32], border: str) -> None:
    """The blur of a mixture is the mixture of the blurs, as light adds up."""
    mixed = blur(a * first + b * second, kernel, border)

    np.testing.assert_allclose(mixed, a * blur(first, kernel, border) + b * blur(second, kernel, border), atol=3e-6)


@settings(deadline=None, max_examples=60)
@given(pictures, kernels, borders)
def test_blur_keeps_light_and_its_centre(light: Picture, kernel: NDArray[np.float32], border: str) -> None:
    """A blur that stays inside loses no light, and moves the centre of it by less than a hundredth of a pixel."""
    blurred = blur(light, kernel, border)
    before, after = (plane.sum(axis=(0, 1)) for plane in (light, blurred))
    places = np.mgrid[:SIDE, :SIDE]
    centres = [[(plane.sum(axis=2) * place).sum() / plane.sum() for place in places] for plane in (light, blurred)]

    np.testing.assert_allclose(after, before, rtol=1e-5)
    np.testing.assert_allclose(centres[1], centres[0], atol=0.01)


@settings(deadline=None, max_examples=60)
@given(pictures, kernels, st.integers(-3, 3), st.integers(-3, 3))
def test_blur_moves_with_the_picture(light: Picture, kernel: NDArray[np.float32], dy: int, dx: int) -> None:
    """The blur of a moved picture is the moved blur."""
    moved = blur(np.roll(light, (dy, dx), (0, 1)), kernel, "constant")

    np.testing.assert_allclose(moved, np.roll(blur(light, kernel, "constant"), (dy, dx), (0, 1)), atol=3e-6)


@settings(deadline=None, max_examples=40)
@given(pictures, kernels, kernels)
def test_blurs_commute(light: Picture, first: NDArray[np.float32], second: NDArray[np.float32]) -> None:
    """Which of two blurs comes first makes no difference where nothing reaches the border."""
    small = np.pad(light, ((10, 10), (10, 10), (0, 0)))

    one, other = (blur(blur(small, a, "constant"), b, "constant") for a, b in ((first, second), (second, first)))

    np.testing.assert_allclose(one, other, atol=3e-6)
