"""One picture, one PSF: against a direct float64 sum, for every type, curve, border, shape and way."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from blurdata import convolve, psf
from blurdata.color import Curve, curve
from blurdata.convolution import single, strokes, words

MODES = {"reflect": "mirror", "replicate": "nearest", "constant": "constant"}
TOLERANCE = {"uint8": 1, "uint16": 1, "float16": 2e-3, "float32": 3e-6, "float64": 1e-12}
RNG = np.random.default_rng(7)
KERNELS = {
    "point": np.ones((1, 1), np.float32),
    "stroke": psf.motion(9, 30),
    "uneven stroke": psf.motion(13, 200, profile=[1, 2, 5]),
    "row": psf.motion(7, 0),
    "column": psf.motion(7, 90),
    "shake": psf.shake(18, rng=RNG),
    "disk": psf.disk(3.3),
    "large disk": psf.disk(19),
    "gaussian": psf.gaussian(1.7),
    "wide gaussian": psf.gaussian(6),
    "slanted gaussian": psf.anisotropic_gaussian(7, 3, 20),
    "noise": RNG.random((7, 5)) / 18,
    "bright": np.full((3, 3), 0.2),
    "sharpen": np.array([[0, -0.5, 0], [-0.5, 3, -0.5], [0, -0.5, 0]]),
}


def picture(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    """Random codes with black and white among them; floats reach 2 (HDR)."""
    values = np.clip(np.random.default_rng(seed).random(shape) * 1.4 - 0.2, 0, 1)
    if np.dtype(dtype).kind == "u":
        return (values * np.iinfo(dtype).max).astype(dtype)
    return (2 * values).astype(dtype)


def direct(image: np.ndarray, kernel: np.ndarray, response: Curve, border: str) -> np.ndarray:
    """The sum as the docstring defines it, in float64, before rounding to codes."""
    full = np.iinfo(image.dtype).max if image.dtype.kind == "u" else 1
    light = response.decode(image / np.float64(full))
    weights = np.asarray(kernel, np.float64)
    blurred = ndimage.convolve(light, weights[..., None] if image.ndim == 3 else weights, mode=MODES[border])
    return response.encode(blurred if image.dtype.kind == "f" else np.clip(blurred, 0, 1)) * full


def largest_error(image: np.ndarray, kernel: np.ndarray, name: str, border: str) -> float:
    """Distance between :func:`convolve` and the direct sum."""
    result = convolve(image, kernel, curve=name, border=border)

    assert result.dtype == image.dtype
    assert result.shape == image.shape
    return float(np.abs(result - direct(image, kernel, curve(name), border)).max())


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("name", ["srgb", "gamma22", "linear"])
@pytest.mark.parametrize("kind", list(KERNELS))
def test_equals_the_direct_sum(dtype: str, name: str, kind: str) -> None:
    """Within 1 code value for integers, within rounding for floats, at every border."""
    for number, border in enumerate(MODES):
        shape = [(37, 41, 3), (40, 33), (35, 50, 5)][number]
        image = picture(shape, dtype)
        # light 0 comes out of a transform as 1e-16, and the 2.2nd root of that is 6e-8
        tolerance = 1e-6 if (dtype, name) == ("float64", "gamma22") else TOLERANCE[dtype]
        assert largest_error(image, KERNELS[kind], name, border) <= tolerance * (5 if kind == "sharpen" and dtype[0] == "f" else 1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1, 3), (2, 3, 1), (4, 200)])
@pytest.mark.parametrize("kind", ["stroke", "shake", "large disk", "wide gaussian"])
@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_psf_larger_than_the_picture(shape: tuple[int, ...], kind: str, dtype: str) -> None:
    """Borders go on and on, however small the picture."""
    for border in MODES:
        assert largest_error(picture(shape, dtype), KERNELS[kind], "srgb", border) <= TOLERANCE[dtype]


@pytest.mark.parametrize("seed", range(6))
def test_random_psfs_on_a_larger_picture(seed: int) -> None:
    """Strokes, shakes and apertures of random sizes, over strips and bands of the fast loops."""
    rng = np.random.default_rng(seed)
    image = picture((131, 230, 3), "uint8", seed)
    kernels = [
        psf.motion(rng.uniform(0, 60), rng.uniform(0, 360)),
        psf.shake(rng.uniform(2, 50), rng=rng),
        psf.polygon(rng.uniform(0.3, 12), blades=int(rng.integers(3, 9)), rotation_deg=rng.uniform(0, 90)),
    ]

    for kernel in kernels:
        for name in ("srgb", "gamma22", "linear"):
            assert largest_error(image, kernel, name, "reflect") <= 1


def test_every_way_is_taken_and_agrees() -> None:
    """Words, single taps, lines and transforms each serve some PSF and give the same codes within 1."""
    image = picture((60, 70, 3), "uint8")
    ways = {single._way(kernel, taps.cost if (taps := words.taps_of(kernel)) else np.inf) for kernel in KERNELS.values()}

    assert {"words", "separable", "fft"} <= ways
    kernel, response = KERNELS["stroke"], curve("srgb")
    light = response.decode(image / 255)
    taps = single._taps(light, kernel, "reflect")
    np.testing.assert_allclose(taps, single._fft(light, kernel, "reflect"), atol=1e-6)
    codes = strokes.blur_codes(image.reshape(60, -1), 3, kernel, response, "reflect").reshape(image.shape)
    assert np.abs(codes - direct(image, kernel, response, "reflect")).max() <= 1


@pytest.mark.parametrize("sigma", [0.46, 0.69, 0.9, 6])
def test_faint_tails_of_a_point_keep_their_codes(sigma: float) -> None:
    """A 16-bit point on black under a steep curve: even weights of 1e-9 are codes there."""
    image = np.zeros((31, 33, 3), np.uint16)
    image[15, 16] = 65535

    assert largest_error(image, psf.gaussian(sigma), "gamma22", "reflect") <= 1


def test_impulse_becomes_the_psf() -> None:
    """True convolution: the response to a point is the PSF itself, not its mirror image."""
    kernel = psf.motion(15, 25, profile=[1, 2, 4])
    image = np.zeros((41, 41), np.float64)
    image[20, 20] = 1
    top, left = kernel.shape[0] // 2, kernel.shape[1] // 2

    response = convolve(image, kernel, curve="linear")

    np.testing.assert_allclose(response[20 - top : 21 + top, 20 - left : 21 + left], kernel, atol=1e-12)


@pytest.mark.parametrize("name", ["srgb", "gamma22", "linear"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_even_fields_stay(name: str, dtype: str) -> None:
    """A blur changes no picture of one code, whatever the code."""
    full = np.iinfo(dtype).max
    for kind in ("stroke", "shake", "disk", "gaussian"):
        for code in [*range(12), full // 2, full - 1, full]:
            assert (convolve(np.full((9, 9), code, dtype), KERNELS[kind], curve=name) == code).all()


def test_highlights_bloom_in_floats_and_clip_in_integers() -> None:
    """A float highlight of 50 keeps its energy; light never wraps around in integers."""
    image = np.zeros((31, 31), np.float32)
    image[15, 15] = 50
    assert abs(float(convolve(image, psf.disk(5), curve="linear").sum()) - 50) < 1e-3
    assert convolve(np.full((9, 9), 255, np.uint8), np.full((3, 3), 1.0)).min() == 255


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["stroke", "shake", "large disk", "wide gaussian", "slanted gaussian", "sharpen"])
@pytest.mark.parametrize("border", list(MODES))
def test_what_is_not_finite_spoils_its_own_surroundings(dtype: str, kind: str, border: str) -> None:
    """A NaN and infinities of a float picture come out where the direct sum has them, and the rest as if they were not there."""
    image = picture((70, 80, 2), dtype)
    image[20, 3, 0], image[50, 60, 0], image[68, 2, 1] = np.nan, np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        expected = ndimage.convolve(image.astype(np.float64), KERNELS[kind][..., None].astype(np.float64), mode=MODES[border])
    touched = np.abs(KERNELS[kind][..., None].astype(np.float64)) > 0
    safe = ~ndimage.convolve((~np.isfinite(image)).astype(int), touched.astype(int), mode=MODES[border]).astype(bool)

    result = convolve(image, KERNELS[kind], curve="linear", border=border)

    np.testing.assert_allclose(result[safe], expected[safe], atol=5e-6)
    assert safe.any()
    assert np.isnan(result).any()
    assert not np.isfinite(result[~safe]).any()


def test_measured_tables(tmp_path: object) -> None:
    """A curve from a file, one column or three, serves like a named one."""
    codes = np.linspace(0, 1, 64)
    one, three = f"{tmp_path}/one.txt", f"{tmp_path}/three.txt"
    np.savetxt(one, codes**1.8)
    np.savetxt(three, np.stack([codes**1.8, codes**2.0, 0.5 * codes + 0.5 * codes**2], axis=1))
    for path in (one, three):
        for dtype in ("uint8", "uint16", "float64"):
            assert largest_error(picture((30, 31, 3), dtype), KERNELS["stroke"], path, "reflect") <= TOLERANCE[dtype]

    with pytest.raises(ValueError, match="3 channels"):
        convolve(picture((30, 31), "uint8"), KERNELS["stroke"], curve=three)


def test_the_picture_is_left_alone() -> None:
    """Input arrays are not written to, need not be contiguous, and may be read-only."""
    image = picture((40, 50, 3), "uint8")
    view = image[::2, ::-1]
    view.flags.writeable = False
    before = view.copy()

    result = convolve(view, KERNELS["stroke"])

    np.testing.assert_array_equal(view, before)
    np.testing.assert_array_equal(result, convolve(before, KERNELS["stroke"]))
    assert result.flags.writeable


@pytest.mark.parametrize(
    ("image", "kernel", "options", "error", "text"),
    [
        ("text", np.ones((1, 1)), {}, TypeError, "numpy array"),
        (np.zeros((4, 4), np.int32), np.ones((1, 1)), {}, TypeError, "int32"),
        (np.zeros((4, 4), bool), np.ones((1, 1)), {}, TypeError, "bool"),
        (np.zeros(4, np.uint8), np.ones((1, 1)), {}, ValueError, "shape"),
        (np.zeros((0, 4), np.uint8), np.ones((1, 1)), {}, ValueError, "shape"),
        (np.zeros((4, 4), np.uint8), np.ones((2, 3)), {}, ValueError, "odd sides"),
        (np.zeros((4, 4), np.uint8), np.ones(3), {}, ValueError, "odd sides"),
        (np.zeros((4, 4), np.uint8), np.full((1, 1), np.nan), {}, ValueError, "finite"),
        (np.zeros((4, 4), np.uint8), np.ones((1, 1)), {"border": "wrap"}, ValueError, "border"),
        (np.zeros((4, 4), np.uint8), np.ones((1, 1)), {"curve": "nope"}, ValueError, "nope"),
        (np.zeros((4, 4), np.uint8), np.ones((1, 1)), {"curve": "sony_a7r3"}, ValueError, "forward-only"),
    ],
)
def test_wrong_arguments_are_named(image: object, kernel: np.ndarray, options: dict[str, str], error: type, text: str) -> None:
    """Wrong input is refused at the door in one sentence."""
    with pytest.raises(error, match=text):
        convolve(image, kernel, **options)


def test_works_without_torch() -> None:
    """Neither PSFs nor the numpy path import torch."""
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np; from blurdata import convolve, psf\n"
        "convolve(np.zeros((9, 9, 3), np.uint8), psf.motion(5, 20))"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_serves_where_no_cache_can_be_written(tmp_path: Path) -> None:
    """Numba compiles in memory where its cache folder is no folder."""
    code = "import numpy as np; from blurdata import convolve, psf; print(convolve(np.full((9, 9), 7, np.uint8), psf.motion(5, 20))[0, 0])"
    blocked = tmp_path / "file"
    blocked.touch()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NUMBA_CACHE_DIR": f"{blocked}/no"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert done.stdout.strip() == "7"
