"""Arguments that are empty are never taken for a path."""

import pytest
from typer.testing import CliRunner

from blurdata.cli import build_app


@pytest.mark.parametrize("arguments", [["verify", ""], ["synthesize", "clip.mp4", "--out", ""], ["synthesize", "clip.mp4", "--out="]])
def test_empty_arguments_are_wrong_usage(arguments, tmp_path, monkeypatch):
    """A variable of the shell that is not set does not mean the working folder."""
    monkeypatch.chdir(tmp_path)

    done = CliRunner().invoke(build_app(), arguments)

    assert done.exit_code == 2
    assert "is empty" in done.output
    assert not list(tmp_path.iterdir())
