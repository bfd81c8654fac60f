"""Copies across splits: found when they are there, exactly or nearly, and not when they are not."""

import cv2
import numpy as np
import pytest

from blurdata.quality.hashes import content_hash, copies_across_splits, perceptual_hash, take_print


def scene(seed: int, shape: tuple[int, int] = (120, 160)) -> np.ndarray:
    """A picture with structure at several scales."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(rng.random((shape[0] // s + 2, shape[1] // s + 2, 3)), shape[::-1], interpolation=cv2.INTER_CUBIC) for s in (4, 12, 40)
    ]
    mixed = sum(layers) / 3
    return np.clip((mixed - mixed.min()) / np.ptp(mixed) * 255, 0, 255).astype(np.uint8)


def jpeg(picture: np.ndarray, quality: int = 60) -> np.ndarray:
    """The picture after compression."""
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


CHANGES = {
    "exact": lambda p: p.copy(),
    "jpeg": jpeg,
    "half": lambda p: cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "darker": lambda p: (p * 0.7).astype(np.uint8),
    "mirrored": lambda p: p[:, ::-1].copy(),
    "deeper": lambda p: p * np.uint16(257),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_planted_copy_is_found_alone(change: str) -> None:
    """Among forty pictures in two splits the one that is copied, whatever was done to it, is found and nothing else."""
    train = [take_print(scene(seed), f"train/{seed}", "train") for seed in range(20)]
    test = [take_print(scene(100 + seed), f"test/{seed}", "test") for seed in range(20)]
    test[7] = take_print(CHANGES[change](scene(3)), "test/7", "test")

    (copy,) = copies_across_splits([*train, *test])

    assert (copy.first, copy.second, copy.splits) == ("train/3", "test/7", ("train", "test"))
    assert copy.exact == (change == "exact")
    assert copy.mirrored == (change == "mirrored")


def test_neighbours_within_a_split_are_not_accused() -> None:
    """Frames of one clip resemble each other by nature; only other splits are looked at."""
    clip = [take_print(np.roll(scene(1), shift, axis=1), f"clip/{shift}", "train") for shift in range(5)]

    assert copies_across_splits(clip) == []


def test_smooth_pictures_are_not_accused() -> None:
    """Flat pictures and slopes share a hash by chance; without fine structure that agrees they are no copies."""
    ramp = np.linspace(0, 255, 160).astype(np.uint8)[None, :, None] * np.ones((120, 1, 3), np.uint8)
    flat = np.full((120, 160, 3), 90, np.uint8)
    prints = [
        take_print(ramp, "a", "train"),
        take_print(ramp // 2 + 20, "b", "test"),
        take_print(flat, "c", "train"),
        take_print(flat + 1, "d", "test"),
    ]

    assert copies_across_splits(prints) == []


def test_a_blurred_copy_of_another_picture_is_no_copy() -> None:
    """Two pictures with the same coarse layout and other fine structure are told apart."""
    base = cv2.GaussianBlur(scene(5), (0, 0), 12)
    first, second = (np.clip(base.astype(int) + scene(seed).astype(int) // 3 - 42, 0, 255).astype(np.uint8) for seed in (6, 7))

    assert copies_across_splits([take_print(first, "a", "train"), take_print(second, "b", "test")]) == []


def test_content_hash_is_of_pixels_shape_and_depth() -> None:
    """One changed pixel, another shape or another depth is another hash."""
    picture = scene(0)
    changed = picture.copy()
    changed[3, 4, 1] ^= 1

    assert content_hash(picture) == content_hash(np.asfortranarray(picture))
    assert len({content_hash(p) for p in (picture, changed, picture.reshape(160, 120, 3), picture.astype(np.uint16))}) == 4


def test_perceptual_hash_of_unlike_pictures_is_far() -> None:
    """Unlike pictures differ in about half of the bits."""
    bits = [(perceptual_hash(scene(seed)) ^ perceptual_hash(scene(seed + 50))).bit_count() for seed in range(20)]

    assert min(bits) > 14
    assert 26 < np.mean(bits) < 38
