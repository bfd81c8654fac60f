"""``blurdata doctor``: what is there, and what breaks what."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from blurdata.cli import build_app
from blurdata.cli._doctor import albumentations_x, opencv_clash


def test_doctor_says_what_is_there():
    """--json holds versions, codecs and CUDA; the exit code follows from the faults."""
    result = CliRunner().invoke(build_app(), ["doctor", "--json"])
    found = json.loads(result.stdout)

    assert found["ok"] == (not found["faults"])
    assert result.exit_code == (0 if found["ok"] else 1)
    assert {"blurdata", "torch", "cv2"} <= set(found["versions"])
    assert "h264" in found["video"]["decodes"]


def test_doctor_exits_with_1_on_a_fault(monkeypatch):
    """A clash that is found makes the command fail and names the remedy."""
    from blurdata.cli import _doctor

    monkeypatch.setattr(_doctor, "_installed", lambda names: dict.fromkeys(names, "1.0"))
    result = CliRunner().invoke(build_app(), ["doctor"])

    assert result.exit_code == 1
    assert "FAULT" in result.stdout


def test_doctor_knows_what_breaks_what():
    """Two OpenCV wheels are a fault and one is none; AlbumentationsX is one in any case."""
    assert opencv_clash({"opencv-python-headless": "4.9"}) == []
    assert "pip uninstall" in opencv_clash({"opencv-python": "4.9", "opencv-python-headless": "4.9"})[0]
    assert albumentations_x({}) == []
    assert "AGPL" in albumentations_x({"albumentationsx": "2.0"})[0]


@pytest.mark.parametrize("package", ["opencv-contrib-python", "albumentationsx"])
def test_doctor_sees_a_package_that_breaks_others(package, tmp_path):
    """With the traces of a second OpenCV wheel, or of AlbumentationsX, on the path: exit code 1 and the command that mends it."""
    home = tmp_path / f"{package.replace('-', '_')}-9.9.dist-info"
    home.mkdir()
    (home / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 9.9\n")
    path = os.pathsep.join([str(tmp_path), str(Path.cwd())])
    command = [sys.executable, "-m", "blurdata", "doctor", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": path})
    faults = " ".join(json.loads(result.stdout)["faults"])

    assert result.returncode == 1
    assert f"pip uninstall -y {'albumentationsx' if package == 'albumentationsx' else 'opencv'}" in faults
