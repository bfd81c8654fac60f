"""The language of `where` chooses what it says, and runs nothing."""

import pytest

from blurdata.errors import SourceError
from blurdata.shards.where import parse_where

META = {"key": "GOPR0384_11/0001", "blur_px_p95": 12.5, "split": "train", "clipped": False, "sequence": "a", "position": 3, "seed": None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("blur_px_p95 < 25", True),
        ("blur_px_p95 >= 12.5", True),
        ("5 <= blur_px_p95 < 12.5", False),
        ("25 > blur_px_p95 > -1e3", True),
        ("split == 'train'", True),
        ('split != "train"', False),
        ("not clipped", True),
        ("clipped == false", True),
        ("split == 'test' or position in [1, 2, 3]", True),
        ("split == 'test' or position not in (1, 2, 3)", False),
        ("split == 'test' and clipped or position == 3", True),
        ("split == 'test' and (clipped or position == 3)", False),
        ("not not (position == 3)", True),
        ("key ~ 'GOPR0384_*'", True),
        ("key ~ '*/0002'", False),
        ("seed == 3", False),
        ("missing < 3", False),
        ("missing", False),
        ("not missing < 3", True),
    ],
)
def test_conditions_mean_what_they_say(text: str, expected: bool) -> None:
    """Comparisons, chains, and/or/not with the usual precedence, membership and patterns; what is absent is never met."""
    assert parse_where(text)(META) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "blur <",
        "< 3",
        "a == 'open",
        "a = 3",
        "(a < 3",
        "a < 3)",
        "a in 3",
        "a in [b]",
        "a not 3",
        "f(x) < 3",
        "__import__('os').system('id')",
        "a; b",
        "a < 3 and",
        "a[0] < 1",
        "lambda: 0",
        "(" * 100 + "a" + ")" * 100,
        "a < " + "1" * 5000,
    ],
)
def test_anything_else_is_one_sentence(text: str) -> None:
    """What is not in the language, code above all, is refused with a sentence and never run."""
    with pytest.raises(SourceError, match=r"^where: .*\.$"):
        parse_where(text)


def test_slips_are_told() -> None:
    """A misspelt field is an error with the nearest name, and text compared with a number is one that shows the values."""
    with pytest.raises(SourceError, match="did you mean 'blur_px_p95'"):
        parse_where("blur_px_p59 < 3").check_names(META)
    with pytest.raises(SourceError, match="split='train'"):
        parse_where("split < 3")(META)
