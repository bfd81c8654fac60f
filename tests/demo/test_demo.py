"""The main job from one command: whole, repeatable, honest about its split."""

import json
import subprocess
import sys

import pytest

from blurdata.demo import find_clip
from blurdata.shards import Settings, build, open_shards, verify
from blurdata.synthesis import synthesize

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """One run with little training, and what it printed."""
    out = tmp_path_factory.mktemp("demo") / "out"
    command = [sys.executable, "-m", "blurdata", "demo", "--out", str(out), "--train-seconds", "3"]
    return out, subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_ends_well_and_names_what_is_next(demo):
    """Exit code 0; paths and scores on stdout, three commands to try on stderr."""
    out, run = demo
    assert run.returncode == 0, run.stderr
    for name in ("report.html", "result.json", "network.pt"):
        assert (out / name).is_file()
        assert str(out / name) in run.stdout
    assert "PSNR" in run.stdout
    assert run.stderr.split("Next:")[1].count("\n  blurdata ") == 3


def test_no_shot_is_on_both_sides(demo):
    """Train and test have whole shots, and no frame of one is in an exposure of the other."""
    out, _ = demo
    result = json.loads((out / "result.json").read_text())
    assert not set(result["train"]["shots"]) & set(result["test"]["shots"])
    sides = {name: open_shards(out / "shards" / name) for name in ("train", "test")}
    for name, side in sides.items():
        assert len(side) == result[name]["pairs"] >= 20
        assert {pair.meta["shot"] for pair in side} == set(result[name]["shots"])
    frames = {name: {frame for pair in side for frame in pair.meta["frames"]} for name, side in sides.items()}
    assert not frames["train"] & frames["test"]


def test_the_shards_are_sound_and_the_same_again(demo, tmp_path):
    """They verify, and the test shots built anew by one process are byte-identical to those built by two."""
    out, _ = demo
    assert verify(out / "shards" / "train") == verify(out / "shards" / "test") == []
    shots = json.loads((out / "result.json").read_text())["test"]["shots"][-1:]
    pairs = synthesize(find_clip(), "film").select(shots)
    kept = {pair.key: pair for pair in open_shards(out / "shards" / "test")}
    build(pairs, tmp_path / "again", settings=Settings(pairs=8))
    again = list(open_shards(tmp_path / "again"))
    assert len(again) > 5
    for pair in again:
        assert (pair.blurry == kept[pair.key].blurry).all()
        assert (pair.sharp == kept[pair.key].sharp).all()
        assert (pair.extras["blur"] == kept[pair.key].extras["blur"]).all()
        assert dict(pair.meta) == dict(kept[pair.key].meta)


def test_the_page_says_what_the_film_cannot_give(demo):
    """The report is one page without outside requests that warns of the film's own motion blur and counts what was left out."""
    out, _ = demo
    page = (out / "report.html").read_text()
    assert "own motion blur shows" in page
    assert "Left out" in page
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_a_second_run_keeps_the_shards(demo):
    """Run again in the same folder, it builds nothing twice."""
    out, _ = demo
    before = {path: path.stat().st_mtime_ns for path in (out / "shards").rglob("shard-*.h5")}
    command = [sys.executable, "-m", "blurdata", "demo", "--out", str(out), "--train-seconds", "1", "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["test"]["pairs"] == len(open_shards(out / "shards" / "test"))
    assert {path: path.stat().st_mtime_ns for path in (out / "shards").rglob("shard-*.h5")} == before
