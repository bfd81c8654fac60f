"""What cannot be built ends in one sentence, and nothing is half-written."""

import os
import resource
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from small_shards import SMALL, files_of, in_child, source_of

from blurdata.errors import OutputError, PlanMismatch
from blurdata.pairs import Pair, PairList, PairSource
from blurdata.shards import build, verify
from blurdata.shards.plan import make_plan


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, golden: Path) -> None:
    """Beyond the file-size limit a build ends with a sentence, keeps what was finished, and carries on with room."""
    out = tmp_path / "full"
    build(source_of(), out, settings=SMALL, task=0, of=3)
    limit = 4000

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            build(source_of(), out, settings=SMALL)
        except OutputError as error:
            os._exit(7 if "file-size limit" in str(error) and "shard-00001.h5" in str(error) else 8)

    child = in_child(work)
    child.join()
    assert child.exitcode == 7
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
    build(source_of(), out, settings=SMALL)
    assert files_of(out) == files_of(golden)


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in place of the folder, or a folder the system does not let be written, is one sentence before any work."""
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/blurdata")):
        with pytest.raises(OutputError, match="choose another --out"):
            build(source_of(), out)


def test_a_changed_source_is_noticed(tmp_path: Path) -> None:
    """A source that gives other pairs than it planned ends the build."""

    class Liar(PairList):
        def pairs(self, start: int = 0, stop: int | None = None):
            return reversed(list(super().pairs(start, stop)))

    class Short(PairList):
        def pairs(self, start: int = 0, stop: int | None = None):
            return list(super().pairs(start, stop))[:1]

    for kind in (Liar, Short):
        with pytest.raises(PlanMismatch, match="changed since the plan was made"):
            build(kind(list(source_of())), tmp_path / kind.__name__, settings=SMALL)


@pytest.mark.parametrize("arguments", [{"workers": 0}, {"task": 2, "of": 2}, {"task": -1}, {"engine": "spark"}])
def test_wrong_arguments(tmp_path: Path, arguments: dict) -> None:
    """Wrong arguments are ValueErrors before anything is written."""
    with pytest.raises(ValueError, match=r"must be|got"):
        build(source_of(), tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()


class Renamed(PairSource):
    """Pairs under keys that no pair could have."""

    keys: Sequence[str] = ()
    recipe = {"kind": "example"}  # noqa: RUF012  a source's recipe is read only

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys

    def fingerprint(self) -> str:
        """Of nothing."""
        return "example"

    def __getitem__(self, index: int) -> Pair:
        return Pair("a", np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16, 3), np.uint8))


@pytest.mark.parametrize("keys", [["a/../b"], ["a", "a"], ["a", "a/blurry"], ["\udc80"]], ids=["unclean", "twice", "nested", "no text"])
def test_the_refusal_is_one_sentence(keys: list[str]) -> None:
    """Whatever is wrong with the keys, the sentence ends in one full stop."""
    with pytest.raises(PlanMismatch, match=r"cannot be packed: .*[^.]\.$"):
        make_plan(Renamed(keys))


@pytest.mark.parametrize("keys", [["a", "a/blurry"], ["a", "a/sharp/1"], ["x", "x/extras"]])
def test_keys_that_would_collide(tmp_path: Path, keys: list[str]) -> None:
    """Keys that cannot live side by side in a file are refused; merely nested ones are not."""
    grey = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(PlanMismatch, match="rename one of them"):
        build(PairList([Pair(key, grey, grey) for key in keys]), tmp_path / "bad")
    build(PairList([Pair(key, grey, grey) for key in ("a", "a/b", "b/blurry", "ü/λ")]), tmp_path / "good")
    assert verify(tmp_path / "good") == []
