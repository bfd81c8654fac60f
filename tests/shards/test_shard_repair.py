"""What was lost or damaged is made again, from the very source, and nothing else is touched."""

import os
from pathlib import Path

import pytest
from small_shards import SMALL, files_of, source_of

from blurdata.errors import Incomplete, OutputError, PlanMismatch, ShardCorrupt, SourceError
from blurdata.shards import ShardSource, build, describe, repair, verify


def test_repair_needs_the_very_source(golden: Path) -> None:
    """Repair refuses another source, says when there is none, and then changes nothing."""
    (golden / "shard-00002.h5").write_bytes(b"")
    expected = files_of(golden)
    with pytest.raises(PlanMismatch, match="nothing was repaired"):
        repair(golden, source_of(11))
    with pytest.raises(SourceError, match="in memory"):
        repair(golden)
    assert files_of(golden) == expected


def one_bit_off(path: Path, word: bytes) -> None:
    """Flip a bit in the last sign of a word, so that the file can still be read."""
    text = path.read_bytes()
    assert text.count(word) >= 1
    path.write_bytes(text.replace(word, word[:-1] + bytes([word[-1] ^ 1]), 1))


@pytest.mark.parametrize("word", [b'"a/', b'"fingerprint": "0', b'"pairs": 2', b'"kind": "m'])
@pytest.mark.parametrize("again", ["repair", "build"])
def test_a_plan_with_a_flipped_bit_is_made_again(golden: Path, word: bytes, again: str) -> None:
    """A plan that is damaged and can still be read is told as that, and made again from the source; no shard is blamed for it."""
    plan = golden / "plan.json"
    if b"fingerprint" in word:
        word = b'"fingerprint": "' + plan.read_bytes().split(b'"fingerprint": "')[1][:1]
    before = files_of(golden)
    one_bit_off(plan, word)
    assert verify(golden)[0].file == "plan.json"
    written = (golden / "shard-00000.h5").stat().st_mtime_ns
    if again == "repair":
        repair(golden, source_of())
    else:
        build(source_of(), golden, settings=SMALL)
    assert files_of(golden) == before
    assert (golden / "shard-00000.h5").stat().st_mtime_ns == written


def test_repair_where_nothing_may_be_written(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only folder is a sentence, and nothing is taken away from it."""
    (golden / "shard-00002.h5").unlink()
    before = files_of(golden)

    opened, opened_low = Path.open, os.open

    def refuse(path: Path, mode: str = "r", *rest: object) -> object:
        if "r" not in mode:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, mode, *rest)

    def refuse_low(path: str, flags: int, *rest: object, **more: object) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(13, "Permission denied", str(path))
        return opened_low(path, flags, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        patch.setattr(os, "open", refuse_low)
        with pytest.raises(OutputError, match="may not be written"):
            repair(golden, source_of())
    assert files_of(golden) == before


@pytest.mark.parametrize("name", ["shard-00002.h5", "shard-00002.json", "index.json"])
def test_repair_with_a_folder_in_the_way_removes_nothing(golden: Path, name: str) -> None:
    """What lies where a file belongs is named before anything is taken away."""
    (golden / name).unlink()
    (golden / name).mkdir()
    before = sorted(golden.iterdir())

    with pytest.raises(OutputError, match="is a folder where a file belongs"):
        repair(golden, source_of())

    assert sorted(golden.iterdir()) == before


def test_whole_shards_without_their_index_say_so(golden: Path) -> None:
    """No shard is called missing, and the command that is named writes the index without the source."""
    (golden / "index.json").unlink()

    with pytest.raises(Incomplete, match=r"all shards are there, but not index\.json; `blurdata verify --repair "):
        ShardSource(golden)

    repair(golden)
    assert len(ShardSource(golden)) == 12


def test_a_damaged_plan_is_not_repaired_without_its_source(golden: Path) -> None:
    """The command that is named can be run as it stands, once the source is put in."""
    (golden / "plan.json").write_text("{")

    with pytest.raises(ShardCorrupt, match="--repair --source SOURCE"):
        describe(golden)
