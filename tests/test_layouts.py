"""One folder holds pairs as pictures or as shards: a second layout is refused before any work."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from blurdata.alignment.recipe import AlignRecipe
from blurdata.alignment.run import align_folder
from blurdata.errors import OutputError
from blurdata.files import write_png
from blurdata.pairs import Pair, PairList
from blurdata.shards import build

GREY = np.full((32, 48, 3), 128, np.uint8)
PAIRS = PairList([Pair(f"a/{i}", GREY, GREY) for i in range(3)])


def files(folder: Path) -> list[str]:
    """Names of all files below a folder, hidden ones too."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short pan as a folder of pictures."""
    folder = tmp_path_factory.mktemp("film") / "pan"
    scene = np.random.default_rng(0).integers(0, 256, (48, 96, 3), np.uint8)
    for i in range(9):
        write_png(folder / f"{i:03d}.png", scene[:, 2 * i : 2 * i + 64])
    return folder


@pytest.mark.parametrize(("first", "second", "told"), [("folder", "shards", "holds pictures"), ("shards", "folder", "holds shards")])
def test_synthesize_refuses_the_other_layout_and_goes_on_with_its_own(
    frames: Path, tmp_path: Path, first: str, second: str, told: str
) -> None:
    """The other --format is one sentence before the film is looked at, and the same run may be repeated."""

    def synthesize(form: str) -> subprocess.CompletedProcess[str]:
        words = ["synthesize", frames, "--window", "3", "--variant", "blur", "--out", tmp_path / "out", "--format", form]
        return subprocess.run([sys.executable, "-m", "blurdata", *map(str, words)], capture_output=True, text=True, check=False)

    assert synthesize(first).returncode == 0
    before = files(tmp_path)

    refused = synthesize(second)

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"blurdata: {tmp_path / 'out'}: {told}")
    assert refused.stderr.count("\n") == 1
    assert files(tmp_path) == before
    assert synthesize(first).returncode == 0


def test_shards_beside_pictures_are_refused_at_any_depth(tmp_path: Path) -> None:
    """Whoever builds shards is told the picture that is in the way; hidden files are in nobody's."""
    write_png(tmp_path / "hidden" / ".a.png", GREY)
    build(PAIRS, tmp_path / "hidden")
    write_png(tmp_path / "out" / "scene" / "sharp" / "1.png", GREY)

    with pytest.raises(OutputError, match=r"holds pictures \(scene/sharp/1\.png\)"):
        build(PAIRS, tmp_path / "out")
    assert files(tmp_path / "out") == ["scene/sharp/1.png"]


def test_shards_that_were_begun_go_on(tmp_path: Path) -> None:
    """A folder that has a plan is shards already, whatever a person put beside them."""
    build(PAIRS, tmp_path)
    (tmp_path / "shard-00000.h5").unlink()
    write_png(tmp_path / "look.png", GREY)

    assert len(build(PAIRS, tmp_path)) == 1
    assert (tmp_path / "shard-00000.h5").exists()


def test_aligned_pairs_are_not_mixed_into_shards(tmp_path: Path) -> None:
    """``align`` keeps to the same rule."""
    build(PAIRS, tmp_path / "out")
    before = files(tmp_path)

    with pytest.raises(OutputError, match="holds shards"):
        align_folder(tmp_path / "captures", tmp_path / "out", AlignRecipe())
    assert files(tmp_path) == before
