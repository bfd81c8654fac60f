"""The reference camera against answers that can be had without it."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from blurdata.color import curve
from blurdata.convolution import convolve
from blurdata.sensor import Sensor
from blurdata.synthesis import synthesize
from blurdata.synthesis.reference_camera import Layer, Motion, ReferenceCamera, Sway, hdr_scene

SIZE = (40, 48)


def sine_layer(frequency: float, depth: float = 1.0) -> Layer:
    """Vertical stripes."""
    x = np.arange(96.0)
    row = 0.5 + 0.4 * np.sin(2 * np.pi * frequency * x)
    return Layer(np.repeat(np.tile(row, (80, 1))[..., None], 3, axis=2), depth=depth)


def psnr(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """In dB, full scale 1."""
    return float(10 * np.log10(1 / np.mean((a - b) ** 2)))


def test_moments_are_cubic_splines_of_the_texture() -> None:
    """A moment is the B-spline of the samples at the moved places, mirrored beyond the rim, as scipy evaluates it."""
    light = np.random.default_rng(0).random((20, 22, 3))
    y, x = np.random.default_rng(1).uniform(-25, 45, (2, 15, 16))

    expected = np.stack([map_coordinates(light[..., c], [y, x], order=3, mode="mirror", prefilter=False) for c in range(3)], axis=-1)

    np.testing.assert_allclose(Layer(light).light_at(y, x), expected, atol=1e-12)


@pytest.mark.parametrize(("length", "depth"), [(7.3, 1.0), (12.0, 1.5), (3.0, 0.5)])
def test_moved_stripes_lose_contrast_as_sinc(length: float, depth: float) -> None:
    """Stripes of frequency f that move by L lose contrast by sin(pi f L) / (pi f L), at every depth to 1e-5."""
    frequency = 1 / 16
    camera = ReferenceCamera((sine_layer(frequency, depth),), Motion(x_px=length * depth), SIZE)

    exposure = camera.expose(0.0, 1.0)

    gain = (2 + np.cos(2 * np.pi * frequency)) / 3  # of the spline itself
    x = np.arange(SIZE[1]) + (96 - SIZE[1]) / 2 - length / 2
    phase = np.pi * frequency * length
    expected = 0.5 + 0.4 * gain * np.sin(phase) / phase * np.sin(2 * np.pi * frequency * x)
    np.testing.assert_allclose(exposure.blurry, np.broadcast_to(expected[None, :, None], (*SIZE, 3)), atol=2e-5)
    np.testing.assert_allclose(exposure.blur_vectors, np.broadcast_to([length, 0.0], (*SIZE, 2)), atol=1e-5)


def test_blur_is_the_psf_where_there_is_one() -> None:
    """Without rotation or depth the exposure is the sharp moment convolved with the PSF, moved by its offset."""
    sway = Sway(x_px=3.0, y_px=4.0, cycles=0.8, phase=0.15)
    far = hdr_scene((64, 64), foreground=None, lights=0)
    camera = ReferenceCamera(far, Motion(x_px=6.0, y_px=2.0, sways=(sway,)), (64, 64))

    exposure = camera.expose(0.0, 1.0)

    x, y, _ = camera.motion.pose(0.5)
    moved = Motion(x_px=x + exposure.psf_offset_px[0], y_px=y + exposure.psf_offset_px[1])
    expected = convolve(ReferenceCamera(far, moved, (64, 64)).light(1.0), exposure.psf, curve="linear")
    inner = np.s_[14:-14, 14:-14]
    assert psnr(expected[inner], exposure.blurry[inner]) > 45
    assert psnr(exposure.sharp[inner], exposure.blurry[inner]) < 30


def test_vectors_of_a_rotation() -> None:
    """Blur vectors of a pure rotation are the chords of circles about the middle, for each depth the same."""
    camera = ReferenceCamera(hdr_scene(SIZE), Motion(roll_deg=6.0), SIZE)

    vectors = camera.displacement(0.5, 1.0) - camera.displacement(0.5, 0.0)

    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    v, u = y - (SIZE[0] - 1) / 2, x - (SIZE[1] - 1) / 2
    chord = 2 * np.sin(np.deg2rad(3.0))
    np.testing.assert_allclose(vectors[..., 0], -chord * v, atol=1e-9)
    np.testing.assert_allclose(vectors[..., 1], chord * u, atol=1e-9)


def test_near_planes_move_further() -> None:
    """Vectors on the near plane are longer by the ratio of depths, and the plane hides what is behind."""
    layers = hdr_scene((64, 80), depths=(0.5, 1.0), lights=0)
    exposure = ReferenceCamera(layers, Motion(x_px=6.0), (64, 80)).expose(0.0, 1.0, tolerance=1e-3)

    lengths = np.unique(exposure.blur_vectors[..., 0].round(4))

    assert lengths.tolist() == [6.0, 12.0]


def test_blending_converges_to_the_truth() -> None:
    """More frames bring frame blending in the right light closer, beyond 50 dB; in the wrong light it stays away."""
    camera = ReferenceCamera(hdr_scene(SIZE, lights=0), Motion(x_px=9.0, y_px=3.0, roll_deg=2.0), SIZE)
    truth = curve("srgb").encode(np.clip(camera.expose(0.0, 1.0).blurry, 0, 1))

    def error(count: int, name: str) -> float:
        recipe = {"window": count, "variant": "blur_gamma", "curve": name, "end_weight": 0.5, "still_change": 0}
        return psnr(synthesize(camera.frames(0.0, 1.0, count), recipe)[0].blurry / 255, truth)

    few, some, many = (error(count, "srgb") for count in (5, 13, 65))
    assert few < some < many
    assert many > 50
    assert error(65, "linear") < many - 10


def test_lamps_leave_trails_that_blending_loses() -> None:
    """A lamp far above white leaves a clipped trail; blended frames, which clip first, leave a grey one."""
    light = np.full((80, 96, 3), 0.05)
    light[39:42, 47:50] = 40.0
    camera = ReferenceCamera((Layer(light),), Motion(x_px=16.0), SIZE)

    blurry = np.clip(camera.expose(-0.5, 0.5).blurry, 0, 1)
    mean = np.mean([curve("srgb").decode(frame / 255) for frame in camera.frames(-0.5, 0.5, 257)], axis=0)

    trail = (blurry[20, :, 0] >= 1).sum()
    assert 15 <= trail <= 21
    assert mean[20, :, 0].max() < 0.5


def test_photographed_pair() -> None:
    """A pair carries PSF, vectors and lengths; response and noise are the sensor's, and the same seed gives the same bytes."""
    camera = ReferenceCamera(hdr_scene((32, 40)), Motion(x_px=5.0, roll_deg=1.0), (32, 40))
    sensor = Sensor(saturation=None, noise="realblur", response="sony_a7r3")

    first, again = (camera.pair("a/1", 0.0, 1.0, sensor=sensor, rng=np.random.default_rng(4), bits=16) for _ in range(2))

    assert np.array_equal(first.blurry, again.blurry)
    assert first.blurry.shape == (24, 32, 3)
    assert first.extras["blur_vectors"].shape == (24, 32, 2)
    assert first.extras["psf"].sum() == pytest.approx(1, abs=1e-5)
    assert first.meta["blur_px_mean"] == pytest.approx(np.hypot(*np.moveaxis(first.extras["blur_vectors"], 2, 0)).mean())
    assert first.meta["curve"] == "sony_a7r3"
    clean = camera.pair("a/1", 0.0, 1.0)
    assert np.array_equal(clean.sharp, camera.frame(0.5))


def test_impossible_scenes_are_refused() -> None:
    """Negative light, a hole at the back, exposures that run backwards and made-up saturation raise a sentence."""
    flat = np.ones((8, 8, 3))
    with pytest.raises(ValueError, match="at least 0"):
        Layer(-flat)
    with pytest.raises(ValueError, match="cover must be"):
        Layer(flat, np.ones((7, 8)))
    with pytest.raises(ValueError, match="depth must be"):
        Layer(flat, depth=0.0)
    with pytest.raises(ValueError, match="cover everything"):
        ReferenceCamera((Layer(flat, np.ones((8, 8))),), Motion(), (4, 4))
    camera = ReferenceCamera((Layer(flat),), Motion(x_px=1.0), (4, 4))
    with pytest.raises(ValueError, match="end after it starts"):
        camera.expose(1.0, 1.0)
    with pytest.raises(ValueError, match="saturation=None"):
        camera.pair("a", 0.0, 1.0, sensor=Sensor())
    with pytest.raises(ValueError, match="too small for a layer"):
        hdr_scene((2000, 2000))
