"""Pairs from frames: the layout of the windows and the exactness of the mean."""

import numpy as np

from blurdata.synthesis import synthesize


def _moving(count: int = 9, dtype: type = np.uint8) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    scene = rng.integers(0, np.iinfo(dtype).max + 1, (40, 64, 3)).astype(dtype)
    return [np.roll(scene, 2 * i, axis=1) for i in range(count)]


def test_contiguous_windows_share_no_frame() -> None:
    """Windows of M frames follow each other without a shared frame, the centre is the sharp half."""
    frames = _moving()

    pairs = synthesize(frames, {"window": 3})

    assert [pair.meta["frames"] for pair in pairs] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert all(np.array_equal(pair.sharp, frames[pair.meta["sharp_frame"]]) for pair in pairs)


def test_plain_mean_is_rounded_once() -> None:
    """`blur` is the mean of code values, rounded half up."""
    frames = _moving()

    pair = synthesize(frames, {"window": 5, "variant": "blur"})[0]

    expected = np.floor(np.mean(np.stack(frames[:5]).astype(np.float64), axis=0) + 0.5)
    assert np.array_equal(pair.blurry, expected)
