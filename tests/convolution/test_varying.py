"""Blur that changes over the picture: roll and zoom, grids of PSFs, depth."""

import math

import numpy as np
import pytest
from scipy import ndimage

from blurdata import convolve, psf
from blurdata.color import curve
from blurdata.convolution import camera_blur, convolve_depth, convolve_tiled

DTYPES = ["uint8", "uint16", "float32", "float64"]


def picture(shape: tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    """Smooth random codes."""
    values = ndimage.gaussian_filter(np.random.default_rng(1).random(shape[:2]), 1)
    values = (values - values.min()) / np.ptp(values)
    values = values if len(shape) == 2 else np.stack([values**power for power in range(1, shape[2] + 1)], axis=-1)
    return (values * np.iinfo(dtype).max).astype(dtype) if np.dtype(dtype).kind == "u" else values.astype(dtype)


@pytest.mark.parametrize(("zoom", "roll"), [(1.15, 0.0), (1.0, 9.0), (0.9, -6.0)])
def test_camera_blur_is_the_mean_of_the_pictures_along_the_way(zoom: float, roll: float) -> None:
    """Against 400 bilinear readings by SciPy in linear light."""
    image, response = picture((41, 51)), curve("srgb")
    light, total, middle = response.decode(image), np.zeros((41, 51)), np.array([20.0, 25.0])
    for moment in (np.arange(400) + 0.5) / 400 - 0.5:
        turn, scale = math.radians(roll * moment), zoom**-moment
        linear = scale * np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])  # rows, columns
        total += ndimage.affine_transform(light, linear, middle - linear @ middle, order=1, mode="mirror") / 400

    result = camera_blur(image, zoom=zoom, roll_deg=roll)

    assert np.abs(result - response.encode(total)).max() < 0.02
    assert np.abs(result - response.encode(total)).mean() < 0.002


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_strength_changes_nothing(dtype: str) -> None:
    """No zoom, no roll, one-sample PSFs and radius 0 give the picture back."""
    image = picture((20, 23, 5), dtype)
    point = np.ones((1, 1), np.float32)
    for result in (camera_blur(image), convolve_tiled(image, [[point] * 3] * 2), convolve_depth(image, np.zeros((20, 23)))):
        assert result.dtype == image.dtype
        np.testing.assert_allclose(result, image, atol=0 if image.dtype.kind == "u" else 1e-5)


@pytest.mark.parametrize("border", ["reflect", "replicate"])
def test_even_fields_stay_even(border: str) -> None:
    """Nothing brightens or darkens, whatever changes over the picture."""
    image = np.full((40, 50, 3), 93, np.uint8)
    radius = np.linspace(-6, 9, 2000).reshape(40, 50)
    kernels = [[psf.disk(1), psf.motion(15, 30)], [psf.gaussian(2), psf.shake(12, rng=np.random.default_rng(0))]]

    assert (camera_blur(image, zoom=1.3, roll_deg=8, border=border) == 93).all()
    assert (convolve_tiled(image, kernels, border=border) == 93).all()
    assert (convolve_depth(image, radius, border=border) == 93).all()


def test_roll_turns_evenly_both_ways() -> None:
    """A point keeps its centroid's angle, and smears across the radius."""
    image = np.zeros((61, 61))
    image[30, 50] = 1

    result = camera_blur(image, roll_deg=30, curve="linear", border="constant")

    y, _ = np.nonzero(result > 1e-3)
    assert y.min() < 27
    assert y.max() > 33
    np.testing.assert_allclose(result, result[::-1], atol=2e-3)  # OpenCV reads at 1/32 px
    assert abs(result.sum() - 1) < 0.05


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 6])
def test_a_channel_zooms_as_it_does_alone(channels: int) -> None:
    """Any number of channels: each comes out as a grey picture of it would."""
    image = picture((33, 41, channels), "uint8")

    result = camera_blur(image, zoom=1.3, roll_deg=9).astype(int)

    for channel in range(channels):
        assert np.abs(result[..., channel] - camera_blur(image[..., channel], zoom=1.3, roll_deg=9)).max() <= 1


@pytest.mark.parametrize("border", ["reflect", "replicate", "constant"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_grid_of_one_psf_is_convolve(border: str, dtype: str) -> None:
    """One tile, or many tiles of one PSF, are the plain convolution, picture smaller than the PSF included."""
    kernel = psf.motion(17, 65, profile=[1, 3])
    tolerance = 1 if dtype.startswith("u") else 1e-5
    for shape in ((33, 47, 3), (6, 9)):
        image = picture(shape, dtype)
        expected = convolve(image, kernel, border=border).astype(np.float64)
        for grid in ([[kernel]], [[kernel] * 4] * 3):
            assert np.abs(convolve_tiled(image, grid, border=border) - expected).max() <= tolerance


def test_tiles_blend_smoothly() -> None:
    """At a tile's middle its own PSF alone acts; between two, their mean."""
    image = picture((40, 80))
    one, other = psf.disk(1), psf.disk(4)
    left, right = (convolve(image, kernel, curve="linear") for kernel in (one, other))

    result = convolve_tiled(image, [[one, other]], curve="linear")

    np.testing.assert_allclose(result[:, :20], left[:, :20], atol=1e-6)
    np.testing.assert_allclose(result[:, 60:], right[:, 60:], atol=1e-6)
    np.testing.assert_allclose(result[:, 39:41].mean(axis=1), (left + right)[:, 39:41].mean(axis=1) / 2, atol=2e-3)


def test_a_flat_scene_is_convolve() -> None:
    """One radius everywhere is a disk everywhere."""
    image = picture((35, 44, 3))
    for radius in (-3.2, 5.0):
        result = convolve_depth(image, np.full((35, 44), radius))
        np.testing.assert_allclose(result, convolve(image, psf.disk(abs(radius))), atol=1e-5)


def test_near_spreads_over_far_and_not_the_reverse() -> None:
    """A bright blurred foreground bleeds over a sharp background; a bright blurred background leaves a sharp foreground alone."""
    half = np.zeros((40, 60))
    half[:, :30] = 1

    near_bright = convolve_depth(half, np.where(half > 0, 6.0, 0.0), curve="linear")
    far_bright = convolve_depth(half, np.where(half > 0, -6.0, 0.0), curve="linear")

    assert near_bright[20, 32] > 0.1
    assert near_bright[20, 40] < 1e-6
    np.testing.assert_allclose(far_bright[:, 30:], 0, atol=1e-6)


def test_light_over_a_flat_far_field_is_kept() -> None:
    """A near bright point on a dark sharp far field keeps its light."""
    image, radius = np.zeros((41, 41)), np.zeros((41, 41))
    image[20, 20], radius[20, 20] = 30.0, 5.0

    result = convolve_depth(image, radius, curve="linear")

    assert abs(result.sum() - 30) < 0.5


def test_another_aperture() -> None:
    """The shape of the aperture is the caller's."""
    image = picture((30, 30))

    result = convolve_depth(image, np.full((30, 30), 4.0), aperture=lambda r: psf.polygon(r, blades=5))

    np.testing.assert_allclose(result, convolve(image, psf.polygon(4.0, blades=5)), atol=1e-5)


def test_wrong_arguments_are_named() -> None:
    """Wrong input is refused at the door in one sentence."""
    image = np.zeros((8, 8), np.uint8)
    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="zoom"):
            camera_blur(image, zoom=bad)
    with pytest.raises(ValueError, match="px, over"):
        camera_blur(np.zeros((2000, 2000), np.uint8), roll_deg=1e6)
    with pytest.raises(ValueError, match="equally many"):
        convolve_tiled(image, [[psf.disk(1)], []])
    with pytest.raises(ValueError, match="at least one"):
        convolve_tiled(image, [])
    with pytest.raises(ValueError, match="size"):
        convolve_depth(image, np.zeros((8, 9)))
    with pytest.raises(ValueError, match="finite"):
        convolve_depth(image, np.full((8, 8), np.nan))
    with pytest.raises(TypeError, match="int32"):
        camera_blur(np.zeros((8, 8), np.int32))
