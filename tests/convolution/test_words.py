"""The whole weights that bytes are blurred with: against plain numpy, and unseen kernels against the direct sum."""

import numpy as np
import pytest
from scipy import ndimage

from blurdata import convolve, psf
from blurdata.color import curve
from blurdata.convolution import words

Weights = np.ndarray


def weights_of(taps: words.Taps, shape: tuple[int, int]) -> tuple[Weights, Weights]:
    """The whole weights that even and odd rows see, unpacked from the words and accumulated where they are differences."""
    both, upper_end, end = taps.ends
    rows = []
    for values, places, shift in ((taps.upper, slice(0, upper_end), 0), (taps.lower, np.r_[0:both, upper_end:end], 1)):
        grid = np.zeros((shape[0] + 4, shape[1]), np.int64)
        halves = values[places].view(np.int16).reshape(-1, 2)  # the lower half is the row above
        for half in (0, 1):
            np.add.at(grid, (2 * taps.rows[places] + half, taps.columns[places]), halves[:, half].astype(np.int64))
        rows.append(grid[shift:])
    if taps.begin is not None:  # differences d of e: d[i] = e[i - 1] - e[i]
        rows = [-np.cumsum(grid, axis=0) for grid in rows]
    return rows[0][: shape[0]], rows[1][: shape[0]]


def unseen(kind: int, rng: np.random.Generator) -> np.ndarray:
    """A kernel that no function of :mod:`blurdata.psf` makes, or one of its larger ones."""
    height, width = 2 * rng.integers(0, 16, 2) + 1
    spots = rng.random((height, width)) * (rng.random((height, width)) < 0.05)
    corner = np.zeros((height, width))
    corner[:, 0] = corner[-1] = 1
    kernel = [
        rng.random((height, width)),
        spots if spots.any() else corner,
        corner,
        rng.random((1, width)),
        rng.random((height, 1)),
        np.ones((height, width)),
        psf.disk(rng.uniform(5, 18)),
        psf.polygon(rng.uniform(5, 18), blades=5, rotation_deg=rng.uniform(0, 90), roundness=rng.random()),
    ][kind]
    return np.asarray(kernel / kernel.sum(), np.float32)


@pytest.mark.parametrize("kernel", [psf.motion(31, 30), psf.motion(1, 0), psf.disk(15), psf.polygon(11, blades=6), psf.gaussian(2)])
def test_even_and_odd_rows_see_the_same_kernel(kernel: np.ndarray) -> None:
    """Both sets of words are the flipped kernel in whole numbers, to 1.5 each and 0.1 % in all, never above full scale."""
    taps = words.taps_of(kernel)
    assert taps is not None

    even, odd = weights_of(taps, kernel.shape)

    np.testing.assert_array_equal(even, odd)
    assert np.abs(even - kernel[::-1, ::-1].astype(np.float64) * taps.scale).max() <= 1.5 + 1e-6
    assert 0.999 * taps.scale <= even.sum() <= taps.scale


def test_disks_are_summed_by_their_differences() -> None:
    """An evenly lit disk costs its edge, not its area; a stroke has no even inside."""
    disk, stroke = words.taps_of(psf.disk(15)), words.taps_of(psf.motion(61, 30))

    assert disk is not None
    assert disk.begin is not None
    assert disk.cost < 0.5 * np.count_nonzero(psf.disk(15)) / 2
    assert stroke is not None
    assert stroke.begin is None


@pytest.mark.parametrize("kernel", [np.array([[-0.1, 1.2, -0.1]]), np.full((3, 3), 0.2)])
def test_other_kernels_are_left_to_others(kernel: np.ndarray) -> None:
    """Negative lobes and sums other than 1 do not fit whole weights."""
    assert words.taps_of(kernel) is None


@pytest.mark.parametrize("kind", range(8))
def test_unseen_kernels_on_hard_pictures(kind: int) -> None:
    """Sparse bright and sparse dark points, points alone and dim noise, within 1 code at any size and number of channels."""
    rng = np.random.default_rng(kind)
    for channels in (1, 3, 6):
        for height, width in ((1, 50), (17, 16), (60, 49)):
            kernel, values = unseen(kind, rng), rng.random((height, width, channels))
            for name in ("srgb", "linear"):
                for picture in (values < 0.02, values > 0.02, values * 0.1):
                    image = (picture * 255.0).astype(np.uint8)
                    response = curve(name)
                    light = ndimage.convolve(response.decode(image / 255), kernel[..., None].astype(np.float64), mode="nearest")
                    expected = 255 * response.encode(np.clip(light, 0, 1))

                    assert np.abs(convolve(image, kernel, curve=name, border="replicate") - expected).max() <= 1
