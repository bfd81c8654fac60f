"""The commands around shards do what their help says: pack, verify, info, clean, convert."""

import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from blurdata.cli import main
from blurdata.errors import OutputError, PairMismatch, PlanMismatch, SourceError
from blurdata.files import write_png
from blurdata.pairs import Pair, PairList, PairSource
from blurdata.shards import Settings, ShardDataset, ShardSource, build, describe, export_folders, open_input, repair, verify
from blurdata.sources import open_source


@dataclass
class Done:
    """What a command printed."""

    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in an empty folder, in this process, which saves its imports; it never shows a traceback."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str, expect: int = 0) -> Done:
        monkeypatch.setattr(sys, "argv", ["blurdata", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        done = Done(*capsys.readouterr())
        assert "Traceback" not in done.stderr
        assert (ended.value.code or 0) == expect, done.stderr
        return done

    return command


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Six pairs in two plain folders."""
    rng = np.random.default_rng(0)
    for half in ("blurry", "sharp"):
        for index in range(6):
            write_png(tmp_path / "set" / half / "a" / f"{index:03d}.png", rng.integers(0, 256, (24, 32, 3), np.uint8))
    return tmp_path / "set"


def test_pack_verify_repair_info(run: Run, folders: Path, tmp_path: Path) -> None:
    """From a folder to shards and back to sound after damage, each command naming the next."""
    done = run("pack", f"pairs:{folders}", "--out", "shards", "--pairs", "2", "--workers", "2")
    assert "6 pairs in 3 shards" in done.stdout
    assert "blurdata verify shards" in done.stderr
    assert "sound" in run("verify", "shards").stdout
    told = json.loads(run("info", "shards", "--json").stdout)
    assert (told["pairs"], told["shards"], told["complete"], told["sizes"]) == (6, 3, True, {"32x24": 6})
    assert told["source"] == f"pairs:{folders}"
    assert "32x24" in run("info", "shards").stdout

    path = tmp_path / "shards" / "shard-00001.h5"
    golden = path.read_bytes()
    path.write_bytes(golden[:2000] + bytes([golden[2000] ^ 1]) + golden[2001:])
    done = run("verify", "shards", "--json", expect=1)
    assert {fault["shard"] for fault in json.loads(done.stdout)["faults"]} == {1}
    assert "(repaired)" in run("verify", "shards", "--repair").stdout
    assert path.read_bytes() == golden
    assert "5 pairs" in run("pack", "shards:shards?where=key != 'a/003'", "--out", "fewer").stdout


def test_an_unfinished_set_names_its_shards_and_the_remedy(run: Run, folders: Path) -> None:
    """`info` names the shards that are missing and how to get them, as `report` does."""
    run("pack", f"pairs:{folders}", "--out", "shards", "--pairs", "2", "--workers", "1", "--task", "0", "--of", "2")
    done = run("info", "shards")
    assert "shard-00001.h5" in done.stdout
    assert "the same blurdata pack again" in done.stderr
    assert "blurdata pack" in run("report", "shards", "--out", "r.html", expect=1).stderr


def test_wrong_use_of_pack(run: Run, folders: Path) -> None:
    """Wrong options exit with 2, wrong data with 1 and one sentence."""
    run("pack", f"pairs:{folders}", "--out", "x", "--task", "3", "--of", "3", expect=2)
    run("pack", f"pairs:{folders}", "--out", "x", "--engine", "spark", expect=2)
    assert "compression" in run("pack", f"pairs:{folders}", "--out", "x", "--compression", "jpeg", expect=1).stderr
    run("pack", f"pairs:{folders}", "--out", "shards")
    done = run("pack", f"pairs:{folders}", "--out", "shards", "--chunk", "16", expect=1)
    assert "chunk is 128 there and 16 now" in done.stderr
    for command in ("verify", "info", "clean"):
        assert "none" in run(command, "none", expect=1).stderr


def test_pack_says_what_a_source_left_out(run: Run, folders: Path, tmp_path: Path) -> None:
    """Pictures whose folder says that they are blurry are counted on stderr; a source that left nothing out says nothing."""
    done = run("pack", f"convolve:{folders}?kernels_per_picture=1&recipe=bsd_centroid", "--workers", "1", "--out", "convolved")
    plain = run("pack", f"pairs:{folders}", "--workers", "1", "--out", "plain")

    assert f"Note: 6 pictures left out, blurry by the name of the folder: {folders / 'blurry' / 'a'}." in done.stderr
    assert "Note" not in plain.stderr


def test_clean_removes_leftovers_alone(run: Run, folders: Path, tmp_path: Path) -> None:
    """Leftovers of any machine go, shards stay."""
    run("pack", f"pairs:{folders}", "--out", "shards")
    names = {path.name for path in (tmp_path / "shards").iterdir()}
    (tmp_path / "shards" / ".shard-00000.h5.elsewhere.0000000c.tmp").write_bytes(b"half")
    assert "1 leftover would be removed" in run("clean", "shards", "--dry-run").stdout
    assert "1 leftover removed" in run("clean", "shards").stdout
    assert {path.name for path in (tmp_path / "shards").iterdir()} == names


def test_folders_to_shards_and_back(run: Run, folders: Path, tmp_path: Path) -> None:
    """Paired folders packed and converted back hold the same pictures under the same names."""
    run("pack", f"pairs:{folders}", "--out", "shards")
    run("convert", "shards", "--out", "back")
    first, last = open_source(f"pairs:{folders}"), open_source(f"pairs:{tmp_path / 'back'}")
    assert list(first.keys) == list(last.keys)
    for one, two in zip(first, last, strict=True):
        np.testing.assert_array_equal(one.blurry, two.blurry)
        np.testing.assert_array_equal(one.sharp, two.sharp)


def test_options_that_would_do_nothing_are_wrong_usage(run: Run) -> None:
    """A licence for folders, which have no card, and a source for a check that repairs nothing are refused before anything is read."""
    assert "goes with --to hf" in run("convert", "shards", "--out", "back", "--license", "cc-by-4.0", expect=2).stderr
    assert "goes with --repair" in run("verify", "shards", "--source", "pairs:set", expect=2).stderr


def test_shards_to_hugging_face_and_back(run: Run, folders: Path, tmp_path: Path) -> None:
    """Shards converted to Hugging Face Parquet and packed again hold the same pictures under the same names."""
    build(open_source(f"pairs:{folders}"), tmp_path / "shards")
    run("convert", "shards", "--to", "hf", "--out", "hub")
    run("pack", f"hf:{tmp_path / 'hub'}", "--out", "again")
    first, last = ShardSource(tmp_path / "shards"), ShardSource(tmp_path / "again")
    assert list(first.keys) == list(last.keys)
    for one, two in zip(first, last, strict=True):
        np.testing.assert_array_equal(one.blurry, two.blurry)
        np.testing.assert_array_equal(one.sharp, two.sharp)


def test_export_keeps_16_bits_meta_data_and_extras(tmp_path: Path) -> None:
    """Nothing is lost on the way to folders, and a folder with something else in it is refused."""
    rng = np.random.default_rng(0)
    pair = Pair("a/b.c", *rng.integers(0, 65536, (2, 8, 9, 3), np.uint16), {"blur_px_p95": 3.0}, {"psf": np.eye(3)})
    export_folders(PairList([pair]), tmp_path / "out")
    opened = open_source(f"pairs:{tmp_path / 'out'}")
    again = opened[0]
    assert again.meta["blur_px_p95"] == 3.0
    np.testing.assert_array_equal(again.extras["psf"], np.eye(3))
    np.testing.assert_array_equal(again.sharp, pair.sharp)
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "extras" / "psf" / "a" / "b.c.npy"), np.eye(3))
    assert json.loads((tmp_path / "out" / "pairs.jsonl").read_text()) == {"key": "a/b.c", "meta": {"blur_px_p95": 3.0}}
    listed = tmp_path / "out" / "pairs.jsonl"
    listed.write_text('{"key": "a/b.c", "meta": {"blur_px_p95": 4.0}}\n')
    assert open_source(f"pairs:{tmp_path / 'out'}").recipe_id != opened.recipe_id
    listed.write_text('{"key": "a/b.c", "meta": {"blur_px_p95": 3.0}}\n{"key": 1}\n')
    with pytest.raises(SourceError, match=r"pairs\.jsonl, line 2"):
        open_source(f"pairs:{tmp_path / 'out'}")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    with pytest.raises(OutputError, match=r"thesis\.tex"):
        export_folders(PairList([pair]), tmp_path / "other")


def write_lmdb(folder: Path, pictures: dict[str, np.ndarray]) -> None:
    """An LMDB folder as BasicSR's make_lmdb_from_imgs writes it."""
    lmdb = pytest.importorskip("lmdb")
    store = lmdb.open(str(folder), map_size=1 << 24)
    lines = []
    with store.begin(write=True) as change:
        for key, picture in pictures.items():
            data = cv2.imencode(".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
            change.put(key.encode("ascii"), data)
            lines.append(f"{key}.png ({picture.shape[0]},{picture.shape[1]},{picture.shape[2]}) 1\n")
    store.close()
    (folder / "meta_info.txt").write_text("".join(lines))


def test_basicsr_lmdb_becomes_shards(tmp_path: Path) -> None:
    """BasicSR's LMDB folders open as a source, pickle, and pack to the same pixels."""
    rng = np.random.default_rng(0)
    halves = {half: {f"000{i}_s001": rng.integers(0, 256, (20, 30, 3), np.uint8) for i in range(5)} for half in ("blur", "sharp")}
    for half, pictures in halves.items():
        write_lmdb(tmp_path / f"train_{half}_crops.lmdb", pictures)
    source = open_source(f"lmdb:{tmp_path}")
    build(source, tmp_path / "shards", workers=2)
    for pair in ShardSource(tmp_path / "shards"):
        np.testing.assert_array_equal(pair.blurry, halves["blur"][pair.key])
        np.testing.assert_array_equal(pair.sharp, halves["sharp"][pair.key])


def test_broken_lmdb_is_told(tmp_path: Path) -> None:
    """Missing partners, listed but absent pictures, damaged lists and unclear halves each have their sentence."""
    picture = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(SourceError, match=r"meta_info\.txt"):
        open_source(f"lmdb:{tmp_path}")
    write_lmdb(tmp_path / "a_blur.lmdb", {"1": picture, "2": picture})
    write_lmdb(tmp_path / "a_sharp.lmdb", {"1": picture})
    with pytest.raises(PairMismatch, match=r"1 picture .* 2"):
        open_source(f"lmdb:{tmp_path}")
    listed = tmp_path / "a_sharp.lmdb" / "meta_info.txt"
    listed.write_text("1.png (8,8,3) 1\n2.png (8,8,3) 1\n")
    with pytest.raises(SourceError, match="no picture '2'"):
        open_source(f"lmdb:{tmp_path}")[1]
    store = pytest.importorskip("lmdb").open(str(tmp_path / "a_blur.lmdb"), map_size=1 << 24)
    with store.begin(write=True) as change:
        change.put(b"1", change.get(b"1")[:-20])
    store.close()
    with pytest.raises(SourceError, match=r"a_blur\.lmdb, picture '1': is damaged or cut off"):
        open_source(f"lmdb:{tmp_path}")[0]
    listed.write_text("../1.png (8,8,3) 1\n")
    with pytest.raises(SourceError, match="line 1"):
        open_source(f"lmdb:{tmp_path}")
    write_lmdb(tmp_path / "b_gt.lmdb", {"1": picture})
    with pytest.raises(SourceError, match=r"\?sharp=NAME"):
        open_source(f"lmdb:{tmp_path}")


def test_open_input(run: Run, folders: Path, tmp_path: Path) -> None:
    """A folder of shards, its text with a condition, and any source open by one function; slips are told."""
    build(open_source(f"pairs:{folders}"), tmp_path / "shards")
    assert len(open_input(str(tmp_path / "shards"))) == 6
    chosen = open_input(f"shards:{tmp_path / 'shards'}?where=position < 2")
    assert list(chosen.keys) == ["a/000", "a/001"]
    assert list(open_input(chosen.text).keys) == ["a/000", "a/001"]
    assert open_input(f"shards:{tmp_path / 'shards'}").fingerprint() != chosen.fingerprint()
    with pytest.raises(SourceError, match="unknown option 'were'"):
        open_input(f"shards:{tmp_path / 'shards'}?were=1")


def test_a_folder_of_folders_of_shards_names_them(folders: Path, tmp_path: Path) -> None:
    """Whoever gives the folder above the shards is told their names, by every way in."""
    for name in ("train", "val"):
        build(open_source(f"pairs:{folders}"), tmp_path / "all" / name)
    for way in (open_input, verify, describe, ShardDataset):
        with pytest.raises(SourceError, match="holds no shards itself, but train, val in it do"):
            way(str(tmp_path / "all"))


@pytest.mark.parametrize("damage", ["", "{"])
@pytest.mark.parametrize(
    "settings", [Settings(), Settings(pairs=2, chunk=16, compression="zstd"), Settings(pairs=4, extras=False), Settings(pairs=2, chunk=19)]
)
def test_a_lost_plan_is_repaired_from_the_source(folders: Path, tmp_path: Path, damage: str, settings: Settings) -> None:
    """A plan that is missing or damaged is made again to the byte, whatever the settings, and with it what else is broken."""
    out = tmp_path / "shards"
    build(open_source(f"pairs:{folders}"), out, settings=settings)
    golden = {path.name: path.read_bytes() for path in out.iterdir()}
    (out / "plan.json").write_text(damage) if damage else (out / "plan.json").unlink()
    last = sorted(out.glob("shard-*.h5"))[-1]
    last.write_bytes(last.read_bytes()[:-7])
    assert "--source" in str(verify(out)[0])
    with pytest.raises(SourceError, match="--source"):
        repair(out)
    rng, other = np.random.default_rng(1), tmp_path / "other"
    for half in ("blurry", "sharp"):
        write_png(other / half / "a" / "000.png", rng.integers(0, 256, (24, 32, 3), np.uint8))
    with pytest.raises(PlanMismatch, match="does not lead to the plan"):
        repair(out, f"pairs:{other}")
    faults = repair(out, f"pairs:{folders}")
    assert {fault.file for fault in faults} >= {"plan.json", last.name}
    assert {path.name: path.read_bytes() for path in out.iterdir()} == golden


def test_info_tells_what_is_left_of_damaged_shards(folders: Path, tmp_path: Path) -> None:
    """A flipped bit in a shard's meta data costs their fields, and no more."""
    build(open_source(f"pairs:{folders}"), tmp_path / "shards", settings=Settings(pairs=3))
    shard = tmp_path / "shards" / "shard-00000.h5"
    data = shard.read_bytes()
    shard.write_bytes(data.replace(b'[{"key":', b'[{"kez":', 1))
    told = describe(tmp_path / "shards")
    assert (told["pairs"], told["sizes"]) == (6, {"32x24": 6})
    assert "position" in told["fields"]


@pytest.mark.parametrize(
    "command", [("info",), ("audit",), ("export", "--out", "out"), ("convert", "--out", "out"), ("pack", "--out", "out")]
)
def test_a_condition_that_no_pair_meets_is_one_sentence(run: Run, folders: Path, command: tuple[str, ...]) -> None:
    """Nothing is made of nothing, and nothing is left behind."""
    build(open_source(f"pairs:{folders}"), "shards")

    done = run(command[0], "shards:shards?where=key == 'none'", *command[1:], expect=1)

    assert "no pair meets" in done.stderr
    assert not Path("out").exists()


def named(done: Done) -> list[str]:
    """The words of the command that is named as the next one."""
    program, *words = shlex.split(done.stderr.rpartition("Next: ")[2].splitlines()[0])
    assert program == "blurdata"
    return words


@pytest.mark.parametrize("name", ["my shards", "what?", "it's"])
def test_named_commands_can_be_pasted(run: Run, folders: Path, name: str) -> None:
    """Blanks, quotes and question marks in a path survive the way from one command to the next."""
    following = named(run("pack", f"pairs:{folders}", "--out", name))
    assert following == ["verify", name]
    following = named(run(*following))
    assert following[0] == "report"
    following = named(run("convert", name, "--out", f"{name} 2"))
    assert following[0] == "pack"
    following = named(run(*following))
    assert following[0] == "verify"
    run(*following)


def test_named_command_packs_no_folder_into_itself(run: Run, folders: Path) -> None:
    """A part of shards goes into a folder that is not there yet; shards as they are, and folders of pictures, need no packing."""
    build(open_source(f"pairs:{folders}"), "shards")

    assert named(run("info", "shards:shards?where=key ~ '*'"))[-2:] == ["--out", "shards2"]
    assert named(run("clean", "shards")) == ["verify", "shards"]
    assert "blurdata verify" not in run("clean", str(folders)).stderr


def test_a_file_that_is_not_planned_is_to_be_removed(run: Run, folders: Path) -> None:
    """Neither verify nor repair sends a person to the other."""
    build(open_source(f"pairs:{folders}"), "shards")
    Path("shards/shard-00009.h5").touch()

    for words in (["verify", "shards"], ["verify", "shards", "--repair"]):
        assert "remove or move away shard-00009.h5" in run(*words, expect=1).stderr.rpartition("Next: ")[2]


def test_a_verdict_by_training_takes_any_source(run: Run, folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only folders of shards are checked, but every source can be trained on."""
    trained: list[str] = []

    def train(source: PairSource, *_: object, **__: object) -> None:
        trained.append(source.text)

    monkeypatch.setattr("blurdata.training.verify_by_training", train)
    build(open_source(f"pairs:{folders}"), "shards")
    sources = [f"pairs:{folders}", "shards:shards?where=key ~ '*'", "shards:shards", "shards"]

    for source in sources:
        run("verify", source, "--by-training")
    assert len(trained) == len(sources)
    assert "no folder of shards" in run("verify", sources[0], expect=2).stderr
