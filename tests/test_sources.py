"""From a text to a source, and a sentence for every text that names none."""

import pytest

from blurdata import open_source
from blurdata.errors import SourceError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no source"),
        ("video", "names no source"),
        ("vidio:a.mp4", "did you mean 'video:'"),
        ("video:", "has no path"),
        ("video:a.mp4?recipy=gopro", "did you mean 'recipe'"),
        ("video:a.mp4?recipe", "option=value"),
        ("video:a.mp4?recipe=gopro&recipe=reds", "given twice"),
        ("video:a\0b.mp4", "NUL"),
        ("video:/nowhere/a.mp4", "/nowhere/a.mp4"),
    ],
)
def test_wrong_texts_are_sentences(text, words):
    """The error says what is wrong and what to write instead."""
    with pytest.raises(SourceError, match=words):
        open_source(text)


@pytest.mark.parametrize("text", ["~nobody-of-this-name", "~:/tmp", "pairs:~nobody-of-this-name/set", "video:~:x"])
def test_the_home_of_nobody_is_one_sentence(text):
    """Pathlib raises a RuntimeError for it."""
    with pytest.raises(SourceError):
        open_source(text)
