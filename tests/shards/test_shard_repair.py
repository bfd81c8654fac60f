"""What was lost or damaged is made again, from the very source, and nothing else is touched."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_shards import SMALL, files_of, source_of

from blurdata.errors import Incomplete, OutputError, PlanMismatch, ShardCorrupt, SourceError
from blurdata.pairs import Pair, PairList
from blurdata.shards import Settings, ShardSource, build, describe, repair, verify


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


def as_made_before(folder: Path) -> None:
    """Sidecars and index as they were when shards were hashed by BLAKE2b."""
    for path in (*folder.glob("shard-*.json"), folder / "index.json"):
        record = json.loads(path.read_text())
        for number, entry in enumerate(record.get("shards", [record])):
            shard = folder / (f"shard-{number:05d}.h5" if "shards" in record else path.with_suffix(".h5").name)
            del entry["hash"]
            entry["blake2b"] = hashlib.blake2b(shard.read_bytes(), digest_size=32).hexdigest()
        path.write_text(json.dumps(record, indent=1) + "\n")


def test_a_set_keeps_its_kind_of_hash(golden: Path) -> None:
    """A shard that is made again in an old set changes nothing of what the set is known by, so that sets packed from it stay of it."""
    as_made_before(golden)
    assert verify(golden) == []
    known = ShardSource(golden).fingerprint()
    (golden / "shard-00002.h5").unlink()
    assert len(repair(golden, source_of())) == 1
    assert verify(golden) == []
    assert ShardSource(golden).fingerprint() == known


@pytest.mark.parametrize(
    ("sizes", "settings"),
    [
        ([(16, 1100), (16, 1100)], Settings(chunk=600)),  # two chunks, of any side from 550 to 1099
        ([(20, 24), (20, 300)], Settings(chunk=100)),  # only the second picture has more than one chunk
        ([(20, 24)], Settings(compression="zstd")),
    ],
)
def test_a_plan_is_found_again_by_what_all_pictures_show(tmp_path: Path, sizes: list[tuple[int, int]], settings: Settings) -> None:
    """Chunks of any picture tell what was asked for, and those of a single chunk leave the usual settings."""
    pairs = PairList([Pair(f"a/{i}", *np.zeros((2, *size, 3), np.uint8)) for i, size in enumerate(sizes)])
    build(pairs, tmp_path, settings=settings)
    before = files_of(tmp_path)
    (tmp_path / "plan.json").unlink()
    repair(tmp_path, pairs)
    assert files_of(tmp_path) == before


@pytest.mark.parametrize("gone", ["shard-*.h5", "shard-*.json", "[is]*.json"])
def test_a_plan_is_found_again_by_any_file_that_tells_of_it(golden: Path, gone: str) -> None:
    """Shards, sidecars and index each name the plan; whatever is left of them is enough."""
    before = files_of(golden)
    for path in golden.glob(gone):
        path.unlink()
    (golden / "plan.json").unlink()
    repair(golden, source_of())
    assert files_of(golden) == before


def test_a_plan_of_which_nothing_tells(golden: Path) -> None:
    """Where only damaged shards are left, nothing is made of them."""
    for path in golden.glob("*.json"):
        path.unlink()
    for path in golden.glob("*.h5"):
        path.write_bytes(b"")
    with pytest.raises(PlanMismatch, match="no index, sidecar or shard is left"):
        repair(golden, source_of())


def test_a_strangers_sidecar_does_not_decide_which_plan_it_was(golden: Path, tmp_path: Path) -> None:
    """The plan that most files name is made again, whichever comes first."""
    before = files_of(golden)
    build(source_of(), tmp_path / "other", settings=Settings(pairs=2, chunk=32))
    shutil.copy(tmp_path / "other" / "shard-00000.json", golden)
    (golden / "plan.json").unlink()
    repair(golden, source_of())
    assert files_of(golden) == before
