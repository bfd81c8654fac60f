"""``blurdata calibrate-lens``: pictures of a board become a calibration, and what is no board gets one sentence."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from blurdata.alignment.lens import read_lens
from blurdata.cli import build_app
from blurdata.errors import BlurDataError
from blurdata.files import write_png

SIZE, CORNERS = (360, 480), (7, 5)
MATRIX, BENDS = np.array([[450, 0, 243], [0, 450, 177], [0, 0, 1.0]]), np.array([-0.16, 0.04, 0.0, 0.0])
SQUARE, OVER = 1.0, 2
TILTS = [(0, 0), (0.45, 0), (-0.45, 0.1), (0, 0.45), (0.1, -0.45), (0.3, 0.3), (-0.3, -0.35)]


def calibrate_lens(*words):
    """Run the command in this process."""
    return CliRunner().invoke(build_app(), ["calibrate-lens", *map(str, words)])


def refused(run, *words):
    """One sentence of a data error that has the words, and no result."""
    assert isinstance(run.exception, BlurDataError), run.exception
    assert run.stdout == ""
    for word in words:
        assert word in str(run.exception)


def rendered(index):
    """(360, 480, 3) uint8: the board as the bent lens sees it, by intersecting every ray with its plane; 2x2 rays a pixel."""
    turn, _ = cv2.Rodrigues(np.array([*TILTS[index], 0.06 * index]))
    at = np.array([0.5 * (index % 3 - 1), 0.4 * (index % 2) - 0.2, 11.0])
    height, width = SIZE
    steps = (np.arange(OVER) + 0.5) / OVER - 0.5
    y, x = np.meshgrid((np.arange(height)[:, None] + steps).ravel(), (np.arange(width)[:, None] + steps).ravel(), indexing="ij")
    rays = cv2.undistortPoints(np.stack([x, y], -1).reshape(-1, 1, 2), MATRIX, BENDS).reshape(*x.shape, 2)
    rays = np.concatenate([rays, np.ones((*x.shape, 1))], axis=-1) @ turn  # in the board's frame
    camera = -turn.T @ at
    u, v = ((camera[k] - rays[..., k] * camera[2] / rays[..., 2]) / SQUARE for k in (0, 1))
    column, row = np.floor(u + (CORNERS[0] + 1) / 2), np.floor(v + (CORNERS[1] + 1) / 2)
    inside = (column >= 0) & (column <= CORNERS[0]) & (row >= 0) & (row <= CORNERS[1])
    light = np.where(inside & ((column + row) % 2 == 0), 0.03, 0.8).reshape(height, OVER, width, OVER).mean((1, 3))
    return np.repeat(np.rint(255 * light ** (1 / 2.2))[..., None], 3, axis=2).astype(np.uint8)


@pytest.fixture(scope="module")
def boards(tmp_path_factory):
    """A folder of pictures of one board."""
    folder = tmp_path_factory.mktemp("boards")
    for index in range(len(TILTS)):
        write_png(folder / f"{index}.png", rendered(index))
    return folder


def test_a_folder_of_boards_becomes_a_calibration(boards, tmp_path):
    """The file bends points as the true lens does, to half a pixel over the middle of the frame; a picture without a board is left out."""
    write_png(tmp_path / "wall.png", np.full((*SIZE, 3), 180, np.uint8))

    run = calibrate_lens(boards, tmp_path / "wall.png", "--corners", "7x5", "--out", tmp_path / "lens.yaml", "--json")

    assert run.exit_code == 0, run.output
    told = json.loads(run.stdout)
    assert told["pictures"] == len(TILTS)
    assert told["error_px"] < 0.3
    assert ["wall.png" in sentence for sentence in told["left_out"]] == [True]
    assert "blurdata align" in run.stderr
    lens = read_lens(tmp_path / "lens.yaml")
    assert lens.size == SIZE
    grid = np.stack(np.meshgrid(np.linspace(60, 420, 7), np.linspace(50, 310, 6)), -1).reshape(-1, 1, 2)
    found, true = (
        cv2.undistortPoints(grid, m, b)[:, 0] * 450 for m, b in ((np.array(lens.matrix), np.array(lens.distortion)), (MATRIX, BENDS))
    )
    design = np.column_stack([found, np.ones(len(found))])  # another pose explains a shift, a turn and a scale
    assert np.abs(design @ np.linalg.lstsq(design, true, rcond=None)[0] - true).max() < 0.5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lens.yaml", "wall.png"]


def test_pictures_without_a_board_are_refused(boards, tmp_path):
    """Flat pictures, and another number of corners, are told with the number of pictures; nothing is written."""
    for index in range(3):
        write_png(tmp_path / "flat" / f"{index}.png", np.full((*SIZE, 3), 90 + index, np.uint8))

    refused(calibrate_lens(tmp_path / "flat", "--out", tmp_path / "lens.yaml"), "0 of 3 pictures", "9x6", "--corners")
    refused(calibrate_lens(boards / "0.png", boards / "1.png", "--corners", "6x4", "--out", tmp_path / "lens.yaml"), "of 2 pictures", "6x4")
    assert [path.name for path in tmp_path.iterdir()] == ["flat"]


def test_one_picture_is_too_few(boards, tmp_path):
    """One view of a board cannot tell a lens from a pose."""
    refused(calibrate_lens(boards / "0.png", "--corners", "7x5", "--out", tmp_path / "lens.yaml"), "1 of 1 pictures", "three or more")
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_no_pictures_are_named(boards, tmp_path):
    """A text file, one that is not there and an empty folder are named; nothing is written."""
    (tmp_path / "notes.png").write_text("no picture\n")
    (tmp_path / "empty").mkdir()
    out = ("--corners", "7x5", "--out", tmp_path / "lens.yaml")

    refused(calibrate_lens(boards / "0.png", tmp_path / "notes.png", *out), "notes.png")
    refused(calibrate_lens(boards / "0.png", tmp_path / "gone.png", *out), "gone.png")
    refused(calibrate_lens(tmp_path / "empty", *out), "empty")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "notes.png"]


def test_a_person_sees_one_sentence(tmp_path):
    """From the shell a text file ends with exit code 1 and one line that names it; nothing is written."""
    (tmp_path / "notes.png").write_text("no picture\n")
    words = [sys.executable, "-m", "blurdata", "calibrate-lens", str(tmp_path / "notes.png"), "--out", str(tmp_path / "lens.yaml")]

    run = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)

    assert (run.returncode, run.stdout) == (1, "")
    assert len(run.stderr.strip().splitlines()) == 1
    assert "notes.png" in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.png"]


def test_pictures_of_two_sizes_are_refused(boards, tmp_path):
    """A picture of another size names itself and both sizes."""
    write_png(tmp_path / "big.png", cv2.resize(rendered(0), None, fx=1.5, fy=1.5))

    refused(
        calibrate_lens(boards / "0.png", tmp_path / "big.png", "--corners", "7x5", "--out", tmp_path / "l.yaml"),
        "big.png",
        "720x540",
        "480x360",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["big.png"]


def test_a_place_that_cannot_be_written_is_named(boards, tmp_path):
    """Below a file, in a folder that nobody may write and on a folder, the sentence names the place, and what is there stays."""
    (tmp_path / "file").write_text("kept")
    (tmp_path / "taken.yaml").mkdir()
    three = [boards / f"{index}.png" for index in (1, 2, 3)]

    for place in (tmp_path / "file" / "lens.yaml", "/proc/lens.yaml", tmp_path / "taken.yaml"):
        refused(calibrate_lens(*three, "--corners", "7x5", "--out", place), str(place))
    assert (tmp_path / "file").read_text() == "kept"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "taken.yaml"]


def test_corners_that_are_no_board_are_wrong_usage(boards, tmp_path):
    """Exit code 2, with the form that is wanted."""
    for corners in ("9", "2x6", "axb"):
        run = calibrate_lens(boards, "--corners", corners, "--out", tmp_path / "lens.yaml")
        assert run.exit_code == 2
        assert "9x6" in run.stderr


def test_a_picture_of_the_board_is_not_overwritten(boards):
    """A calibration in the place of one of the pictures is refused, and the picture is as it was."""
    before = (boards / "0.png").read_bytes()

    run = calibrate_lens(boards, "--corners", "7x5", "--out", boards / "0.png")

    refused(run, "0.png", "is one of the pictures itself")
    assert (boards / "0.png").read_bytes() == before
