"""Mosaic and Malvar demosaic against a pixel-by-pixel transcription of the paper's equations."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from blurdata.sensor import BAYER_PATTERNS, demosaic, mosaic


def malvar_by_hand(raw: NDArray[np.float64], pattern: str) -> NDArray[np.float64]:
    """Bilinear plus alpha, beta, gamma times the Laplacian of the measured colour (equations 4 to 6 of the paper)."""
    height, width = raw.shape
    p = np.pad(raw, 2, mode="reflect")
    out = np.empty((height, width, 3))
    for y in range(height):
        for x in range(width):
            at = lambda dy, dx, y=y, x=x: p[y + 2 + dy, x + 2 + dx]  # noqa: E731
            here = pattern[2 * (y % 2) + x % 2]
            far = (at(-2, 0) + at(2, 0) + at(0, -2) + at(0, 2)) / 4
            laplacian = at(0, 0) - far
            if here in "RB":
                other = "B" if here == "R" else "R"
                out[y, x, "RGB".index(here)] = at(0, 0)
                out[y, x, 1] = (at(-1, 0) + at(1, 0) + at(0, -1) + at(0, 1)) / 4 + laplacian / 2
                diagonal = (at(-1, -1) + at(-1, 1) + at(1, -1) + at(1, 1)) / 4
                out[y, x, "RGB".index(other)] = diagonal + 3 / 4 * laplacian
            else:
                out[y, x, 1] = at(0, 0)
                beside = pattern[2 * (y % 2) + (x + 1) % 2]
                for color in "RB":
                    near, across, along = (
                        ((at(0, -1) + at(0, 1)) / 2, (at(-2, 0), at(2, 0)), (at(0, -2), at(0, 2)))
                        if color == beside
                        else ((at(-1, 0) + at(1, 0)) / 2, (at(0, -2), at(0, 2)), (at(-2, 0), at(2, 0)))
                    )
                    diagonal = at(-1, -1) + at(-1, 1) + at(1, -1) + at(1, 1)
                    delta = at(0, 0) - (sum(along) + diagonal - sum(across) / 2) / 5
                    out[y, x, "RGB".index(color)] = near + 5 / 8 * delta
    return out


@pytest.mark.parametrize("pattern", BAYER_PATTERNS)
@pytest.mark.parametrize("size", [(12, 14), (7, 9), (3, 3)])
def test_demosaic_equals_the_paper(pattern: str, size: tuple[int, int]) -> None:
    """Every pixel equals the paper's equations, odd sizes and rim included."""
    raw = np.random.default_rng(1).random(size)

    np.testing.assert_allclose(demosaic(raw, pattern), malvar_by_hand(raw, pattern), atol=1e-12)


@pytest.mark.parametrize("pattern", BAYER_PATTERNS)
def test_mosaic_takes_the_named_colour(pattern: str) -> None:
    """The first 2 x 2 pixels are the letters of the pattern, row by row, and measured samples survive the round trip."""
    picture = np.random.default_rng(2).random((8, 10, 3))
    raw = mosaic(picture, pattern)

    for index, color in enumerate(pattern):
        row, column = divmod(index, 2)
        channel = "RGB".index(color)
        assert np.array_equal(raw[row::2, column::2], picture[row::2, column::2, channel])
        assert np.array_equal(demosaic(raw, pattern)[row::2, column::2, channel], raw[row::2, column::2])


def test_a_ramp_of_grey_comes_back() -> None:
    """Linear light that is linear in x and y is restored exactly away from the rim."""
    y, x = np.mgrid[0:20, 0:24]
    picture = np.repeat((0.1 + 0.01 * x + 0.02 * y)[..., None], 3, axis=2)

    restored = demosaic(mosaic(picture, "GRBG"), "GRBG")

    np.testing.assert_allclose(restored[2:-2, 2:-2], picture[2:-2, 2:-2], atol=1e-12)


def test_better_than_opencv_bilinear() -> None:
    """On a smooth coloured texture the error is below that of OpenCV's bilinear demosaic, which also proves the phase."""
    rng = np.random.default_rng(5)
    luma = cv2.GaussianBlur(rng.random((96, 96)), (0, 0), 1.2)
    tint = np.stack([cv2.GaussianBlur(rng.random((96, 96)), (0, 0), 12) for _ in range(3)], axis=-1)
    picture = np.clip(0.5 + 3 * (luma[..., None] - 0.5) + 2 * (tint - 0.5), 0, 1)
    raw = mosaic(picture, "RGGB")
    bilinear = cv2.cvtColor((raw * 65535).astype(np.uint16), cv2.COLOR_BayerRGGB2RGB) / 65535

    inner = np.s_[4:-4, 4:-4]
    ours = np.mean((demosaic(raw, "RGGB")[inner] - picture[inner]) ** 2)

    assert ours < 0.5 * np.mean((bilinear[inner] - picture[inner]) ** 2)


def test_wrong_input_is_answered() -> None:
    """Unknown patterns and shapes raise a sentence."""
    with pytest.raises(ValueError, match="RGGB, BGGR, GRBG, GBRG"):
        demosaic(np.zeros((8, 8)), "RGBG")
    with pytest.raises(ValueError, match=r"\(H, W\)"):
        demosaic(np.zeros((8, 8, 3)), "RGGB")
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        mosaic(np.zeros((8, 8)), "RGGB")
