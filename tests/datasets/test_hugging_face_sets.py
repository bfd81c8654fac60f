"""Hugging Face sets in both directions: what we export opens again, ours and others' columns are read."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from blurdata.cli import build_app
from blurdata.datasets import export_parquet, open_folders, open_hf
from blurdata.errors import OutputError, PairMismatch, SourceError
from blurdata.files import encode_png, write_png
from blurdata.sources import open_source

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the user's cache."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))


def picture(seed: int, dtype: type = np.uint8) -> np.ndarray:
    """Noise that tells pictures apart."""
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (12, 10, 3), dtype)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two training pairs and one 16-bit test pair."""
    for seed, (name, dtype) in enumerate((("train/{}/s1/1", np.uint8), ("train/{}/s1/2", np.uint8), ("test/{}/s2/1", np.uint16))):
        for half in ("blurry", "sharp"):
            write_png(tmp_path / "set" / f"{name.format(half)}.png", picture(seed + 10 * (half == "sharp"), dtype))
    return tmp_path / "set"


def test_an_export_opens_again_with_the_same_pairs(folders: Path, tmp_path: Path) -> None:
    """Keys, pixels in their depth, and meta survive the way out and back."""
    source = open_folders(folders)

    files = export_parquet(source, tmp_path / "out", license_id="cc-by-4.0")
    back = open_source(f"hf:{tmp_path / 'out'}")

    assert sorted(file.name for file in files) == ["test-00000-of-00001.parquet", "train-00000-of-00001.parquet"]
    ours, theirs = ({pair.key: pair for pair in s} for s in (source, back))
    assert set(ours) == set(theirs)
    for key, pair in ours.items():
        assert np.array_equal(theirs[key].blurry, pair.blurry)
        assert np.array_equal(theirs[key].sharp, pair.sharp)
        assert theirs[key].sharp.dtype == pair.sharp.dtype
        assert theirs[key].meta == pair.meta
    assert list(open_hf(str(tmp_path / "out"), split="test").keys) == ["test/s2/1"]


def test_the_export_is_a_plain_hugging_face_set(folders: Path, tmp_path: Path) -> None:
    """The library itself sees Image features, and the files go in byte for byte."""
    export_parquet(open_folders(folders), tmp_path / "out")

    table = datasets.load_dataset(str(tmp_path / "out"), split="train")

    assert isinstance(table.features["blurry"], datasets.Image)
    assert np.array_equal(np.asarray(table[0]["sharp"]), picture(10))
    raw = table.cast_column("sharp", datasets.Image(decode=False))[0]["sharp"]["bytes"]
    assert raw == (folders / "train/sharp/s1/1.png").read_bytes()
    told = datasets.load_dataset_builder(str(tmp_path / "out")).info.splits  # None where the library finds the card malformed
    assert told["train"].num_examples == 2


def test_the_card_says_where_the_pairs_come_from(folders: Path, tmp_path: Path) -> None:
    """The card has splits, sizes, recipe and fingerprint, and states a licence only where one is given."""
    source = open_folders(folders)
    export_parquet(source, tmp_path / "out", license_id="cc-by-4.0", name="Mine")
    export_parquet(source, tmp_path / "bare")

    card = (tmp_path / "out" / "README.md").read_text()
    front = yaml.safe_load(card.split("---")[1])

    assert (front["license"], front["pretty_name"], front["size_categories"]) == ("cc-by-4.0", "Mine", ["n<1K"])
    assert {split["name"]: split["num_examples"] for split in front["dataset_info"]["splits"]} == {"train": 2, "test": 1}
    told = front["dataset_info"]
    assert told["download_size"] == sum(file.stat().st_size for file in (tmp_path / "out" / "data").glob("*.parquet"))
    loaded = datasets.load_dataset(str(tmp_path / "out"))  # a card that lacks sizes makes it warn
    assert {split["name"]: split["num_bytes"] for split in told["splits"]} == {name: part.data.nbytes for name, part in loaded.items()}
    assert source.fingerprint() in card
    assert "license" not in yaml.safe_load((tmp_path / "bare" / "README.md").read_text().split("---")[1])


def test_a_full_folder_is_not_overwritten(folders: Path, tmp_path: Path) -> None:
    """Parquet files that are there stay; a pair that cannot be read leaves nothing behind."""
    source = open_folders(folders)
    export_parquet(source, tmp_path / "out")
    with pytest.raises(OutputError, match="already holds Parquet"):
        export_parquet(source, tmp_path / "out")

    broken = folders / "train/sharp/s1/2.png"
    broken.write_bytes(broken.read_bytes()[:100])
    with pytest.raises(SourceError, match=r"2\.png"):
        export_parquet(source, tmp_path / "fresh")
    assert [path for path in (tmp_path / "fresh").rglob("*") if path.is_file()] == []


def test_large_sets_become_several_files(tmp_path: Path) -> None:
    """A file ends beyond its size, and all of them open as one split."""
    rng = np.random.default_rng(0)
    for number in range(3):
        for half in ("blurry", "sharp"):
            write_png(tmp_path / "set" / half / f"{number}.png", rng.integers(0, 256, (450, 450, 3), np.uint8))

    files = export_parquet(open_folders(tmp_path / "set"), tmp_path / "out", file_mb=1)

    assert [file.name for file in files] == [f"train-0000{n}-of-00003.parquet" for n in range(3)]
    assert open_hf(str(tmp_path / "out")).keys == ["0", "1", "2"]


def foreign(names: tuple[str, ...], folder: Path, **columns: list[object]) -> str:
    """A set of somebody else, saved to disk: image columns of the given names."""
    cells = {name: [{"bytes": encode_png(picture(10 * i + row)), "path": None} for row in range(2)] for i, name in enumerate(names)}
    kinds = {name: datasets.Value("float64" if isinstance(values[0], float) else "string") for name, values in columns.items()}
    features = datasets.Features({name: datasets.Image() for name in names} | kinds)
    datasets.Dataset.from_dict({**cells, **columns}, features=features).save_to_disk(str(folder))
    return str(folder)


def test_any_set_with_two_image_columns_is_read(tmp_path: Path) -> None:
    """Columns named like the halves are found, others are named; further columns become meta."""
    known = open_hf(foreign(("target", "input"), tmp_path / "known", camera=["a", "b"]))
    named = open_hf(foreign(("left", "right"), tmp_path / "named"), blurry="right", sharp="left")

    assert np.array_equal(known[1].blurry, picture(11))
    assert np.array_equal(known[1].sharp, picture(1))
    assert (known.keys, known[1].meta["camera"]) == (["000000", "000001"], "b")
    assert np.array_equal(named[0].blurry, picture(10))


def test_unclear_columns_are_told(tmp_path: Path) -> None:
    """Columns that cannot be told apart, missing ones and a missing split are errors that list what is there."""
    place = foreign(("left", "right"), tmp_path / "set")

    with pytest.raises(SourceError, match=r"which image column is the blurry half\? There are left, right"):
        open_hf(place)
    with pytest.raises(SourceError, match="no image column 'middle'"):
        open_hf(place, blurry="middle", sharp="left")
    with pytest.raises(SourceError, match="both halves"):
        open_hf(place, blurry="left", sharp="left")
    with pytest.raises(SourceError, match="no split 'dev'; there are train"):
        open_hf(place, blurry="left", sharp="right", split="dev")
    with pytest.raises(SourceError, match="cannot be opened as a Hugging Face set"):
        open_hf(str(tmp_path / "cache"))


def test_damaged_and_empty_cells_name_the_pair(tmp_path: Path) -> None:
    """A cut-off picture and an empty cell are errors with key and column."""
    cells = [{"bytes": encode_png(picture(0))[:60], "path": None}, None]
    features = datasets.Features({"blurry": datasets.Image(), "sharp": datasets.Image()})
    whole = [{"bytes": encode_png(picture(0)), "path": None}] * 2
    datasets.Dataset.from_dict({"blurry": cells, "sharp": whole}, features=features).save_to_disk(str(tmp_path / "set"))
    source = open_hf(str(tmp_path / "set"))

    with pytest.raises(SourceError, match="000000, column 'blurry'"):
        source[0]
    with pytest.raises(PairMismatch, match="000001, column 'blurry': is empty"):
        source[1]


@pytest.mark.parametrize(("keys", "words"), [(["a", "a"], "1 pair listed twice: a"), (["../x", "b"], r"relative name .* got '\.\./x'")])
def test_keys_that_name_no_pair_of_their_own_are_told(keys: list[str], words: str, tmp_path: Path) -> None:
    """A key that comes twice would write one pair over another, one with '..' would leave the folder: both are errors."""
    with pytest.raises(SourceError, match=words):
        open_hf(foreign(("blurry", "sharp"), tmp_path / "set", key=keys))


def test_columns_of_numbers_that_json_cannot_say(tmp_path: Path) -> None:
    """NaN in a plain column is an unknown number; in the JSON of the column `meta` it is an error that names the pair."""
    plain = open_hf(foreign(("blurry", "sharp"), tmp_path / "plain", score=[0.5, float("nan")]))
    named = open_hf(foreign(("blurry", "sharp"), tmp_path / "named", meta=['{"score": NaN}', "{}"]))

    assert [pair.meta["score"] for pair in plain] == [0.5, None]
    with pytest.raises(SourceError, match="Pair '000000': meta holds a number"):
        named[0]


def test_the_command_exports(folders: Path, tmp_path: Path) -> None:
    """The command writes files and card and says how to go on."""
    result = CliRunner().invoke(build_app(), ["export", f"pairs:{folders}", "--out", str(tmp_path / "out"), "--license", "mit"])

    assert result.exit_code == 0, result.output
    assert "3 pairs in 2 files" in result.stdout
    assert json.loads(open_hf(str(tmp_path / "out")).recipe["config"] or "null") is None


def test_what_a_killed_export_left_is_swept(folders: Path, tmp_path: Path) -> None:
    """The same command again leaves the files and the card, and nothing of the run before."""
    data = tmp_path / "out" / "data"
    data.mkdir(parents=True)
    (data / ".train-00000.parquet.0123abcd.tmp").write_bytes(b"PAR1")

    files = export_parquet(open_folders(folders), tmp_path / "out")

    assert sorted(data.iterdir()) == files


def test_a_full_disk_names_the_file_that_was_to_be(folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No hidden name of ours is in the sentence, and nothing is left in the folder."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.write_table", full)

    with pytest.raises(OutputError, match=r"data/test-00000\.parquet: .* the disk is full"):
        export_parquet(open_folders(folders), tmp_path / "out")
    assert list((tmp_path / "out" / "data").iterdir()) == []
