"""The whole camera: order of the steps, what stays clean, determinism, settings."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from blurdata.color import curve
from blurdata.errors import RecipeError
from blurdata.recipe import parse_recipe
from blurdata.sensor import Sensor, apply_matrix, camera_matrix, photograph, saturate, saturation_mask

QUIET = Sensor(saturation=None, noise=None, rim_px=0)


def scene(seed: int = 0, size: tuple[int, int] = (48, 56)) -> NDArray[np.float64]:
    """Smooth coloured light between 0.05 and 0.9."""
    rng = np.random.default_rng(seed)
    light = cv2.GaussianBlur(rng.random((*size, 3)), (0, 0), 2)
    return 0.05 + 0.85 * (light - light.min()) / np.ptp(light)


def shoot(light: NDArray[np.float64], sensor: Sensor, seed: int = 0, **options: object) -> object:
    """A photograph of light that is both blurry and sharp."""
    return photograph(light, light, sensor=sensor, rng=np.random.default_rng(seed), **options)


@pytest.mark.parametrize("bits", [8, 16])
def test_everything_off_only_encodes(bits: int) -> None:
    """With all steps off both pictures are the encoded light, rounded once, half up."""
    light, top = scene(), (1 << bits) - 1

    picture = shoot(light, QUIET, bits=bits, source_curve="gamma22")

    expected = np.floor(light ** (1 / 2.2) * top + 0.5)
    assert np.array_equal(picture.blurry, expected)
    assert np.array_equal(picture.sharp, expected)
    assert picture.meta == {"response": "gamma22", "rim_px": 0}


def test_saturation_is_the_published_formula() -> None:
    """Without noise the blurry picture is clip(B + alpha M), with the alpha that meta names."""
    light = scene()
    mask = np.clip(scene(1) - 0.4, 0, 1)

    picture = shoot(light, Sensor(noise=None, rim_px=0), mask=mask)

    alpha = picture.meta["saturation_alpha"]
    expected = curve("srgb").encode(np.clip(light + alpha * mask, 0, 1)) * 255
    assert 0.25 <= alpha <= 1.75
    assert np.abs(picture.blurry - expected).max() <= 0.5 + 1e-9
    assert np.array_equal(picture.sharp, shoot(light, QUIET).sharp)


def test_noise_stays_off_saturated_samples() -> None:
    """Where a channel is full it stays exactly white; next door there is noise."""
    light = scene()
    light[10:20, 10:30, 1] = 1.0

    picture = shoot(light, Sensor(saturation=None, rim_px=0, noise_scale=(30, 30)))

    assert (picture.blurry[10:20, 10:30, 1] == 255).all()
    assert picture.blurry[10:20, 10:30, 0].std() > picture.sharp[10:20, 10:30, 0].std()


@pytest.mark.parametrize("mosaic", [True, False])
def test_noise_has_the_strength_of_the_law(mosaic: bool) -> None:
    """On flat grey the mean holds and, without mosaic, the variance of green's camera light is K x + s^2."""
    light = np.full((200, 200, 3), 0.25)
    sensor = Sensor(saturation=None, mosaic=mosaic, noise_scale=(1, 1), response="linear", rim_px=4)

    picture = shoot(light, sensor, bits=16)

    noisy = picture.blurry / 65535
    assert noisy.mean() == pytest.approx(0.25, abs=2e-4)
    camera = apply_matrix(camera_matrix("sony_a7r3"), noisy)
    red, _, blue = picture.meta["white_balance"]
    for channel, gain in zip(range(3), (red, 1.0, blue), strict=True):
        at_sensor = camera[..., channel].var() / gain**2
        law = 1e-4 * 0.25 / gain + 9.1504e-4**2
        if mosaic:  # filters average: the noise is a part of the law, never more than it
            assert 0.2 * law < at_sensor < 1.05 * law
        else:
            assert at_sensor == pytest.approx(law, rel=0.05)


def test_colours_survive_the_mosaic() -> None:
    """Without noise to speak of, camera colours, mosaic and back return smooth light within demosaicing's error."""
    light = cv2.GaussianBlur(scene(3), (0, 0), 4)

    picture = shoot(light, Sensor(saturation=None, noise_scale=(0, 0), response="linear"), bits=16)

    assert np.abs(picture.blurry - picture.sharp.astype(float)).max() / 65535 < 0.01


def test_sony_response_is_on_both() -> None:
    """The target response is applied to the blurry and to the sharp picture."""
    light = scene()

    picture = shoot(light, Sensor(saturation=None, noise=None, response="sony_a7r3", rim_px=0))

    expected = np.floor(curve("sony_a7r3").encode(light) * 255 + 0.5)
    assert np.array_equal(picture.blurry, expected)
    assert np.array_equal(picture.sharp, expected)


def test_rim_is_cut_off_both() -> None:
    """Four pixels leave each side, and what is left is where it was."""
    light = scene()

    full, cut = shoot(light, QUIET), shoot(light, Sensor(saturation=None, noise=None))

    assert np.array_equal(cut.sharp, full.sharp[4:-4, 4:-4])
    assert cut.blurry.shape == cut.sharp.shape


def test_jpeg_touches_the_blurry_picture_only() -> None:
    """Compression changes the blurry picture, more so at low quality, and never the sharp one."""
    light = scene() + 0.05 * np.random.default_rng(0).random((48, 56, 3))
    plain = shoot(light, QUIET)
    errors = []
    for quality in (95, 10):
        picture = shoot(light, QUIET.model_copy(update={"jpeg_quality": (quality, quality)}))
        assert picture.meta["jpeg_quality"] == quality
        assert np.array_equal(picture.sharp, plain.sharp)
        errors.append(np.abs(picture.blurry.astype(float) - plain.blurry).mean())

    assert 0 < errors[0] < errors[1]


def test_same_seed_same_bytes() -> None:
    """The photograph is a function of light, settings and the generator's state."""
    light, sensor = scene(), Sensor(saturation=None)

    first, again, other = (shoot(light, sensor, seed) for seed in (1, 1, 2))

    assert np.array_equal(first.blurry, again.blurry)
    assert first.meta == again.meta
    assert not np.array_equal(first.blurry, other.blurry)
    assert np.array_equal(first.sharp, other.sharp)


def test_a_switch_does_not_move_other_draws() -> None:
    """Turning saturation off leaves the noise of the same seed as it is."""
    light, mask = scene(), np.zeros((48, 56, 3))

    with_it, without = shoot(light, Sensor(), mask=mask), shoot(light, Sensor(saturation=None))

    assert np.array_equal(with_it.blurry, without.blurry)


def test_all_patterns_are_drawn() -> None:
    """The four Bayer patterns all come up."""
    patterns = {shoot(scene(size=(16, 16)), Sensor(saturation=None), seed).meta["bayer"] for seed in range(40)}

    assert patterns == {"RGGB", "BGGR", "GRBG", "GBRG"}


def test_deep_colours_do_not_raise() -> None:
    """Pure primaries, which leave the camera's gamut, and HDR light above 1 are clamped, not refused."""
    light = np.zeros((24, 24, 3))
    light[:8, :, 0] = light[8:16, :, 1] = light[16:, :, 2] = 5.0

    picture = shoot(light, Sensor(saturation=None))

    assert picture.blurry.max() == 255


def test_camera_matrix_inverts_to_the_published_one() -> None:
    """cam2xyz of the published code is the inverse of its xyz2cam, and white is neutral."""
    from blurdata.sensor import LINEAR_SRGB_TO_XYZ, XYZ_TO_CAMERA

    published = [[0.665092, 0.252849, 0.032528], [0.261268, 0.965949, -0.227218], [0.034217, -0.209124, 1.263737]]

    np.testing.assert_allclose(np.linalg.inv(XYZ_TO_CAMERA["sony_a7r3"]), published, atol=2e-5)
    np.testing.assert_allclose(XYZ_TO_CAMERA["sony_a7r3"] @ LINEAR_SRGB_TO_XYZ @ np.ones(3), 1.0, atol=2e-4)


def test_mask_scales_with_depth() -> None:
    """Code 250 of 8 bits is code 64250 of 16 bits."""
    assert saturation_mask(np.array([64249, 64250], np.uint16)).tolist() == [0.0, 1.0]
    assert saturate(np.array([0.9]), np.array([1.0]), 1.75).tolist() == [1.0]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"noise": "iphone"}, "noise"),
        ({"saturation": [1.75, 0.25]}, "from low to high"),
        ({"saturation": -1}, "greater than or equal to 0"),
        ({"rim": 4}, "did you mean 'rim_px'"),
        ({"jpeg_quality": [0, 200]}, "1 to 100"),
        ({"response": "kodak"}, "no curve 'kodak'"),
        ({"white_balance_red": [0, 1]}, "at least 0.1"),
    ],
)
def test_wrong_settings_name_the_field(fields: dict[str, object], sentence: str) -> None:
    """A wrong setting is a recipe error that says which and what is allowed."""
    with pytest.raises(RecipeError, match=sentence):
        parse_recipe(fields, Sensor, where="mine.yaml")


def test_settings_are_frozen_and_take_single_numbers() -> None:
    """A single number is a fixed value, and a setting cannot be changed afterwards."""
    sensor = Sensor(saturation=1.0)

    assert sensor.saturation == (1.0, 1.0)
    with pytest.raises(ValidationError):
        sensor.rim_px = 2


def test_wrong_arguments_are_answered() -> None:
    """Shapes, a missing mask and impossible depths raise a sentence."""
    light = scene()
    with pytest.raises(ValueError, match="give mask="):
        shoot(light, Sensor())
    with pytest.raises(ValueError, match="one shape"):
        photograph(light, light[1:], sensor=QUIET, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="at least 11 x 11"):
        shoot(light[:9], Sensor(saturation=None))
    with pytest.raises(ValueError, match="8 or 16"):
        shoot(light, QUIET, bits=12)
    with pytest.raises(ValueError, match="8 bits"):
        shoot(light, QUIET.model_copy(update={"jpeg_quality": (50, 50)}), bits=16)
