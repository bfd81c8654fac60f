"""Every PSF is photometric, centred, odd, trimmed and anti-aliased, whatever its parameters."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blurdata import psf

lengths = st.one_of(st.floats(0, 1), st.floats(0, 120), st.sampled_from([0.0, 1e-9, 0.5, 1.0, 3.0, 300.0]))
radii = st.one_of(st.floats(0, 1), st.floats(0, 40), st.sampled_from([0.0, 1e-9, 0.5, 1.0, 7.0]))
angles = st.one_of(st.floats(-720, 720), st.sampled_from([0.0, 45.0, 90.0, 135.0, 180.0, 270.0]))
seeds = st.integers(0, 2**32 - 1)


def check_contract(kernel: np.ndarray) -> None:
    """Assert everything that a PSF promises."""
    height, width = kernel.shape

    assert kernel.dtype == np.float32
    assert height % 2 == 1
    assert width % 2 == 1
    assert np.isfinite(kernel).all()
    assert (kernel >= 0).all()
    assert abs(kernel.sum(dtype=np.float64) - 1) < 1e-6
    y, x = np.mgrid[:height, :width]
    assert abs((kernel * x).sum(dtype=np.float64) - (width - 1) / 2) < 1e-3
    assert abs((kernel * y).sum(dtype=np.float64) - (height - 1) / 2) < 1e-3
    assert kernel[[0, -1]].any()
    assert kernel[:, [0, -1]].any()


@settings(max_examples=60, deadline=None)
@given(lengths, angles, st.lists(st.floats(0, 5), min_size=1, max_size=9))
def test_motion_keeps_the_contract(length: float, angle: float, profile: list[float]) -> None:
    """Straight motion with and without a speed profile."""
    check_contract(psf.motion(length, angle))
    check_contract(psf.motion(length, angle, profile=[*profile, 1.0]))


@settings(max_examples=40, deadline=None)
@given(lengths, seeds, st.floats(0, 1), st.floats(0, 3), st.floats(0, 3), st.floats(0, 5), st.integers(2, 400))
def test_shake_keeps_the_contract(
    extent: float, seed: int, inertia: float, tremor: float, centripetal: float, impulses: float, steps: int
) -> None:
    """Camera shake of any temper."""
    rng = np.random.default_rng(seed)

    kernel = psf.shake(extent, rng=rng, inertia=inertia, tremor=tremor, centripetal=centripetal, impulses=impulses, steps=steps)

    check_contract(kernel)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(-60, 60), st.floats(-60, 60)), min_size=1, max_size=30))
def test_any_path_keeps_the_contract(points: list[tuple[float, float]]) -> None:
    """A path a person gives, a single point and rests included."""
    check_contract(psf.from_path(points))


@settings(max_examples=60, deadline=None)
@given(radii, st.integers(3, 12), angles, st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)))
def test_apertures_keep_the_contract(radius: float, blades: int, rotation: float, roundness: float) -> None:
    """Disks and polygons."""
    check_contract(psf.disk(radius))
    check_contract(psf.polygon(radius, blades=blades, rotation_deg=rotation, roundness=roundness))


@settings(max_examples=60, deadline=None)
@given(radii, radii, angles)
def test_gaussians_keep_the_contract(along: float, across: float, angle: float) -> None:
    """Round and stretched Gaussians, thin ridges included."""
    check_contract(psf.gaussian(along / 4))
    check_contract(psf.anisotropic_gaussian(along / 4, across / 4, angle))


def test_no_strength_is_no_blur() -> None:
    """At 0, each PSF is the single sample 1."""
    rng = np.random.default_rng(0)
    kernels = [
        psf.motion(0, 30),
        psf.motion(0, 30, profile=[1, 2]),
        psf.shake(0, rng=rng),
        psf.from_path([(3.5, 7.25)]),
        psf.disk(0),
        psf.polygon(0, blades=5),
        psf.gaussian(0),
        psf.anisotropic_gaussian(0, 0, 33),
    ]

    for kernel in kernels:
        assert kernel.shape == (1, 1)
        assert kernel[0, 0] == 1


def same_size(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both with zeros around them up to one size."""
    height, width = (max(sides) for sides in zip(one.shape, other.shape, strict=True))
    grown = []
    for kernel in (one, other):
        top, left = (height - kernel.shape[0]) // 2, (width - kernel.shape[1]) // 2
        grown.append(np.pad(kernel, ((top, top), (left, left))))
    return grown[0], grown[1]


@pytest.mark.parametrize("size", [0.2, 0.9, 3.0, 7.3, 15.0, 31.0])
@pytest.mark.parametrize("angle", [0.0, 17.0, 45.0, 90.0, 135.0])
@pytest.mark.parametrize(
    "make",
    [psf.motion, lambda size, angle: psf.polygon(size, blades=6, rotation_deg=angle)],
    ids=["motion", "polygon"],
)
def test_small_changes_show(make: Callable[[float, float], np.ndarray], size: float, angle: float) -> None:
    """A turn of 0.1 degree and a size changed by 0.1 px each change a PSF, but little."""
    start = make(size, angle)

    for changed in (make(size, angle + 0.1), make(size + 0.1, angle)):
        one, other = same_size(start, changed)
        difference = np.abs(one - other).max()
        assert 0 < difference < 0.1


@pytest.mark.parametrize("radius", [0.1, 0.5, 1.0, 4.9, 15.0])
def test_fractional_radius_shows(radius: float) -> None:
    """A disk 0.1 px larger is another PSF."""
    one, other = same_size(psf.disk(radius), psf.disk(radius + 0.1))

    assert np.abs(one - other).max() > 0


def test_angle_is_counter_clockwise_with_y_up() -> None:
    """At 45 degrees the stroke runs from the lower left to the upper right; the first row is the top."""
    kernel = psf.motion(11, 45)

    assert kernel[1, -2] > 0
    assert kernel[0, 0] == 0
    assert psf.motion(11, 90).shape[1] == 1
    assert psf.anisotropic_gaussian(4, 1, 45)[0].argmax() > psf.anisotropic_gaussian(4, 1, 45).shape[1] / 2


def test_profile_lights_the_slow_part() -> None:
    """A camera that starts slowly leaves more light at the tail of its stroke."""
    kernel = psf.motion(20, 0, profile=[1, 9])[0]

    assert kernel.argmax() < len(kernel) / 2
    assert abs(kernel.max() / kernel[kernel > 0][-3] - 9) < 0.5


def test_motion_is_the_mean_of_shifted_pictures() -> None:
    """A stroke's PSF is the average of many bilinear shifts along it."""
    length, angle, half = 7.3, 33.0, 6
    expected = np.zeros((2 * half + 1, 2 * half + 1))
    for t in (np.arange(20000) + 0.5) / 20000 - 0.5:
        x = half + length * t * math.cos(math.radians(angle))
        y = half - length * t * math.sin(math.radians(angle))
        i, j = int(x), int(y)
        u, v = x - i, y - j
        expected[j : j + 2, i : i + 2] += np.outer([1 - v, v], [1 - u, u]) / 20000

    kernel, reference = same_size(psf.motion(length, angle), expected)

    assert np.abs(kernel - reference).max() < 1e-6


@pytest.mark.parametrize("shape", ["disk", "hexagon"])
def test_area_is_integrated_exactly(shape: str) -> None:
    """An aperture's PSF is the hat-weighted area, against 60 x 60 samples a pixel."""
    radius, fine, half = 3.3, 60, 5
    at = (np.arange(-half * fine, half * fine) + 0.5) / fine
    x, y = np.meshgrid(at, -at)
    if shape == "disk":
        kernel, inside = psf.disk(radius), x**2 + y**2 <= radius**2
    else:
        kernel = psf.polygon(radius, blades=6, rotation_deg=10)
        normals = np.deg2rad(10 + 30 + 60 * np.arange(6))
        inside = np.all([x * np.cos(n) + y * np.sin(n) <= radius * math.cos(math.pi / 6) for n in normals], axis=0)
    offsets = range(-(kernel.shape[0] // 2), kernel.shape[0] // 2 + 1)
    hats = np.array([np.maximum(0, 1 - np.abs(at - i)) for i in offsets])

    expected = hats @ inside @ hats.T

    reference = expected / expected.sum()
    assert np.abs(kernel - reference).max() < 3e-5


def test_path_of_two_points_is_motion() -> None:
    """A straight path, however finely given, is straight motion."""
    end = 6 * np.array([math.cos(0.5), math.sin(0.5)])
    expected = psf.motion(12, math.degrees(0.5))

    np.testing.assert_allclose(psf.from_path([-end, end]), expected, atol=1e-7)
    np.testing.assert_allclose(psf.from_path(np.linspace(-end, end, 300) + 40), expected, atol=1e-6)


def test_a_rest_on_the_path_is_bright() -> None:
    """Equal time between points: a point given often holds its share of the light."""
    kernel = psf.from_path([(0, 0)] * 31 + [(10, 0)] * 10)

    assert abs(np.sort(kernel.ravel())[-2:].sum() - 30 / 40) < 0.01


def test_round_polygon_is_a_disk() -> None:
    """Roundness 1 is the disk, and between 0 and 1 the area grows."""
    one, other = same_size(psf.polygon(9, blades=5, roundness=1), psf.disk(9))
    np.testing.assert_array_equal(one, other)

    one, other = same_size(psf.polygon(9, blades=5, roundness=0.999), psf.disk(9))
    np.testing.assert_allclose(one, other, atol=1e-4)
    peaks = [psf.polygon(9, blades=5, roundness=r).max() for r in (0, 0.3, 0.6, 1)]
    assert peaks == sorted(peaks, reverse=True)


def test_stretched_gaussian_of_equal_widths_is_round() -> None:
    """Both Gaussians agree, and a stretched one has the covariance asked for."""
    np.testing.assert_allclose(psf.anisotropic_gaussian(1.5, 1.5, 20), psf.gaussian(1.5), atol=1e-7)
    kernel = psf.anisotropic_gaussian(3, 1, 30).astype(np.float64)
    y, x = np.mgrid[: kernel.shape[0], : kernel.shape[1]].astype(np.float64)
    x, y = x - x.mean(), y.mean() - y

    assert abs((kernel * x * x).sum() - (9 * 0.75 + 0.25)) < 0.05
    assert abs((kernel * x * y).sum() - 8 * math.sqrt(3) / 4) < 0.05


def test_shake_is_the_integral_of_its_path() -> None:
    """The same state of the generator gives the same path and PSF, as large as asked."""
    path = psf.shake_path(30, rng=np.random.default_rng(5))
    kernel = psf.shake(30, rng=np.random.default_rng(5))

    assert abs(np.ptp(path, axis=0).max() - 30) < 1e-9
    np.testing.assert_array_equal(psf.from_path(path), kernel)
    assert not np.array_equal(psf.shake(30, rng=np.random.default_rng(6)), kernel)


BAD = [
    (lambda: psf.motion(-1, 0), "length_px"),
    (lambda: psf.motion(math.nan, 0), "length_px"),
    (lambda: psf.motion(math.inf, 0), "length_px"),
    (lambda: psf.motion(1e6, 45), "length_px"),
    (lambda: psf.motion(5, math.inf), "angle_deg"),
    (lambda: psf.motion(5, 0, profile=[0, 0]), "profile"),
    (lambda: psf.motion(5, 0, profile=[1, -1]), "profile"),
    (lambda: psf.motion(5, 0, profile=[]), "profile"),
    (lambda: psf.from_path([]), "points_xy"),
    (lambda: psf.from_path([(0, math.nan)]), "points_xy"),
    (lambda: psf.from_path([(0, 0), (1e9, 0)]), "points_xy"),
    (lambda: psf.from_path([1, 2, 3]), "points_xy"),
    (lambda: psf.disk(-0.1), "radius_px"),
    (lambda: psf.disk(1e7), "radius_px"),
    (lambda: psf.polygon(5, blades=2), "blades"),
    (lambda: psf.polygon(5, blades=5.5), "blades"),
    (lambda: psf.polygon(5, blades=5, roundness=1.1), "roundness"),
    (lambda: psf.gaussian(math.nan), "sigma_px"),
    (lambda: psf.gaussian(1e9), "sigma_px"),
    (lambda: psf.anisotropic_gaussian(1, -1, 0), "sigma_y_px"),
    (lambda: psf.shake(-1, rng=np.random.default_rng(0)), "extent_px"),
    (lambda: psf.shake(5, rng=np.random.default_rng(0), steps=1), "steps"),
    (lambda: psf.shake(5, rng=np.random.default_rng(0), steps=2.9), "steps"),
    (lambda: psf.circle_of_confusion(50, 0, 2, 1, 5), "f_number"),
    (lambda: psf.circle_of_confusion(50, 2, 0.01, 1, 5), "focus_distance_m"),
    (lambda: psf.circle_of_confusion(50, 2, 2, [1, 0], 5), "depth_m"),
    (lambda: psf.imagenet_c("fog", 1), "kind"),
    (lambda: psf.imagenet_c("motion", 6), "severity"),
]


@pytest.mark.parametrize(("call", "name"), BAD, ids=[f"{number}-{name}" for number, (_, name) in enumerate(BAD)])
def test_bad_numbers_are_named(call: Callable[[], object], name: str) -> None:
    """A wrong number is a ValueError that names it."""
    with pytest.raises(ValueError, match=name):
        call()


def test_wrong_types_are_named() -> None:
    """Text for a number and a global random module for a generator are TypeErrors."""
    with pytest.raises(TypeError, match="length_px"):
        psf.motion("long", 0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="rng"):
        psf.shake(5, rng=np.random)  # type: ignore[arg-type]


def test_circle_of_confusion_follows_the_thin_lens() -> None:
    """Against distances computed from the lens equation itself."""
    f, n, focus, pitch = 0.05, 2.8, 3.0, 4e-6
    depth = np.array([0.7, 1.5, 3.0, 10.0, 1e9])
    image_of_focus, image_of_depth = 1 / (1 / f - 1 / focus), 1 / (1 / f - 1 / depth)
    expected = f / n * np.abs(image_of_depth - image_of_focus) / image_of_depth / 2 / pitch

    radius = psf.circle_of_confusion(50, 2.8, 3.0, depth, 4.0)

    np.testing.assert_allclose(radius, expected, rtol=1e-9, atol=1e-9)
    assert radius[2] == 0
    assert psf.circle_of_confusion(50, 2.8, math.inf, math.inf, 4.0) == 0
