"""`blurdata deblur`: pictures and folders restored by a checkpoint."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from typer.testing import CliRunner

from blurdata.cli import build_app
from blurdata.errors import OutputError, SourceError
from blurdata.files import read_image, write_png
from blurdata.models import restore
from blurdata.training import TrainRecipe, build_model, load_network, save_checkpoint

RECIPE = TrainRecipe(model="baseline", small=True, stages=[{"steps": 1, "crop": 16, "batch": 1}], learning_rate=1e-3)


def save(path, *, seed=0):
    """A checkpoint of a small network that changes pictures."""
    model = build_model("baseline", small=True, seed=seed)
    torch.nn.init.normal_(model.head[1].weight, std=0.01, generator=torch.Generator().manual_seed(seed))
    save_checkpoint(path, {"recipe": RECIPE.resolved(), "weights": model.state_dict()})
    return path


def deblur(*arguments):
    return CliRunner().invoke(build_app(), ["deblur", *map(str, arguments)])


@pytest.fixture
def place(tmp_path):
    """A checkpoint, and a folder of an 8-bit picture, a 16-bit one in a sub-folder and a photograph stored on its side."""
    save(tmp_path / "net.pt")
    rng = np.random.default_rng(0)
    write_png(tmp_path / "photos/a.png", rng.integers(0, 256, (40, 61, 3)).astype(np.uint8))
    write_png(tmp_path / "photos/sub/deep.png", rng.integers(0, 65536, (33, 20, 3)).astype(np.uint16))
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    PillowImage.fromarray(rng.integers(0, 256, (20, 30, 3)).astype(np.uint8)).save(tmp_path / "photos/side.jpg", exif=exif)
    return tmp_path


def test_pictures_come_out_restored_at_their_depth_and_upright(place):
    """Each picture is what the network makes of it: same depth, same upright size, sub-folders mirrored, the network recorded."""
    result = deblur(place / "photos", "--checkpoint", place / "net.pt", "--out", place / "out", "--json")

    model, _ = load_network(place / "net.pt")
    for name, source in {"a.png": "a.png", "sub/deep.png": "sub/deep.png", "side.png": "side.jpg"}.items():
        blurry = read_image(place / "photos" / source)
        restored = read_image(place / "out" / name)
        assert restored.dtype == blurry.dtype
        assert np.array_equal(restored, restore(model, blurry))
        assert not np.array_equal(restored, blurry)
    assert read_image(place / "out/side.png").shape == (30, 20, 3)
    assert json.loads(result.stdout) == {"restored": 3, "kept": 0, "failed": [], "out": str(place / "out")}
    record = json.loads((place / "out/deblur.json").read_text())
    assert [about["recipe"] for about in record["checkpoints"].values()] == [RECIPE.resolved()]
    assert sorted(record["pictures"]) == ["a.png", "side.png", "sub/deep.png"]


def test_tiles_hardly_change_a_picture(place):
    """A picture restored in tiles is that restored whole, but for rounding near the seams."""
    deblur(place / "photos/a.png", "--checkpoint", place / "net.pt", "--out", place / "whole", "--tile", 0)
    deblur(place / "photos/a.png", "--checkpoint", place / "net.pt", "--out", place / "tiled", "--tile", 54, "--overlap", 25)

    whole, tiled = (read_image(place / name / "a.png").astype(int) for name in ("whole", "tiled"))

    assert np.abs(whole - tiled).mean() < 0.5


def test_the_same_command_carries_on(place):
    """What is there is kept; --overwrite makes it again; another checkpoint does not mix in."""
    arguments = (place / "photos", "--checkpoint", place / "net.pt", "--out", place / "out")
    deblur(*arguments)
    (place / "out/a.png").unlink()
    before = (place / "out/side.png").stat().st_mtime_ns

    assert "1 picture restored, 2 were there already" in deblur(*arguments).stdout
    assert (place / "out/side.png").stat().st_mtime_ns == before
    assert "3 pictures restored;" in deblur(*arguments, "--overwrite").stdout

    save(place / "other.pt", seed=5)
    refused = deblur(place / "photos", "--checkpoint", place / "other.pt", "--out", place / "out")
    assert isinstance(refused.exception, OutputError)
    assert "another checkpoint or other settings" in str(refused.exception)


def test_each_picture_is_known_by_what_made_it(place):
    """Pictures of several runs share a folder and its record; each is kept only for the settings and the source that made it."""
    save(place / "other.pt", seed=5)
    first = (place / "photos/a.png", "--checkpoint", place / "net.pt", "--out", place / "out")
    second = (place / "photos/side.jpg", "--checkpoint", place / "other.pt", "--out", place / "out")
    for arguments in (first, second):
        assert "1 picture restored;" in deblur(*arguments).stdout
    record = json.loads((place / "out/deblur.json").read_text())
    both = deblur(place / "photos/a.png", *second)
    write_png(place / "elsewhere/a.png", np.zeros((8, 8, 3), np.uint8))
    namesake = deblur(place / "elsewhere/a.png", *first[1:])

    assert sorted(record["pictures"]) == ["a.png", "side.png"]
    hashes = [record["pictures"][name]["settings"]["checkpoint"]["hash"] for name in ("a.png", "side.png")]
    assert [record["checkpoints"][each]["file"] for each in hashes] == [str(place / "net.pt"), str(place / "other.pt")]
    assert "a.png: was made by another checkpoint or other settings" in str(both.exception)
    assert f"a.png: was made of {place / 'photos/a.png'}" in str(namesake.exception)
    for arguments in (first, second):
        assert "0 pictures restored, 1 were there already" in deblur(*arguments).stdout

    (place / "out/a.png").unlink()
    deblur(*second)
    assert list(json.loads((place / "out/deblur.json").read_text())["pictures"]) == ["side.png"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_killed_run_leaves_no_false_entry(place, monkeypatch, overwrite):
    """Of a killed run's pictures the record knows those that are new; old ones that were to be replaced are never taken for new ones."""
    save(place / "other.pt", seed=5)
    if overwrite:
        deblur(place / "photos", "--checkpoint", place / "net.pt", "--out", place / "out")
    arguments = (place / "photos", "--checkpoint", place / "other.pt", "--out", place / "out")
    made = []

    def killed(path, picture):
        if made:
            raise KeyboardInterrupt
        made.append(path)
        write_png(path, picture)

    with monkeypatch.context() as patched:
        patched.setattr("blurdata.training.restoring.write_png", killed)
        deblur(*arguments, *(["--overwrite"] if overwrite else []))
    again = deblur(*arguments)

    assert len(made) == 1
    if overwrite:
        assert "was made by something else" in str(again.exception)
        assert "3 pictures restored;" in deblur(*arguments, "--overwrite").stdout
    else:
        assert "2 pictures restored, 1 were there already" in again.stdout
    assert "0 pictures restored, 3 were there already" in deblur(*arguments).stdout


def test_an_old_picture_that_cannot_be_replaced_keeps_its_entry(place):
    """Where --overwrite finds the source damaged, the picture that is there is still known as what it was."""
    save(place / "other.pt", seed=5)
    deblur(place / "photos", "--checkpoint", place / "net.pt", "--out", place / "out")
    before = json.loads((place / "out/deblur.json").read_text())["pictures"]
    (place / "photos/a.png").write_bytes((place / "photos/a.png").read_bytes()[:200])

    deblur(place / "photos", "--checkpoint", place / "other.pt", "--out", place / "out", "--overwrite")

    after = json.loads((place / "out/deblur.json").read_text())["pictures"]
    assert [name for name in before if after[name] == before[name]] == ["a.png"]


def test_pictures_of_others_are_not_replaced(place):
    """A picture of unknown origin stays, and a source is never written over, not even with --overwrite."""
    write_png(place / "out/a.png", np.zeros((4, 4, 3), np.uint8))
    taken = deblur(place / "photos/a.png", "--checkpoint", place / "net.pt", "--out", place / "out")
    itself = deblur(place / "photos/a.png", "--checkpoint", place / "net.pt", "--out", place / "photos", "--overwrite")

    assert "made by something else" in str(taken.exception)
    assert read_image(place / "out/a.png").shape == (4, 4, 3)
    assert "is one of the pictures itself" in str(itself.exception)


def test_bad_pictures_are_named_and_the_others_are_restored(place):
    """One damaged file does not stop the rest; the command fails and names it."""
    (place / "photos/broken.png").write_bytes((place / "photos/a.png").read_bytes()[:200])

    result = deblur(place / "photos", "--checkpoint", place / "net.pt", "--out", place / "out")

    assert "1 of 4 pictures could not be restored" in str(result.exception)
    assert "broken.png" in str(result.exception)
    assert (place / "out/a.png").exists()


def test_what_is_no_checkpoint_is_one_sentence(place):
    """A picture, a foreign state dict and a missing file as --checkpoint are told by name; so are wrong tiles and devices."""
    torch.save({"weight": torch.zeros(3)}, place / "foreign.pt")
    for name, words in {"photos/a.png": "no checkpoint", "foreign.pt": "not a checkpoint of blurdata", "none.pt": "no such"}.items():
        error = deblur(place / "photos", "--checkpoint", place / name, "--out", place / "out").exception
        assert isinstance(error, SourceError)
        assert name in str(error)
        assert words in str(error)
    wrong = [("--tile", 50, "--overlap", 30), ("--device", "abacus")]
    assert [deblur(place / "photos", "--checkpoint", place / "net.pt", "--out", place / "out", *each).exit_code for each in wrong] == [2, 2]
    assert not (place / "out").exists()


def test_a_full_disk_is_one_sentence(place):
    """Where nothing more can be written the command ends with exit code 1, one sentence, and no half file."""
    write_png(place / "photos/noise.png", np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8))
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)); from blurdata.cli import main; main()"
    )
    words = ["deblur", place / "photos/noise.png", "--checkpoint", place / "net.pt", "--out", place / "out"]
    run = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True)

    assert run.returncode == 1
    assert len(run.stderr.strip().splitlines()) == 1
    assert "noise.png: cannot be written" in run.stderr
    assert [path.name for path in (place / "out").iterdir()] == ["deblur.json"]
