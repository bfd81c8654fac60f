"""From a text to a source, and a sentence for every text that names none."""

import os

import numpy as np
import pytest

from blurdata import open_source
from blurdata.errors import SourceError
from blurdata.files import write_png
from blurdata.shards import open_input


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


def test_a_name_that_no_file_can_have_is_one_short_sentence():
    """A path that is too long is not repeated in full, and a long condition is none."""
    with pytest.raises(SourceError, match="is no path") as told:
        open_source(f"pairs:{'x' * 5000}")

    assert len(str(told.value)) < 200
    with pytest.raises(SourceError, match="holds no shards"):
        open_input(f"shards:nowhere?where=scene in [{','.join(['1'] * 300)}]")


def test_a_missing_folder_is_told_as_such():
    """Who gives a bare path means a folder."""
    with pytest.raises(SourceError, match="there is no such folder"):
        open_input("nowhere16")


@pytest.mark.parametrize("inner", ["", "a/"])
def test_a_name_that_is_no_text_is_refused(tmp_path, inner):
    """Neither a record nor a page could hold it, so the sentence says what to rename, wherever in the path it is."""
    strange = os.fsdecode(b"ri\xffde")
    for half in ("blurry", "sharp"):
        write_png(tmp_path / strange / half / "0.png", np.zeros((8, 8, 3), np.uint8))

    with pytest.raises(SourceError, match=r"ri\\udcffde.*rename"):
        open_source(f"pairs:{tmp_path if inner else tmp_path / strange}")


def test_a_question_mark_in_a_path_is_written_in_percents(tmp_path):
    """The text of such a source opens it again, and a folder that has percents in its name opens as it stands."""
    for name in ("what?", "50%3F"):
        for half in ("blurry", "sharp"):
            write_png(tmp_path / name / half / f"{name[0]}.png", np.zeros((8, 8, 3), np.uint8))

    asked = open_source(f"pairs:{tmp_path}/what%3F")

    assert asked.keys == open_source(asked.text).keys == ["w"]
    assert open_source(f"pairs:{tmp_path}/50%3F").keys == ["5"]
