"""Pairs in the GOPRO_Large layout: resumable, never half-written, answered in one sentence."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from blurdata.errors import OutputError
from blurdata.files import read_image, write_png
from blurdata.synthesis import synthesize
from blurdata.synthesis.folder import write_folder


def _frames(seed: int = 1, count: int = 12) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    scene = np.kron(rng.integers(0, 256, (10, 16, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    return [np.roll(scene, 2 * i, axis=1) for i in range(count)]


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_layout_is_that_of_gopro_large(tmp_path: Path) -> None:
    """blur, blur_gamma and sharp lie beside each other, with the labels in meta."""
    pairs = synthesize(_frames(), {"window": 3})

    written = write_folder(pairs, tmp_path)

    assert written == 4
    sequence = tmp_path / "frames_03_00"
    assert np.array_equal(read_image(sequence / "blur_gamma" / "000002.png"), pairs[1].blurry)
    assert np.array_equal(read_image(sequence / "blur" / "000002.png"), pairs[1].extras["blur"])
    assert np.array_equal(read_image(sequence / "sharp" / "000002.png"), pairs[1].sharp)
    assert json.loads((sequence / "meta" / "000002.json").read_text())["frames"] == [3, 4, 5]


def test_an_interrupted_run_ends_with_the_same_bytes(tmp_path: Path) -> None:
    """A run that stopped after one pair goes on, makes only what is missing, and ends like one that did not stop."""
    pairs = synthesize(_frames(), {"window": 3})
    write_folder(pairs, tmp_path / "whole")

    class Stopped(Exception):
        pass

    calls = []

    def stop(steps: float) -> None:
        calls.append(steps)
        if len(calls) == 3:
            raise Stopped

    with pytest.raises(Stopped):
        write_folder(pairs, tmp_path / "resumed", advance=stop)
    (tmp_path / "resumed" / "frames_03_00" / "sharp" / "000003.png").unlink(missing_ok=True)
    (tmp_path / "resumed" / "frames_03_00" / "sharp" / ".000003.png.0badc0de.tmp").write_bytes(b"half")  # a killed run's
    missing = write_folder(pairs, tmp_path / "resumed")

    assert missing == 2
    assert _bytes(tmp_path / "resumed") == _bytes(tmp_path / "whole")
    assert write_folder(pairs, tmp_path / "resumed") == 0


@pytest.mark.parametrize("half", ["blur", "blur_gamma", "sharp", "extras/blur_vectors"])
def test_a_file_that_was_lost_is_made_again(tmp_path: Path, half: str) -> None:
    """A pair whose picture or map is gone counts as missing, and comes back with the same bytes."""
    pairs = synthesize(_frames(), {"window": 3, "blur_vectors": True})
    write_folder(pairs, tmp_path)
    whole = _bytes(tmp_path)
    (lost,) = tmp_path.rglob("000002.npy") if half.startswith("extras") else (tmp_path / "frames_03_00" / half).glob("000002.png")
    lost.unlink()

    assert write_folder(pairs, tmp_path) == 1
    assert _bytes(tmp_path) == whole


@pytest.mark.parametrize("suffix", [".png", ".npy", ".json"])
def test_a_file_that_is_cut_off_is_made_again(tmp_path: Path, suffix: str) -> None:
    """A finished pair of which one file lost its end is made again, with the same bytes."""
    pairs = synthesize(_frames(), {"window": 3, "blur_vectors": True})
    write_folder(pairs, tmp_path)
    whole = _bytes(tmp_path)
    for path in tmp_path.rglob(f"000002{suffix}"):
        for length in (0, path.stat().st_size // 2, path.stat().st_size - 1):
            path.write_bytes(path.read_bytes()[:length])

            assert write_folder(pairs, tmp_path) == 1
            assert _bytes(tmp_path) == whole


def test_another_recipe_is_not_mixed_in(tmp_path: Path) -> None:
    """A folder of one recipe refuses another, and other frames."""
    write_folder(synthesize(_frames(), {"window": 3}), tmp_path)

    with pytest.raises(OutputError, match="another recipe"):
        write_folder(synthesize(_frames(), {"window": 5}), tmp_path)
    with pytest.raises(OutputError, match="other frames"):
        write_folder(synthesize(_frames(seed=2), {"window": 3}), tmp_path)


def test_a_damaged_record_of_the_folder_is_told(tmp_path: Path) -> None:
    """What a folder holds cannot be told without its record: that is not another recipe."""
    write_folder(synthesize(_frames(), {"window": 3}), tmp_path)
    for text in ("{", "[1, 2]", ""):
        (tmp_path / "synthesis.json").write_text(text)

        with pytest.raises(OutputError, match=r"synthesis\.json: is damaged"):
            write_folder(synthesize(_frames(), {"window": 3}), tmp_path)


def test_no_thread_outlives_a_run_that_fails(tmp_path: Path) -> None:
    """Python aborts the process where it ends while another thread decodes a picture."""
    for number, frame in enumerate(_frames(count=60)):
        write_png(tmp_path / "frames" / f"{number:03}.png", frame)
    pairs = synthesize(tmp_path / "frames", {"window": 3})
    before = threading.active_count()
    (tmp_path / "out" / "frames_03_00").mkdir(parents=True)
    (tmp_path / "out" / "frames_03_00" / "sharp").write_text("in the way")

    with pytest.raises(OutputError, match="sharp"):
        write_folder(pairs, tmp_path / "out")

    assert threading.active_count() == before


def test_a_file_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    """An output that is a file is named."""
    (tmp_path / "out").write_text("mine")

    with pytest.raises(OutputError, match="out"):
        write_folder(synthesize(_frames(), {"window": 3}), tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"
