"""What a pair is, and what a source of pairs promises."""

import numpy as np
import pytest

from blurdata.errors import PairMismatch, SourceError
from blurdata.pairs import JoinedSource, Pair, PairSource

GREY = np.full((4, 6, 3), 9, np.uint8)


class Numbers(PairSource):
    """Ten pairs whose pixels are their index."""

    recipe = {"kind": "numbers"}  # noqa: RUF012

    @property
    def keys(self):
        return [f"n/{i:02d}" for i in range(10)]

    def __getitem__(self, index):
        number = range(10)[index]
        return Pair(self.keys[number], GREY * 0 + number, GREY, {"number": number})

    def fingerprint(self):
        return "numbers"


def test_source_defaults_follow_from_its_list():
    """Length, iteration, runs and sizes come from keys and [i]."""
    source = Numbers()
    assert len(source) == 10
    assert [pair.meta["number"] for pair in source] == list(range(10))
    assert [pair.key for pair in source.pairs(3, 5)] == ["n/03", "n/04"]
    assert [pair.key for pair in source.pairs(8)] == ["n/08", "n/09"]
    assert source.nbytes(0) == 2 * GREY.nbytes
    assert source[-1].key == "n/09"
    assert source.summary() == {"pairs": 10}
    with pytest.raises(IndexError):
        source[10]


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/./b", "a\\b", "a\0b", None])
def test_unclean_keys_are_refused(key):
    """A key can never lead out of a folder."""
    with pytest.raises(ValueError, match="relative name"):
        Pair(key, GREY, GREY)


@pytest.mark.parametrize(
    ("blurry", "words"),
    [
        (GREY[:3], "both halves must agree"),
        (GREY.astype(np.uint16), "both halves must agree"),
        (GREY.astype(np.float32), "blurry must be"),
        (GREY[..., 0], "blurry must be"),
        (GREY[:0], "blurry must be"),
        ("text", "blurry must be"),
    ],
)
def test_halves_must_agree(blurry, words):
    """Halves of other size, depth or kind, and empty ones, are a PairMismatch that names the key."""
    with pytest.raises(PairMismatch, match=words) as caught:
        Pair("scene/1", blurry, GREY)
    assert "scene/1" in str(caught.value)


@pytest.mark.parametrize("meta", [{"a": {"b": 1}}, {"a": np.float32(1)}, {1: 2}, {"a": float("nan")}, {"a": [float("inf")]}, {"a": [[1]]}])
def test_meta_is_flat_json(meta):
    """What JSON cannot keep is refused when the pair is made, not when it is stored."""
    with pytest.raises(ValueError, match="meta"):
        Pair("a", GREY, GREY, meta)


def test_joined_sources_are_splits_of_one():
    """Keys carry the split, meta says it, and runs cross from one split into the next in order."""
    joined = JoinedSource({"train": Numbers(), "test": Numbers()})
    assert len(joined) == 20
    assert [pair.key for pair in joined.pairs(8, 12)] == ["train/n/08", "train/n/09", "test/n/00", "test/n/01"]
    assert [pair.key for pair in joined] == list(joined.keys)
    assert (joined[13].key, joined[13].meta) == ("test/n/03", {"number": 3, "split": "test"})
    assert joined[-1].key == "test/n/09"
    assert joined.nbytes(15) == 2 * GREY.nbytes
    assert joined.summary() == {"pairs": 20, "train_pairs": 10, "test_pairs": 10}
    assert joined.fingerprint() != JoinedSource({"test": Numbers(), "train": Numbers()}).fingerprint()
    with pytest.raises(IndexError):
        joined[20]


def test_errors_are_one_line_whatever_a_file_is_called():
    """Line ends, orders of a terminal and broken Unicode in a name are shown, not obeyed."""
    told = str(SourceError("a\nb\x1b[2J\udc80é.png: there is no such picture."))

    assert told == "a\\nb\\x1b[2J\\udc80é.png: there is no such picture."
