"""What a build or a repair tells of its progress."""

import pytest

from blurdata import progress


def test_more_steps_than_were_foreseen_are_no_more_than_all(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A repair reads some pairs twice, and where the plan is lost their number is unknown: the end is 100 % all the same."""
    clock = iter(range(0, 1000, 11))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    for total in (0, 6):
        with progress.progress("checking", total) as advance:
            for _ in range(8):
                advance()
        told = capsys.readouterr().err
        assert "100 %, 8/8 pairs" in told
        assert all(int(line.split(" %")[0].rpartition(" ")[2]) <= 100 for line in told.splitlines())
