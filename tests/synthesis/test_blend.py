"""The exact mean: against float64, and the same whatever the order and overlap."""

import numpy as np
import pytest

from blurdata.alignment import AlignRecipe
from blurdata.color import curve
from blurdata.synthesis import synthesize
from blurdata.synthesis.blend import LightSum
from blurdata.synthesis.kernels import mean_codes


def _frames(dtype: type, *, dark: bool, count: int = 13) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    top = np.iinfo(dtype).max
    high = max(6, top // 50) if dark else top + 1
    return [rng.integers(0, high, (48, 64, 3)).astype(dtype) for _ in range(count)]


def _reference(frames: list[np.ndarray], name: str) -> np.ndarray:
    top = np.iinfo(frames[0].dtype).max
    light = curve(name)
    mean = np.mean([light.decode(frame / top) for frame in frames], axis=0)
    return np.floor(np.clip(light.encode(mean), 0, 1) * top + 0.5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["gamma22", "srgb", "linear"])
def test_mean_equals_the_float64_reference(dtype: type, dark: bool, name: str) -> None:
    """Never more than one code away, and equal in at least 99.9 % of the samples."""
    frames = _frames(dtype, dark=dark)

    total = LightSum(curve(name), bits=8 * np.dtype(dtype).itemsize, samples=len(frames))
    for frame in frames:
        total.add(frame)
    error = np.abs(total.codes().astype(np.int64) - _reference(frames, name))

    assert error.max() <= 1
    assert (error == 0).mean() >= 0.999


@pytest.mark.parametrize("samples", [7, 51, 65, 257, 4097, 70_000])
def test_code_steps_are_those_of_the_formula(samples: int) -> None:
    """A constant frame comes back as itself, for every code, both depths, and any number of samples."""
    for dtype, bits in ((np.uint8, 8), (np.uint16, 16)):
        codes = np.arange(1 << bits, dtype=dtype)
        frame = np.repeat(codes[None, :, None], 3, axis=2)
        for name in ("gamma22", "srgb", "linear"):
            once = LightSum(curve(name), bits=bits, samples=samples)
            once.add(frame)
            total = LightSum(curve(name), bits=bits, samples=samples)
            sums = total.open(frame.shape, samples)
            sums += once.open(frame.shape, 0).astype(sums.dtype) * sums.dtype.type(samples)
            assert np.array_equal(total.codes(), frame)


def test_every_mean_of_8_bit_codes_is_rounded_half_up() -> None:
    """The mean of codes is exact for every sum of every number of samples whose sums fit in 16 bits."""
    for weight in range(1, 257):
        sums = np.arange(255 * weight + 1, dtype=np.uint16)
        out = np.empty(sums.size, np.uint8)
        mean_codes(out, sums, weight)
        assert np.array_equal(out, (2 * sums.astype(np.int64) + weight) // (2 * weight))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("scale", [1.0, 3.7])
def test_means_under_a_table_that_is_straight_are_those_of_codes(tmp_path, dtype: type, scale: float) -> None:
    """Half-way between two codes is rounded up under any curve that is a straight line, not only the one that is called so."""
    table, bits = tmp_path / "straight.csv", 8 * np.dtype(dtype).itemsize
    np.savetxt(table, np.arange(256) * scale)
    codes = np.arange(0, (1 << bits) - 1, max(1, 1 << (bits - 8)), dtype=np.int64)
    frames = [np.repeat((codes + up).astype(dtype)[None, :, None], 3, axis=2) for up in (0, 0, 1, 1)]
    total = LightSum(curve(str(table)), bits=bits, samples=4)
    for frame in frames:
        total.add(frame)
    assert np.array_equal(total.codes()[0, :, 0], codes + 1)


def test_many_bright_samples_of_16_bits() -> None:
    """Sums far beyond what float64 holds exactly still step where they should."""
    scene = np.random.default_rng(4).integers(40_000, 65_536, (48, 200, 3)).astype(np.uint16)
    frames = [np.ascontiguousarray(scene[:, 2 * i : 2 * i + 64]) for i in range(65)]

    pair = synthesize(frames, {"window": 65, "curve": "srgb", "variant": "blur_gamma"})[0]

    error = np.abs(pair.blurry.astype(np.int64) - _reference(frames, "srgb"))
    assert error.max() <= 1
    assert (error == 0).mean() >= 0.999


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("window", [3, 5, 7])
def test_means_half_way_between_two_codes_are_rounded_up(tmp_path, dtype: type, window: int) -> None:
    """Curves that are straight in the dark, as sRGB is, have such means where the ends count half; rounded light fell short of them."""
    table = tmp_path / "camera.csv"
    np.savetxt(table, np.linspace(0, 1, 64) ** 1.8)
    top = np.iinfo(dtype).max
    for name, codes in (("srgb", 10), (str(table), 4)):
        frames = list(np.random.default_rng(window).integers(0, codes, (window, 40, 60, 3)).astype(dtype))
        weights = [1, *[2] * (window - 2), 1]
        total = LightSum(curve(name), bits=8 * np.dtype(dtype).itemsize, samples=2 * window)
        for frame, weight in zip(frames, weights, strict=True):
            total.add(frame, weight)

        light = np.average([curve(name).decode(frame / top) for frame in frames], axis=0, weights=weights)
        wanted = np.floor(curve(name).encode(light) * top + 0.5 + 1e-9)
        error = np.abs(total.codes().astype(np.int64) - wanted)
        assert error.max() <= 1
        assert (error == 0).mean() >= 0.999


def test_order_and_grouping_change_no_bit() -> None:
    """Integers are summed, so any order gives the same sum."""
    frames = _frames(np.uint16, dark=False)
    sums = []
    for order in (frames, frames[::-1]):
        total = LightSum(curve("srgb"), bits=16, samples=len(frames))
        for frame in order:
            total.add(frame)
            if len(sums) == 1:
                total.sums()  # fold after each frame
        sums.append(total.sums().copy())

    assert np.array_equal(sums[0], sums[1])


@pytest.mark.parametrize("name", ["gamma22", "linear"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_many_white_frames_do_not_overflow(name: str, dtype: type) -> None:
    """256 white frames of 8 bits fill 32 bits, or 16 of codes, exactly; more need and get more."""
    top = np.iinfo(dtype).max
    white = np.full((4, 4, 3), top, dtype)
    for count in (255, 256, 257, 258, 300, 66_000):
        total = LightSum(curve(name), bits=8 * np.dtype(dtype).itemsize, samples=count)
        for _ in range(count):
            total.add(white)
        assert (total.codes() == top).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("opened", [0, 3, 13])
def test_codes_that_are_summed_become_light_without_loss(dtype: type, opened: int) -> None:
    """Under the linear curve plain codes are summed until other light comes; when that is changes no bit."""
    frames = _frames(dtype, dark=False)
    plain, other = (LightSum(curve("linear"), bits=8 * np.dtype(dtype).itemsize, samples=len(frames)) for _ in range(2))
    for number, frame in enumerate(frames):
        plain.add(frame)
        if number == opened:
            other.open(frame.shape, 0)
        other.add(frame)

    assert plain.weight == other.weight == len(frames)
    assert np.array_equal(plain.codes(), other.codes())
    assert np.array_equal(plain.mean(), other.mean())


def test_measured_curve_of_three_channels(tmp_path) -> None:
    """Each channel is averaged under its own table."""
    codes = np.linspace(0, 1, 64)
    table = tmp_path / "camera.csv"
    np.savetxt(table, np.stack([codes**1.8, codes**2.2, codes**2.6], axis=1), delimiter=",")
    frames = _frames(np.uint8, dark=False, count=5)

    pair = synthesize(frames, {"window": 5, "curve": str(table), "variant": "blur_gamma"})[0]

    error = np.abs(pair.blurry.astype(int) - _reference(frames, str(table)))
    assert error.max() <= 1
    assert (error == 0).mean() >= 0.999


def test_channels_that_agree_at_the_codes_alone(tmp_path) -> None:
    """Light that is proportional to codes does not mean that all channels have the same steps between them."""
    places = np.linspace(0, 1, 511)
    bent = np.stack([places + bend * (np.arange(511) % 2) / 511 for bend in (-0.45, 0.0, 0.45)], axis=1)
    table = tmp_path / "camera.csv"
    np.savetxt(table, bent, delimiter=",")
    frames = _frames(np.uint8, dark=False, count=3)

    pair = synthesize(frames, {"window": 3, "curve": str(table), "variant": "blur_gamma"})[0]

    assert (pair.blurry == _reference(frames, str(table))).mean() >= 0.999


def test_trapezoid_weights_the_ends_half() -> None:
    """`end_weight: 0.5` is the trapezoid rule."""
    frames = _frames(np.uint8, dark=False, count=3)

    pair = synthesize(frames, {"window": 3, "variant": "blur", "end_weight": 0.5})[0]

    expected = np.floor((frames[0] / 2 + frames[1] + frames[2] / 2) / 2 + 0.5)
    assert np.array_equal(pair.blurry, expected)
    assert pair.meta["end_weight"] == 0.5


@pytest.mark.parametrize("interpolation", ["none", "dis"])
def test_overlap_and_cuts_of_the_run_change_no_byte(interpolation: str) -> None:
    """A pair is the same alone, in a run, and in any part of a run."""
    rng = np.random.default_rng(5)
    scene = np.kron(rng.integers(0, 256, (16, 24, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    frames = [np.roll(scene, 2 * i, axis=1) for i in range(9)]
    pairs = synthesize(frames, {"window": 5, "step": 2, "interpolation": interpolation, "virtual_frames": 3, "max_disagreement": 1.0})

    whole = list(pairs)

    for i, pair in enumerate(whole):
        assert np.array_equal(pairs[i].blurry, pair.blurry)
        assert np.array_equal(pairs[i].extras["blur"], pair.extras["blur"])
    assert [p.key for p in pairs.pairs(1, 3)] == [p.key for p in whole[1:3]]
    assert all(np.array_equal(a.blurry, b.blurry) for a, b in zip(pairs.pairs(1, 3), whole[1:3], strict=True))


@pytest.mark.parametrize("bits", [8, 16])
def test_the_mean_is_that_of_the_light(bits: int) -> None:
    """What a simulated camera photographs: light in [0, 1], weights counted, within the integer grid."""
    rng = np.random.default_rng(8)
    frames = rng.integers(0, 1 << bits, (3, 9, 7, 3)).astype(np.uint8 if bits == 8 else np.uint16)
    total = LightSum(curve("srgb"), bits=bits, samples=4)
    for frame, weight in zip(frames, (1, 2, 1), strict=True):
        total.add(frame, weight)

    light = curve("srgb").decode(frames / ((1 << bits) - 1))
    assert np.abs(total.mean() - (light[0] + 2 * light[1] + light[2]) / 4).max() < 1e-7


def test_another_table_under_the_same_name_is_another_recipe(tmp_path) -> None:
    """A set whose making was stopped must not go on with another curve."""
    frames = list(np.random.default_rng(0).integers(0, 255, (3, 24, 32, 3), np.uint8))
    table, codes = tmp_path / "camera.csv", np.linspace(0, 1, 256)
    fields = {"window": 3, "curve": str(table), "variant": "blur_gamma", "sensor": {"response": str(table)}}

    def made_with(power: float, name: str = "camera.csv") -> str:
        np.savetxt(tmp_path / name, codes**power)
        where = str(tmp_path / name)
        return synthesize(frames, {**fields, "curve": where, "sensor": {"response": where}}).recipe_id

    one = made_with(1.5)
    assert made_with(3.0) != one
    assert made_with(1.5, "moved.csv") == one
    assert AlignRecipe(curve=str(tmp_path / "moved.csv")).id != AlignRecipe(curve=str(table)).id
