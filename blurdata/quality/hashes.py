"""Is one picture in a set twice, exactly or nearly, and on both sides of a split?

Exact copies have one hash of their pixels. Near copies (another size, compression, brightness, or mirrored) are found by a perceptual
hash and then *confirmed* on fine structure, because a hash of 64 bits accuses smooth pictures wrongly. Compare sharp halves only: a blurry
half always resembles its own sharp half; and across splits only, because neighbours in a clip resemble each other by nature.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from blurdata.pairs import Image

HASH_BITS = 64
NEAR_BITS = 10  # of 64: re-encoded and resized pictures stay below, unlike pictures are at 32
_DETAIL_SIDE, _DETAIL_SIGMA = 56, 3.0
_ALIKE = 0.6  # correlation of fine structure; unlike pictures are near 0
_FLAT_CODES = 1.5  # contrast below which a picture has no structure to compare
_CHUNK = 2048
Grey = NDArray[np.float32]


def content_hash(image: Image) -> str:
    """24 hex digits of a hash over shape, dtype and pixels: equal for pictures that are equal bit for bit, whatever the file's format.

    Example:
        >>> grey = np.full((4, 6, 3), 9, np.uint8)
        >>> content_hash(grey) == content_hash(grey.copy()), content_hash(grey) == content_hash(grey.reshape(6, 4, 3))
        (True, False)
    """
    digest = hashlib.blake2b(f"{image.dtype.str} {image.shape}".encode(), digest_size=12)
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def perceptual_hash(image: Image) -> int:
    """A 64-bit hash that nearly survives another size, compression and brightness: signs of the lowest cosine frequencies.

    Args:
        image: (H, W, 3) uint8 or uint16.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> picture = cv2.resize(rng.integers(0, 256, (9, 12, 3), np.uint8), (120, 90), interpolation=cv2.INTER_CUBIC)
        >>> smaller = cv2.resize(picture, (60, 45), interpolation=cv2.INTER_AREA)
        >>> (perceptual_hash(picture) ^ perceptual_hash(smaller)).bit_count() <= 4
        True
    """
    return _hash_of_grey(_grey(image))


def _hash_of_grey(grey: Grey, *, mirrored: bool = False) -> int:
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA)
    low = cv2.dct(np.ascontiguousarray(small[:, ::-1]) if mirrored else small)[:8, :8].ravel()
    bits = low > np.median(low[1:])
    bits[0] = False  # the mean brightness says nothing
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _grey(image: Image) -> Grey:
    """Mean of the channels in 8-bit codes; numpy is slow to reduce along three."""
    third = np.full((1, 3), 255 / np.iinfo(image.dtype).max / 3, np.float32)
    return np.asarray(cv2.transform(image.astype(np.float32), third), np.float32)


@dataclass(frozen=True, eq=False)
class Print:
    """What is remembered of a picture to find its copies: a few kilobytes.

    Args:
        key: The pair.
        split: Its split.
        content: Exact hash.
        look: Perceptual hash.
        mirrored: Perceptual hash of the mirrored picture.
        detail: (44, 44) float16 fine structure with zero mean and unit norm; zeros where the picture is flat.
    """

    key: str
    split: str
    content: str
    look: int
    mirrored: int
    detail: NDArray[np.float16]


def take_print(image: Image, key: str = "", split: str = "") -> Print:
    """The print of a picture, (H, W, 3) uint8 or uint16.

    Example:
        >>> picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
        >>> take_print(picture, "a").content == take_print(picture.copy(), "b").content
        True
    """
    grey = _grey(image)
    return Print(key, split, content_hash(image), _hash_of_grey(grey), _hash_of_grey(grey, mirrored=True), _detail(grey))


def _detail(grey: Grey) -> NDArray[np.float16]:
    small = cv2.resize(grey, (_DETAIL_SIDE, _DETAIL_SIDE), interpolation=cv2.INTER_AREA)
    rim = int(2 * _DETAIL_SIGMA)  # there the filter sees the border
    fine = (small - cv2.GaussianBlur(small, (0, 0), _DETAIL_SIGMA))[rim:-rim, rim:-rim]
    fine -= fine.mean()
    if fine.std() < _FLAT_CODES:
        return np.zeros_like(fine, np.float16)
    return np.asarray(fine / np.linalg.norm(fine), np.float16)


@dataclass(frozen=True)
class Copy:
    """Two pictures that are one.

    Args:
        first: Key of the earlier one.
        second: Key of the later one.
        splits: Their splits.
        exact: Whether they are equal bit for bit.
        bits: Differing bits of the perceptual hash.
        mirrored: Whether one is the mirror image of the other.
    """

    first: str
    second: str
    splits: tuple[str, str]
    exact: bool
    bits: int
    mirrored: bool = False


def copies_across_splits(prints: Sequence[Print]) -> list[Copy]:
    """Every picture of one split that is, exactly or nearly, in another one; at most one per picture, the nearest.

    Args:
        prints: Prints of *sharp* halves.

    Example:
        >>> picture = np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)
        >>> prints = [take_print(picture, "a", "train"), take_print(picture, "b", "test")]
        >>> [(copy.first, copy.second, copy.exact) for copy in copies_across_splits(prints)]
        [('a', 'b', True)]
    """
    splits = list(dict.fromkeys(print_.split for print_ in prints))
    found: list[Copy] = []
    for i, name in enumerate(splits):
        mine = [print_ for print_ in prints if print_.split == name]
        for other in splits[i + 1 :]:
            found += _copies(mine, [print_ for print_ in prints if print_.split == other])
    return found


def _copies(first: Sequence[Print], second: Sequence[Print]) -> Iterator[Copy]:
    by_content = {print_.content: print_ for print_ in reversed(first)}
    look_first, flip_first = _signs([p.look for p in first]), _signs([p.mirrored for p in first])
    for start in range(0, len(second), _CHUNK):
        chunk = second[start : start + _CHUNK]
        looks = _signs([p.look for p in chunk])
        differing = np.stack([(HASH_BITS - looks @ signs.T) / 2 for signs in (look_first, flip_first)])
        for row, later in enumerate(chunk):
            if (same := by_content.get(later.content)) is not None:
                yield Copy(same.key, later.key, (same.split, later.split), True, 0)
            elif (near := _nearest(first, later, differing[:, row])) is not None:
                yield near


def _nearest(first: Sequence[Print], later: Print, differing: NDArray[Any]) -> Copy | None:
    """The nearest picture whose fine structure confirms what the hash suspects."""
    for place in np.argsort(differing, axis=None, kind="stable"):
        flipped, index = divmod(int(place), len(first))
        bits = int(differing[flipped, index])
        if bits > NEAR_BITS:
            return None
        detail = first[index].detail[:, ::-1] if flipped else first[index].detail
        if float((detail.astype(np.float32) * later.detail.astype(np.float32)).sum()) > _ALIKE:
            return Copy(first[index].key, later.key, (first[index].split, later.split), False, bits, bool(flipped))
    return None


def _signs(hashes: Sequence[int]) -> NDArray[np.float32]:
    """(n, 64) of +1 and -1, so that a matrix product counts equal bits."""
    packed = np.frombuffer(b"".join(value.to_bytes(8, "big") for value in hashes), np.uint8).reshape(-1, 8)
    return np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1
